"""A table of 100,000 rows and 50 MB: first look, data card, memory; and the leak check by words at 20,000 rows.

The rows consist of made-up words; one row in twenty is an altered copy of another, so that there is something to find.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from collections.abc import Iterator

import psutil

from adapters.tabular.reader import first_look, read_table
from adapters.tabular.source import Source
from engine.ingest.answer_kind import guess_kind
from engine.ingest.build_task import SplitPlan, assign_splits
from engine.ingest.checks.examine import examine
from engine.ingest.columns import guess_roles
from engine.ingest.leaks.record import leak_sides
from engine.ingest.leaks.text_check import find_leaks

ROWS = 100_000
WORDS_PER_ROW = 76
SCAN_ROWS = 20_000
SCAN_WORDS = (12, 60)
LABELS = 40


def main() -> int:
    """Measure both and print one line per figure."""
    base = psutil.Process().memory_info().rss
    source = Source(name="rows.csv", data="".join(_lines(ROWS, WORDS_PER_ROW)).encode())
    size = len(source.data)
    print(f"  table: {ROWS:,} rows, {size / 1e6:.1f} MB of CSV")
    started = time.perf_counter()
    look = first_look(source)
    print(f"  first look: {time.perf_counter() - started:.2f} s for {len(look.rows)} rows, with encoding and dialect")
    started = time.perf_counter()
    table = read_table(source)
    read_s = time.perf_counter() - started
    guess = guess_roles(table)
    kind = guess_kind(list(table.column(guess.roles.target))).kind
    examined = examine(table, guess.roles, kind)
    card_s = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"  whole file read: {read_s:.2f} s ({size / 1e6 / read_s:.0f} MB/s)")
    print(f"  data card, reading included: {card_s:.2f} s, {len(examined.card.findings)} findings")
    print(
        f"  peak memory above an empty process: {(peak - base) / 1e6:.0f} MB, {(peak - base) / size:.1f} times the file"
    )
    del examined, table, source
    for words in SCAN_WORDS:
        _scan(words)
    return 0


def _scan(words: int) -> None:
    table = read_table(Source(name="scan.csv", data="".join(_lines(SCAN_ROWS, words)).encode()))
    guess = guess_roles(table)
    kind = guess_kind(list(table.column(guess.roles.target))).kind
    rows = examine(table, guess.roles, kind).rows
    splits = assign_splits(table, rows, guess.roles, SplitPlan(), kind)
    learn, test = leak_sides(rows, splits)
    started = time.perf_counter()
    pairs = find_leaks(learn, test)
    seconds = time.perf_counter() - started
    print(
        f"  leak check by words, {SCAN_ROWS:,} rows of {words} words: {seconds:.2f} s, {len(pairs):,} pairs between "
        f"{len(learn):,} and {len(test):,} rows",
        flush=True,
    )


def _lines(count: int, words: int) -> Iterator[str]:
    rng = random.Random(0)
    known = [
        "".join(rng.choice("bcdfglmnprst") + rng.choice("aeiou") for _ in range(rng.randint(2, 4))) for _ in range(4000)
    ]
    last: list[str] = known[:words]
    yield "id,message,desk\n"
    for number in range(count):
        row = [*last[:-1], rng.choice(known)] if rng.random() < 0.05 else rng.choices(known, k=words)
        last = row
        yield f'{number},"{" ".join(row[:3])}, {" ".join(row[3:])}.",desk-{rng.randrange(LABELS)}\n'


if __name__ == "__main__":
    sys.exit(main())
