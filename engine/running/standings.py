"""How the variants of a run stand after each row: who is clearly ahead, and who is out of a race."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.variant import no_rivals
from engine.metrics.early_stopping import ClearLeader, clear_leader, surely_behind
from engine.metrics.inference import WATCHED
from engine.metrics.pairwise import compare_all


class Standings:
    """Scores of the rows that all variants in the run have answered."""

    def __init__(self, plan: RunPlan, kept: Sequence[Prediction], out: Mapping[str, int]) -> None:
        """Begin with what is kept from before, and with those that were out already."""
        self._plan = plan
        self._out = dict(out)
        self._no_rivals = no_rivals(plan.variants)
        self._scores: dict[str, dict[str, float]] = {variant.id: {} for variant in plan.variants}
        self._unanswered: dict[str, set[str]] = {variant.id: set() for variant in plan.variants}
        for prediction in kept:
            self.add(prediction)

    def add(self, prediction: Prediction) -> None:
        """Take a score; a failure counts as wrong, but a fault of the server that may pass decides nothing."""
        if prediction.failure is not None and prediction.failure.passing:
            self._unanswered[prediction.variant_id].add(prediction.example_id)
        self._scores[prediction.variant_id][prediction.example_id] = prediction.score or 0.0

    @property
    def out(self) -> Mapping[str, int]:
        """Return those that are out of a race, with the rows that they have."""
        return self._out

    def is_out(self, variant_id: str) -> bool:
        """Tell whether a variant gets no more rows."""
        return variant_id in self._out

    @property
    def is_whole(self) -> bool:
        """Tell whether all that are still in have all rows."""
        return all(len(scores) == len(self._plan.test_ids) for scores in self._going().values())

    @property
    def rows_in_common(self) -> int:
        """How many rows all that are still in have."""
        return len(self._rows_in_common())

    def drop(self) -> dict[str, int]:
        """Take out of a race who is surely behind; return them with the rows that they have answered."""
        if not self._plan.race or self.is_whole:
            return {}
        common = self._common(self._deciding())
        # A default is measured against all, a tuned variant not against its own default.
        contending = self._contending(common)
        behind = surely_behind(common, began=len(self._plan.variants), contending=contending)
        dropped = {name: len(self._scores[name]) - len(self._unanswered[name]) for name in behind}
        self._out |= dropped
        return dropped

    def leader(self) -> ClearLeader | None:
        """Return who is clearly the best, if that ends the run: rows are left, and the plan asks to stop then."""
        if self.is_whole or not (self._plan.race or self._plan.stop_when_clear):
            return None
        contending = self._contending(self._common(self._deciding()))
        if self._plan.race and len(contending) == 1 and len(self._scores) > 1:
            rows = len(self._deciding())
            return ClearLeader(variant_id=next(iter(contending)), rows=rows, evidence=2 / WATCHED)
        return clear_leader(contending) if self._plan.stop_when_clear else None

    def best_of_going(self) -> str | None:
        """Return who is better than each other variant in the run, by the look at the rows that all of them have.

        It is the look that judges these rows in a verdict, and spends the same part of the error. Who alone is left of
        a race is the best. None while rows are missing, or where nobody is surely the best.
        """
        common = self._contending(self._common(self._rows_in_common()))
        if not self.is_whole or len(self._scores) < 2:
            return None
        if len(common) == 1:
            return next(iter(common))
        names, scores = list(common), np.array(list(common.values()))
        best = max(names, key=lambda name: sum(common[name]))
        pairs = compare_all(names, scores, np.ones(scores.shape, dtype=np.bool_), looks=self._plan.looks)
        return best if all(pair.distinct for pair in pairs if best in {pair.first, pair.second}) else None

    def _contending(self, common: Mapping[str, list[float]]) -> dict[str, list[float]]:
        """Leave out defaults beside their tuned variants, as the verdict does."""
        return {name: scores for name, scores in common.items() if self._no_rivals.get(name) not in common}

    def _going(self) -> dict[str, dict[str, float]]:
        return {name: scores for name, scores in self._scores.items() if name not in self._out}

    def _rows_in_common(self) -> list[str]:
        """Return the rows that all that are still in have, in their order."""
        going = self._going().values()
        return [row for row in self._plan.test_ids if all(row in scores for scores in going)]

    def _deciding(self) -> list[str]:
        """Return those of them that judge a run before its last row: no fault of a server left an answer out."""
        unanswered = set().union(*(self._unanswered[name] for name in self._going()))
        return [row for row in self._rows_in_common() if row not in unanswered]

    def _common(self, rows: Sequence[str]) -> dict[str, list[float]]:
        """Return the scores of those still in on these rows."""
        return {name: [scores[row] for row in rows] for name, scores in self._going().items()}
