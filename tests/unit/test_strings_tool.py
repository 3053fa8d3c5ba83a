"""The list of all strings that a person can see: none of them is missing, and what nobody sees is not among them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tools.strings import PLACES, ROOT, Shown, all_strings, main, strings_of

MODULE = '''"""Docstring of the module."""
import re
import streamlit as st
from engine.core.errors import UsageError
_PATTERN = re.compile("a pattern of no (?:words)")
QUERY = "SELECT name FROM runs WHERE run_id = ?"
HINTS = {"waiting": "waiting", "ready": "getting ready"}
"""Docstring of a constant."""
class Page:
    """Docstring of the class."""
    kind: str = "label"
    """Docstring of an attribute."""
    def show(self, cell, rows, name):
        """Docstring of the method."""
        st.button("Go", key="go_button", icon=":material/home:", help="Starts it.", type="primary")
        cell.metric("Right", f"{len(rows):,} of {self.total} rows", width="content")
        if name == "a name that is compared":
            raise UsageError(f"Unknown '{name}'.", "Choose another.")
        yield Progress(stage="training", fraction=0.5)
        yield Notice(text="One row" if rows else "no rows")
        table = {"First token": rows["total_s"], "ttft_s": "yes" if rows else "no"}
        parser.add_argument("--out", metavar="FOLDER", help="where to write")
        logger.info("Seen by nobody else")
        return table.get("a key of words", "Nothing was measured.") + f" and {rows[0].text} more"
'''
EXPECTED = [
    "waiting", "getting ready", "Go", "Starts it.", "Right", "{rows} of {total} rows", "Unknown '{name}'.",
    "Choose another.", "training", "One row", "no rows", "First token", "yes", "no", "where to write",
    "Nothing was measured.", " and {text} more",
]  # fmt: skip
SCRIPT = """// not "a comment"
node.className = "row"
node.textContent = `${Math.round(count)} rows`
node.setAttribute("aria-label", on ? "on" : "off")
root.querySelector("[role=slider], .row")
"""
KNOWN = {
    "app.py": "Adapt Lab",
    "components/run/panel.py": "Quality against latency",
    "components/ui/lane_view.py": "Half of the answers were complete within this time, retrieval included.",
    "components/widgets/lanes/lanes.html": "Variants",
    "components/widgets/lane_parts/lane_parts.js": "being written",
    "engine/analysis/verdict/headline.py": "Choose {pick}: {where}{alone} meets {limits}.",
    "engine/core/errors.py": "Unknown {kind} '{name}'.",
    "engine/core/techniques.py": "A few chosen examples in every prompt.",
    "engine/running/runner.py": "Loading the model",
    "adapters/archives.py": "Pack or download the archive again.",
    "adapters/memo/memo.html.j2": "What would change this:",
    "adapters/memo/memo.md.j2": "## Every pair on the same rows",
    "adapters/memo/wording.py": "A row without an answer counts as wrong and is listed with its reason.",
}


@pytest.fixture(scope="module")
def listed() -> list[Shown]:
    """Read the whole project once."""
    return list(all_strings())


def test_a_module_shows_what_it_hands_to_what_shows(tmp_path: Path) -> None:
    """Labels, help, errors, stages, notices, titles and sentences are found in their order, and nothing else is."""
    path = tmp_path / "page.py"
    path.write_text(MODULE, encoding="utf-8")
    found = strings_of(path, "pages/page.py")
    assert [shown.text for shown in found] == EXPECTED
    lines = MODULE.splitlines()
    assert all(shown.text.split("{")[0] in lines[shown.line - 1] for shown in found)


def test_scripts_and_templates_show_their_texts(tmp_path: Path) -> None:
    """Of a script what is put into nodes counts, of a page its texts and what is read out, of a template also its words."""
    files = {
        "part.js": (
            SCRIPT,
            [(3, "{count} rows"), (4, "on"), (4, "off")],
        ),
        "part.html": ('<p class="a b" title="Shown">\nText</p><style>p { color: red }</style>', [(1, "Shown"), (2, "Text")]),
        "memo.md.j2": (
            '{% if a %}\n# {{ report.of(item).title | markdown }} of {{ n }}\n{{ "yes" if a["no key"] else "never" }}\n',
            [(2, "# {title} of {n}"), (3, "yes"), (3, "never")],
        ),
    }  # fmt: skip
    for name, (text, expected) in files.items():
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        assert [(shown.line, shown.text) for shown in strings_of(path, name)] == expected


@pytest.mark.parametrize(("path", "text"), KNOWN.items())
def test_known_strings_are_listed(listed: list[Shown], path: str, text: str) -> None:
    """A string of each kind that is on screen, in a message or in a memo stands in the list with its file."""
    assert text in {shown.text for shown in listed if shown.path == path}


def test_no_query_and_no_style_is_listed(listed: list[Shown]) -> None:
    """What a database or a browser reads is no text, wherever it stands."""
    code = re.compile(r"json_(?:type|extract|each)\(|\bSELECT .+ FROM\b|^\(prefers-|^:has\(")
    assert [shown for shown in listed if code.search(shown.text)] == []


def test_every_string_stands_at_its_place(listed: list[Shown]) -> None:
    """The line named is one of the file, so that a string is found where the list says."""
    for shown in listed:
        assert 1 <= shown.line <= len((ROOT / shown.path).read_text(encoding="utf-8").splitlines())


def test_no_docstring_is_listed(listed: list[Shown]) -> None:
    """What is written for those who read the source, of modules, classes, functions and attributes, is left out."""
    places = {(shown.path, shown.line) for shown in listed}
    files = [
        file for place in PLACES for file in ([ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py"))
    ]
    docstrings = [
        (file.relative_to(ROOT).as_posix(), node.lineno)
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    assert len(docstrings) > 1000
    assert not places & set(docstrings)


def test_what_the_terminal_shows_as_help_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Of every command and option, under the name that is typed, also where an engine's dataclass describes it."""
    main([])
    told = capsys.readouterr().out.partition("\n## python cli.py\n")[2]
    by_command = {part.partition("\n")[0]: part for part in told.split("\n## python cli.py ")[1:]}
    assert {"compare", "models", "study drift", "lora remove", "bench"} <= set(by_command)
    assert "* --race: Go on without variants that are clearly behind, one by one." in by_command["compare"]
    assert "* --shots: Few-shot: examples shown." in by_command["compare"]
    assert "* Run variants side by side and write the figures." in by_command["compare"]


def test_the_list_is_markdown_with_file_and_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A part of the project can be listed alone, one string a line."""
    main(["app.py"])
    title, *lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert title == "## app.py"
    assert all(line.startswith("* app.py:") for line in lines)
    assert any(line.endswith(": Adapt Lab") for line in lines)
