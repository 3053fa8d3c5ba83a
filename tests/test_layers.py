"""What import-linter cannot see: the modules at the top level."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from engine.services.lab import Lab
from tests.memory_lab import memory_lab

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


def test_wiring_only_puts_together():
    """It stays under 150 lines and decides nothing."""
    text = (ROOT / "wiring.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.If, ast.IfExp, ast.Match))]


def _modules() -> dict[str, Path]:
    """Return our modules by their dotted names, packages among them."""
    paths = [ROOT / "wiring.py", *(path for name in sorted(OURS) for path in (ROOT / name).rglob("*.py"))]
    named = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    return {name.removesuffix(".__init__"): path for name, path in named.items()}


def _needed_to_load(path: Path, known: Mapping[str, Path]) -> set[str]:
    """Return our modules that a module imports as it is loaded: not within functions, nor for types alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name in known}


def test_no_import_circle():
    """No module needs itself to be loaded, over however many others."""
    known = _modules()
    needs = {name: _needed_to_load(path, known) - {name} for name, path in known.items()}
    assert sum(map(len, needs.values())) > 1_000
    assert list(TopologicalSorter(needs).static_order())


@pytest.mark.parametrize("folder", ["engine", "components"])
def test_no_folder_is_a_drawer_for_everything(folder):
    """A folder of the engine or of the components holds at most 16 files; a new capability gets a folder of its own."""
    folders = [ROOT / folder, *(path for path in (ROOT / folder).rglob("*") if path.is_dir())]
    files = {path: list(path.glob("*.py")) for path in folders}
    assert {str(path): len(found) for path, found in files.items() if len(found) > 16} == {}


def test_a_page_imports_its_own_components_alone():
    """Beside those that all pages share, each page takes its parts from one folder of the components."""
    shared, taken = {"ui", "widgets", "rows"}, {}
    for path in (ROOT / "pages").rglob("*.py"):
        folders = set(
            re.findall(r"^\s*(?:from|import) components\.([a-z_]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        )
        taken[path.stem] = folders - shared
    assert len(taken) > 12
    assert {page: found for page, found in taken.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    "folder", ["adapters", "benchmarks", "components", "engine", "pages", "terminal", "tests", "tools"]
)
def test_a_file_is_one_idea(folder):
    """No file has more than 350 lines."""
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / folder).rglob("*.py")}
    assert {str(path): count for path, count in lines.items() if count > 350} == {}


def test_a_service_is_one_thing():
    """The lab and each of its services have fewer than 15 public methods."""
    lab = Lab(memory_lab().memory.workspace)
    services = {"lab": Lab, **{name: type(one) for name, one in vars(lab).items() if not name.startswith("_")}}
    counts = {name: [one for one in dir(kind) if not one.startswith("_")] for name, kind in services.items()}
    assert len(counts) > 10
    assert {name: found for name, found in counts.items() if len(found) >= 15} == {}
