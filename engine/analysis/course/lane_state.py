"""What is gathered for a lane of a run between snapshots."""

from __future__ import annotations

import itertools
import sys
from array import array
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from engine.analysis.run_table import RowColumns, row_values
from engine.core.run.prediction import Prediction
from engine.core.steps import Progress
from engine.core.variant import Variant


@dataclass(slots=True)
class LaneState:
    """One variant of a run while it comes in. Not thread-safe: its owner locks."""

    variant: Variant
    state: str = "waiting"
    columns: RowColumns = field(default_factory=RowColumns)
    """Of all predictions, until the run has ended."""
    last: Prediction | None = None
    running: array[float] = field(default_factory=lambda: array("d"))
    """Mean score after each row: that of all is the quality, to the last bit where rows are right or wrong."""
    total_score: float = 0.0
    latencies_s: array[float] = field(default_factory=lambda: array("d"))
    example_ids: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    prepare_s: float | None = None
    prepare_reused: bool = False
    is_ready: bool = False
    progress: Progress | None = None
    text: str = ""
    target: str = ""
    out_after: int | None = None
    passing: int = 0
    """Rows that a fault of their server left without an answer."""
    withdrawals: int = 0
    """How often such rows were forgotten."""

    @property
    def rows_done(self) -> int:
        """Answers made."""
        return len(self.outcomes)

    def add(self, prediction: Prediction) -> None:
        """Take one more answer."""
        self.columns.extend([row_values(prediction)])
        self.last = prediction
        self.passing += prediction.failure is not None and prediction.failure.passing
        self._score(prediction.score or 0.0)
        self.example_ids.append(sys.intern(prediction.example_id))  # one text for all variants
        self.outcomes.append(prediction.outcome)
        if prediction.timing.total_s is not None:
            self.latencies_s.append(prediction.timing.total_s)
        self.text, self.target = prediction.text, prediction.target

    def _score(self, score: float) -> None:
        self.total_score += score
        self.running.append(self.total_score / (len(self.running) + 1))

    def withdraw(self, example_ids: Collection[str]) -> None:
        """Forget rows that were never answered, and so have no latency."""
        places = {place for place, name in enumerate(self.example_ids) if name in example_ids}
        stays = [place not in places for place in range(len(self.example_ids))]
        self.columns = self.columns.without(places)
        self.example_ids = list(itertools.compress(self.example_ids, stays))
        self.outcomes = list(itertools.compress(self.outcomes, stays))
        self.passing -= len(places)
        self.withdrawals += 1
        if self.last is not None and self.last.example_id in example_ids:
            self.last, self.text, self.target = None, "", ""
        self.running, self.total_score = array("d"), 0.0
        for score in np.nan_to_num(self.columns.numbers("score", len(self.columns))).tolist():
            self._score(score)

    @property
    def is_out(self) -> bool:
        """Tell whether it left a race."""
        return self.out_after is not None
