"""What reading in the worker costs next to reading in this process: `python -m benchmarks.reading`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from adapters.reading.reader import FileReader
from adapters.tabular.reader import first_look, read_table
from adapters.tabular.source import Source
from engine.ingest.table import DETECTED

ROWS = (1_000, 100_000)
TIMES = 9


def main() -> None:
    """Print medians of both ways, taken in turns, and of their ratio."""
    reader = FileReader()
    print(f"first file, with the start of the worker: {_seconds(_both(reader, 1)[1]):.2f} s")
    for rows in ROWS:
        source = _table(rows)
        for what, ways in (("whole", _both(reader, rows)), ("first look", _looks(reader, source))):
            pairs = [(_seconds(ways[0]), _seconds(ways[1])) for _ in range(TIMES)]
            here, there = (statistics.median(pair[place] for pair in pairs) for place in (0, 1))
            ratio = statistics.median(worker / own for own, worker in pairs)
            print(f"{rows:,} rows, {what}: {here * 1e3:.1f} ms here, {there * 1e3:.1f} ms in the worker, {ratio:.2f}")
    reader.close()


def _both(reader: FileReader, rows: int) -> tuple[Callable[[], object], Callable[[], object]]:
    source = _table(rows)
    return lambda: read_table(source), lambda: reader.read_table(source.name, source.data, DETECTED)


def _looks(reader: FileReader, source: Source) -> tuple[Callable[[], object], Callable[[], object]]:
    return lambda: first_look(source), lambda: reader.first_look(source.name, source.data, DETECTED)


def _table(rows: int) -> Source:
    words = "this is a message about a thing, with some more words in it".replace(",", "")
    lines = "".join(f"{row},{words} number {row},label {row % 7}\n" for row in range(rows))
    return Source(name="table.csv", data=f"id,text,label\n{lines}".encode())


def _seconds(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


if __name__ == "__main__":
    main()
