// Scrolls the page to its top when the step changes: Streamlit keeps the place where the step before was left.

const shown = new WeakMap()

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".scroll-top")
  if (shown.has(root) && shown.get(root) !== data.step) {
    document.querySelector("[data-testid=stMain]")?.scrollTo({ top: 0, behavior: "instant" })
  }
  shown.set(root, data.step)
}
