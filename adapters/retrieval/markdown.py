"""Tells the top blocks of a Markdown text apart: headings, paragraphs, lists, code, tables, with their offsets.

markdown-it-py reads the text as CommonMark with tables; its tokens say which lines they stand on, and lines lead back
to the characters by which a chunk is found again in its document. Much of what comes in is not Markdown at all but text
out of a PDF or a mail, so what only looks like a construct is read as a paragraph: HTML, link definitions, indented
lines, and a lone dash or an underline below several lines, which would make a heading as long as a page. Rows between
bars are a table without the line below its head, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

Span = tuple[int, int]
"""Character offsets, end exclusive."""

_LINE_BREAK = re.compile(r"\r\n?|\n")
_UNDERLINES = ("=", "-")
_UNDERLINED = re.compile(r"[^\r\n]+(?:\r\n?|\n)\s*(?:=+|-{2,})\s*")


class BlockKind(StrEnum):
    """What a block is; all but headings hold text to be found."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    CODE = "code"
    TABLE = "table"


_KINDS = {
    "heading_open": BlockKind.HEADING,
    "bullet_list_open": BlockKind.LIST,
    "ordered_list_open": BlockKind.LIST,
    "fence": BlockKind.CODE,
    "table_open": BlockKind.TABLE,
}
"""Kinds by the type of the token that opens a block; all others are paragraphs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Lines that belong together. only headings have `level` and `title`."""

    kind: BlockKind
    span: Span
    level: int = 0
    title: str = ""


def parse_blocks(text: str) -> list[Block]:
    """Split a text into its blocks, in order; blank lines belong to none."""
    lines = _lines(text)
    first = _front_matter_end(text, lines)
    blocks = [Block(kind=BlockKind.TABLE, span=(0, lines[first - 1][1]))] if first else []
    tokens = _parser().parse(text[lines[first][0] :]) if first < len(lines) else []
    for number, token in enumerate(tokens):
        if token.level or token.map is None:
            continue
        begin, end = (first + line for line in token.map)
        while not text[slice(*lines[end - 1])].strip() and end - 1 > begin:
            end -= 1
        span = (lines[begin][0], lines[end - 1][1])
        kind = _kind(token, text[slice(*span)])
        if kind is BlockKind.HEADING:
            title = tokens[number + 1].content.strip()
            blocks.append(Block(kind=kind, span=span, level=int(token.tag[1:]), title=title))
        else:
            blocks.append(Block(kind=kind, span=span))
    return blocks


def _kind(token: Token, piece: str) -> BlockKind:
    kind = _KINDS.get(token.type, BlockKind.PARAGRAPH)
    if kind is BlockKind.HEADING and token.markup in _UNDERLINES and not _UNDERLINED.fullmatch(piece):
        return BlockKind.PARAGRAPH
    if kind is BlockKind.PARAGRAPH and all(line.startswith("|") for line in map(str.lstrip, piece.splitlines())):
        return BlockKind.TABLE
    return kind


@cache
def _parser() -> MarkdownIt:
    """Set up the parser once: blocks only, since what is within a line does not move a cut."""
    parser = MarkdownIt("commonmark").enable("table").disable(["html_block", "reference"])
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def _front_matter_end(text: str, lines: list[Span]) -> int:
    """Count the lines of YAML front matter, 0 if there is none: its last `---` must not make a heading."""
    marks = (number for number, (start, end) in enumerate(lines) if text[start:end].strip() == "---")
    if next(marks, None) != 0:
        return 0
    return next(marks, -1) + 1


def _lines(text: str) -> list[Span]:
    """Return where each line begins and ends, its line break left out."""
    breaks = list(_LINE_BREAK.finditer(text))
    starts = [0, *(found.end() for found in breaks)]
    return list(zip(starts, [*(found.start() for found in breaks), len(text)], strict=True))
