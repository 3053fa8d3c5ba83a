"""What import-linter cannot see: the modules at the top level."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = {
    "app.py": {"components", "engine", "wiring"},
    "cli.py": {"benchmarks", "engine", "terminal", "wiring"},
    "wiring.py": {"adapters", "engine"},
}
OURS = {"adapters", "app", "benchmarks", "cli", "components", "engine", "pages", "terminal", "wiring"}


def _imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names & OURS


@pytest.mark.parametrize("name", ALLOWED)
def test_top_level_modules_import_one_way(name):
    """Front doors reach adapters through wiring alone."""
    assert _imported(ROOT / name) <= ALLOWED[name]


def test_the_terminal_reaches_adapters_through_wiring_alone():
    """What stands behind the terminal door asks the engine, and gets its adapters from wiring."""
    for path in (ROOT / "terminal").rglob("*.py"):
        assert _imported(path) <= {"engine", "terminal", "wiring"}, path


@pytest.mark.parametrize("folder", ["pages", "components"])
def test_screens_never_see_wiring(folder):
    """Pages and components get the lab handed to them."""
    for path in (ROOT / folder).rglob("*.py"):
        assert not _imported(path) & {"adapters", "wiring", "cli", "terminal"}, path


def test_pages_folder_holds_only_folders():
    """A flat file in pages/ would let a deep link go past app.py."""
    assert {path.name for path in (ROOT / "pages").glob("*.py")} <= {"__init__.py"}


def test_app_is_a_table_of_pages():
    """The front door stays under 60 lines."""
    assert len((ROOT / "app.py").read_text(encoding="utf-8").splitlines()) < 60
