"""List every user-visible string for proofreading: `python -m tools.strings [PATH ...] > strings.md`.

The tool parses Python into a syntax tree, so that it knows which call a string is an argument of; it reads JavaScript,
HTML and the memo's templates as text. Placeholders are in braces. Docstrings are left out; what the terminal shows as
help stands at the end, as the parser has it.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.strings_of_help import strings_of_help
from tools.strings_of_pages import strings_of_html, strings_of_script, strings_of_template
from tools.strings_rules import FORMAT_FIELD, has_letters, is_code, is_title, reads_as_text

ROOT = Path(__file__).parents[1]
PLACES = (
    "app.py",
    "cli.py",
    "terminal",
    "pages",
    "components",
    "engine",
    "adapters",
    "tools/serve.py",
    "tools/port_is_free.py",
)
READERS = {".js": strings_of_script, ".html": strings_of_html, ".j2": strings_of_template}


@dataclass(frozen=True, slots=True)
class Shown:
    """One string and its location."""

    path: str
    line: int
    text: str


class Look(IntEnum):
    """Which strings at some place in the code count as shown."""

    HIDDEN = 0
    """A key, a name, a pattern: never."""
    TEXT = 1
    """Everything that reads as text."""
    WORDS = 2
    """Also a lower-case word, unless it is written like a name."""
    SHOWN = 3
    """Everything with a letter: it is an argument of a call that shows it."""


_SHOWING_KEYWORDS = {
    "alt", "body", "caption", "description", "detail", "epilog", "fix", "headline", "help", "hint", "label", "message",
    "note", "notes", "page_title", "placeholder", "problem", "reason", "sentence", "show_spinner", "stage", "subtitle",
    "summary", "text", "title", "unit", "what", "words",
}  # fmt: skip
"""Keyword arguments that hold text for people, in any call."""
_HIDDEN_KEYWORDS = {
    "alignment", "anchor", "args", "border", "codec", "color", "color_scale", "dest", "dtype", "encoding", "errors",
    "file_name", "format", "gap", "group_by", "height", "help_format", "horizontal_alignment", "icon", "id", "justify",
    "key", "key_prefix", "kind", "label_visibility", "language", "layout", "metavar", "mime", "mode", "newline", "on",
    "on_change", "on_click", "on_select", "overflow", "parse", "pattern", "prefix", "selection_mode", "size", "status",
    "style", "suffix", "type", "url_path", "vertical_alignment", "width",
}  # fmt: skip
_ELEMENTS = {
    "add_argument_group", "add_column", "add_row", "add_task", "badge", "button", "caption", "checkbox", "dialog",
    "download_button", "error", "exit", "expander", "file_uploader", "form_submit_button", "header", "info",
    "link_button", "markdown", "metric", "multiselect", "note", "number_input", "page_link", "pills", "popover",
    "print", "progress", "radio", "segmented_control", "select_slider", "selectbox", "slider", "spinner", "subheader",
    "success", "tabs", "text_area", "text_input", "toast", "toggle", "warning", "write",
}  # fmt: skip
"""Methods of Streamlit, Rich and the argument parser that show their arguments."""
_SHOWING_TYPES = {"Finding", "Group", "Notice", "Progress", "Sentence"}
_WRAPPERS = {"capitalize", "cast", "dict", "escape", "format", "inert", "join", "lower", "plain", "str", "visible"}
"""Their return value is shown in place of their arguments."""
_TECHNICAL = {
    "Literal", "NewType", "Path", "Popen", "TypeVar", "add_set_handler", "alias", "check_output", "col", "compile",
    "decode", "encode", "endswith", "execute", "executemany", "executescript", "filterwarnings", "find_spec",
    "findall", "finditer", "fullmatch", "get_template", "getLogger", "getattr", "getenv", "glob", "hasattr",
    "import_module", "index", "iskeyword", "lit", "match", "open", "partition", "read_text", "removeprefix",
    "removesuffix", "replace", "rglob", "rpartition", "rsplit", "run", "search", "set_defaults", "setattr", "split",
    "startswith", "strftime", "strip", "sub", "switch_page", "with_suffix",
}  # fmt: skip
"""Calls whose strings are keys, patterns, paths or queries."""
_METHODS = {"index", "partition", "replace", "run", "search", "split", "strip", "sub"}
"""Of those, what as a bare name is something else."""
_KEYED = {"get", "pop", "setdefault"}
"""Methods whose first argument is a key."""
_LOGGERS = {"log", "logger", "logging", "_log", "_logger"}
_STREAMLIT_HIDDEN = {"cache_data", "cache_resource", "component", "form", "html", "query_params", "session_state"}
_FRONT = ("app.py", "cli.py", "terminal", "pages", "components")
_OWN_ENDINGS = re.compile(r"(Error|Refusal|unknown_name|ArgumentTypeError)$")
_BUILTIN_ERRORS = {name for name in dir(builtins) if name.endswith("Error")}


class _Reader:
    """Walks one module and collects what it shows."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.found: dict[tuple[int, int, str], Shown] = {}
        self._returns = Look.WORDS if path.split("/", maxsplit=1)[0] in _FRONT else Look.TEXT

    def read(self, node: ast.AST, look: Look = Look.TEXT) -> None:
        """Collect what a part of the tree shows, given which strings count in its place."""
        match node:
            case ast.Constant(value=str() as text):
                self._take(node, text, look)
            case ast.JoinedStr():
                self._take(node, written(node), look)
                self._all([part.value for part in node.values if isinstance(part, ast.FormattedValue)], look)
            case ast.Call():
                self._call(node, look)
            case ast.Dict():
                self._dict(node, look)
            case ast.IfExp() | ast.Compare() | ast.Subscript():
                self._half_shown(node, look)
            case ast.stmt():
                self._statement(node)
            case ast.match_case():
                self._all([*([node.guard] if node.guard else []), *node.body], Look.TEXT)
            case _:
                self._all(ast.iter_child_nodes(node), look)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=ast.Constant(value=str())) | ast.Assign(targets=[ast.Name(id="__all__")]):
                return  # a docstring of a module, a class, a function or an attribute; names
            case ast.AnnAssign():
                self.read(node.annotation, Look.HIDDEN)
                self._all([node.value] if node.value is not None else [], Look.TEXT)
            case ast.Return(value=ast.expr() as value):
                self.read(value, self._returns)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node)
            case _:
                self._all(ast.iter_child_nodes(node), Look.TEXT)

    def _half_shown(self, node: ast.IfExp | ast.Compare | ast.Subscript, look: Look) -> None:
        """Read what has a part that is never shown: a condition, what is compared, a key."""
        match node:
            case ast.IfExp():
                self.read(node.test, Look.HIDDEN)
                self._all([node.body, node.orelse], look)
            case ast.Compare():
                self._all([node.left, *node.comparators], Look.HIDDEN)
            case ast.Subscript():
                self.read(node.value, look)
                named = isinstance(node.slice, ast.Constant) and is_title(str(node.slice.value))
                column = named and isinstance(node.ctx, ast.Store)
                self.read(node.slice, Look.SHOWN if column else Look.HIDDEN)

    def _all(self, nodes: Iterable[ast.AST], look: Look) -> None:
        for node in nodes:
            self.read(node, look)

    def _take(self, node: ast.expr, text: str, look: Look) -> None:
        bare = FORMAT_FIELD.sub("{}", text)
        name_like = bool(re.fullmatch(r"[\w{}./-]*[_/.{}-][\w{}./-]*", bare.strip()))
        shown = {
            Look.HIDDEN: False,
            Look.TEXT: reads_as_text(bare),
            Look.WORDS: reads_as_text(bare) or (has_letters(bare) and not is_code(bare) and not name_like),
            Look.SHOWN: has_letters(bare) and not is_code(bare),
        }[look]
        if shown:
            self.found[node.lineno, node.col_offset, text] = Shown(self.path, node.lineno, text)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        before, self._returns = self._returns, self._returns
        if not (isinstance(node.returns, ast.Name) and node.returns.id == "str"):
            self._returns = Look.TEXT
        self._all([*node.decorator_list, *node.body], Look.TEXT)
        arguments = node.args
        self._all([one for one in [*arguments.defaults, *arguments.kw_defaults] if one is not None], Look.TEXT)
        for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            if argument.annotation is not None:
                self.read(argument.annotation, Look.HIDDEN)
        self._returns = before

    def _dict(self, node: ast.Dict, look: Look) -> None:
        texts = [value for value in node.values if isinstance(value, ast.Constant) and isinstance(value.value, str)]
        told = len(texts) == len(node.values) > 1 and any(reads_as_text(str(one.value)) for one in texts)
        for key, value in zip(node.keys, node.values, strict=True):
            titled = False
            if isinstance(key, ast.Constant | ast.JoinedStr) and look is not Look.HIDDEN:
                name = written(key)
                titled = is_title(FORMAT_FIELD.sub("{}", name))
                self.read(key, Look.SHOWN if titled else Look.TEXT)
            elif key is not None:
                self.read(key, Look.HIDDEN)
            self.read(value, max(look, Look.WORDS) if (titled or told) and look is not Look.HIDDEN else look)

    def _call(self, node: ast.Call, look: Look) -> None:
        root, last = _root(node.func), _last(node.func)
        if isinstance(node.func, ast.Attribute):
            self.read(node.func.value, look if last in _WRAPPERS else Look.TEXT if last not in _TECHNICAL else look)
        in_call, in_keywords = self._looks(node, root, last, look)
        in_first = Look.HIDDEN if last in _KEYED and isinstance(node.func, ast.Attribute) else in_call
        self._all(node.args[:1], in_first)
        self._all(node.args[1:], in_call)
        for keyword in node.keywords:
            name = keyword.arg or ""
            shown = Look.SHOWN if name in _SHOWING_KEYWORDS and root not in _LOGGERS else in_keywords
            self.read(keyword.value, Look.HIDDEN if name in _HIDDEN_KEYWORDS else shown)

    @staticmethod
    def _looks(node: ast.Call, root: str, last: str, look: Look) -> tuple[Look, Look]:
        """Return how strings count that are arguments of a call: positional ones, and keyword ones."""
        if root in _LOGGERS or (root == "st" and _STREAMLIT_HIDDEN & set(_parts(node.func))):
            return Look.HIDDEN, Look.HIDDEN
        if last in _TECHNICAL and (isinstance(node.func, ast.Attribute) or last not in _METHODS):
            return Look.HIDDEN, Look.HIDDEN
        own_error = bool(_OWN_ENDINGS.search(last)) and last not in _BUILTIN_ERRORS
        if own_error or root == "st" or last in _ELEMENTS:
            return Look.SHOWN, Look.TEXT
        return (look if last in _WRAPPERS else Look.WORDS if last in _SHOWING_TYPES else Look.TEXT), Look.TEXT


