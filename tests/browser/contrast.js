// Text whose colour stands out from its ground by less than `least` : 1 (WCAG 2 relative luminance), shadow roots included.
(least) => {
  const canvas = document.createElement("canvas")
  canvas.width = canvas.height = 1
  const brush = canvas.getContext("2d", { willReadFrequently: true })
  const parsed = new Map()

  function rgba(text) {
    if (!parsed.has(text)) {
      brush.clearRect(0, 0, 1, 1)
      brush.fillStyle = "rgba(0, 0, 0, 0)"
      brush.fillStyle = text
      brush.fillRect(0, 0, 1, 1)
      const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data
      parsed.set(text, [r, g, b, a / 255])
    }
    return parsed.get(text)
  }

  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1]
  const above = (node) => node.assignedSlot ?? node.parentElement ?? node.getRootNode().host ?? null

  function light([r, g, b]) {
    const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
  }

  function ratio(one, other) {
    const [high, low] = [light(one), light(other)].sort((x, y) => y - x)
    return (high + 0.05) / (low + 0.05)
  }

  /** The ground below an element, and the opacity that its ancestors leave to its text. */
  function ground(element) {
    const layers = []
    let opacity = 1
    for (let node = element; node; node = above(node)) {
      const style = getComputedStyle(node)
      opacity *= Number(style.opacity)
      if (style.backgroundImage !== "none" && style.backgroundImage.includes("url(")) return null
      layers.push(rgba(style.backgroundColor))
      if (layers.at(-1)[3] === 1) break
    }
    let colour = [...rgba(getComputedStyle(document.body).backgroundColor).slice(0, 3), 1]
    for (const layer of layers.reverse()) colour = over(layer, colour)
    return { colour, opacity }
  }

  function isOff(element) {
    for (let node = element; node; node = above(node)) {
      if (node.disabled || node.getAttribute("aria-disabled") === "true" || node.getAttribute("aria-hidden") === "true") return true
      if (node.localName === "label" && node.querySelector("input:disabled, textarea:disabled")) return true
    }
    return false
  }

  const faults = new Map()
  function judge(element, words, colour, extra = "") {
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || isOff(element)) return
    const below = ground(element)
    if (!below) return
    const [r, g, b, a] = rgba(colour)
    const found = ratio(over([r, g, b, a * below.opacity], below.colour), below.colour)
    if (found >= least - 0.005) return
    const owner = element.closest("[data-testid]")?.dataset.testid ?? element.getRootNode().host?.className ?? ""
    const key = `${extra}${owner}|${element.localName}.${element.className.baseVal ?? element.className}|${found.toFixed(2)}`
    if (!faults.has(key)) faults.set(key, `${found.toFixed(2)} ${extra}${owner} <${element.localName} class="${element.className.baseVal ?? element.className}"> ${colour} on ${below.colour.map(Math.round)}: ${words.slice(0, 60)}`)
  }

  function walk(node) {
    if (node.nodeType === Node.TEXT_NODE) {
      const words = node.data.trim()
      const element = node.parentElement ?? node.getRootNode().host
      if (!words || !element || ["style", "script", "noscript", "title"].includes(element.localName)) return
      const range = document.createRange()
      range.selectNodeContents(node)
      if (!range.getClientRects().length) return
      const style = getComputedStyle(element)
      judge(element, words, element instanceof SVGElement ? style.fill : style.color)
      return
    }
    if (node.nodeType === Node.ELEMENT_NODE) {
      if (node.shadowRoot) for (const child of node.shadowRoot.childNodes) walk(child)
      if (node.matches("input, textarea") && node.placeholder && !node.value) {
        judge(node, node.placeholder, getComputedStyle(node, "::placeholder").color, "placeholder of ")
      }
      if (node.matches("input, textarea") && node.value && !["checkbox", "radio", "range"].includes(node.type)) {
        judge(node, node.value, getComputedStyle(node).webkitTextFillColor || getComputedStyle(node).color, "value of ")
      }
    }
    for (const child of node.childNodes) walk(child)
  }

  walk(document.body)
  // Tables are painted: their colours stand in the variables that the grid reads.
  for (const grid of document.querySelectorAll("[data-testid=stDataFrameGlideDataEditor], .dvn-scroller")) {
    const style = getComputedStyle(grid)
    for (const [text, cell] of [["text-dark", "bg-cell"], ["text-medium", "bg-cell"], ["text-header", "bg-header"]]) {
      const [front, back] = [style.getPropertyValue(`--gdg-${text}`), style.getPropertyValue(`--gdg-${cell}`)]
      if (!front || !back) continue
      const [colour, page] = [rgba(front.trim()), rgba(getComputedStyle(document.body).backgroundColor)]
      const cellColour = over(rgba(back.trim()), page)
      const found = ratio(over(colour, cellColour), cellColour)
      if (found < least - 0.005) faults.set(`${text}`, `${found.toFixed(2)} table ${text} ${front} on ${back}`)
    }
  }
  return [...faults.values()]
}
