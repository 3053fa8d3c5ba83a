"""How fast a model answers on this machine: as its last run showed, as a speed test did, or assumed by its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.core.generation import ModelFacts
from engine.core.run.events import Event, PlanSettled, PredictionMade
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.task import Example, Task
from engine.core.variant import Variant
from engine.running.row_tokens import RowTokens, row_tokens, work

FLOPS_PER_CORE = 60e9
"""Measured with SmolLM2-135M Q4_1 in llama.cpp and AVX-512: 225 fresh tokens/s a core, at 2 x 135M flops a token."""
SERVER_ROW_S = 1.0
"""Assumed for a row at a server whose model size and speed are unknown."""
SERVER_ROWS_AT_ONCE = 4
"""Assumed for a search and for the rows that decide, which are asked for several at once."""
NO_MODEL_ROW_S = 0.02
"""A row that is answered without the language model."""
LEAST_ROWS = 20
"""Answers of a run from which on its pace is kept: of fewer many are a slot's first, which read a prompt whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """What a row takes."""

    tokens_per_s: float
    """Of work, as `row_tokens.work` counts it."""
    row_s: float | None = None
    """Of any row, whatever its tokens; None where these are known to tell."""
    at_once: int = 1
    """So many rows take as long as one where several are asked for together."""

    def seconds(self, variant: Variant, tokens: RowTokens, *, at_once: bool = False) -> float:
        """Return the seconds of a row; `at_once` where several are asked for, which a server answers together."""
        if not variant.generates:
            return NO_MODEL_ROW_S
        alone_s = work(variant, tokens) / self.tokens_per_s if self.row_s is None else self.row_s
        return alone_s / (self.at_once if at_once else 1)


def pace_of(facts: ModelFacts, cores: int, shown_tokens_per_s: float | None = None) -> Pace:
    """Return the pace that a model showed on this machine; where it showed none, one that is assumed by its size."""
    unknown = facts.server and not facts.parameters
    assumed = FLOPS_PER_CORE * cores / (2 * facts.parameters) if facts.parameters else 1e6
    return Pace(
        tokens_per_s=shown_tokens_per_s or assumed,
        row_s=SERVER_ROW_S if unknown and not shown_tokens_per_s else None,
        at_once=SERVER_ROWS_AT_ONCE if unknown else 1,
    )


def shown_pace(by_run: Mapping[str, Any], by_speed_test: Mapping[str, Any], *, labels: bool) -> float | None:
    """Return the tokens per second that were kept of a model on this machine; None where nothing sound was kept.

    Args:
        by_run: as `RunPace.figures` has them; a run's answers tell more than a speed test.
        by_speed_test: the fields of a `Speed`.
        labels: whether answers are labels. Texts are counted as long as they may get, and what a written token takes
            beside one that is read differs by machine, so that runs of texts do not tell how long labels take.
    """
    for found in (by_run.get(_kind(labels=labels)), by_speed_test.get("prefill_tokens_per_s")):
        if isinstance(found, float | int) and 0 < found < float("inf"):
            return float(found)
    return None


def _kind(*, labels: bool) -> str:
    return "labels_tokens_per_s" if labels else "texts_tokens_per_s"


def rows_with(task: Task, ids: Sequence[str]) -> list[Example]:
    """Return the rows of a task with these ids, as far as it has them."""
    by_id = {example.id: example for example in task.examples}
    return [by_id[row_id] for row_id in ids if row_id in by_id]


def plan_tokens(plan: RunPlan, task: Task) -> RowTokens:
    """Return the tokens of a plan's rows; answers that are no labels count as long as they may get."""
    tests, learned = (rows_with(task, ids) for ids in (plan.test_ids, plan.train_ids))
    most = max((variant.decoding.max_tokens for variant in plan.variants), default=0)
    return row_tokens(task, tests, learned, answer=1 if task.answer.labels else most)


class RunPace:
    """Learns from a run's events how fast its model answers row by row. Not thread-safe."""

    def __init__(self, plan: RunPlan, task: Task) -> None:
        """Begin before the first event."""
        self._tokens, self._has_labels = plan_tokens(plan, task), bool(task.answer.labels)
        self._variants: dict[str, Variant] = {}
        self._rows, self._work, self._seconds = 0, 0.0, 0.0
        self._settle(plan)

    def take(self, event: Event) -> None:
        """Take one event; answers that were kept before, and failures, tell nothing."""
        if isinstance(event, PlanSettled):
            self._settle(event.plan)
        if isinstance(event, PredictionMade) and not event.kept and event.prediction.failure is None:
            self._add(event.prediction)

    @property
    def figures(self) -> dict[str, float] | None:
        """What is kept: tokens of work per second, by the kind of answer. None before `LEAST_ROWS` answers."""
        if self._rows < LEAST_ROWS or self._seconds <= 0:
            return None
        return {_kind(labels=self._has_labels): self._work / self._seconds}

    def _add(self, made: Prediction) -> None:
        variant = self._variants.get(made.variant_id)
        if variant is None or not variant.generates or made.timing.total_s is None:
            return
        self._rows += 1
        self._work += work(variant, self._tokens)
        self._seconds += made.timing.total_s

    def _settle(self, plan: RunPlan) -> None:
        self._variants = {variant.id: variant for variant in plan.variants}
