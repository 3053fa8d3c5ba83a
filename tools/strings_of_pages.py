"""The user-visible strings in the widgets' scripts and pages, and in the memo's templates, with their lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from tools.strings_rules import FORMAT_FIELD, has_letters, is_code, reads_as_text

Found = tuple[int, str]
_JS = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`", re.DOTALL)
_SHOWING = re.compile(
    r"(?:textContent|innerText|title|placeholder|ariaLabel|alt)\s*=[^=]|"
    r"setAttribute\(\s*[\"'](?:aria-label|aria-valuetext|title|alt|placeholder)[\"']|const [A-Z]+ = \{[^}\n]*\w \w"
)
_ATTRIBUTES = {"alt", "aria-label", "placeholder", "title"}
_SIGNS = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_STATEMENT = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_IN_EXPRESSION = re.compile(r"(?<![\[\w])\"([^\"]*)\"(?!\s*\])")


def strings_of_script(text: str) -> Iterator[Found]:
    """Return what a script shows: what it inserts into nodes as text, and everything else that reads as text."""
    for match in _JS.finditer(text):
        literal = match.group()
        if literal.startswith(("//", "/*")):
            continue
        line_start = text.rfind("\n", 0, match.start()) + 1
        line_end = text.find("\n", match.start())
        before, line = text[line_start : match.start()], text[line_start:line_end]
        shown = re.sub(r"\$\{([^}]*)\}", lambda found: f"{{{_name(found[1])}}}", literal[1:-1])
        bare = FORMAT_FIELD.sub("{}", shown)
        put = bool(_SHOWING.search(before)) or (line.startswith("const ") and bool(_SHOWING.search(line)))
        told = put and has_letters(bare) and not is_code(bare)
        if (told or reads_as_text(bare)) and shown not in _ATTRIBUTES and not shown.startswith(("aria-", "--")):
            yield text.count("\n", 0, match.start()) + 1, shown


def strings_of_html(text: str) -> Iterator[Found]:
    """Return the texts of a page, and the attributes that are shown or read by screen readers."""
    reader = _Page()
    reader.feed(text)
    yield from reader.found


def strings_of_template(text: str) -> Iterator[Found]:
    """Return the texts of a template, and those inside its expressions."""
    for match in _SIGNS.finditer(text):
        for words in _IN_EXPRESSION.findall(match[1]):
            if has_letters(words) and not is_code(words):
                yield text.count("\n", 0, match.start()) + 1, words
    named = _SIGNS.sub(lambda found: f"{{{_name(found[1])}}}" + "\n" * found[0].count("\n"), text)
    plain = _STATEMENT.sub(lambda found: "\n" * found[0].count("\n"), named)
    if "<html" in plain:
        yield from strings_of_html(plain)
        return
    for number, line in enumerate(plain.splitlines(), start=1):
        if has_letters(line):
            yield number, line.strip()


def _name(expression: str) -> str:
    """Name a placeholder by the last name of its first part."""
    bare = re.sub(r"\"[^\"]*\"|\[[^\[\]]*\]|Math\.\w+", "", expression)
    for _ in range(3):  # calls within calls
        bare = re.sub(r"(?<=\w)\([^()]*\)", "", bare)
    names = re.findall(r"[A-Za-z_]\w*", re.split(r"[|~]|\bif\b", bare)[0])
    return names[-1] if names else "…"


class _Page(HTMLParser):
    """Collects texts; a run of text ends where an element begins or ends."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Found] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"style", "script"}:
            self._inside.append(tag)
        for name, value in attrs:
            if name in _ATTRIBUTES and value and has_letters(value):
                self.found.append((self.getpos()[0], value))

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        for number, line in enumerate(data.split("\n")):
            if not self._inside and has_letters(line):
                self.found.append((self.getpos()[0] + number, line.strip()))
