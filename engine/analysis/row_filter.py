"""Finding rows among many: who is right on them, and what is known of them. Vectorized pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.analysis.run_table import FAILURES, RunTable
from engine.core.task import Task

NOT_STATED = "not stated"


@dataclass(frozen=True, kw_only=True, slots=True)
class Facet:
    """Something that is known of every row, by which rows can be chosen."""

    name: str
    values: tuple[str, ...]
    """Each value that occurs, once."""
    codes: NDArray[np.int32]
    """Per row, the place of its value in `values`."""


def facet(name: str, per_row: Sequence[str]) -> Facet:
    """Make a facet of one text per row."""
    places: dict[str, int] = {}
    codes = np.array([places.setdefault(value, len(places)) for value in per_row], dtype=np.int32)
    return Facet(name=name, values=tuple(places), codes=codes)


def facets(table: RunTable, task: Task | None) -> tuple[Facet, ...]:
    """Return what rows can be chosen by: target class, difficulty, failure kind; only what differs between rows."""
    found = []
    if task is not None and task.answer.labels:
        found.append(facet("Target", table.targets))
    if task is not None:
        known = {example.id: str(example.metadata.get("difficulty", NOT_STATED)) for example in task.examples}
        found.append(facet("Difficulty", [known.get(example_id, NOT_STATED) for example_id in table.example_ids]))
    worst = table.failure.max(axis=0) if len(table.variant_ids) else np.array([], dtype=np.int8)
    found.append(facet("Failure", [FAILURES[code].replace("_", " ") if code >= 0 else "none" for code in worst]))
    return tuple(item for item in found if len(item.values) > 1)


def matching(
    table: RunTable,
    *,
    right_for: Sequence[str] = (),
    wrong_for: Sequence[str] = (),
    differing: bool = False,
    chosen: Mapping[str, Sequence[str]] | None = None,
    by: Sequence[Facet] = (),
) -> NDArray[np.int64]:
    """Return the places of the rows that fulfil all of this, in order.

    Args:
        table: the run.
        right_for: variants that must be right on the row.
        wrong_for: variants that must be wrong or fail on it.
        differing: some variant must be right and some other not.
        chosen: values wanted by facet name; a facet without any accepts all rows.
        by: the facets.
    """
    right, made = table.right, table.made
    kept = made.any(axis=0)
    for variant_id in right_for:
        kept &= right[table.place(variant_id)]
    for variant_id in wrong_for:
        line = table.place(variant_id)
        kept &= made[line] & ~right[line]
    if differing:
        kept &= right.any(axis=0) & (made & ~right).any(axis=0)
    for item in by:
        wanted = [place for place, value in enumerate(item.values) if value in (chosen or {}).get(item.name, ())]
        if wanted:
            kept &= np.isin(item.codes, wanted)
    return np.flatnonzero(kept)
