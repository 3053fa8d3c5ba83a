"""Finding rows among many: who is right on them, what is known of them, and what is written in them.

Vectorized pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from engine.analysis.run_table import FAILURES, RunTable
from engine.core.task import Task

NOT_STATED = "not stated"


class Show(StrEnum):
    """Which rows to show, by how the variants' answers turned out."""

    ALL = "All"
    DISAGREE = "Variants disagree"
    """Some variant is right and some other wrong or failed."""
    WRONG = "Any wrong"
    FAILED = "Any failed"


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
    show: Show = Show.ALL,
    right_for: Sequence[str] = (),
    wrong_for: Sequence[str] = (),
    chosen: Mapping[str, Sequence[str]] | None = None,
    by: Sequence[Facet] = (),
    text: str = "",
    inputs: Mapping[str, str] | None = None,
) -> NDArray[np.int64]:
    """Return the places of the rows that fulfil all of this, in order.

    Args:
        table: the run.
        show: how the answers must have turned out.
        right_for: variants that must be right on the row.
        wrong_for: variants that must be wrong or fail on it.
        chosen: values wanted by facet name; a facet without any accepts all rows.
        by: the facets.
        text: must occur in the row's id, input, target or an answer, in whatever case; empty accepts all rows.
        inputs: by example id, for the search.
    """
    right, made = table.right, table.made
    kept = made.any(axis=0) & _turned_out(table, show)
    for variant_id in right_for:
        kept &= right[table.place(variant_id)]
    for variant_id in wrong_for:
        line = table.place(variant_id)
        kept &= made[line] & ~right[line]
    for item in by:
        wanted = [place for place, value in enumerate(item.values) if value in (chosen or {}).get(item.name, ())]
        if wanted:
            kept &= np.isin(item.codes, wanted)
    if text.strip():
        kept &= _holds(table, text.strip().casefold(), inputs or {})
    return np.flatnonzero(kept)


def _turned_out(table: RunTable, show: Show) -> NDArray[np.bool_]:
    not_right = table.made & ~table.right
    match show:
        case Show.DISAGREE:
            return np.asarray(table.right.any(axis=0) & not_right.any(axis=0))
        case Show.WRONG:
            return np.asarray((not_right & (table.failure < 0)).any(axis=0))
        case Show.FAILED:
            return np.asarray((table.failure >= 0).any(axis=0))
        case Show.ALL:
            return np.ones(len(table.example_ids), dtype=np.bool_)


def _holds(table: RunTable, text: str, inputs: Mapping[str, str]) -> NDArray[np.bool_]:
    """Tell for each row whether a text occurs in it; answers are compared once each, not once per row."""
    answers = np.array([*(text in answer.casefold() for answer in table.answers), False], dtype=np.bool_)
    rows = zip(table.example_ids, table.targets, strict=True)
    written = [
        text in inputs.get(example_id, "").casefold() or text in target.casefold() or text in example_id.casefold()
        for example_id, target in rows
    ]
    return np.asarray(answers[table.answer].any(axis=0) | np.array(written, dtype=np.bool_))
