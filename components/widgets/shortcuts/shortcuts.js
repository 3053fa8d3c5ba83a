// "?" opens the list anywhere but in a field. One listener per mount, on the document, removed with the mount.

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
  document.addEventListener("keydown", heard, true)
  return () => document.removeEventListener("keydown", heard, true)
}
