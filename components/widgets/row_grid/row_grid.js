// Rows of one height: only those in view have nodes, and these are filled with other rows as the grid scrolls.
// Every string is inserted as text. Scroll position and chosen row stay when the data changes.

const ROW_PX = 46
const HEAD_PX = 46
const ROOM_FOR_A_SCROLLBAR_PX = 14
const SPARE_ROWS = 6
const MOST_ROWS_IN_VIEW = 11
const MOST_ROWS_ON_A_PHONE = 6 // so that the open row below the grid is seen
const FIRST_ANSWER = 3 // column
const MARKS = { r: "right", w: "wrong", f: "failed", ".": "none" }
const SPOKEN = { r: "right", w: "wrong", f: "failed", ".": "not answered" }

const grids = new WeakMap()

// Each text has one text node, which is filled again: much less work than a new one per cell and frame.
function refill(node, text) {
  if (node.firstChild.data !== text) node.firstChild.data = text
}

// A line may break after an underscore, as in the names of labels.
function breakable(text) {
  return text.replaceAll("_", "_\u200b")
}

// Until the rows are there the head holds one column, since a grid without any is none to screen readers.
function emptied(node) {
  node.replaceChildren()
  return node
}

function cell(parent, role, name) {
  const node = document.createElement("div")
  node.className = "cell"
  node.setAttribute("role", role)
  const text = document.createElement("span")
  text.className = name
  text.dir = "auto"
  text.appendChild(document.createTextNode(""))
  node.appendChild(text)
  parent.appendChild(node)
  return text
}

function fillHead(grid, dark) {
  const { head, data } = grid
  const names = ["Row", "Input", "Target", ...data.columns.map(column => column.name)]
  while (head.children.length < names.length) cell(head, "columnheader", "text")
  while (head.children.length > names.length) head.lastChild.remove()
  names.forEach((name, place) => {
    const text = head.children[place].firstChild
    const column = data.columns[place - FIRST_ANSWER]
    refill(text, name)
    text.title = name
    text.className = column ? "text named" : "text"
    if (column) tint(text, column, dark)
    head.children[place].setAttribute("aria-colindex", String(place + 1))
  })
}

function line(grid) {
  const node = document.createElement("div")
  node.className = "line"
  node.setAttribute("role", "row")
  node.setAttribute("aria-selected", "false")
  for (let place = 0; place < FIRST_ANSWER + grid.data.columns.length; place += 1) {
    cell(node, "gridcell", "text").parentNode.setAttribute("aria-colindex", String(place + 1))
  }
  node.onclick = event => {
    const at = [...node.children].findIndex(part => part.contains(event.target))
    choose(grid, node.index, Math.max(at, 0))
    open(grid)
  }
  grid.body.appendChild(node)
  return node
}

function fillLine(grid, node, index) {
  const { rows, inputs, targets, texts, columns } = grid.data
  node.index = index
  node.version = grid.version
  node.style.transform = `translateY(${index * ROW_PX}px)`
  node.setAttribute("aria-rowindex", String(index + 2))
  ;[String(rows[index] + 1), inputs[index], texts[targets[index]]].forEach((text, place) => {
    refill(node.children[place].firstChild, breakable(text))
  })
  columns.forEach((column, place) => {
    const shown = node.children[FIRST_ANSWER + place]
    const mark = column.marks[index]
    const text = column.answers[index] < 0 ? "" : texts[column.answers[index]]
    const look = `text answer ${MARKS[mark]}`
    if (shown.firstChild.className !== look) shown.firstChild.className = look
    refill(shown.firstChild, mark === "." ? "·" : breakable(text) || "(empty)")
    shown.setAttribute("aria-label", `${column.name}, ${SPOKEN[mark]}: ${text}`)
  })
}

// The whole of a text that does not fit is a tooltip, made when it is wanted.
function hover(event) {
  const part = event.target.closest(".cell")
  if (part) part.title = part.firstChild.textContent.replaceAll("\u200b", "")
}

function markChosen(grid) {
  const { root, body, nodes } = grid
  root.removeAttribute("aria-activedescendant")
  if (grid.marked) {
    grid.marked.classList.remove("chosen")
    grid.marked.setAttribute("aria-selected", "false")
    grid.active.classList.remove("active")
    grid.active.removeAttribute("id")
    grid.marked = grid.active = null
  }
  const node = grid.index === null ? undefined : body.children[grid.index % nodes]
  if (node?.index !== grid.index) return // out of view
  grid.marked = node
  grid.active = node.children[grid.column]
  node.classList.add("chosen")
  node.setAttribute("aria-selected", "true")
  grid.active.classList.add("active")
  grid.active.id = "active"
  root.setAttribute("aria-activedescendant", "active")
}

function draw(grid) {
  const { root, body, data } = grid
  const count = data.rows.length
  const nodes = Math.min(count, Math.ceil(root.clientHeight / ROW_PX) + 2 * SPARE_ROWS)
  const first = Math.max(0, Math.min(Math.floor(root.scrollTop / ROW_PX) - SPARE_ROWS, count - nodes))
  while (body.children.length < nodes) line(grid)
  while (body.children.length > nodes) body.lastChild.remove()
  for (let index = first; index < first + nodes; index += 1) {
    const node = body.children[index % nodes]
    if (node.index !== index || node.version !== grid.version) fillLine(grid, node, index)
  }
  grid.nodes = nodes
  markChosen(grid)
}

// The rows ascend, so that one is found in a few steps among 10,000.
function indexOf(rows, row) {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (rows[middle] < row) low = middle + 1
    else high = middle
  }
  return low
}

