"""A table with planted rows: a labelled one read from the disk, or made-up mails."""

from __future__ import annotations

import csv
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.leaks.mails import write_mail
from benchmarks.leaks.planting import Plant, plant_rows, retell_rows
from engine.ingest.data_card import Row

MADE_UP_ROWS = 5000
_FILE = Path(os.environ.get("ADAPTLAB_DATA", "../shared/data")) / "clinc150-full.csv"
_NO_INTENT = "oos"


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows with their splits, by place."""

    name: str
    rows: Sequence[Row]
    splits: Mapping[int, str]
    labelled: bool
    """Whether the labels tell false alarms from pairs that mean the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """A table with planted rows."""

    rows: Mapping[int, Row]
    splits: Mapping[int, str]
    plants: Mapping[int, tuple[int, Plant]]
    """By the place of the changed row; with the place of its base."""

    @property
    def planted(self) -> frozenset[int]:
        """Places of planted rows; a row of the table that was taken as a base is not planted."""
        return frozenset(self.plants) | {base for base, plant in self.plants.values() if plant.origin != "table"}


def read_table() -> Table:
    """Read the labelled table, without its rows of no intent; where it is missing, make up mails."""
    if not _FILE.is_file():
        rng = random.Random(0)
        rows = [Row(place, place, write_mail(rng).text, "mail") for place in range(MADE_UP_ROWS)]
        splits = {row.place: "test" if row.place % 5 == 0 else "train" for row in rows}
        return Table(name="made-up mails", rows=rows, splits=splits, labelled=False)
    with _FILE.open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["intent"] != _NO_INTENT]
    rows = [Row(place, place + 2, line["text"], line["intent"]) for place, line in enumerate(lines)]
    splits = {place: line["split"] for place, line in enumerate(lines)}
    return Table(name=_FILE.stem, rows=rows, splits=splits, labelled=True)


def plant_world(seed: int, table: Table, *, test_rows: int) -> World:
    """Plant rows: bases go to training and validation in turns, changed ones to so many of the table's test rows."""
    rng = random.Random(seed)
    learn = [row for row in table.rows if table.splits[row.place] != "test"]
    tests = [row for row in table.rows if table.splits[row.place] == "test"]
    rows = {row.place: row for row in (*learn, *rng.sample(tests, min(test_rows, len(tests))))}
    splits = {place: table.splits[place] for place in rows}
    by_text = {row.input: row.place for row in learn}
    plants: dict[int, tuple[int, Plant]] = {}
    free = max(row.place for row in table.rows) + 1
    for plant in (*plant_rows(seed, list(by_text) if table.labelled else []), *retell_rows(seed)):
        base = by_text.get(plant.base)
        if base is None:
            base, free = free, free + 1
            rows[base] = Row(base, base, plant.base, "planted")
            splits[base] = ("train", "validation")[len(plants) % 2]
        rows[free] = Row(free, free, plant.changed, "planted")
        splits[free] = "test"
        plants[free] = (base, plant)
        free += 1
    return World(rows=rows, splits=splits, plants=plants)
