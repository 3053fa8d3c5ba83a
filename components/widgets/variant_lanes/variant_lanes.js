// One line per variant, which opens. Nodes are created once and filled through textContent: nothing flickers, nothing
// is markup, and a lane that the user has opened stays open.

function lane(id) {
  const root = laneNode(id)
  const details = make("details", "open", root)
  const summary = make("summary", "line", details)
  const head = make("span", "head", summary)
  const parts = { root, glyph: make("span", "glyph", head), name: make("span", "name", head) }
  parts.rows = make("span", "rows", head)
  const course = make("span", "course", summary)
  parts.track = make("span", "track", course)
  parts.span = make("span", "span", parts.track)
  parts.tick = make("span", "tick", parts.track)
  parts.stage = make("span", "stage", course)
  const quality = make("span", "quality", summary)
  parts.value = make("span", "value", quality)
  parts.interval = make("span", "interval", quality)
  parts.beside = [make("span", "fact", summary), make("span", "fact", summary)]
  parts.beside.forEach(fact => ["number", "label"].forEach(name => make("span", name, fact)))
  const sign = make("span", "chevron", summary)
  sign.setAttribute("aria-hidden", "true")
  const more = make("div", "more", details)
  parts.figures = make("dl", "figures", more)
  parts.answer = answerIn(more)
  parts.glyph.setAttribute("aria-hidden", "true")
  parts.track.setAttribute("role", "img")
  root.parts = parts
  return root
}

function fillFigures(node, figures) {
  while (node.children.length < figures.length) {
    const row = make("div", "figure", node)
    make("dt", "label", row)
    make("dd", "number", row)
  }
  while (node.children.length > figures.length) node.lastChild.remove()
  figures.forEach(([name, value, help, mark], index) => {
    const [label, number] = node.children[index].children
    put(label, name)
    node.children[index].title = help
    put(number, mark ? `${value} (${mark})` : value)
  })
}

function fillCourse(parts, view) {
  const { preparing, share } = view
  const [low, value, high] = share ?? [0, 0, 0]
  const [from, to] = preparing ? [0, preparing.fraction] : [low, high]
  parts.track.classList.toggle("preparing", Boolean(preparing))
  parts.span.style.left = `${100 * from}%`
  parts.span.style.width = `${100 * (to - from)}%`
  parts.span.hidden = !preparing && !share
  parts.tick.style.left = `${100 * value}%`
  parts.tick.hidden = Boolean(preparing) || !share
  put(parts.stage, preparing ? [preparing.text, preparing.detail].filter(Boolean).join(" · ") : "")
  parts.track.setAttribute("aria-label", preparing ? `${view.name}: ${preparing.text}` : view.spoken)
}

function fill(parts, view) {
  parts.root.classList.toggle("out", view.is_out)
  put(parts.glyph, view.glyph)
  put(parts.name, view.name)
  put(parts.rows, view.rows)
  fillCourse(parts, view)
  put(parts.value, view.quality)
  parts.value.parentElement.title = view.quality_help
  put(parts.interval, view.interval)
  view.beside.forEach(([name, value, help, mark], index) => {
    const fact = parts.beside[index]
    put(fact.children[0], value)
    put(fact.children[1], mark ? `${name}, ${mark}` : name)
    fact.title = help
  })
  fillFigures(parts.figures, view.figures)
  fillAnswer(parts.answer, view.answer)
}

export default function ({ data, parentElement }) {
  fillLanes(parentElement.querySelector(".lanes"), data.lanes, lane, fill)
}
