"""Two runs of one task side by side: the same variants on the rows that both answered. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.analysis.marks import FigureName, Origin, mark_of
from engine.analysis.qualities import left_race, qualities
from engine.analysis.row_filter import Facet, facet
from engine.analysis.run_table import RunTable
from engine.charts.chart import Grid
from engine.core.errors import UsageError
from engine.core.interval import Counts, Floats, Interval
from engine.core.run.plan import RunPlan
from engine.core.techniques import TECHNIQUES, Technique, label
from engine.metrics import wording as say
from engine.metrics.intervals import mean_interval
from engine.metrics.marks import Mark, cell, heading
from engine.metrics.pairwise import Difference, compare_all, holm


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
    left, right = _shared_rows(first, second)
    found = []
    for variant_id in variant_ids:
        lines = first.place(variant_id), second.place(variant_id)
        scores = np.stack([second.score[lines[1], right], first.score[lines[0], left]])
        made = np.stack([second.made[lines[1], right], first.made[lines[0], left]])
        both = made.all(axis=0)
        if both.any():
            (difference,) = compare_all(["second", "first"], scores, made)
            intervals = [mean_interval(scores[line, both]) for line in (1, 0)]
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


def _shared_rows(first: RunTable, second: RunTable) -> tuple[Counts, Counts]:
    """Return the places of the rows with the same id and target: in the first table, and in the second.

    Raises:
        UsageError: there is none.
    """
    places = {example_id: place for place, example_id in enumerate(first.example_ids)}
    shared = [
        (places[example_id], place)
        for place, example_id in enumerate(second.example_ids)
        if example_id in places and second.targets[place] == first.targets[places[example_id]] != ""
    ]
    if not shared:
        raise UsageError("The two runs have no row in common.", "Compare runs on the same test rows.")
    left, right = (np.array(side) for side in zip(*shared, strict=True))
    return left, right


def in_second(variant_id: str) -> str:
    """Return the id that a variant of the second run has in `paired_table`."""
    return f"second/{variant_id}"


def in_first(variant_id: str) -> str:
    """Return the id that a variant of the first run has in `paired_table`."""
    return f"first/{variant_id}"


def paired_table(first: RunTable, second: RunTable, variant_ids: Sequence[str]) -> RunTable:
    """Put variants of two runs into one table, on the rows that `compare_runs` compares, in the second run's order.

    Each variant has two lines, `in_second` and `in_first`.

    Raises:
        UsageError: the runs share no row.
    """
    left, right = _shared_rows(first, second)

    def lines(of_second: NDArray[Any], of_first: NDArray[Any]) -> NDArray[Any]:
        sides = (second, of_second, right), (first, of_first, left)
        return np.stack([array[table.place(name), rows] for name in variant_ids for table, array, rows in sides])

    def each(of_second: Mapping[str, Floats], of_first: Mapping[str, Floats]) -> dict[str, Floats]:
        return {name: lines(of_second[name], of_first[name]) for name in of_second if name in of_first}

    behind = len(second.answers)
    return RunTable(
        variant_ids=tuple(side(name) for name in variant_ids for side in (in_second, in_first)),
        example_ids=tuple(second.example_ids[row] for row in right),
        targets=tuple(second.targets[row] for row in right),
        answers=(*second.answers, *first.answers),
        made=lines(second.made, first.made),
        score=lines(second.score, first.score),
        scores=each(second.scores, first.scores),
        failure=lines(second.failure, first.failure),
        answer=lines(second.answer, np.where(first.answer >= 0, first.answer + behind, first.answer)),
        confidence=lines(second.confidence, first.confidence),
        seconds=each(second.seconds, first.seconds),
        tokens=each(second.tokens, first.tokens),
        tokens_estimated=lines(second.tokens_estimated, first.tokens_estimated),
        rss_bytes=lines(second.rss_bytes, first.rss_bytes),
        identities=tuple(table.identities[table.place(name)] for name in variant_ids for table in (second, first)),
    )


def change_facet(paired: RunTable, variant_ids: Sequence[str]) -> Facet:
    """Return what became of each row of a `paired_table` from the first run to the second."""

    def right(side: Callable[[str], str]) -> NDArray[np.bool_]:
        return np.stack([paired.right[paired.place(side(name))] for name in variant_ids])

    before, after = right(in_first), right(in_second)
    better, worse = (after & ~before).any(axis=0), (before & ~after).any(axis=0)
    told = np.select([better & worse, better, worse], ["better and worse", "better", "worse"], default="no change")
    return facet("From the first run to the second", told.tolist())


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One technique on one model: the mean primary score with its 95 % interval."""

    value: float
    low: float | None
    high: float | None
    mark: Mark
    left_race: bool = False
    """It left a race early: its value is that of fewer rows, which may be easier ones."""

    @property
    def interval(self) -> Interval:
        """Its value and interval, whose ends are 0 where there is none."""
        return Interval(value=self.value, low=self.low or 0.0, high=self.high or 0.0)


