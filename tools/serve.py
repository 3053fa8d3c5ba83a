"""Serve the app: `python tools/serve.py [options of streamlit run]`.

A plain `streamlit run app.py` does the same, but for one thing: a server's first visitor who comes by a link to a page,
and not to the bare address, is told that the page does not exist. Streamlit takes a folder called `pages` for its older
way of finding pages until the app has said otherwise, which it can only do once it has run. So it is said here.
"""

from __future__ import annotations

import sys
from pathlib import Path

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web.cli import main

if __name__ == "__main__":
    PagesManager.uses_pages_directory = False
    sys.argv = ["streamlit", "run", str(Path(__file__).resolve().parents[1] / "app.py"), *sys.argv[1:]]
    main()
