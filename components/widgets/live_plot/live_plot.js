// Calls Plotly.react on one node per mount. Plotly is loaded once per page, from the browser's cache if possible.

const COLOUR = /^colour:([a-z+-]+)(?:\/([0-9.]+))?$/
const mounts = new WeakMap()
let library

function loadScript(source) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script")
    script.src = source
    script.onload = () => resolve(window.Plotly)
    script.onerror = () => reject(new Error("Plotly could not be loaded from " + source))
    document.head.appendChild(script)
  })
}

// Streamlit sends assets without Cache-Control or ETag, so the browser would fetch these 5 MB at every page load.
async function fromCache(url) {
  if (!window.caches) return url
  const store = await caches.open("adaptlab-plotly")
  let found = await store.match(url)
  if (!found) {
    for (const old of await store.keys()) await store.delete(old)
    const answer = await fetch(url)
    if (!answer.ok) return url
    await store.put(url, answer.clone())
    found = answer
  }
  return URL.createObjectURL(new Blob([await found.text()], { type: "text/javascript" }))
}

function plotly(component, script) {
  if (!library) {
    const url = new URL(`_stcore/bidi-components/${component}/${script}`, basePath()).href
    library = window.Plotly ? Promise.resolve(window.Plotly) : fromCache(url).catch(() => url).then(loadScript)
    library.catch(() => { library = undefined })
  }
  return library
}

// Streamlit's own scripts are under <base>/static/js/, whatever page is open.
function basePath() {
  const own = document.querySelector('script[src*="static/js/"]')
  return own ? own.src.slice(0, own.src.indexOf("static/js/")) : window.location.origin + "/"
}

function withAlpha(hex, alpha) {
  const [r, g, b] = hex.match(/^#(..)(..)(..)/).slice(1).map(part => parseInt(part, 16))
  return `rgba(${r},${g},${b},${alpha})`
}

function paint(value, palette) {
  if (typeof value === "string") {
    const match = COLOUR.exec(value)
    if (!match || !(match[1] in palette)) return value
    return match[2] === undefined ? palette[match[1]] : withAlpha(palette[match[1]], match[2])
  }
  if (Array.isArray(value)) return value.map(item => paint(item, palette))
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, paint(item, palette)]))
  }
  return value
}

// On a projector everything grows with the screen: letters, markers, lines and the room around them.
const LENGTHS = new Set(["size", "width", "thickness", "standoff", "arrowwidth", "ax", "ay", "l", "r", "t", "b"])
const FONT_PX = 11, SMALLEST_PX = 10.4  // of the charts as they are drawn for a page

function enlarged(value, scale) {
  if (Array.isArray(value)) return value.map(item => enlarged(item, scale))
  if (!value || typeof value !== "object") return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => {
    if (!LENGTHS.has(name)) return [name, enlarged(item, scale)]
    if (typeof item === "number") return [name, item * scale]
    return [name, Array.isArray(item) ? item.map(one => one * scale) : enlarged(item, scale)]
  }))
}

// A hundredth of the largest 16:9 picture that the screen holds, as in the slides' own style.
function unit() {
  return Math.min(window.innerWidth / 100, window.innerHeight * 16 / 900)
}

function room(data) {
  if (!data.projected) return { scale: 1, height: data.height }
  return { scale: Math.max(1, unit() * 1.3 / SMALLEST_PX), height: Math.max(data.height, unit() * 32) }
}

// The texts in a grid's cells and the names under its columns, for columns that are narrower than they are: intervals
// go on a line of their own; what still does not fit is left to the table and to what a cell says when pointed at.
const FITTED = document.createElement("canvas").getContext("2d")
const CELL_GAP_PX = 6
const SLANTED = { b: 104, tickangle: -35, standoff: 56 }

function widest(texts, font) {
  FITTED.font = font
  return Math.max(0, ...texts.flatMap(text => text.split("<br>")).map(line => FITTED.measureText(line).width))
}

function fitGrid(layout, columns, scale) {
  const { width, margin, annotations, xaxis, font: { family } } = layout
  const room = (width - margin.l - margin.r) / columns - CELL_GAP_PX * scale
  const texts = annotations.map(note => note.text)
  const broken = texts.map(text => text.replace(" (", "<br>("))
  const font = `${annotations[0]?.font.size}px ${family}`
  const shown = [texts, broken].find(some => widest(some, font) <= room)
  const upright = widest(xaxis.ticktext, `${xaxis.tickfont.size}px ${family}`) <= room
  const standoff = SLANTED.standoff * scale
  return {
    ...layout,
    annotations: shown ? annotations.map((note, at) => ({ ...note, text: shown[at] })) : [],
    ...(upright ? {} : {
      margin: { ...margin, b: SLANTED.b * scale },
      xaxis: { ...xaxis, tickangle: SLANTED.tickangle, title: { ...xaxis.title, standoff } },
    }),
  }
}

const CONFIG = { displayModeBar: false, responsive: false, scrollZoom: false, doubleClick: "reset", showTips: false }

async function draw(mount) {
  const Plotly = await plotly(mount.data.component, mount.data.script)
  if (mount.gone) return
  const { node, data } = mount
  const { scale, height } = room(data)
  const plain = paint(data.figure, data.palettes[isDark(node) ? "dark" : "light"])
  const figure = scale > 1 ? { data: enlarged(plain.data, scale), layout: enlarged(plain.layout, scale) } : plain
  node.parentElement.style.height = height + "px"
  const layout = {
    ...figure.layout,
    width: node.clientWidth,
    height,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    uirevision: "keep",
    dragmode: false,
  }
  layout.font = { family: getComputedStyle(node).fontFamily, size: FONT_PX * scale, ...layout.font }
  const cells = figure.data.find(trace => trace.type === "heatmap")
  const fitted = cells ? fitGrid(layout, cells.z[0].length, scale) : layout
  await Plotly.react(node, figure.data, fitted, CONFIG)
  node.dataset.drawn = String(Number(node.dataset.drawn ?? 0) + 1)
}

// Updates that arrive during a drawing are drawn together, with the newest data.
function update(mount) {
  if (mount.drawing) {
    mount.again = true
    return
  }
  mount.drawing = draw(mount)
    .catch(error => { mount.node.textContent = error.message })
    .finally(() => {
      mount.drawing = undefined
      if (mount.again && !mount.gone) {
        mount.again = false
        update(mount)
      }
    })
}

export default function ({ data, parentElement }) {
  const node = parentElement.querySelector(".plot")
  let mount = mounts.get(node)
  if (!mount) {
    mount = { node }
    mounts.set(node, mount)
    mount.observer = new ResizeObserver(() => { if (window.Plotly && mount.data) update(mount) })
    mount.observer.observe(node)
  }
  mount.data = data
  node.parentElement.style.height = room(data).height + "px"
  node.setAttribute("aria-label", data.alt)
  update(mount)
  return () => {
    mount.gone = true
    mount.observer.disconnect()
    window.Plotly?.purge(node)
    mounts.delete(node)
  }
}
