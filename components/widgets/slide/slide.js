// A slide is small: its body is rebuilt when it changes. Every string is inserted as text.

function paragraph(name, text, parent) {
  const node = make("p", name, parent)
  node.dir = "auto"
  node.textContent = text
}

const SHORT = 180  // characters that are set larger

function card(kind, item, parent, dark) {
  const node = make("div", kind, parent)
  tint(node, item, dark)
  if (item.name) paragraph("name", item.name, node)
  if (item.figure) paragraph("figure", item.figure, node)
  if (item.what) paragraph("what", item.what, node)
  if (item.detail) paragraph("detail", item.detail, node)
}

const BLOCKS = {
  texts: (block, body) => {
    const texts = make("div", "texts", body)
    for (const text of block.texts) paragraph("text", text, texts)
  },
  foot: (block, body) => { paragraph("foot", block.text, body) },
  quotes: (block, body) => {
    const quotes = make("div", "quotes", body)
    for (const [label, text] of block.quotes) {
      const quote = make("div", "quote", quotes)
      paragraph("over", label, quote)
      paragraph(text.length <= SHORT ? "said short" : "said", text, quote)
    }
  },
  cards: (block, body, dark) => {
    const cards = make("div", "cards", body)
    for (const item of block.cards) card("card", item, cards, dark)
  },
  figures: (block, body, dark) => {
    const figures = make("div", "figures", body)
    figures.style.setProperty("--signs", Math.max(...block.figures.map((item) => item.figure.length)))
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
