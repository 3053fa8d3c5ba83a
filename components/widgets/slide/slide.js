// A slide is small: its body is rebuilt when it changes. Every string is inserted as text.

function isDark(node) {
  const host = node.getRootNode().host ?? node
  const value = getComputedStyle(host).getPropertyValue("--st-background-color").trim()
  const [r, g, b] = (value.match(/^#?(..)(..)(..)/) ?? []).slice(1).map(part => parseInt(part, 16))
  return 0.299 * r + 0.587 * g + 0.114 * b < 128
}

function make(tag, name, parent, text) {
  const node = document.createElement(tag)
  node.className = name
  if (text !== undefined) {
    node.dir = "auto"
    node.textContent = text
  }
  parent.appendChild(node)
  return node
}

const BLOCKS = {
  text: (block, body) => { make("p", "text", body, block.text) },
  quotes: (block, body) => {
    const quotes = make("div", "quotes", body)
    for (const [label, text] of block.quotes) {
      const quote = make("div", "quote", quotes)
      make("p", "over", quote, label)
      make("p", "said", quote, text)
    }
  },
  cards: (block, body, dark) => {
    const cards = make("div", "cards", body)
    for (const item of block.cards) {
      const card = make("div", "card", cards)
      card.style.setProperty("--tint", dark ? item.dark : item.light)
      if (item.over) make("p", "over", card, item.over)
      make("p", "name", card, item.name)
      if (item.figure) make("p", "figure", card, item.figure)
      if (item.what) make("p", "what", card, item.what)
      if (item.detail) make("p", "detail", card, item.detail)
    }
  },
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".slide")
  root.querySelector(".kicker").textContent = data.kicker
  root.querySelector(".headline").textContent = data.headline
  const body = root.querySelector(".body")
  body.replaceChildren()
  const dark = isDark(root)
  for (const block of data.blocks) BLOCKS[block.kind](block, body, dark)
}
