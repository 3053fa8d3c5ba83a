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

const SHORT = 180  // characters that are set larger

function card(kind, item, parent, dark) {
  const node = make("div", kind, parent)
  node.style.setProperty("--tint", dark ? item.dark : item.light)
  if (item.name) make("p", "name", node, item.name)
  if (item.figure) make("p", "figure", node, item.figure)
  if (item.what) make("p", "what", node, item.what)
  if (item.detail) make("p", "detail", node, item.detail)
}

const BLOCKS = {
  texts: (block, body) => {
    const texts = make("div", "texts", body)
    for (const text of block.texts) make("p", "text", texts, text)
  },
  foot: (block, body) => { make("p", "foot", body, block.text) },
  quotes: (block, body) => {
    const quotes = make("div", "quotes", body)
    for (const [label, text] of block.quotes) {
      const quote = make("div", "quote", quotes)
      make("p", "over", quote, label)
      make("p", text.length <= SHORT ? "said short" : "said", quote, text)
    }
  },
  cards: (block, body, dark) => {
    const cards = make("div", "cards", body)
    for (const item of block.cards) card("card", item, cards, dark)
  },
  figures: (block, body, dark) => {
    const figures = make("div", "figures", body)
    for (const item of block.figures) card("measure", item, figures, dark)
  },
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".slide")
  root.classList.toggle("whole", data.blocks.length > 0)
  root.classList.toggle("huge", Boolean(data.huge))
  root.querySelector(".kicker").textContent = data.kicker
  root.querySelector(".headline").textContent = data.headline
  const body = root.querySelector(".body")
  body.replaceChildren()
  const dark = isDark(root)
  for (const block of data.blocks) BLOCKS[block.kind](block, body, dark)
}
