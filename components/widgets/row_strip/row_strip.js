// The strip keeps its nodes: columns are refilled in place. Every string is inserted as text.

function grow(parent, count, build) {
  while (parent.children.length < count) parent.appendChild(build())
  while (parent.children.length > count) parent.lastChild.remove()
}

function build(tag, name, ...children) {
  const node = document.createElement(tag)
  node.className = name
  node.append(...children)
  return node
}

export default function ({ data, parentElement, setTriggerValue }) {
  const names = parentElement.querySelector(".names")
  const columns = parentElement.querySelector(".columns")
  const dark = isDark(names)
  parentElement.querySelector(".title").textContent = data.title
  grow(names, data.lanes.length, () => build("div", "name", build("span", "dot"), build("span", "text")))
  data.lanes.forEach((lane, index) => {
    tint(names.children[index], lane, dark)
    names.children[index].lastChild.textContent = lane.name
  })
  grow(columns, data.room, () => build("button", "column"))
  ;[...columns.children].forEach((node, index) => {
    const column = data.columns[index]
    const marks = column ? column.marks : data.lanes.map(() => "pending")
    grow(node, marks.length, () => build("div", "cell pending"))
    marks.forEach((mark, row) => { node.children[row].className = `cell ${mark}` })
    node.type = "button"
    node.disabled = !column
    node.title = column ? column.label : ""
    node.setAttribute("aria-label", column ? column.label : "no row yet")
    node.onclick = () => column && setTriggerValue("row", column.id)
  })
}