function choose(grid, index, column) {
  const last = grid.data.rows.length - 1
  if (last < 0) return
  grid.index = Math.max(0, Math.min(index, last))
  grid.row = grid.data.rows[grid.index]
  grid.column = Math.max(0, Math.min(column, FIRST_ANSWER + grid.data.columns.length - 1))
  const { root } = grid
  const top = grid.index * ROW_PX
  if (top < root.scrollTop) root.scrollTop = top
  const below = HEAD_PX + top + ROW_PX - root.clientHeight
  if (below > root.scrollTop) root.scrollTop = below
  const title = grid.head.children[grid.column]
  const pinned = grid.head.firstChild.offsetWidth
  if (grid.column && title.offsetLeft - pinned < root.scrollLeft) root.scrollLeft = title.offsetLeft - pinned
  const beyond = title.offsetLeft + title.offsetWidth - root.clientWidth
  if (beyond > root.scrollLeft) root.scrollLeft = beyond
  draw(grid)
}

function open(grid) {
  if (grid.index === null) return
  grid.isOpen = true
  grid.tell("opened", grid.row)
}

function close(grid) {
  grid.isOpen = false
  grid.tell("closed", true)
}

function press(grid, event) {
  if (event.altKey || event.metaKey) return
  const page = Math.max(1, Math.floor((grid.root.clientHeight - HEAD_PX) / ROW_PX) - 1)
  const at = grid.index ?? -1
  const last = FIRST_ANSWER + grid.data.columns.length - 1
  const moves = {
    ArrowDown: [at + 1, grid.column],
    ArrowUp: [at - 1, grid.column],
    ArrowRight: [Math.max(at, 0), grid.column + 1],
    ArrowLeft: [Math.max(at, 0), grid.column - 1],
    PageDown: [at + page, grid.column],
    PageUp: [at - page, grid.column],
    Home: event.ctrlKey ? [0, 0] : [Math.max(at, 0), 0],
    End: event.ctrlKey ? [grid.data.rows.length - 1, last] : [Math.max(at, 0), last],
  }
  if (event.key in moves) choose(grid, ...moves[event.key])
  else if (event.key === "Enter" || event.key === " ") open(grid)
  else return
  event.preventDefault()
}

function start(root) {
  const grid = {
    root,
    head: emptied(root.querySelector(".head .line")),
    body: root.querySelector(".body"),
    index: null,
    row: null,
    column: 0,
    asked: null,
    nodes: 0,
    marked: null,
    active: null,
    version: 0,
    isOpen: false,
    text: null,
    given: null,
    data: { rows: [], inputs: [], targets: [], texts: [], columns: [] },
  }
  let waiting = false
  grid.later = () => {
    if (waiting) return
    waiting = true
    requestAnimationFrame(() => { waiting = false; draw(grid) })
  }
  root.addEventListener("scroll", grid.later, { passive: true })
  root.addEventListener("mouseover", hover)
  root.addEventListener("keydown", event => press(grid, event))
  root.addEventListener("focus", () => {
    if (grid.index === null && root.matches(":focus-visible")) choose(grid, Math.ceil(root.scrollTop / ROW_PX), 0)
  })
  grid.resized = new ResizeObserver(grid.later)
  // Escape closes the panel wherever the reader is, but not while something is typed or another thing is open.
  grid.escape = event => {
    if (event.key !== "Escape" || !grid.isOpen || event.defaultPrevented) return
    if (pressedIn(event, "[role=dialog]")) return
    close(grid)
    root.focus({ preventScroll: true })
  }
  return grid
}

function update(grid, { rows, title, asked }) {
  const { root, body } = grid
  if (grid.text !== rows) grid.given = JSON.parse(rows)
  grid.text = rows
  const data = { ...grid.given, title, asked }
  const dark = isDark(root)
  const before = grid.data
  const top = Math.floor(root.scrollTop / ROW_PX)
  const anchor = before.rows[top]
  const offset = root.scrollTop - top * ROW_PX
  if (before.columns.length !== data.columns.length) {
    body.replaceChildren()
    grid.marked = grid.active = null
  }
  grid.data = data
  grid.version += 1
  root.style.setProperty("--columns", String(data.columns.length))
  const most = matchMedia("(max-width: 640px)").matches ? MOST_ROWS_ON_A_PHONE : MOST_ROWS_IN_VIEW
  root.style.height = `${HEAD_PX + Math.min(data.rows.length, most) * ROW_PX + ROOM_FOR_A_SCROLLBAR_PX}px`
  root.setAttribute("aria-label", data.title)
  root.setAttribute("aria-rowcount", String(data.rows.length + 1))
  root.setAttribute("aria-colcount", String(FIRST_ANSWER + data.columns.length))
  body.style.height = `${data.rows.length * ROW_PX}px`
  fillHead(grid, dark)
  const now = indexOf(data.rows, anchor ?? -1)
  if (root.scrollTop > 0 && data.rows[now] === anchor && now !== top) root.scrollTop = now * ROW_PX + offset
  if (grid.row !== null) {
    const found = indexOf(data.rows, grid.row)
    if (data.rows[found] === grid.row) grid.index = found
    else grid.index = grid.row = null
  }
  if (data.asked !== grid.asked) {
    grid.asked = data.asked
    const found = indexOf(data.rows, data.asked ?? -1)
    if (data.asked !== null && data.rows[found] === data.asked) {
      grid.isOpen = true
      choose(grid, found, grid.column)
      return
    }
  }
  draw(grid)
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".grid")
  const grid = grids.get(root) ?? start(root)
  grids.set(root, grid)
  grid.tell = setTriggerValue
  grid.resized.observe(root)
  document.addEventListener("keydown", grid.escape)
  update(grid, data)
  return () => {
    grid.resized.disconnect()
    document.removeEventListener("keydown", grid.escape)
  }
}