Cells = dict[tuple[Technique, str], Cell]
"""By technique and model id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """Techniques by models, and how far the models agree on the order of the techniques."""

    task: str
    metric: str
    models: tuple[str, ...]
    techniques: tuple[Technique, ...]
    cells: Cells
    agreement: Mapping[tuple[str, str], float]
    """Kendall's tau-b of each pair of models over the techniques that both have run to the end: 1 is the same order, -1
    the reverse. Pairs with fewer than three such techniques, or with all scores tied, are left out."""
    searched: bool = False
    """Settings were searched for in one of the runs; all figures here are of the default ones."""

    def best(self, model: str) -> tuple[Technique, ...]:
        """Return the techniques with the highest score on a model, of those that left no race; several if level."""
        found = [(self.cells[technique, model], technique) for technique in self.techniques
                 if (technique, model) in self.cells]  # fmt: skip
        scored = [(cell.value, technique) for cell, technique in found if not cell.left_race]
        highest = max((value for value, _technique in scored), default=None)
        return tuple(technique for value, technique in scored if value == highest)


LEAST_TECHNIQUES = 3


def matrix(summaries: Sequence[Mapping[str, Any]]) -> Matrix:
    """Put the summaries of runs of one task side by side; of two runs of one model, the later in the list counts."""
    by_model = {str(summary["model"]): summary for summary in summaries}
    cells: Cells = {}
    for model, summary in by_model.items():
        for figures in summary["variants"]:
            quality = figures["quality"]
            if quality["value"] is not None and not figures.get("tuned"):
                cells[Technique(figures["technique"]), model] = Cell(
                    value=quality["value"],
                    low=quality["ci_low"],
                    high=quality["ci_high"],
                    mark=Mark(figures["marks"][FigureName.QUALITY]),
                    left_race=figures["variant"] in summary["out"],
                )
    first = next(iter(by_model.values()))
    searched = any(figures.get("tuned") for summary in by_model.values() for figures in summary["variants"])
    metric = str(first["variants"][0]["quality"]["metric"])
    return _matrix(str(first["task"]), metric, tuple(by_model), cells, searched=searched)


def across_models(runs: Sequence[tuple[RunPlan, RunTable, Origin]]) -> Matrix:
    """Put the runs of one task side by side: each technique on each model, in the first run that has both."""
    cells: Cells = {}
    for plan, table, origin in runs:
        scored, left = qualities(plan, table), left_race(plan, table)
        for variant in plan.variants:
            if variant.id in scored and not variant.tuned:
                quality, mark = scored[variant.id], mark_of(FigureName.QUALITY, variant, origin)
                found = Cell(
                    value=quality.value,
                    low=quality.low,
                    high=quality.high,
                    mark=mark,
                    left_race=variant.id in left,
                )
                cells.setdefault((variant.technique, plan.model_id), found)
    models = tuple(dict.fromkeys(model for _technique, model in cells))
    searched = any(variant.tuned for plan, _table, _origin in runs for variant in plan.variants)
    return _matrix(runs[0][0].task_id, "quality", models, cells, searched=searched)


def _matrix(task: str, metric: str, models: tuple[str, ...], cells: Cells, *, searched: bool) -> Matrix:
    return Matrix(
        task=task,
        metric=metric,
        models=models,
        techniques=tuple(t for t in TECHNIQUES if any(technique is t for technique, _model in cells)),
        cells=cells,
        searched=searched,
        agreement=_agreement(models, cells),
    )


def portability_grid(table: Matrix, model_names: Mapping[str, str]) -> Grid:
    """Draw models by techniques for one task: the quality of each, with its mark."""
    lines = [[table.cells.get((technique, model)) for technique in table.techniques] for model in table.models]
    names = [model_names.get(model, model) for model in table.models]
    told = [
        f"{name} {label(technique)} {say.share(one.value)}"
        for name, line in zip(names, lines, strict=True)
        for technique, one in zip(table.techniques, line, strict=True)
        if one is not None
    ]
    marks = [one.mark for one in table.cells.values()]
    settings = ", with default settings" if table.searched else ""
    return Grid(
        title="What carries over to other models",
        caption=f"{heading('quality in percent', marks)} with its 95 % interval; the newest run of each{settings}",
        alt=f"Quality by model and technique: {'; '.join(told)}.",
        lines=tuple(names),
        columns=tuple(label(technique) for technique in table.techniques),
        values=tuple(tuple(None if one is None else one.value for one in line) for line in lines),
        texts=tuple(
            tuple("" if one is None else cell(say.share_interval(one.interval), one.mark, marks) for one in line)
            for line in lines
        ),
        line_title="model",
        column_title="technique",
    )


def _agreement(models: Sequence[str], cells: Mapping[tuple[Technique, str], Cell]) -> dict[tuple[str, str], float]:
    from scipy.stats import kendalltau

    found = {}
    for one, other in combinations(models, 2):
        ended = {at for at, cell in cells.items() if not cell.left_race}
        both = [t for t in TECHNIQUES if (t, one) in ended and (t, other) in ended]
        if len(both) < LEAST_TECHNIQUES:
            continue
        tau = float(kendalltau([cells[t, one].value for t in both], [cells[t, other].value for t in both]).statistic)
        if not math.isnan(tau):  # it is where all scores of a model are the same
            found[one, other] = tau
    return found


def in_words(table: Matrix, model_names: Mapping[str, str] | None = None) -> list[str]:
    """Say what the matrix shows: each model's best technique, and how far two models agree."""
    lines, by_default = [], " with default settings," if table.searched else ""
    names = {model: (model_names or {}).get(model, model) for model in table.models}
    for model in table.models:
        best = table.best(model)
        if best:
            value = table.cells[best[0], model].value
            who = say.listed([label(technique) for technique in best])
            told = f"{who} {'is best' if len(best) == 1 else 'are level'}{by_default} with {say.share(value)}"
            told = told if value > 0 else "no technique scores more than 0"
            lines.append(f"{names[model]}: {told}.")
    for (one, other), tau in table.agreement.items():
        order = "the same order" if tau > 1 - 1e-9 else "mostly the same order" if tau > 0.5 else (
            "partly the same order" if tau > 0 else "a different order")  # fmt: skip
        lines.append(f"{names[one]} and {names[other]} put the techniques into {order} (Kendall's tau {tau:.2f}).")
    return lines
