// The replay runs in the browser, without reruns. Nodes are created once; every string is inserted as text.

const mounts = new WeakMap()

// How many rows have ended by this moment: the first index whose end is after it.
function rowsBy(ends, moment) {
  let low = 0
  let high = ends.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (ends[middle] <= moment) low = middle + 1
    else high = middle
  }
  return low
}

function written(seconds) {
  if (seconds < 59.95) return seconds.toFixed(1) + " s"
  const whole = Math.round(seconds)
  return Math.floor(whole / 60) + " min " + whole % 60 + " s"
}

function draw(mount) {
  const { data, parts, moment } = mount
  data.lanes.forEach((lane, index) => {
    const track = parts.tracks.children[index]
    const rows = rowsBy(lane.ends, moment)
    const [, way, value, count] = track.children
    way.firstChild.style.width = `${(100 * rows / lane.rows).toFixed(2)}%`
    value.textContent = rows ? lane.shares[rows - 1] : "–"
    count.textContent = rows === lane.ends.length ? lane.out || lane.time : `${rows}/${lane.rows}`
  })
  parts.moment.value = String(data.total ? Math.round(1000 * moment / data.total) : 0)
  parts.moment.setAttribute("aria-valuetext", written(moment))
  parts.clock.textContent = written(moment)
  parts.play.textContent = mount.playing ? "Pause" : moment >= data.total ? "Replay" : "Play"
}

function tick(mount, now) {
  if (!mount.playing || mount.gone) return
  const step = (now - mount.last) / 1000
  mount.last = now
  mount.moment = Math.min(mount.moment + step * mount.speed, mount.data.total)
  if (mount.moment >= mount.data.total) mount.playing = false
  draw(mount)
  if (mount.playing) requestAnimationFrame(time => tick(mount, time))
}

function play(mount) {
  if (mount.moment >= mount.data.total) mount.moment = 0
  mount.playing = true
  mount.last = performance.now()
  draw(mount)
  requestAnimationFrame(time => tick(mount, time))
}

function pause(mount) {
  mount.playing = false
  draw(mount)
}

function build(root, data, mount) {
  const dark = isDark(root)
  const parts = mount.parts
  parts.tracks.replaceChildren()
  for (const lane of data.lanes) {
    const track = make("div", "track", parts.tracks)
    tint(track, lane, dark)
    make("span", "name", track).textContent = lane.name
    make("div", "done", make("div", "way", track))
    make("span", "value", track)
    make("span", "rows", track)
  }
  parts.speed.replaceChildren()
  for (const speed of data.speeds) {
    const option = make("option", "", parts.speed)
    option.value = String(speed)
    option.textContent = speed === 1 ? "as recorded" : `${speed} times`
  }
  parts.speed.value = String(data.speed)
  mount.speed = data.speed
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".race")
  let mount = mounts.get(root)
  const fresh = !mount
  if (fresh) {
    mount = { playing: false, moment: 0, parts: {} }
    for (const name of ["play", "speed", "moment", "clock", "tracks", "spoken"]) {
      mount.parts[name] = root.querySelector("." + name)
    }
    mounts.set(root, mount)
    mount.parts.play.onclick = () => (mount.playing ? pause(mount) : play(mount))
    mount.parts.speed.onchange = () => { mount.speed = Number(mount.parts.speed.value) }
    mount.parts.moment.oninput = () => {
      mount.playing = false
      mount.moment = mount.data.total * Number(mount.parts.moment.value) / 1000
      draw(mount)
    }
  }
  const same = JSON.stringify(mount.data) === JSON.stringify(data)
  mount.data = data
  mount.parts.spoken.textContent = data.spoken
  if (!same) {
    build(root, data, mount)
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches
    mount.moment = still ? data.total : 0
    draw(mount)
    if (!still && data.total > 0) play(mount)
  }
  return () => {
    mount.gone = true
    mounts.delete(root)
  }
}
