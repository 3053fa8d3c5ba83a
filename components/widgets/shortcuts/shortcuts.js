// What keys do on every page: "?" opens the list anywhere but in a field, and Tab reaches a field before its help.
// The listeners are on the document. The script is called again with new data or another theme: it then takes the last
// listeners off first.

function element(name, ...children) {
  const made = document.createElement(name)
  made.append(...children)
  return made
}

function group({ title, keys }) {
  const lines = element("dl")
  for (const [pressed, does] of keys) {
    const signs = pressed.split(" ").flatMap((key, place) => (place ? [" ", element("kbd", key)] : [element("kbd", key)]))
    lines.append(element("dt", ...signs), element("dd", does))
  }
  return [element("h3", title), lines]
}

// In browsers without `reading-flow` (see `HELP_LAST`) Tab would reach the help in a label before the field below it.

const LABEL = "[data-testid=stWidgetLabel]"
const STOPS = "a[href], button, input, textarea, select, summary, [contenteditable=true], [tabindex]"

function isStop(node) {
  const isOther = node.type === "radio" && !node.checked && node.getRootNode().querySelector(`[name="${node.name}"]:checked`)
  return node.matches(STOPS) && node.tabIndex >= 0 && !node.disabled && !isOther && node.checkVisibility({ visibilityProperty: true })
}

/** Return the places that Tab reaches in the field around a node, its help last; null without help or without a field. */
function stopsOfField(node) {
  const field = node?.closest?.(`:has(> ${LABEL})`)
  const label = field?.querySelector(`:scope > ${LABEL}`)
  const stops = [...(field?.querySelectorAll(STOPS) ?? [])].filter(isStop)
  const help = stops.filter(one => label.contains(one))
  const fields = stops.filter(one => !label.contains(one))
  return help.length && fields.length ? { field, help: help[0], first: fields[0], last: fields.at(-1) } : null
}

/** Return the first place after a node that Tab reaches, also inside components; undefined at the end of the page. */
function stopAfter(node) {
  const isAfter = other => node.compareDocumentPosition(other) === Node.DOCUMENT_POSITION_FOLLOWING
  const firstOf = nodes => {
    for (const one of nodes) {
      const stop = isStop(one) ? one : one.shadowRoot && firstOf(one.shadowRoot.querySelectorAll("*"))
      if (stop) return stop
    }
  }
  return firstOf([...document.querySelectorAll("*")].filter(isAfter))
}

function leadTab() {
  let led = null
  const instead = (node, event) => {
    event?.preventDefault()
    led = event && led
    node.focus()
  }
  const pressed = event => {
    led = null
    if (event.key !== "Tab" || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    const from = document.activeElement
    const stops = stopsOfField(from)
    led = { back: event.shiftKey, from }
    if (!stops) return
    // Where there is no next place, and out of a field backwards, the browser's own step is right from another place.
    if (from === stops.help && event.shiftKey) instead(stops.last, event)
    else if (from === stops.help) {
      const after = stopAfter(stops.field)
      after ? instead(after, event) : stops.last.focus()
    } else if (from === stops.last && !event.shiftKey) instead(stops.help, event)
    else if (from === stops.first && event.shiftKey) stops.help.focus()
  }
  const entered = ({ target }) => {
    const stops = led && stopsOfField(target)
    if (!stops || stops.field.contains(led.from)) return
    if (!led.back && target === stops.help) instead(stops.first)
    else if (led.back && target === stops.last) instead(stops.help)
  }
  const ended = () => { led = null }
  const heard = { keydown: pressed, focusin: entered, keyup: ended, pointerdown: ended }
  for (const [name, hears] of Object.entries(heard)) document.addEventListener(name, hears)
  return () => { for (const [name, hears] of Object.entries(heard)) document.removeEventListener(name, hears) }
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".shortcuts")
  const dialog = root.querySelector("dialog")
  root.querySelector(".open").hidden = !data.button
  root.querySelector(".groups").replaceChildren(...data.groups.flatMap(group))
  const open = () => { if (!dialog.open) dialog.showModal() }
  root.querySelector(".open").onclick = open
  root.querySelector(".close").onclick = () => dialog.close()
  dialog.onclick = event => { if (event.target === dialog) dialog.close() }
  const heard = event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (dialog.open) {
      event.stopPropagation()
      if (event.key === "?") dialog.close()
    } else if (event.key === "?" && !pressedIn(event)) {
      event.preventDefault()
      open()
    }
  }
  root.leave?.()
  document.addEventListener("keydown", heard, true)
  const leaveTab = CSS.supports("reading-flow", "source-order") ? () => {} : leadTab()
  root.leave = () => {
    document.removeEventListener("keydown", heard, true)
    leaveTab()
  }
  return () => root.leave()
}
