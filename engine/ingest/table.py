"""A table as it was read: every cell is text, exactly as in the file. Held compactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray


class TextColumn(Sequence[str]):
    """Texts end to end in one block of UTF-8 bytes with their ends.

    A list of texts would take some 50 bytes a cell beyond its letters; this takes 4.
    """

    def __init__(self, block: bytes, ends: NDArray[np.uint32]) -> None:
        """Take the block, and for each text the place in it where the text ends."""
        self._block = block
        self._ends = ends

    @classmethod
    def of(cls, texts: Sequence[str]) -> TextColumn:
        """Build a column from texts."""
        builder = ColumnBuilder()
        builder.extend(texts)
        return builder.done()

    def parts(self) -> tuple[bytes, NDArray[np.uint32]]:
        """Return the block and its ends, as the constructor takes them."""
        return self._block, self._ends

    @property
    def size_bytes(self) -> int:
        """Size of the block."""
        return len(self._block)

    def __len__(self) -> int:
        """Count the texts."""
        return len(self._ends)

    def __getitem__(self, place: int | slice) -> str | list[str]:  # type: ignore[override]
        """Return one text, or a list of them."""
        if isinstance(place, slice):
            return [self._text(index) for index in range(*place.indices(len(self)))]
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self._text(place)

    def __iter__(self) -> Iterator[str]:
        """Return the texts one by one."""
        start = 0
        for end in self._ends.tolist():
            yield self._block[start:end].decode("utf-8", "surrogatepass")
            start = end

    def _text(self, place: int) -> str:
        start = int(self._ends[place - 1]) if place else 0
        return self._block[start : int(self._ends[place])].decode("utf-8", "surrogatepass")


class ColumnBuilder:
    """Collects the texts of one column."""

    def __init__(self) -> None:
        """Begin empty."""
        self._block = bytearray()
        self._ends: list[NDArray[np.uint32]] = []
        self._count = 0

    def __len__(self) -> int:
        """Count the texts so far."""
        return self._count

    @property
    def size_bytes(self) -> int:
        """Size of the texts so far."""
        return len(self._block)

    def extend(self, texts: Sequence[str]) -> None:
        """Add texts at the end.

        Raises:
            OverflowError: the column would exceed 4 GB.
        """
        joined = "".join(texts)
        if joined.isascii():
            sizes = np.fromiter(map(len, texts), dtype=np.uint64, count=len(texts))
            encoded = joined.encode("ascii")
        else:
            parts = [text.encode("utf-8", "surrogatepass") for text in texts]
            sizes = np.fromiter(map(len, parts), dtype=np.uint64, count=len(texts))
            encoded = b"".join(parts)
        ends = np.cumsum(sizes, dtype=np.uint64) + np.uint64(len(self._block))
        if len(self._block) + len(encoded) >= 2**32:
            message = "a column of more than 4 GB"
            raise OverflowError(message)
        self._block += encoded
        self._ends.append(ends.astype(np.uint32))
        self._count += len(texts)

    def done(self) -> TextColumn:
        """Return the column."""
        ends = np.concatenate(self._ends) if self._ends else np.zeros(0, dtype=np.uint32)
        return TextColumn(bytes(self._block), ends)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOptions:
    """How the user wants a file to be read; None leaves it to be detected."""

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    """The quote character around cells; empty for none."""
    header: bool = True
    """The first row names the columns."""
    sheet: str | None = None


DETECTED = ReadOptions()
"""All is detected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How a file is read, and why."""

    format: str
    """`CSV`, `XLSX`, `JSONL` or `Parquet`."""
    encoding: str = ""
    delimiter: str = ""
    quote: str = ""
    header: bool = True
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    """One sentence for each thing that was detected."""
    guess: str = ""
    """How the encoding was guessed, where nothing in the file tells it; empty if it is sure or was chosen."""

    def describe(self) -> str:
        """Describe it in one line."""
        parts = [self.format, self.encoding]
        if self.delimiter:
            parts.append(f"{DELIMITERS.get(self.delimiter, repr(self.delimiter))} between cells")
        if self.sheet:
            parts.append(f"sheet '{self.sheet}'")
        return ", ".join(part for part in parts if part)


DELIMITERS: Mapping[str, str] = {",": "comma", "\t": "tab", ";": "semicolon", "|": "pipe"}


@dataclass(frozen=True, kw_only=True, slots=True)
class RaggedRow:
    """A row with a different number of cells than the header. It is not in any column."""

    line: int
    cells: int
    start: str
    """The beginning of the row, for display."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstLook:
    """The beginning of a file."""

    reading: Reading
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    """The line on which each of `rows` begins."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A whole file."""

    name: str
    digest: str
    """SHA-256 of the file's bytes, in hex."""
    size_bytes: int
    reading: Reading
    header: tuple[str, ...]
    """Names as they are used: an empty or repeated one is replaced, and a note reports it."""
    columns: tuple[TextColumn, ...]
    lines: NDArray[np.int64]
    """The line (or spreadsheet row) on which each row begins, counted from 1."""
    ragged: tuple[RaggedRow, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def rows(self) -> int:
        """Count the whole rows."""
        return len(self.lines)

    def column(self, name: str) -> TextColumn:
        """Return the column of this name.

        Raises:
            KeyError: there is no such column.
        """
        try:
            return self.columns[self.header.index(name)]
        except ValueError:
            raise KeyError(name) from None

    def only(self, places: Sequence[int]) -> Table:
        """Return a table of only these rows."""
        return replace(
            self,
            columns=tuple(TextColumn.of([str(column[place]) for place in places]) for column in self.columns),
            lines=self.lines[list(places)],
        )

    def places_of(self, lines: Sequence[int]) -> list[int]:
        """Return the places of rows that begin on these lines."""
        found = np.searchsorted(self.lines, lines).tolist()
        pairs = zip(found, lines, strict=True)
        return [place for place, line in pairs if place < self.rows and self.lines[place] == line]


def usable_names(header: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Give each empty or repeated column name a unique one, and report it in a note."""
    notes: list[str] = []
    taken: set[str] = set()
    given = set(header)
    names: list[str] = []
    next_number: dict[str, int] = {}
    for place, name in enumerate(header, start=1):
        wanted = name if name.strip() else f"column {place}"
        new = wanted
        while new in taken or (new != name and new in given):
            number = next_number.get(wanted, 2)
            new, next_number[wanted] = f"{wanted} ({number})", number + 1
        if new != name:
            if name.strip():
                notes.append(f"There are several columns {name!r}; column {place} is now '{new}'.")
            else:
                notes.append(f"Column {place} has no name; it is now '{new}'.")
        taken.add(new)
        names.append(new)
    return tuple(names), notes
