// Put before the script of every component: what several of them do with nodes, colours and keys.

// By how bright its ground is.
function isDark(node) {
  const host = node.getRootNode().host ?? node
  const value = getComputedStyle(host).getPropertyValue("--st-background-color").trim()
  const [r, g, b] = (value.match(/^#?(..)(..)(..)/) ?? []).slice(1).map(part => parseInt(part, 16))
  return 0.299 * r + 0.587 * g + 0.114 * b < 128
}

function tint(node, look, dark) {
  node.style.setProperty("--tint", dark ? look.dark : look.light)
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

const FIELDS = "input, textarea, select, [contenteditable=true], [role=combobox]"

// Whether a key was pressed in a field, where it writes, or inside anything else that the selectors name.
function pressedIn(event, ...selectors) {
  return event.composedPath().some(node => node instanceof Element && node.matches([FIELDS, ...selectors].join()))
}

