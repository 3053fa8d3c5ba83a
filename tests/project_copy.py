"""A copy of the project that gets a small addition, as CONTRIBUTING.md says where, and is used at a front door."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
PARTS = (
    "adapters",
    "components",
    "data",
    "engine",
    "pages",
    "terminal",
    "app.py",
    "cli.py",
    "wiring.py",
    "pyproject.toml",
)
GUIDE = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")


class Copy:
    """The project in another folder, free to be changed, with a home of its own."""

    def __init__(self, folder: Path) -> None:
        """Copy what the app is made of."""
        self.folder, self.home = folder / "copy", folder / "home"
        for part in PARTS:
            source, target = PROJECT / part, self.folder / part
            target.parent.mkdir(exist_ok=True)
            if source.is_dir():
                # With what Python has compiled: times of files are kept. What is being compiled just now goes away.
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.pyc.*"))
            else:
                shutil.copy2(source, target)
        self.changed: set[str] = set()

    def change(self, path: str, pairs: Mapping[str, str]) -> None:
        """Replace texts that stand in a file once."""
        text = (self.folder / path).read_text(encoding="utf-8")
        for old, new in pairs.items():
            assert text.count(old) == 1, (path, old)
            text = text.replace(old, new)
        (self.folder / path).write_text(text, encoding="utf-8")
        self.changed.add(path)

    def add(self, path: str, text: str) -> None:
        """Write a new file."""
        assert not (self.folder / path).exists()
        (self.folder / path).parent.mkdir(exist_ok=True, parents=True)
        (self.folder / path).write_text(text, encoding="utf-8")
        self.changed.add(path)

    def python(self, *arguments: str) -> str:
        """Run Python in the copy and return what it wrote."""
        known = {name: value for name, value in os.environ.items() if not name.startswith(("ADAPTLAB", "PYTHON"))}
        done = subprocess.run(
            [sys.executable, *arguments],
            check=False,
            cwd=self.folder,
            env=known | {"ADAPTLAB_HOME": str(self.home), "ADAPTLAB_SCRIPTED": "1", "ADAPTLAB_FIND": "off"},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def compare(self, *arguments: str, variants: str = "zero-shot", model: str = "scripted") -> dict[str, Any]:
        """Run a comparison on a few rows; return the first variant of its summary."""
        out = self.folder / "out"
        task = [] if "--task" in arguments else ["--task", "support-tickets"]
        self.python(
            "cli.py", "compare", *task, *arguments, "--model", model, "--variants", variants, "--limit", "6",
            "--out", str(out),
        )  # fmt: skip
        summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
        found: dict[str, Any] = summary["variants"][0]
        return found


def named(row: str) -> set[str]:
    """Return the files that the guide's row names."""
    line = next(line for line in GUIDE.splitlines() if line.startswith(f"| {row} |"))
    return set(re.findall(r"`((?:\w+/)*[\w.-]+\.(?:py|toml|jsonl))`", line))
