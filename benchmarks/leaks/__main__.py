"""Plants leaks in a table with labels and counts what the leak guard finds, and its false alarms.

    python cli.py bench leaks

The thresholds in `engine/ingest/leaks/thresholds.py` were set on the rows that seed 1 plants. Seed 2 plants others and
rewords other sentences; it was looked at once, after the thresholds were set. The table is `clinc150-full.csv` without
its rows of no intent, where the folder of `benchmarks.data` has it; else made-up mails, of which two are
about the same if half of their parts are. `ADAPTLAB_LEAK_SEEDS` names the seeds.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.leaks.judging import Alarms, found_plants, judge_alarms, share
from benchmarks.leaks.planting import CHANGES, PARAPHRASE, RETOLD, plant_short_rows
from benchmarks.leaks.world import Table, World, plant_world, read_table
from engine.ingest.leaks.meaning import find_meaning_leaks
from engine.ingest.leaks.pairs import LeakPair, Text
from engine.ingest.leaks.record import Sides, leak_sides
from engine.ingest.leaks.text_check import find_leaks
from engine.ingest.leaks.thresholds import DEFAULT_SIMILARITY, NATURAL_SHARE
from engine.services.lab import Lab
from wiring import open_lab

TUNED = 1
TEST_ROWS = 500
SIMILARITIES = (0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.90)
NATURAL_SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)

Vectors = tuple[NDArray[np.float32], NDArray[np.float32]]


def main() -> int:
    """Plant, look, count and print."""
    table = read_table()
    print(f"{table.name}, {len(table.rows):,} rows")
    lab = open_lab()
    embeddings = Embeddings(lab)
    try:
        for seed in map(int, os.environ.get("ADAPTLAB_LEAK_SEEDS", "1,2").split(",")):
            _report(embeddings, seed, table)
        _curve(embeddings, table)
    finally:
        lab.close()
    return 0


def _report(embeddings: Embeddings, seed: int, table: Table) -> None:
    world = plant_world(seed, table, test_rows=TEST_ROWS)
    sides = leak_sides(list(world.rows.values()), world.splits)
    words = "the thresholds were set on it" if seed == TUNED else "planted with another seed"
    print(f"seed {seed}, {words}: {len(sides[0]):,} training and validation rows, {len(sides[1]):,} test rows")
    started = time.perf_counter()
    pairs = find_leaks(*sides)
    print(f"  compared by words in {time.perf_counter() - started:.1f} s")
    vectors = embeddings.of(sides)
    started = time.perf_counter()
    pairs += find_meaning_leaks(*sides, *vectors)
    print(f"  vectors compared in {time.perf_counter() - started:.1f} s")
    plants = [plant for _, plant in world.plants.values()]
    found = found_plants(world.plants, pairs)
    for kind, count in Counter(plant.kind for plant in plants).items():
        print(f"  {kind}: {found[kind]} of {count}")
    print(f"  all but paraphrases: {share(found, plants, kinds=CHANGES):.1%}")
    print(f"  paraphrases: {share(found, plants, kinds=[PARAPHRASE]):.1%} ({_by_origin(world, pairs)})")
    _print_alarms(judge_alarms(world.rows, world.planted, pairs), TEST_ROWS)
    if table.labelled:
        _print_short(seed, table)


def _by_origin(world: World, pairs: Sequence[LeakPair]) -> str:
    """Say how many paraphrases of each origin were found."""
    reworded = {place: pair for place, pair in world.plants.items() if pair[1].kind == PARAPHRASE}
    parts = []
    for origin, count in Counter(plant.origin for _, plant in reworded.values()).items():
        some = {place: pair for place, pair in reworded.items() if pair[1].origin == origin}
        parts.append(f"{origin} {found_plants(some, pairs).total()} of {count}")
    return ", ".join(parts)


def _print_alarms(alarms: Alarms, rows: int) -> None:
    short = sum(pair.short for *_, pair in alarms.false)
    print(
        f"  false alarms in {rows} test rows: {len(alarms.false)}, {short} of them in rows under 6 words; not counted: "
        f"{alarms.twins} rows with a one-change twin of another label, {alarms.same_label} rows like one of their own"
    )
    for one, other, pair in alarms.false[:5]:
        print(f"    {pair.kind} {pair.similarity:.2f}: {one.input} [{one.target}] | {other.input} [{other.target}]")


def _print_short(seed: int, table: Table) -> None:
    """Plant rows of 3 to 5 words, which the guard reports apart."""
    learn = [row for row in table.rows if table.splits[row.place] != "test"]
    by_text = {row.input: row.place for row in learn}
    plants = {
        -1 - place: (by_text[plant.base], plant) for place, plant in enumerate(plant_short_rows(seed, list(by_text)))
    }
    tests = [Text(id=str(place), text=plant.changed) for place, (_, plant) in plants.items()]
    found = found_plants(plants, find_leaks([Text(id=str(row.place), text=row.input) for row in learn], tests))
    counts = Counter(plant.kind for _, plant in plants.values())
    print("  rows of 3 to 5 words, apart: " + ", ".join(f"{kind} {found[kind]} of {n}" for kind, n in counts.items()))


def _curve(embeddings: Embeddings, table: Table) -> None:
    """Print what other thresholds would find: on seed 1, with all test rows of the table."""
    world = plant_world(TUNED, table, test_rows=len(table.rows))
    sides = leak_sides(list(world.rows.values()), world.splits)
    vectors = embeddings.of(sides)
    tests = len(sides[1]) - len(world.plants)
    print(f"trade-off, seed {TUNED}, all {tests:,} test rows; false alarms per 500 of them")
    print("  by words alone: similarity | all but paraphrases | paraphrases | retold | false alarms | own label")
    words: dict[float, list[LeakPair]] = {}
    for value in SIMILARITIES:
        words[value] = find_leaks(*sides, similarity=value)
        _print_point(f"{value:.2f}{' (default)' if value == DEFAULT_SIMILARITY else ''}", world, words[value], tests)
    print("  by words and meaning: natural share | the same columns")
    for value in NATURAL_SHARES:
        meanings = find_meaning_leaks(*sides, *vectors, natural_share=value)
        name = f"{value:.1%}{' (default)' if value == NATURAL_SHARE else ''}"
        _print_point(name, world, [*words[DEFAULT_SIMILARITY], *meanings], tests)


def _print_point(name: str, world: World, pairs: Sequence[LeakPair], tests: int) -> None:
    plants = [plant for _, plant in world.plants.values()]
    found = found_plants(world.plants, pairs)
    alarms = judge_alarms(world.rows, world.planted, pairs)
    print(
        f"    {name} | {share(found, plants, kinds=CHANGES):.1%} | {share(found, plants, kinds=[PARAPHRASE]):.0%} | "
        f"{share(found, plants, kinds=[RETOLD]):.0%} | "
        f"{len(alarms.false) * 500 / tests:.1f} | {alarms.same_label / tests:.1%}",
        flush=True,
    )


class Embeddings:
    """Embeds each text once."""

    def __init__(self, lab: Lab) -> None:
        """Begin with none."""
        self._lab = lab
        self._known: dict[str, NDArray[np.float32]] = {}

    def of(self, sides: Sides) -> Vectors:
        """Return the vectors of both sides."""
        texts = list(dict.fromkeys(item.text for side in sides for item in side))
        new = [text for text in texts if text not in self._known]
        started = time.perf_counter()
        self._known |= dict(zip(new, self._lab.tables.embed(new), strict=True))
        seconds = time.perf_counter() - started
        print(f"  embedded {len(new):,} texts in {seconds:.0f} s, {len(new) / seconds:.0f} a second", flush=True)
        learn, test = (np.stack([self._known[item.text] for item in side]) for side in sides)
        return learn, test


if __name__ == "__main__":
    sys.exit(main())
