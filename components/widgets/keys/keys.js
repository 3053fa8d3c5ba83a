// One listener per mount, on the document, removed with the mount. Typing in a field has no effect.

const mounts = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".keys")
  root.querySelector(".hint").textContent = data.hint
  const button = root.querySelector(".screen")
  button.hidden = !document.fullscreenEnabled
  button.onclick = () => {
    const change = document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()
    change.catch(() => { button.hidden = true })
  }
  let mount = mounts.get(root)
  if (!mount) {
    mount = {}
    mounts.set(root, mount)
    mount.heard = event => {
      if (event.ctrlKey || event.metaKey || event.altKey || pressedIn(event, "[role=slider]", "[role=radio]")) return
      const meaning = mount.listened[event.key]
      if (meaning === undefined) return
      event.preventDefault()
      mount.tell("pressed", meaning)
    }
    document.addEventListener("keydown", mount.heard)
  }
  mount.listened = data.listened
  mount.tell = setTriggerValue
  return () => {
    document.removeEventListener("keydown", mount.heard)
    mounts.delete(root)
  }
}
