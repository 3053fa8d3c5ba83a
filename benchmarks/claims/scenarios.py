"""The fixed list of scenarios: every pair of levels of two factors occurs in at least one of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

Level = int | float | str
FACTORS: dict[str, tuple[Level, ...]] = {
    "difficulty": (
        "rasch 0",
        "rasch 1",
        "rasch 2",
        "rasch 3",
        "rasch 4",
        "copula 0",
        "copula 0.22",
        "copula 0.45",
        "copula 0.68",
        "copula 0.9",
    ),
    "shape": ("equal", "equals 5", "equals 10", "equals 20", "tied 20", "spread 5", "spread 10", "spread 20"),
    "limit": (
        "none",
        "quality edge",
        "quality clear",
        "p95 edge",
        "p95 clear",
        "cost edge",
        "cost clear",
        "two edges",
        "batches",
    ),
    "base": (0.35, 0.5, 0.6, 0.75, 0.85),
    "variants": (2, 3, 6, 10),
    "rows": (30, 100, 300, 1000),
    "ending": ("full", "stopped", "raced", "continued"),
    "scores": ("right or wrong", "dense", "sparse"),
}


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What the simulated runs of one scenario have in common."""

    number: int
    difficulty: str
    """How much rows differ: `rasch SD` (log-odds per row) or `copula R` (correlation of the latent scores)."""
    shape: str
    """`equal`: all are equally good. `equals N`: one leads by N points over equals at the base. `spread N`: it leads by
    N points over the base, and each rival lies 0 to 30 points below the base, drawn for each run. `tied N`: two are
    level and lead by N points."""
    limit: str
    """`edge`, of one limit or of quality and p95 (`two edges`): the rivals lie on the limit itself or a hair beyond it.
    `clear`: they miss it by 15 points, by 20 % of the answers instead of 5 %, or by twice the cost. `batches`: there is
    a limit on p95, and no single answer is timed."""
    base: float
    variants: int
    rows: int
    ending: str
    """`full`, `stopped` as soon as the leader is clear, `raced` (who is clearly behind gets no more rows), or
    `continued` by the rows that an undecided verdict asks for."""
    scores: str
    """`sparse`: 0 on four rows in five or more; leads are 0.225 of those named."""

    @property
    def lead(self) -> float:
        """How far the leader is ahead of the base."""
        return 0.0 if self.shape == "equal" else int(self.shape.split()[1]) / 100

    @property
    def name(self) -> str:
        """All levels in one line."""
        return (
            f"{self.variants} variants, {self.rows} rows, {self.shape}, base {self.base * 100:.0f} %, {self.scores}, "
            f"{self.difficulty}, limit {self.limit}, {self.ending}"
        )


@cache
def scenarios() -> tuple[Scenario, ...]:
    """Return the list: every pair of levels, and the plain cases in which something is clearly true."""
    found = list(_pairwise())
    for difficulty, variants, shape in itertools.product(
        ("rasch 1", "copula 0.45"), (3, 10), ("equals 20", "spread 20")
    ):
        found.append(_plain(len(found), difficulty, variants, shape, rows=300))
    found += [
        _plain(len(found) + place, "copula 0.9", count, "equal", rows=1000) for place, count in enumerate((3, 10))
    ]
    found += [
        _plain(len(found) + place, "rasch 0", count, "tied 20", rows=1000) for place, count in enumerate((3, 6, 10))
    ]
    return tuple(found)


def _plain(number: int, difficulty: str, variants: int, shape: str, *, rows: int) -> Scenario:
    return Scenario(
        number=number,
        difficulty=difficulty,
        shape=shape,
        limit="none",
        base=0.6,
        variants=variants,
        rows=rows,
        ending="full",
        scores="right or wrong",
    )


def _pairwise() -> tuple[Scenario, ...]:
    """Return scenarios in which every pair of levels occurs, found greedily and always in the same way."""
    names = list(FACTORS)
    missing = {
        (one, a, two, b) for one, two in itertools.combinations(names, 2) for a in FACTORS[one] for b in FACTORS[two]
    }
    found: list[Scenario] = []
    while missing:
        row: dict[str, Level] = {}
        seed = min(missing, key=str)
        row[seed[0]], row[seed[2]] = seed[1], seed[3]
        for name in names:
            if name not in row:
                turn = len(found)  # ties go to another level each time
                levels = FACTORS[name]
                order = [levels[(turn + place) % len(levels)] for place in range(len(levels))]
                row[name] = max(order, key=lambda level: sum(pair in missing for pair in _pairs(row, name, level)))
        missing -= set(_all_pairs(row))
        found.append(Scenario(number=len(found), **row))  # type: ignore[arg-type]
    return tuple(found)


def _pairs(row: dict[str, Level], name: str, level: Level) -> Iterator[tuple[str, Level, str, Level]]:
    names = list(FACTORS)
    for other, value in row.items():
        first, second = (name, other) if names.index(name) < names.index(other) else (other, name)
        yield (first, level if first == name else value, second, level if second == name else value)


def _all_pairs(row: dict[str, Level]) -> Iterator[tuple[str, Level, str, Level]]:
    for one, two in itertools.combinations(FACTORS, 2):
        yield (one, row[one], two, row[two])
