"""What a command shows: tables on a terminal, tab-separated values in a pipe, one JSON object when asked.

Results go to stdout, all messages to stderr. Control characters in untrusted text never reach a terminal.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.core.text.safe_text import one_line

VERSION = 1
"""Version of the format that `--json` prints."""
UNBROKEN = 32
"""Names up to this length are not wrapped if there is room for them."""
_PADDING, _EDGES = 3, 2
WORDS = 14
"""Minimum width of a column of sentences."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of a listing."""

    heading: str
    figures: bool = False
    """Aligned right and never wrapped."""
    wraps: bool = False
    """Sentences, which are wrapped on a narrow terminal; names are folded and never cut."""
    spare: bool = False
    """Left out, starting with the last one, if the terminal has no room for all columns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A table to be shown."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    title: str = ""
    """Shown above the table on a terminal."""
    about: Mapping[str, str] = field(default_factory=dict)
    """Facts that apply to all rows, by heading; in a pipe, which has no title, they are extra columns."""
    empty: str = ""
    """What a terminal shows if there are no rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """Sentences to be shown, one per line."""

    heading: str
    """Heading of the single column that they form in a pipe."""
    lines: Sequence[str]


def show(*parts: Listing | Lines | None) -> None:
    """Print results: for reading on a terminal, elsewhere as blocks of tab-separated values with a header each."""
    console = Console(highlight=False)
    if not console.is_terminal:
        blocks = [_tab_separated(part) for part in parts if part is not None and not _says_nothing(part)]
        sys.stdout.write("\n".join(blocks))
        return
    for part in parts:
        if part is None:
            continue
        if isinstance(part, Lines):
            for line in part.lines:
                console.print(Text(one_line(line)), soft_wrap=True)
        elif part.rows:
            console.print(_table(part, console.width))
        elif part.empty:
            console.print(Text(one_line(part.empty)), soft_wrap=True)


def show_json(data: Mapping[str, Any]) -> None:
    """Print one JSON object in ASCII: all other characters, including terminal control characters, are escaped."""
    print(json.dumps({"version": VERSION, **plain_data(data)}, indent=2, allow_nan=False))  # noqa: T201 - the result


def plain_data(value: Any) -> Any:
    """Convert dataclasses, mappings and enums to JSON data; infinity and not-a-number become null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain_data(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_data(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def answer(text: str) -> None:
    """Print a sentence on stdout: the result of a command without a table."""
    Console(highlight=False).print(Text(one_line(text)), soft_wrap=True)


def note(text: str, *, dim: bool = False) -> None:
    """Print a message on stderr, separate from the results."""
    Console(stderr=True, highlight=False).print(Text(one_line(text)), style="dim" if dim else None, soft_wrap=True)


def _says_nothing(part: Listing | Lines) -> bool:
    return isinstance(part, Lines) and not part.lines


def _tab_separated(part: Listing | Lines) -> str:
    if isinstance(part, Lines):
        lines = [[part.heading], *([line] for line in part.lines)]
    else:
        lines = [
            [*part.about, *(column.heading for column in part.columns)],
            *([*part.about.values(), *row] for row in part.rows),
        ]
    return "".join("\t".join(one_line(cell) for cell in line) + "\n" for line in lines)


def _table(listing: Listing, width: int) -> Table:
    shown, names_fit = _fitting(listing, width)
    table = Table(title=Text(one_line(listing.title)) if listing.title else None, box=SIMPLE_HEAD)
    for place in shown:
        column = listing.columns[place]
        table.add_column(
            Text("\n".join(_heading_lines(column))),
            justify="right" if column.figures else "left",
            no_wrap=column.figures or (names_fit and not column.wraps),
            overflow="fold",
        )
    for row in listing.rows:
        table.add_row(*(Text(one_line(row[place])) for place in shown))
    return table


def _fitting(listing: Listing, width: int) -> tuple[list[int], bool]:
    """Return the positions of the columns that fit on the terminal, and whether names fit without wrapping."""
    shown = list(range(len(listing.columns)))
    needs = [_least_width(listing, place) + _PADDING for place in shown]
    for place in reversed(shown):
        if sum(needs[one] for one in shown) + _EDGES <= width:
            break
        if listing.columns[place].spare:
            shown = [one for one in shown if one != place]
    return shown, sum(needs[one] for one in shown) + _EDGES <= width


def _heading_lines(column: Column) -> list[str]:
    """Put a heading's mark, as in "p95 (est.)", on a line of its own, so that it takes no room from other columns."""
    words, bracket, mark = one_line(column.heading).partition(" (")
    return [words, f"({mark}"] if bracket else [words]


def _least_width(listing: Listing, place: int) -> int:
    column = listing.columns[place]
    texts = (*_heading_lines(column), *(one_line(row[place]) for row in listing.rows))
    longest = max(map(len, texts))
    if column.figures:
        return longest
    return min(longest, WORDS if column.wraps else UNBROKEN)
