"""Which rows are for training and which for testing: by a column, or drawn by seed. Pure functions."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence

from engine.core.errors import TableError
from engine.ingest.columns import SPLIT_NAMES
from engine.ingest.data_card import Row
from engine.ingest.table import Table
from engine.metrics import wording as say

SPLITS = ("train", "validation", "test")
LEFT_OUT = ""
"""What a value of the split column means when its rows are not to be used."""
FEW_TEST_ROWS = 5
DEFAULT_SHARES: Mapping[str, float] = {"train": 0.6, "validation": 0.0, "test": 0.4}


def split_meanings(values: Sequence[str]) -> dict[str, str | None]:
    """Say what each value of a split column means; None where it is not known."""
    return {value: SPLIT_NAMES.get(value.strip().lower()) for value in dict.fromkeys(values)}


def split_by_column(
    rows: Sequence[Row], table: Table, column: str, meanings: Mapping[str, str] | None = None
) -> dict[int, str]:
    """Give each row, by its place, the split its cell names; rows that are left out are not in the result.

    Raises:
        TableError: a cell does not name a split; the error gives its line.
    """
    cells = table.column(column)
    result: dict[int, str] = {}
    for row in rows:
        cell = str(cells[row.place])
        meaning = (meanings or {}).get(cell, SPLIT_NAMES.get(cell.strip().lower()))
        if meaning is None:
            raise TableError(
                f"{table.name}, line {row.line}: split {cell[:40]!r} is not known.", "Use train, validation or test."
            )
        if meaning != LEFT_OUT:
            result[row.place] = meaning
    return result


def split_by_seed(
    rows: Sequence[Row],
    *,
    shares: Mapping[str, float],
    seed: int,
    by_target: bool,
    groups: Sequence[str] | None = None,
) -> dict[int, str]:
    """Draw splits by seed, as evenly over targets as their numbers allow; rows of one group stay together.

    `groups` has one entry per row; an empty one makes the row a group of its own.

    Raises:
        TableError: the shares leave a side empty.
    """
    wanted = {name: share for name, share in shares.items() if share > 0}
    if not {"train", "test"} <= set(wanted):
        raise TableError("Training and test need a share each.", "Give both more than 0 %.")
    total = sum(wanted.values())
    wanted = {name: wanted[name] / total for name in SPLITS if name in wanted}
    generator = random.Random(f"{seed}:split")
    if groups is not None and any(groups):
        result = _grouped(rows, groups, wanted, generator, by_target=by_target)
    else:
        result = _stratified(rows, wanted, generator, by_target=by_target)
    for name in ("train", "test"):
        if name not in result.values():
            raise TableError(
                f"No {name} rows are left of {len(rows):,} rows.", "Add rows, change the shares, or use smaller groups."
            )
    return result


def _stratified(
    rows: Sequence[Row], shares: Mapping[str, float], generator: random.Random, *, by_target: bool
) -> dict[int, str]:
    """Distribute each target's rows by largest deficit, so that shares hold for each target and overall."""
    strata: dict[str, list[Row]] = {}
    for row in rows:
        strata.setdefault(row.target if by_target else "", []).append(row)
    result: dict[int, str] = {}
    dealt: Counter[str] = Counter()
    done = 0
    for name in sorted(strata):
        members = strata[name]
        generator.shuffle(members)
        here: Counter[str] = Counter()
        for count, row in enumerate(members, start=1):
            done += 1
            # The target's own shares decide; the shares of all rows so far break ties and round-offs.
            split = max(
                shares,
                key=lambda s: (
                    round(shares[s] * count - here[s], 9) >= 1 - shares[s],
                    shares[s] * count - here[s] + (shares[s] * done - dealt[s]),
                ),
            )
            here[split] += 1
            dealt[split] += 1
            result[row.place] = split
    return result


def _grouped(
    rows: Sequence[Row],
    groups: Sequence[str],
    shares: Mapping[str, float],
    generator: random.Random,
    *,
    by_target: bool,
) -> dict[int, str]:
    """Distribute whole groups, the largest first, each to the split that needs its rows most."""
    members: dict[str, list[Row]] = {}
    for row, group in zip(rows, groups, strict=True):
        members.setdefault(group or f"\0{row.place}", []).append(row)
    names = sorted(members)
    generator.shuffle(names)
    names.sort(key=lambda name: -len(members[name]))
    totals = Counter(row.target if by_target else "" for row in rows)
    dealt = {split: Counter[str]() for split in shares}
    result: dict[int, str] = {}
    for name in names:
        counts = Counter(row.target if by_target else "" for row in members[name])
        split = max(
            shares,
            key=lambda s: (
                sum(count * (shares[s] - dealt[s][target] / totals[target]) for target, count in counts.items())
                + len(rows) * 1e-9 * shares[s]
            ),
        )
        dealt[split].update(counts)
        result.update({row.place: split for row in members[name]})
    return result


def split_warnings(rows: Sequence[Row], splits: Mapping[int, str], *, by_target: bool) -> list[str]:
    """Say which labels lack rows or have few, and whether a side is small."""
    return [*lacking_rows(rows, splits, by_target=by_target), *few_rows(rows, splits, by_target=by_target)]


def lacking_rows(rows: Sequence[Row], splits: Mapping[int, str], *, by_target: bool) -> list[str]:
    """Say which labels have no row on one side."""
    counts, warnings = _label_counts(rows, splits), []
    if by_target:
        labels = sorted({label for counter in counts.values() for label in counter})
        untrained = [label for label in labels if not counts["train"][label]]
        untested = [label for label in labels if not counts["test"][label]]
        if untrained:
            has, it = ("has", "it") if len(untrained) == 1 else ("have", "they")
            warnings.append(f"{_named(untrained)} {has} no training rows, so {it} cannot be learned.")
        if untested:
            has, it = ("has", "it") if len(untested) == 1 else ("have", "they")
            warnings.append(f"{_named(untested)} {has} no test rows, so {it} cannot be judged.")
    return warnings


def few_rows(rows: Sequence[Row], splits: Mapping[int, str], *, by_target: bool) -> list[str]:
    """Say how imprecise figures will be: of labels on few test rows, and over all test rows."""
    tests, warnings = _label_counts(rows, splits)["test"], []
    if by_target:
        few = [label for label in sorted(tests) if tests[label] < FEW_TEST_ROWS]
        if few:
            warnings.append(f"Fewer than {FEW_TEST_ROWS} test rows for {_named(few)}: figures there will be imprecise.")
    tested = tests.total()
    if tested and tested < 100:
        rows_named = say.counted(tested, "test row")
        warnings.append(f"With {rows_named}, results are accurate to about ±{_points(tested)} points.")
    return warnings


def _label_counts(rows: Sequence[Row], splits: Mapping[int, str]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {name: Counter() for name in SPLITS}
    for row in rows:
        if row.place in splits:
            counts.setdefault(splits[row.place], Counter())[row.target] += 1
    return counts


def _named(labels: Sequence[str]) -> str:
    shown = ", ".join(f"'{label[:40]}'" for label in labels[:3])
    return f"{shown} and {len(labels) - 3} more labels" if len(labels) > 3 else shown


def _points(rows: int) -> int:
    """Half the width of a 95 % interval of a share of one half, in points (normal approximation)."""
    return round(98 / math.sqrt(rows))
