"""A table with planted rows: a labelled one read from the disk, or made-up mails."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.data import DATA
from benchmarks.leaks.judging import PART
from benchmarks.leaks.mails import write_mail
from benchmarks.leaks.planting import Plant, plant_rows, retell_rows
from engine.ingest.data_card import Row

MADE_UP_ROWS = 5000
_FILE = DATA / "clinc150-full.csv"
_NO_INTENT = "oos"


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows with their splits, by place."""

    name: str
    rows: Sequence[Row]
    splits: Mapping[int, str]
    labelled: bool
    """Whether people wrote and labelled the rows; some of the planted ones change rows of such a table."""


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
        return mails_table(MADE_UP_ROWS)
    with _FILE.open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["intent"] != _NO_INTENT]
    rows = [Row(place, place + 2, line["text"], line["intent"]) for place, line in enumerate(lines)]
    splits = {place: line["split"] for place, line in enumerate(lines)}
    return Table(name=_FILE.stem, rows=rows, splits=splits, labelled=True)


def mails_table(rows: int) -> Table:
    """Make up mails, one in five of them a test row; a mail's label is the parts that it is made of."""
    rng = random.Random(0)
    mails = [write_mail(rng) for _ in range(rows)]
    return Table(
        name="made-up mails",
        rows=[Row(place, place, mail.text, PART.join(mail.parts)) for place, mail in enumerate(mails)],
        splits={place: "train" if place % 5 else "test" for place in range(rows)},
        labelled=False,
    )


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
