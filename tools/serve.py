"""Serve the app: `python tools/serve.py [options of streamlit run]`.

A plain `streamlit run app.py` does the same, with one difference: if the first visitor of a server opens a link to a
page instead of the bare address, Streamlit reports that the page does not exist. Streamlit uses a folder called `pages`
for its older page discovery until the app turns that off, which the app can only do once it has run. This script turns
it off before the start.
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
