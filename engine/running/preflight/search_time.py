"""What a search will take and try, before it starts: rough figures, from the tokens of its rows. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.core.generation import ModelFacts
from engine.core.run.effort import Effort
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.core.variant import TrainingPrompts, Variant
from engine.running.preflight.pace import Pace
from engine.running.row_tokens import RowTokens
from engine.running.search.folds import FOLDS
from engine.running.search.seeker import LEAST_TRIALS
from engine.running.search.spaces import space_of


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialTime:
    """What one setting of a technique takes, with the default's pool of rows."""

    answering_s: float
    """Of all rows that it is judged on."""
    training_s: float = 0.0
    """On average: where every second setting answers with the default's weights, half a training."""
    rows: int
    """That it answers."""
    weights_s: float = 0.0
    """Of training the default's weights, if that is none of the search."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchTime:
    """What the search of all techniques takes, by the id of each technique's default."""

    seconds: float
    weights_s: float
    """Of training the default's weights meanwhile; techniques that share them train once."""
    settings: Mapping[str, int]
    """About how many are tried, the default's among them."""
    rows: Mapping[str, int]
    """About how many rows all of them answer."""


def trial_times(
    plan: RunPlan,
    facts: ModelFacts,
    tokens: RowTokens,
    pace: Pace,
    training_seconds: Callable[[Variant, int], float],
) -> dict[str, TrialTime]:
    """Return what one setting of each technique takes on the rows of the search, by the id of its default.

    Args:
        plan: with an effort.
        facts: of the model: one at a server gets no other weights.
        tokens: of the plan's rows.
        pace: of the model.
        training_seconds: of a variant's weights on so many rows.
    """
    effort, found = plan.effort or Effort(), {}
    pool, beside = len(effort.pool_ids), len(effort.weights_ids)
    for variant in plan.variants:
        if not variant.tuned or (variant.lora is not None and facts.server):
            continue
        row_s = pace.seconds(variant, tokens, at_once=True)
        shown_s = FOLDS * variant.shots_k * tokens.example / pace.reading_tokens_per_s
        if variant.lora is None:
            found[variant.default_id] = TrialTime(answering_s=pool * row_s + shown_s, rows=pool)
            continue
        trained = len(plan.train_ids) if beside else min(len(plan.train_ids), pool - pool // FOLDS)
        training_s = training_seconds(variant, trained)
        rows = beside or math.ceil(pool / FOLDS)
        kept = beside and variant.retrieval is not None and variant.lora.prompts is TrainingPrompts.PLAIN
        found[variant.default_id] = TrialTime(
            answering_s=rows * row_s,
            training_s=training_s / (2 if kept else 1),
            rows=rows,
            weights_s=training_s if beside else 0.0,
        )
    return found


def search_time(plan: RunPlan, task: Task, trials: Mapping[str, TrialTime]) -> SearchTime:
    """Return what a search takes, and what it tries in that time."""
    effort = plan.effort
    if effort is None or effort.settled:
        return SearchTime(seconds=0.0, weights_s=0.0, settings={}, rows={})
    searched = {one.default_id: one for one in plan.variants if one.tuned}
    settings, rows, seconds = {}, {}, 0.0
    for name, one in trials.items():
        variant = searched[name]
        if effort.seconds is not None:
            settings[name], rows[name] = _in_seconds(effort.seconds, one, variant, task)
            seconds += effort.seconds
            continue
        share = 1.0 if variant.facts.trains else effort.folds.get(name, FOLDS) / FOLDS
        settings[name] = effort.trials.get(name, 1)
        rows[name] = math.ceil(settings[name] * one.rows * share)
        others = settings[name] - bool(one.weights_s)  # whose trainings count
        seconds += share * settings[name] * one.answering_s + others * one.training_s
    weights = {searched[name].lora: one.weights_s for name, one in trials.items()}
    return SearchTime(seconds=seconds, weights_s=sum(weights.values()), settings=settings, rows=rows)


def _in_seconds(budget_s: float, one: TrialTime, variant: Variant, task: Task) -> tuple[int, int]:
    """Return about how many settings are tried in so many seconds, as many as there are at most, and their rows.

    Where few fit, each answers fewer folds, unless it is trained.
    """
    whole_s = max(one.answering_s + one.training_s, 1e-3)
    there_are = math.prod(1 + len(knob.options) for knob in space_of(variant, task))
    if variant.facts.trains:
        # The default's weights are none of the search.
        first_s = one.answering_s if one.weights_s else whole_s
        tried = min(1 + int(max(budget_s - first_s, 0.0) / whole_s), there_are)
        return tried, tried * one.rows
    parts = int(budget_s * FOLDS / whole_s)
    tried = min(max(int(budget_s / whole_s), min(LEAST_TRIALS, parts), 1), there_are)
    return tried, math.ceil(min(tried, max(budget_s / whole_s, 1 / FOLDS)) * one.rows)
