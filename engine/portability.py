"""One task over several models and backends: does the ranking of techniques hold when the model changes?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from engine.variant import LABELS, Technique


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One technique on one model: the mean primary score with its 95 % interval."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """Techniques by models, and how far the models agree on the order of the techniques."""

    task: str
    metric: str
    models: tuple[str, ...]
    techniques: tuple[Technique, ...]
    cells: Mapping[tuple[Technique, str], Cell]
    agreement: Mapping[tuple[str, str], float]
    """Kendall's tau-b of each pair of models over the techniques that both have run: 1 is the same order, -1 the
    reverse. Pairs with fewer than three such techniques, or with all scores tied, are left out."""

    def best(self, model: str) -> Technique | None:
        """Return the technique with the highest score on a model; None if it has none."""
        scored = [(self.cells[technique, model].value, technique) for technique in self.techniques
                  if (technique, model) in self.cells]  # fmt: skip
        return max(scored, key=lambda pair: pair[0])[1] if scored else None


LEAST_TECHNIQUES = 3


def matrix(summaries: Sequence[Mapping[str, Any]]) -> Matrix:
    """Put the summaries of runs of one task side by side; of two runs of one model, the later in the list counts."""
    by_model = {str(summary["model"]): summary for summary in summaries}
    cells: dict[tuple[Technique, str], Cell] = {}
    for model, summary in by_model.items():
        for figures in summary["variants"]:
            quality = figures["quality"]
            if quality["value"] is not None:
                cells[Technique(figures["technique"]), model] = Cell(
                    value=quality["value"], low=quality["ci_low"], high=quality["ci_high"]
                )
    first = next(iter(by_model.values()))
    return Matrix(
        task=str(first["task"]),
        metric=str(first["variants"][0]["quality"]["metric"]),
        models=tuple(by_model),
        techniques=tuple(t for t in LABELS if any(technique is t for technique, _model in cells)),
        cells=cells,
        agreement=_agreement(tuple(by_model), cells),
    )


def _agreement(models: Sequence[str], cells: Mapping[tuple[Technique, str], Cell]) -> dict[tuple[str, str], float]:
    from scipy.stats import kendalltau

    found = {}
    for one, other in combinations(models, 2):
        both = [t for t in LABELS if (t, one) in cells and (t, other) in cells]
        if len(both) < LEAST_TECHNIQUES:
            continue
        tau = float(kendalltau([cells[t, one].value for t in both], [cells[t, other].value for t in both]).statistic)
        if not math.isnan(tau):  # it is where all scores of a model are the same
            found[one, other] = tau
    return found


def in_words(table: Matrix) -> list[str]:
    """Say what the matrix shows: each model's best technique, and how far two models agree."""
    lines = []
    for model in table.models:
        best = table.best(model)
        if best is not None:
            lines.append(f"{model}: {LABELS[best]} is best with {table.cells[best, model].value:.0%}.")
    for (one, other), tau in table.agreement.items():
        order = "the same order" if tau > 1 - 1e-9 else "mostly the same order" if tau > 0.5 else (
            "partly the same order" if tau > 0 else "another order")  # fmt: skip
        lines.append(f"{one} and {other} put the techniques into {order} (Kendall's tau {tau:.2f}).")
    return lines
