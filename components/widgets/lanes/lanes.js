// One card per variant. Nodes are created once and filled through textContent: nothing flickers, nothing is markup.

const MARKS = { right: "✓", wrong: "✗", failed: "▨", writing: "…", none: "" }
const SPOKEN = { right: "right", wrong: "wrong", failed: "failed", writing: "being written", none: "" }

const LONG = 40 // letters; a longer answer does not lead its card in large type

function isDark(node) {
  const host = node.getRootNode().host ?? node
  const value = getComputedStyle(host).getPropertyValue("--st-background-color").trim()
  const [r, g, b] = (value.match(/^#?(..)(..)(..)/) ?? []).slice(1).map(part => parseInt(part, 16))
  return 0.299 * r + 0.587 * g + 0.114 * b < 128
}

function make(tag, name, parent) {
  const node = document.createElement(tag)
  node.className = name
  parent.appendChild(node)
  return node
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text
}

function card(id) {
  const root = document.createElement("div")
  root.className = "lane"
  root.dataset.id = id
  root.setAttribute("role", "listitem")
  const head = make("div", "head", root)
  const quality = make("div", "quality", root)
  const parts = {
    root,
    head,
    name: make("span", "name", head),
    rows: make("span", "rows", head),
    value: make("span", "value", quality),
    interval: make("span", "interval", quality),
    track: make("div", "track", root),
    figures: make("div", "figures", root),
    bars: make("div", "bars", root),
    answer: make("div", "answer", root),
  }
  parts.answer.dir = "auto"
  parts.bar = make("div", "bar", parts.track)
  parts.track.setAttribute("role", "progressbar")
  parts.track.setAttribute("aria-valuemin", "0")
  parts.track.setAttribute("aria-valuemax", "100")
  parts.written = make("div", "written", parts.answer)
  parts.mark = make("span", "mark", parts.written)
  parts.mark.setAttribute("role", "img")
  parts.text = make("span", "text", parts.written)
  parts.text.dir = "auto"
  parts.target = make("div", "target", parts.answer)
  root.parts = parts
  return root
}

function fillFigures(node, figures) {
  while (node.children.length < figures.length) {
    const row = make("div", "figure", node)
    make("span", "label", row)
    make("span", "sign", row)
    make("span", "number", row)
  }
  while (node.children.length > figures.length) node.lastChild.remove()
  figures.forEach(([name, value, help, mark], index) => {
    const [label, sign, number] = node.children[index].children
    put(label, name)
    label.title = help
    put(sign, mark)
    sign.title = help
    put(number, value)
  })
}

// One bar per share, such as a class's probability, in the order in which Python sorted them: longest first.
function fillBars(node, bars) {
  node.hidden = bars.length === 0
  while (node.children.length > bars.length) node.lastChild.remove()
  while (node.children.length < bars.length) {
    const row = make("div", "share", node)
    make("span", "label", row).dir = "auto"
    make("span", "number", row)
    make("div", "part", make("div", "whole", row))
  }
  bars.forEach(([name, share, written], index) => {
    const [label, number, whole] = node.children[index].children
    put(label, name)
    label.title = name
    put(number, written)
    whole.firstChild.style.width = `${(100 * share).toFixed(1)}%`
  })
}

function fill(parts, lane, dark) {
  parts.root.style.setProperty("--tint", dark ? lane.dark : lane.light)
  put(parts.name, lane.name)
  put(parts.rows, lane.rows)
  put(parts.value, lane.quality)
  parts.value.title = lane.quality_help
  put(parts.interval, lane.interval)
  const preparing = lane.preparing
  const fraction = preparing ? preparing.fraction : lane.fraction
  parts.bar.classList.toggle("preparing", Boolean(preparing))
  parts.bar.style.width = `${(100 * fraction).toFixed(1)}%`
  parts.track.setAttribute("aria-valuenow", String(Math.round(100 * fraction)))
  const counted = lane.counted ?? "rows answered"
  parts.track.setAttribute("aria-label", `${lane.name}: ${preparing ? preparing.text : counted}`)
  fillFigures(parts.figures, lane.figures)
  fillBars(parts.bars, lane.bars ?? [])
  // Where one input is answered, the answer leads its card; in a run the figures do.
  parts.root.classList.toggle("tall", Boolean(lane.bars))
  if (lane.bars && parts.head.nextSibling !== parts.answer) parts.head.after(parts.answer, parts.bars)
  const mark = preparing ? "none" : lane.answer.mark
  parts.mark.className = `mark ${mark}`
  parts.mark.setAttribute("aria-label", SPOKEN[mark] ?? "")
  put(parts.mark, MARKS[mark] ?? "")
  parts.written.classList.toggle("writing", mark === "writing")
  parts.answer.classList.toggle("preparing", Boolean(preparing))
  parts.answer.classList.toggle("long", Boolean(preparing) || lane.answer.text.length > LONG)
  put(parts.text, preparing ? preparing.text : lane.answer.text)
  put(parts.target, preparing ? preparing.detail : lane.answer.target)
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".lanes")
  const dark = isDark(root)
  const cards = new Map([...root.children].map(node => [node.dataset.id, node]))
  data.lanes.forEach((lane, index) => {
    const node = cards.get(lane.id) ?? card(lane.id)
    if (root.children[index] !== node) root.insertBefore(node, root.children[index] ?? null)
    cards.delete(lane.id)
    fill(node.parts, lane, dark)
  })
  cards.forEach(node => node.remove())
}
