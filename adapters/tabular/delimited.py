"""CSV, TSV and the like: the dialect found from the file, then a strict reading (RFC 4180). Cells are not touched."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath
from typing import Any

from adapters.tabular.encodings import chosen_encoding, detect_encoding, undecodable
from adapters.tabular.source import MAX_BYTES, Opened, Row, Source
from engine.core.errors import TableError
from engine.ingest.table import DELIMITERS, Reading, ReadOptions
from engine.metrics import wording as say

_SAMPLE_ROWS = 100
_SAMPLE_CHARACTERS = 1_000_000
_NAMED_LINES = 5


@dataclass(frozen=True, slots=True)
class _Guess:
    delimiter: str
    width: int
    agreement: float
    """Share of the sampled rows that are as wide as the header."""


def open_delimited(source: Source, asked: ReadOptions) -> Opened:
    """Open a file of cells with a delimiter between them.

    Raises:
        TableError: the encoding or dialect asked for does not exist, or the file is not text.
    """
    encoding = chosen_encoding(asked.encoding) if asked.encoding else detect_encoding(source.name, source.data)
    codec = encoding.codec
    quote = '"' if asked.quote is None else asked.quote
    named = _named_delimiter(source, codec)
    if asked.delimiter:
        delimiter, reason = asked.delimiter, f"{_sign(asked.delimiter)}: you chose it."
    elif named:
        delimiter, reason = named, f"{_sign(named)}: the file's first line names it."
    else:
        delimiter, reason = _delimiter(source, codec, quote)
    _check_dialect(delimiter, quote)
    stream = source.stream()
    notes: list[str] = []
    return Opened(
        reading=Reading(
            format="CSV",
            encoding=codec.removesuffix("-sig"),
            delimiter=delimiter,
            quote=quote,
            header=asked.header,
            reasons=(encoding.reason, reason),
            guess=encoding.reason if encoding.guessed else "",
        ),
        rows=_rows(source, stream, codec, delimiter, quote, notes, first_line_names=named is not None),
        notes=notes,
        fraction=lambda: 1.0 if stream.closed else stream.tell() / len(source.data),
    )


def _check_dialect(delimiter: str, quote: str) -> None:
    for what, sign, empty in (("delimiter", delimiter, False), ("quote", quote, True)):
        if (len(sign) != 1 and not (empty and not sign)) or sign in {"\r", "\n", "\0"}:
            raise TableError(f"The {what} {sign!r} is not one character.", "Choose a comma, semicolon, tab or pipe.")
    if delimiter == quote:
        raise TableError(f"Delimiter and quote are the same character {quote!r}.", "Choose different ones.")


def _sign(delimiter: str) -> str:
    return DELIMITERS.get(delimiter, repr(delimiter)).capitalize()


def _text(stream: io.BytesIO, codec: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding=codec, errors="strict", newline="")


def _named_delimiter(source: Source, codec: str) -> str | None:
    """Return the delimiter from a first line such as `sep=;`, which spreadsheets write."""
    start = source.data[:64].decode(codec, "ignore").splitlines()[:1]
    if start and len(start[0]) == len("sep=;") and start[0].lower().startswith("sep="):
        return start[0][4]
    return None


def _delimiter(source: Source, codec: str, quote: str) -> tuple[str, str]:
    """Choose the delimiter with which most rows are as wide as the header, and the header is widest."""
    guesses = [_try(source, codec, sign, quote) for sign in DELIMITERS]
    # A header that a delimiter divides is trusted even where most rows disagree: those are reported as ragged.
    wide = [guess for guess in guesses if guess.width > 1]
    extension = PurePath(source.name).suffix.lower()
    if not wide:
        sign = "\t" if extension == ".tsv" else ","
        narrow = [guess for guess in guesses if guess.width == 1 and guess.agreement == 1.0]
        if narrow and not any(guess.delimiter == sign for guess in narrow):
            sign = narrow[0].delimiter
        return sign, "One column: no comma, tab, semicolon or pipe divides the rows evenly."
    best = max(wide, key=lambda guess: (round(guess.agreement, 2), guess.width))
    if best.agreement == 1.0:
        return best.delimiter, f"{_sign(best.delimiter)}: every sampled row then has {best.width} cells."
    return (
        best.delimiter,
        f"{_sign(best.delimiter)}: {say.share(best.agreement)} of the sampled rows have {best.width} cells.",
    )


def _try(source: Source, codec: str, delimiter: str, quote: str) -> _Guess:
    text = _text(source.stream(), codec)
    reader = _reader(_at_most(text, _SAMPLE_CHARACTERS), delimiter, quote)
    widths: list[int] = []
    try:
        for cells in islice(reader, _SAMPLE_ROWS):
            surplus = cells[widths[0] :] if widths else []
            if cells:
                widths.append(len(cells) if any(surplus) else len(cells) - len(surplus))
    except (csv.Error, UnicodeError):
        if not widths:
            return _Guess(delimiter, 0, 0.0)
    if not widths:
        return _Guess(delimiter, 0, 0.0)
    rows = widths[1:] or widths
    return _Guess(delimiter, widths[0], sum(width == widths[0] for width in rows) / len(rows))


def _at_most(lines: Iterator[str], characters: int) -> Iterator[str]:
    for line in lines:
        yield line
        characters -= len(line)
        if characters <= 0:
            return


def _reader(lines: Iterator[str], delimiter: str, quote: str) -> Any:
    """Make a strict reader; its type has no public name."""
    csv.field_size_limit(MAX_BYTES)  # Python's own limit, 128 KiB a cell, would refuse long documents
    if not quote:
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    return csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True)


def _rows(
    source: Source,
    stream: io.BytesIO,
    codec: str,
    delimiter: str,
    quote: str,
    notes: list[str],
    *,
    first_line_names: bool,
) -> Iterator[Row]:
    reader = _reader(_text(stream, codec), delimiter, quote)
    blank: list[int] = []
    line, width = 1, 0
    try:
        for cells in reader:
            if first_line_names:
                first_line_names = False
            elif cells or width == 1:
                # In a table of one column an empty line is an empty cell.
                width = width or len(cells)
                yield line, cells or [""]
            else:
                blank.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise _fault(source.name, str(error), line, reader.line_num) from error
    except UnicodeError as error:
        raise undecodable(source.name, source.data, codec) from error
    if blank:
        named = ", ".join(map(str, blank[:_NAMED_LINES])) + (" ..." if len(blank) > _NAMED_LINES else "")
        notes.append(f"{say.counted(len(blank), 'blank line')} skipped (line {named}).")


def _fault(name: str, words: str, begun: int, line: int) -> TableError:
    """Turn the reader's message into ours. `begun` is where the row begins, `line` how far the reader came."""
    if "unexpected end of data" in words:
        return TableError(
            f"{name}, line {begun}: a quote is opened in this row and never closed.",
            "Close it, or double a quote that belongs to the text; or choose no quotes.",
        )
    if "expected after" in words:
        return TableError(
            f"{name}, line {line}: text follows a closing quote.",
            "Double each quote that belongs to the text, or choose another delimiter or quote.",
        )
    return TableError(f"{name}, line {line}: {words}.", "Correct the quotes there.")
