"""Tells the blocks of a Markdown text apart: headings, paragraphs, lists, code, tables, with their offsets.

No Markdown library is used: those at hand turn text into a tree and drop the character offsets by which a
chunk must be found again in its document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

Span = tuple[int, int]
"""Character offsets, end exclusive."""

_ATX_HEADING = re.compile(r"^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-{2,})[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_LIST_ITEM = re.compile(r"^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\S")
_INDENTED = re.compile(r"^(?: {2,}|\t)\S")
_TABLE_ROW = re.compile(r"^ {0,3}\|")


class BlockKind(StrEnum):
    """What a block is; all but headings hold text to be found."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    CODE = "code"
    TABLE = "table"


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Lines that belong together. `level` and `title` are of headings alone."""

    kind: BlockKind
    span: Span
    level: int = 0
    title: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    text: str
    start: int
    end: int


def parse_blocks(text: str) -> list[Block]:
    """Split a text into its blocks, in order; blank lines belong to none."""
    lines = _lines(text)
    blocks: list[Block] = []
    position = _front_matter_end(lines)
    if position:
        blocks.append(_block(BlockKind.TABLE, lines, 0, position))
    while position < len(lines):
        line = lines[position].text
        if not line.strip():
            position += 1
            continue
        heading = _ATX_HEADING.match(line)
        if heading:
            title, level = (heading[2] or "").strip(), len(heading[1])
            blocks.append(_block(BlockKind.HEADING, lines, position, position + 1, level=level, title=title))
            position += 1
            continue
        underline = _UNDERLINE.match(lines[position + 1].text) if position + 1 < len(lines) else None
        if underline and _is_plain(line):
            level = 1 if underline[1].startswith("=") else 2
            blocks.append(_block(BlockKind.HEADING, lines, position, position + 2, level=level, title=line.strip()))
            position += 2
            continue
        kind, end = _text_block(lines, position)
        blocks.append(_block(kind, lines, position, end))
        position = end
    return blocks


def _text_block(lines: list[_Line], first: int) -> tuple[BlockKind, int]:
    """Tell the kind of the block that begins at a line, and the line after its end."""
    fence = _FENCE.match(lines[first].text)
    if fence:
        return BlockKind.CODE, _fence_end(lines, first, fence[1])
    if _LIST_ITEM.match(lines[first].text):
        return BlockKind.LIST, _list_end(lines, first)
    if _TABLE_ROW.match(lines[first].text):
        return BlockKind.TABLE, _run_end(lines, first, _TABLE_ROW)
    end = first + 1
    while end < len(lines) and _is_plain(lines[end].text):
        end += 1
    return BlockKind.PARAGRAPH, end


def _is_plain(line: str) -> bool:
    """Tell whether a line can only be part of a paragraph."""
    special = (_ATX_HEADING, _FENCE, _LIST_ITEM, _TABLE_ROW)
    return bool(line.strip()) and not any(pattern.match(line) for pattern in special)


def _fence_end(lines: list[_Line], first: int, fence: str) -> int:
    """Find the line after a code block; one that is never closed runs to the end, as CommonMark has it."""
    for position in range(first + 1, len(lines)):
        stripped = lines[position].text.strip()
        if stripped.startswith(fence) and not stripped.strip(fence[0]):
            return position + 1
    return len(lines)


def _list_end(lines: list[_Line], first: int) -> int:
    """Find the line after a list: items, their continuations, and blank lines between them."""
    end = first + 1
    for position in range(first + 1, len(lines)):
        line = lines[position].text
        if not line.strip():
            continue
        after_blank = not lines[position - 1].text.strip()
        if _LIST_ITEM.match(line) or _INDENTED.match(line) or (not after_blank and _is_plain(line)):
            end = position + 1
        else:
            break
    return end


def _run_end(lines: list[_Line], first: int, pattern: re.Pattern[str]) -> int:
    end = first + 1
    while end < len(lines) and pattern.match(lines[end].text):
        end += 1
    return end


def _front_matter_end(lines: list[_Line]) -> int:
    """Find the line after YAML front matter, 0 if there is none: its last `---` must not make a heading."""
    if not lines or lines[0].text.strip() != "---":
        return 0
    for position in range(1, len(lines)):
        if lines[position].text.strip() == "---":
            return position + 1
    return 0


def _block(kind: BlockKind, lines: list[_Line], first: int, end: int, *, level: int = 0, title: str = "") -> Block:
    return Block(kind=kind, span=(lines[first].start, lines[end - 1].end), level=level, title=title)


def _lines(text: str) -> list[_Line]:
    lines: list[_Line] = []
    start = 0
    for part in text.split("\n"):
        lines.append(_Line(text=part.rstrip("\r"), start=start, end=start + len(part)))
        start += len(part) + 1
    return lines