def written(node: ast.expr) -> str:
    """Return a string as it is written in the source, with the names of placeholders in braces."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            f"{{{_named(v.value)}}}" if isinstance(v, ast.FormattedValue) else written(v) for v in node.values
        )
    return ""


def _named(node: ast.expr) -> str:
    """Name a placeholder: the last name of an attribute, the innermost argument of a call."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(args=[first, *_]) if not isinstance(first, ast.Constant | ast.GeneratorExp | ast.JoinedStr):
            return _named(first)
        case ast.Call(func=function):
            return _named(function)
        case ast.Subscript(slice=ast.Constant(value=key)):
            return str(key)
        case ast.Subscript(value=value) | ast.BinOp(left=value) | ast.UnaryOp(operand=value):
            return _named(value)
        case _:
            return "…"


def _parts(node: ast.expr) -> list[str]:
    parts = []
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        else:
            node = node.func
    return [*parts, node.id] if isinstance(node, ast.Name) else parts


def _root(node: ast.expr) -> str:
    return _parts(node)[-1] if _parts(node) else ""


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def strings_of(path: Path, name: str) -> list[Shown]:
    """Return what one file shows, in order.

    Args:
        path: a Python module, a script, a page or a template.
        name: the file's name in the list.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        reader = _Reader(name)
        reader.read(ast.parse(text))
        return [shown for _, shown in sorted(reader.found.items())]
    return [Shown(name, line, found) for line, found in sorted(READERS[path.suffix](text), key=lambda one: one[0])]


def all_strings(places: Sequence[str] = PLACES, *, root: Path = ROOT) -> Iterator[Shown]:
    """Return every string that a person can see, file by file."""
    for place in places:
        start = root / place
        files = [start] if start.is_file() else sorted(file for file in start.rglob("*") if file.is_file())
        for file in files:
            if file.suffix == ".py" or file.suffix in READERS:
                yield from strings_of(file, file.relative_to(root).as_posix())


def main(places: Sequence[str]) -> None:
    """Write the list as Markdown; the help of the terminal goes with the whole list alone."""
    path = ""
    for shown in all_strings([place.rstrip("/") for place in places] or PLACES):
        if shown.path != path:
            path = shown.path
            sys.stdout.write(f"\n## {path}\n\n")
        sys.stdout.write(f"* {shown.path}:{shown.line}: {_in_a_line(shown.text)}\n")
    if not places:
        _write_help()


def _write_help() -> None:
    from cli import app  # it is the parser with every command, and takes a second

    before = None
    for command, option, text in strings_of_help(app):
        if command != before:
            before = command
            sys.stdout.write(f"\n## {f'python cli.py {command}'.strip()}\n\n")
        sys.stdout.write(f"* {option}: {_in_a_line(text)}\n" if option else f"* {_in_a_line(text)}\n")


def _in_a_line(text: str) -> str:
    return text.strip("\n").replace("\n", " ⏎ ")


if __name__ == "__main__":
    main(sys.argv[1:])
