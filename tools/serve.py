"""Serve the app: `python tools/serve.py [--port 8501] [--no-token]`, which `make run` calls.

The address that it prints has a token, which `adapters/web_gate.py` exchanges for a cookie. `streamlit run app.py`
serves the same pages without the gate: only `.streamlit/config.toml` then guards them (docs/trust.md says how far).
"""

from __future__ import annotations

import os
import signal
import sys


def _leave(_number: int, _frame: object) -> None:
    """Stop at once: nothing has begun that would have to be put away, and an import must not end in a traceback."""
    os.write(2, b"\nStopped before the app was ready.\n")
    os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)

import argparse  # noqa: E402
import asyncio  # noqa: E402
import contextlib  # noqa: E402
import ctypes  # noqa: E402
import gc  # noqa: E402
import logging  # noqa: E402
import secrets  # noqa: E402
from collections.abc import AsyncIterator  # noqa: E402
from pathlib import Path  # noqa: E402

GIVE_BACK_S = 30.0
_LOG = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402
from streamlit import config  # noqa: E402
from streamlit.runtime import RuntimeState, get_instance  # noqa: E402
from streamlit.runtime.pages_manager import PagesManager  # noqa: E402

from adapters.kept_tabs import KeptTabs, keep_tabs  # noqa: E402
from adapters.page_head import PageHead  # noqa: E402
from adapters.sent_whole import send_whole  # noqa: E402
from adapters.web_gate import TOKEN, Gate  # noqa: E402
from engine.core.run.editions import let_go_of_runs  # noqa: E402
from engine.core.text import languages  # noqa: E402


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    _share_arenas()
    options = _options()
    token = secrets.token_urlsafe(24) if options.token else None
    closed = KeptTabs()

    @contextlib.asynccontextmanager
    async def announced(_app: st.App) -> AsyncIterator[None]:
        _print_address(token)
        giving_back = asyncio.create_task(_give_back(closed))
        yield
        giving_back.cancel()

    # Streamlit reads .streamlit/config.toml beside the script that was started: that is app.py, not this file.
    sys.argv = [str(ROOT / "app.py")]
    # Otherwise a first visitor who opens a link to a page is told that it does not exist: until app.py has run once,
    # Streamlit takes the folder `pages` for its older kind of pages.
    PagesManager.uses_pages_directory = False
    keep_tabs(closed)
    send_whole()
    before = [Middleware(Gate, token=token), Middleware(PageHead)]
    app = st.App(ROOT / "app.py", middleware=before, lifespan=announced)
    app.run(config={"server.port": options.port, "logger.hideWelcomeMessage": True})


def _share_arenas() -> None:
    """Let threads share two arenas of memory, where glibc has one or more for each core and gives little back.

    Each visit of a page is a thread of its own: after 500 random journeys the process held 565 MB instead of 657. What
    is larger than 128 KB goes back as soon as it is freed; glibc would raise that bound to 32 MB in steps, and the
    columns and texts of a large run would leave holes.
    """
    m_arena_max, arenas = -8, 2  # malloc.h
    m_mmap_threshold, most_bytes = -3, 128 * 1024
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(m_arena_max, arenas)
        ctypes.CDLL(None).mallopt(m_mmap_threshold, most_bytes)


async def _give_back(closed: KeptTabs) -> None:
    """Twice a minute, end tabs that do not come back, and give freed memory to the system if the C library can (glibc).

    In the last third of 2,000 random journeys the process held 485 MB on average, and 504 without the latter.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    while True:
        await asyncio.sleep(GIVE_BACK_S)
        try:
            let_go(closed)
        except Exception:  # the next turn is in half a minute  # noqa: BLE001
            _LOG.exception("Memory could not be given back.")
        if trim is not None:
            await asyncio.to_thread(trim, 0)


def let_go(closed: KeptTabs) -> None:
    """Let go of what is made again when somebody looks, where no tab is open and none may come back."""
    closed.end_old()
    if not closed.list() and get_instance().state is RuntimeState.NO_SESSIONS_CONNECTED:
        runs, model = let_go_of_runs(), languages.let_go()
        if runs or model:
            gc.collect()


def _end(_number: int, _frame: object) -> None:
    """End in the ordinary way. While requests are served this is uvicorn's part, which calls it when it is done."""
    raise SystemExit(0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve Adapt Lab on this machine.")
    parser.add_argument("--port", type=int, default=8501, help="the port on 127.0.0.1 (default: 8501)")
    parser.add_argument(
        "--no-token",
        dest="token",
        action="store_false",
        help="let in every browser and program of this machine, and every user of it",
    )
    return parser.parse_args()


def _print_address(token: str | None) -> None:
    """Print where the app is. Streamlit's own line would lack the token."""
    address = f"http://127.0.0.1:{config.get_option('server.port')}"
    sys.stdout.write(f"Adapt Lab: {address}" + (f"/?{TOKEN}={token}" if token else "") + "\n")
    if token is None:
        sys.stdout.write("No token is asked for: every user and program of this machine can open it.\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
