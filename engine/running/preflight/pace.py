"""How fast a model answers on this machine: as its last run showed, as a speed test did, or assumed by its size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from engine.core.generation import ModelFacts
from engine.core.run.events import Event, PlanSettled, PredictionMade, VariantReady
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.task import Task
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
class Shown:
    """What a model has shown on this machine; None where it has not."""

    tokens_per_s: float | None = None
    """Of work, as `row_tokens.work` counts it, with answers of this kind."""
    reading_tokens_per_s: float | None = None
    row_s: float | None = None
    """Median of the rows of its last run with answers of this kind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """What a row takes."""

    tokens_per_s: float
    """Of work, as `row_tokens.work` counts it."""
    reading_tokens_per_s: float
    """Of prompts, by which trainings are estimated."""
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


def pace_of(facts: ModelFacts, cores: int, shown: Shown | None = None) -> Pace:
    """Return the pace that a model showed on this machine; where it showed none, one that is assumed by its size."""
    shown, unknown = shown or Shown(), facts.server and not facts.parameters
    assumed = FLOPS_PER_CORE * cores / (2 * facts.parameters) if facts.parameters else 1e6
    return Pace(
        tokens_per_s=shown.tokens_per_s or assumed,
        reading_tokens_per_s=shown.reading_tokens_per_s or assumed,
        row_s=(shown.row_s or SERVER_ROW_S) if unknown else None,
        at_once=SERVER_ROWS_AT_ONCE if unknown else 1,
    )


def shown_pace(by_run: Mapping[str, Any], by_speed_test: Mapping[str, Any], task: Task) -> Shown:
    """Return what was kept of a model on this machine, as far as it is sound.

    Texts are counted as long as they may get, and what a written token takes beside one that is read differs by
    machine: only runs of the same task tell how long they take. Labels are alike.

    Args:
        by_run: as `RunPace.figures` has them, of the last runs; they tell more than a speed test.
        by_speed_test: the fields of a `Speed`.
        task: that is to be answered.
    """
    own, labels = by_run.get(_kind(task), {}), by_run.get(_LABELS, {})
    reading = _sound(labels, "tokens_per_s") or _sound(by_speed_test, "prefill_tokens_per_s")
    return Shown(
        tokens_per_s=_sound(own, "tokens_per_s") or (reading if task.answer.labels else None),
        reading_tokens_per_s=reading,
        row_s=_sound(own, "row_s"),
    )


def _sound(figures: Any, name: str) -> float | None:
    """Return a figure of a file that may be damaged; None unless it is a number above 0."""
    found = figures.get(name) if isinstance(figures, Mapping) else None
    return float(found) if isinstance(found, float | int) and 0 < found < float("inf") else None


_LABELS = "labels"


def _kind(task: Task) -> str:
    return _LABELS if task.answer.labels else f"texts: {task.id}"


def plan_tokens(plan: RunPlan, task: Task) -> RowTokens:
    """Return the tokens of a plan's rows; answers that are no labels count as long as they may get."""
    most = max((variant.decoding.max_tokens for variant in plan.variants), default=0)
    return row_tokens(
        task, task.rows(plan.test_ids), task.rows(plan.train_ids), answer=1 if task.answer.labels else most
    )


class RunPace:
    """Learns from a run's events how fast its model answers row by row. Not thread-safe."""

    def __init__(self, plan: RunPlan, task: Task) -> None:
        """Begin before the first event."""
        self._plan, self._task = plan, task
        self._variants: dict[str, Variant] = {}
        self._answers: Counter[str] = Counter()
        self._seconds: list[float] = []
        self._settle(plan)

    def take(self, event: Event) -> None:
        """Take one event; answers that were kept before, and failures, tell nothing."""
        match event:
            case PlanSettled():
                self._settle(event.plan)
            case VariantReady() if event.paid.shots is not None and event.variant_id in self._variants:
                decided = replace(self._variants[event.variant_id], shot_choice=event.paid.shots.choice)
                self._variants[event.variant_id] = decided
            case PredictionMade() if not event.kept and event.prediction.failure is None:
                self._add(event.prediction)

    def figures(self) -> dict[str, dict[str, float]] | None:
        """Return what is kept, by the kind of answer: a `Shown` of it. None before `LEAST_ROWS` answers."""
        total_s = sum(self._seconds)
        if len(self._seconds) < LEAST_ROWS or total_s <= 0:
            return None
        tokens = plan_tokens(self._plan, self._task)
        done = sum(count * work(self._variants[name], tokens) for name, count in self._answers.items())
        return {_kind(self._task): {"tokens_per_s": done / total_s, "row_s": median(self._seconds)}}

    def _add(self, made: Prediction) -> None:
        variant = self._variants.get(made.variant_id)
        if variant is not None and variant.generates and made.timing.total_s is not None:
            self._answers[variant.id] += 1
            self._seconds.append(made.timing.total_s)

    def _settle(self, plan: RunPlan) -> None:
        self._variants = {variant.id: variant for variant in plan.variants}
