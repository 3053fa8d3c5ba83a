// What the lanes of a run and the Playground's cards share: a node per variant, and its answer with mark and target.

const MARKS = { right: "✓", wrong: "✗", failed: "▨", writing: "…", none: "" }
const SPOKEN = { right: "right", wrong: "wrong", failed: "failed", writing: "being written", none: "" }

function answerIn(parent) {
  const root = make("div", "answer", parent)
  root.dir = "auto"
  const written = make("div", "written", root)
  const mark = make("span", "mark", written)
  mark.setAttribute("role", "img")
  const text = make("span", "text", written)
  text.dir = "auto"
  return { root, written, mark, text, target: make("div", "target", root) }
}

function fillAnswer(parts, { mark, text, target }) {
  parts.mark.className = `mark ${mark}`
  parts.mark.setAttribute("aria-label", SPOKEN[mark] ?? "")
  put(parts.mark, MARKS[mark] ?? "")
  parts.written.classList.toggle("writing", mark === "writing")
  put(parts.text, text)
  put(parts.target, target)
}

// Each variant keeps its node: `fill` gives it what `build` left empty, and those that are gone are removed.
function fillLanes(root, lanes, build, fill) {
  const dark = isDark(root)
  const kept = new Map([...root.children].map(node => [node.dataset.id, node]))
  lanes.forEach((lane, index) => {
    const node = kept.get(lane.id) ?? build(lane.id)
    if (root.children[index] !== node) root.insertBefore(node, root.children[index] ?? null)
    kept.delete(lane.id)
    tint(node, lane, dark)
    fill(node.parts, lane)
  })
  kept.forEach(node => node.remove())
}

function laneNode(id) {
  const node = document.createElement("div")
  node.className = "lane"
  node.dataset.id = id
  node.setAttribute("role", "listitem")
  return node
}

