"""Two runs of one task side by side: the same variants on the rows that both answered. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.charts.chart import Grid
from engine.errors import UsageError
from engine.measured import score_interval
from engine.pairwise import Difference, compare_all, holm
from engine.run import RunPlan
from engine.run_table import RunTable
from engine.statistics import Interval
from engine.variant import LABELS


@dataclass(frozen=True, kw_only=True, slots=True)
class VariantChange:
    """One variant in two runs, on the rows that both have."""

    variant_id: str
    first: Interval
    second: Interval
    difference: Difference
    """The second run's minus the first's; corrected for the number of variants."""


def compare_runs(first: RunTable, second: RunTable, variant_ids: Sequence[str]) -> tuple[VariantChange, ...]:
    """Compare variants of two runs on the rows whose id and target are the same in both.

    Args:
        first: a run.
        second: another run of the same task.
        variant_ids: variants that both have.

    Raises:
        UsageError: the runs share no row.
    """
    places = {example_id: place for place, example_id in enumerate(second.example_ids)}
    shared = [
        (place, places[example_id])
        for place, example_id in enumerate(first.example_ids)
        if example_id in places and first.targets[place] == second.targets[places[example_id]] != ""
    ]
    if not shared:
        raise UsageError("The two runs have no row in common.", "Compare runs on the same test rows.")
    left, right = (np.array(side) for side in zip(*shared, strict=True))
    found = []
    for variant_id in variant_ids:
        lines = first.place(variant_id), second.place(variant_id)
        scores = np.stack([second.score[lines[1], right], first.score[lines[0], left]])
        made = np.stack([second.made[lines[1], right], first.made[lines[0], left]])
        both = made.all(axis=0)
        if both.any():
            (difference,) = compare_all(["second", "first"], scores, made)
            intervals = [score_interval(scores[line, both]) for line in (1, 0)]
            found.append((variant_id, intervals, difference))
    adjusted = holm([difference.p_value for _id, _intervals, difference in found])
    return tuple(
        VariantChange(
            variant_id=variant_id,
            first=intervals[0],
            second=intervals[1],
            difference=replace(difference, p_holm=p),
        )
        for (variant_id, intervals, difference), p in zip(found, adjusted, strict=True)
    )


def portability_grid(runs: Sequence[tuple[RunPlan, RunTable]], model_names: Mapping[str, str]) -> Grid:
    """Models by techniques for one task: the quality of each in the first run of the list that has it."""
    cells: dict[tuple[str, str], Interval] = {}
    for plan, table in runs:
        for variant in plan.variants:
            line = table.place(variant.id)
            made = table.made[line]
            if made.any():
                cells.setdefault((plan.model_id, str(variant.technique)), score_interval(table.score[line, made]))
    models = list(dict.fromkeys(model for model, _technique in cells))
    techniques = [technique for technique in LABELS if any(str(technique) == name for _model, name in cells)]
    found = [[cells.get((model, str(technique))) for technique in techniques] for model in models]
    told = [
        f"{model_names.get(model, model)} {LABELS[technique]} {cell.value * 100:.0f} %"
        for model, line in zip(models, found, strict=True)
        for technique, cell in zip(techniques, line, strict=True)
        if cell is not None
    ]
    return Grid(
        title="What carries over to other models",
        caption="quality in percent with its 95 % interval; the newest run of each",
        alt=f"Quality by model and technique: {'; '.join(told)}.",
        lines=tuple(model_names.get(model, model) for model in models),
        columns=tuple(LABELS[technique] for technique in techniques),
        values=tuple(tuple(None if cell is None else cell.value for cell in line) for line in found),
        texts=tuple(
            tuple("" if c is None else f"{c.value * 100:.0f} ({c.low * 100:.0f} to {c.high * 100:.0f})" for c in line)
            for line in found
        ),
        line_title="model",
        column_title="technique",
    )
