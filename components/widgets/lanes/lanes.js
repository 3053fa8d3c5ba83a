// One card per variant. Nodes are created once and filled through textContent: nothing flickers, nothing is markup.

const LONG = 40 // letters; a longer answer does not lead its card in large type

function card(id) {
  const root = laneNode(id)
  const parts = {
    root,
    name: make("div", "name", root),
    answer: answerIn(root),
    bars: make("div", "bars", root),
    value: make("div", "value", root),
    track: make("div", "track", root),
    figures: make("div", "figures", root),
  }
  parts.bar = make("div", "bar", parts.track)
  parts.track.setAttribute("role", "progressbar")
  parts.track.setAttribute("aria-valuemin", "0")
  parts.track.setAttribute("aria-valuemax", "100")
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

function fill(parts, lane) {
  put(parts.name, lane.name)
  put(parts.value, lane.time)
  parts.value.title = lane.time_help
  const preparing = lane.preparing
  const fraction = preparing ? preparing.fraction : lane.fraction
  parts.bar.classList.toggle("preparing", Boolean(preparing))
  parts.bar.style.width = `${(100 * fraction).toFixed(1)}%`
  parts.track.setAttribute("aria-valuenow", String(Math.round(100 * fraction)))
  parts.track.setAttribute("aria-label", `${lane.name}: ${preparing ? preparing.text : lane.counted}`)
  fillFigures(parts.figures, lane.figures)
  fillBars(parts.bars, lane.bars)
  const { root } = parts.answer
  root.classList.toggle("preparing", Boolean(preparing))
  root.classList.toggle("long", Boolean(preparing) || lane.answer.text.length > LONG)
  fillAnswer(parts.answer, preparing ? { mark: "none", text: preparing.text, target: preparing.detail } : lane.answer)
}

export default function ({ data, parentElement }) {
  fillLanes(parentElement.querySelector(".lanes"), data.lanes, card, fill)
}
