"""Ctrl-C while the program is still being read in: a plain line and an exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from terminal.exits import EXIT_CANCELLED, EXIT_DONE

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are a Unix matter")
@pytest.mark.parametrize(
    ("command", "imported", "code", "words"),
    [
        (
            ["cli.py", "compare", "--task", "support-tickets"],
            "cyclopts",
            EXIT_CANCELLED,
            "Stopped before anything began.",
        ),
        (["tools/serve.py", "--port", "0"], "streamlit", EXIT_DONE, "Stopped before the app was ready."),
    ],
)
def test_ctrl_c_during_imports_is_a_line(
    command: list[str], imported: str, code: int, words: str, tmp_path: Path
) -> None:
    """No traceback, whatever module was being imported."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", *command],
        cwd=ROOT,
        env={**os.environ, "ADAPTLAB_HOME": str(tmp_path / "home")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if f" {imported}." in line:
            process.send_signal(signal.SIGINT)
            break
    said = "".join(line for line in process.stderr if not line.startswith("import time:"))
    assert process.wait(60) == code
    assert words in said
    assert "Traceback" not in said
