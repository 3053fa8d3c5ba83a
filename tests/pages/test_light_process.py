"""The web process stays light: no page brings in what computes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.pages.conftest import ROOT

_HEAVY = ("torch", "transformers", "sentence_transformers", "peft", "llama_cpp", "lancedb", "sklearn")

_SCRIPT = f"""
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("app.py", default_timeout=60).run()
pages = sys.argv[1:]
for page in pages:
    app.switch_page(page).run()
    assert not app.exception, (page, app.exception)
heavy = sorted(name for name in {_HEAVY!r} if name in sys.modules)
print("PAGES", len(pages), "HEAVY", heavy)
"""


def test_no_page_imports_what_computes(tmp_path: Path) -> None:
    """With the real wiring, every page rendered, none of the heavy libraries is loaded."""
    pages = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "pages").glob("*/[!_]*.py"))
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *pages],
        cwd=ROOT,
        env={**os.environ, "ADAPTLAB_HOME": str(tmp_path), "ADAPTLAB_SCRIPTED": "1"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"PAGES {len(pages)} HEAVY []" in done.stdout
