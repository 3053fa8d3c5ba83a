"""Cuts a Markdown document into chunks small enough to embed, each under its headings.

Sizes are in words, because a user sets them. A word is a run of up to 40 characters without a blank; of Chinese,
Japanese and Korean each character counts as one, and Thai, Lao, Khmer and Burmese words are found by dictionary. The
heading line of a chunk is not counted. English sentences end as a regular expression says; those of other languages, by
Unicode's rules.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters.retrieval.markdown import Block, BlockKind, Span, parse_blocks
from engine.core.errors import UsageError
from engine.core.task import Document
from engine.core.text.languages import tell_languages
from engine.core.text.segments import BY_DICTIONARY, UNKNOWN_LANGUAGE, sentence_spans, size_spans

_BLANKS = re.compile(r"\s+")
_SENTENCE_END = re.compile(
    r"""(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\b[DM]r\.)(?<!\bMrs\.)(?<!\bNo\.)   # a full stop that ends no sentence
        (?: (?<=[.!?…])\s+ | (?<=[.!?…]["')\]»”\u2019*_])\s+ | (?<=[\u3002\uff01\uff1f]) )
        (?=\S)(?![a-z])""",
    re.VERBOSE,
)
_LIST_ITEM = re.compile(r"^(?=[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t])", re.MULTILINE)
_LINE = re.compile(r"^(?=.*\S)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """A piece of a document. `document.text[start:end]` is its body, character for character."""

    id: str
    """The document's name, `#`, and a number that counts from 1."""
    document: str
    headings: tuple[str, ...]
    """The titles above the body, outermost first."""
    body: str
    start: int
    end: int

    @property
    def text(self) -> str:
        """The body under one line that names its headings: what is embedded, searched and shown to the model."""
        return f"{' > '.join(self.headings)}\n{self.body}" if self.headings else self.body


def count_words(text: str) -> int:
    """Count words as chunk sizes count them."""
    return sum(1 for _ in size_spans(text))


def language_of(document: Document) -> str:
    """Return the language by whose rules a document's sentences end; empty for English, and where it is not known."""
    if document.text.isascii():
        return ""
    told = tell_languages(document.text.split("\n"))
    if told.is_english:
        return UNKNOWN_LANGUAGE if BY_DICTIONARY.search(document.text) else ""
    return told.code or UNKNOWN_LANGUAGE


def part_of_id(documents: Sequence[Document]) -> list[str]:
    """Return what an index's id holds of how its documents are cut: nothing for English ones, as ever."""
    return [f"cut by the rules of {code}" for code in dict.fromkeys(map(language_of, documents)) if code]


def chunk_document(document: Document, *, size_words: int, overlap_words: int = 0) -> list[Chunk]:
    """Cut a document; a chunk never spans two headings and holds 1 to `size_words` words.

    A sentence is split only if it alone exceeds the size; code blocks, lists and tables stay whole if they
    fit. The overlap repeats the last whole sentences of the chunk before, up to `overlap_words` words.

    Raises:
        UsageError: the size is below 1, or the overlap is negative or not below the size.
    """
    if size_words < 1:
        raise UsageError(f"A passage of {size_words} words cannot be cut.", "Choose at least 1 word.")
    if not 0 <= overlap_words < size_words:
        raise UsageError(
            f"An overlap of {overlap_words} words does not go with passages of {size_words} words.",
            "Choose an overlap from 0 to below the size of a passage.",
        )
    chunks: list[Chunk] = []
    language = language_of(document)
    for headings, blocks in _sections(parse_blocks(document.text)):
        units = [unit for block in blocks for unit in _units(document.text, block, size_words, language)]
        for start, end in _pack(document.text, units, size_words, overlap_words):
            chunks.append(
                Chunk(
                    id=f"{document.name}#{len(chunks) + 1}",
                    document=document.name,
                    headings=headings,
                    body=document.text[start:end],
                    start=start,
                    end=end,
                )
            )
    return chunks


def _sections(blocks: Sequence[Block]) -> Iterator[tuple[tuple[str, ...], list[Block]]]:
    """Yield each heading path with the blocks directly under it."""
    path: list[tuple[int, str]] = []
    body: list[Block] = []
    for block in blocks:
        if block.kind is not BlockKind.HEADING:
            body.append(block)
            continue
        if body:
            yield tuple(title for _, title in path), body
            body = []
        path = [(level, title) for level, title in path if level < block.level]
        if block.title:
            path.append((block.level, block.title))
    if body:
        yield tuple(title for _, title in path), body


def _units(text: str, block: Block, size_words: int, language: str) -> Iterator[Span]:
    """Yield the spans of a block that are not to be split: the whole of it, or its items, lines or sentences."""
    span = _trimmed(text, block.span)
    if span is None:
        return
    if block.kind is not BlockKind.PARAGRAPH and count_words(text[span[0] : span[1]]) <= size_words:
        yield span
        return
    if block.kind is BlockKind.PARAGRAPH:
        parts = _sentences(text, span, language)
    else:
        parts = _cut(text, span, _LIST_ITEM if block.kind is BlockKind.LIST else _LINE)
    for part in parts:
        if count_words(text[part[0] : part[1]]) <= size_words:
            yield part
        elif block.kind is BlockKind.LIST:
            yield from _units(text, Block(kind=BlockKind.PARAGRAPH, span=part), size_words, language)
        elif BY_DICTIONARY.search(text, *part):
            for clause in _cut(text, part, _BLANKS):  # these scripts put a blank where a clause or sentence ends
                yield from _word_runs(text, clause, size_words)
        else:
            yield from _word_runs(text, part, size_words)


def _sentences(text: str, span: Span, language: str) -> Iterator[Span]:
    if not language:
        yield from _cut(text, span, _SENTENCE_END)
        return
    for start, end in sentence_spans(text[span[0] : span[1]], language):
        part = _trimmed(text, (span[0] + start, span[0] + end))
        if part is not None:
            yield part


def _cut(text: str, span: Span, pattern: re.Pattern[str]) -> Iterator[Span]:
    """Cut a span wherever the pattern matches; what has no visible character is left out."""
    piece = text[span[0] : span[1]]
    edges = [0, *(found.end() for found in pattern.finditer(piece)), len(piece)]
    for start, end in itertools.pairwise(edges):
        part = _trimmed(text, (span[0] + start, span[0] + end))
        if part is not None:
            yield part


def _word_runs(text: str, span: Span, size_words: int) -> Iterator[Span]:
    """Cut a sentence that is too long after every `size_words` words."""
    words = list(size_spans(text[span[0] : span[1]]))
    for first in range(0, len(words), size_words):
        run = words[first : first + size_words]
        yield span[0] + run[0][0], span[0] + run[-1][1]


def _trimmed(text: str, span: Span) -> Span | None:
    """Drop blanks at both ends; None if nothing is left."""
    piece = text[span[0] : span[1]]
    if not piece.strip():
        return None
    return span[0] + len(piece) - len(piece.lstrip()), span[0] + len(piece.rstrip())


def _pack(text: str, units: Sequence[Span], size_words: int, overlap_words: int) -> Iterator[Span]:
    """Join units that follow each other into spans of at most `size_words` words."""
    sizes = [count_words(text[start:end]) for start, end in units]
    first, total = 0, 0
    for position, size in enumerate(sizes):
        if total + size > size_words and total:
            yield units[first][0], units[position - 1][1]
            first, total = position, 0
            while first and total + sizes[first - 1] <= min(overlap_words, size_words - size):
                first -= 1
                total += sizes[first]
        total += size
    if units:
        yield units[first][0], units[-1][1]
