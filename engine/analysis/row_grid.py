"""The grid of rows and variants as plain data for the browser: pure functions.

10,000 rows travel to the browser at once, so that scrolling asks for nothing. Texts are therefore cut, and each text
that occurs is sent once; prompts, passages and probabilities are read for the opened row alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.analysis.run_table import FAILURES, RunTable
from engine.core.text.safe_text import one_line, visible
from engine.core.variant import Variant, variant_names

INPUT_CHARACTERS = 140
"""The grid cuts longer inputs."""
ANSWER_CHARACTERS = 80
"""The grid cuts longer answers and targets."""
NOT_MADE, RIGHT, WRONG, FAILED = ".", "r", "w", "f"
"""How a variant did on a row, one character each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GridColumn:
    """One column of answers."""

    variant_id: str
    """Its line in the table."""
    name: str
    light: str
    dark: str
    """Its technique's colour in the light and in the dark theme."""


def grid_columns(variants: Sequence[Variant]) -> tuple[GridColumn, ...]:
    """Return one column per variant, in order."""
    names = variant_names(variants)
    return tuple(
        GridColumn(variant_id=variant.id, name=names[variant.id], light=variant.style.light, dark=variant.style.dark)
        for variant in variants
    )


def grid_data(
    table: RunTable, rows: NDArray[np.int64], columns: Sequence[GridColumn], inputs: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the grid shows of some rows, as JSON takes it.

    Args:
        table: the run.
        rows: places of rows in the table, ascending.
        columns: which variants, in order.
        inputs: by example id; a row that the task no longer has is shown without one.

    Returns:
        `rows`: the places; `inputs`: one text each; `texts`: every target and answer that occurs, once; `targets`:
        places in `texts`; `columns`: name, colours, `marks` (one character per row) and `answers` (places in `texts`,
        -1 for none).
    """
    texts: dict[str, int] = {}

    def place(text: str, characters: int = ANSWER_CHARACTERS) -> int:
        return texts.setdefault(_cut(text, characters), len(texts))

    # The parts of a table that cells point to, cut once each: the same label is the answer on thousands of rows.
    used = np.unique(table.answer[:, rows]) if len(columns) and len(rows) else np.array([], dtype=np.int64)
    answers = {code: place(table.answers[code]) for code in used.tolist() if code >= 0}
    failures = [kind.replace("_", " ") for kind in FAILURES]
    return {
        "rows": rows.tolist(),
        "inputs": [_cut(inputs.get(table.example_ids[row], ""), INPUT_CHARACTERS) for row in rows.tolist()],
        "targets": [place(table.targets[row]) for row in rows.tolist()],
        "columns": [
            {
                "name": visible(column.name),
                "light": column.light,
                "dark": column.dark,
                "marks": "".join(_marks(table, table.place(column.variant_id), rows)),
                "answers": [
                    place(failures[kind]) if kind >= 0 else answers.get(code, -1)
                    for kind, code in _cells(table, table.place(column.variant_id), rows)
                ],
            }
            for column in columns
        ],
        "texts": list(texts),
    }


def _cells(table: RunTable, line: int, rows: NDArray[np.int64]) -> Iterable[tuple[int, int]]:
    return zip(table.failure[line, rows].tolist(), table.answer[line, rows].tolist(), strict=True)


def _marks(table: RunTable, line: int, rows: NDArray[np.int64]) -> list[str]:
    marks = np.where(table.right[line, rows], RIGHT, WRONG)
    marks = np.where(table.failure[line, rows] >= 0, FAILED, marks)
    found: list[str] = np.where(table.made[line, rows], marks, NOT_MADE).tolist()
    return found


def _cut(text: str, characters: int) -> str:
    # Cut twice: making a sign visible can lengthen the text, and must not be done for all of a long one.
    shown = one_line(text[:characters])
    cut = len(text) > characters or len(shown) > characters
    return f"{shown[: characters - 1]}…" if cut else shown
