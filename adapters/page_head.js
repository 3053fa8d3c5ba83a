// Runs in every page before Streamlit's own script, which reads `__streamlit` as it starts.

// Otherwise it looks for the server below the page's own path first, and a link to a page logs two errors.
window.__streamlit = { BACKEND_BASE_URL: location.origin }

// Tells by the WebSocket when the server is gone. Streamlit would ask about the internet, which this app does not use.
;(() => {
  const STOPPED = "Adapt Lab has stopped. Start it again with make run; finished rows are saved."
  const STARTED = "Adapt Lab was started again. Open the address that the terminal printed."
  const AGAIN_MS = 1000
  const STYLE =
    "position:fixed;inset:12px 12px auto;margin:0 auto;max-width:34rem;padding:12px 16px;z-index:2147483647;" +
    "font:16px/1.4 'Source Sans',system-ui,sans-serif;color:#fff;background:#1b1f24;border:1px solid #8a929c;border-radius:8px;" +
    "box-shadow:0 4px 20px #0006"
  let bar = null
  let leaving = false
  let looking = false

  function tell(words) {
    if (bar === null) {
      bar = document.createElement("div")
      bar.setAttribute("role", "alert")
      bar.id = "adapt-lab-stopped"
      bar.style.cssText = STYLE
      document.body.append(bar)
    }
    if (bar.textContent !== words) bar.textContent = words
  }

  function untell() {
    bar?.remove()
    bar = null
  }

  /** Close Streamlit's own dialog, which would stay when the server is back. */
  function closeTheirs() {
    for (const dialog of document.querySelectorAll("[role=dialog]")) {
      if (dialog.textContent.includes("Connection error")) dialog.querySelector("button[aria-label=Close]")?.click()
    }
  }

  async function look() {
    if (leaving) return
    looking = true
    const status = await fetch("/_stcore/health", { cache: "no-store" }).then(answer => answer.status, () => 0)
    if (leaving) return
    if (status === 200) untell()
    else tell(status === 401 ? STARTED : STOPPED)
    closeTheirs()
    looking = bar !== null
    if (looking) setTimeout(look, AGAIN_MS)
  }

  addEventListener("pagehide", () => { leaving = true })
  addEventListener("pageshow", () => { leaving = false })
  new MutationObserver(() => { if (bar !== null) closeTheirs() }).observe(document, { childList: true, subtree: true })

  const Socket = window.WebSocket
  window.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given)
      this.addEventListener("close", () => { if (!looking) look() })
    }
  }
})()
