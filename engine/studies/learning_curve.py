"""Quality against the number of training rows, over several draws of them. Pure functions over ordinary runs.

No training row at all is the bare prompt, where few-shot, RAG and LoRA all begin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.stats import t as student

from engine.analysis.figures import score_interval
from engine.analysis.run_table import RunTable
from engine.analysis.verdict_types import Sentence
from engine.core.interval import Interval
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.core.variant import LABELS, DecodingMode, Technique
from engine.metrics import wording as say
from engine.running.defaults import Choices, default_shots
from engine.studies.seed_variation import seed_variation

SIZES = (0, 5, 10, 25, 50)
TECHNIQUES = (Technique.FEW_SHOT, Technique.RAG, Technique.LORA, Technique.CLASSIFIER)


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePoint:
    """One technique at one number of training rows."""

    technique: Technique
    train_rows: int
    seeds: tuple[int, ...]
    means: tuple[float, ...]
    """Quality of each draw, in the order of `seeds`."""
    quality: Interval
    """Over draws by Student's t; with one draw over its rows alone."""
    over_draws: bool


def curve_points(runs: Sequence[tuple[RunPlan, RunTable]]) -> tuple[CurvePoint, ...]:
    """Gather points from runs on the same test rows, by technique and number of training rows.

    A zero-shot variant, whatever the run could have learned from, is the point of no rows.
    """
    found: dict[tuple[Technique, int], dict[int, list[float]]] = {}
    for plan, table in runs:
        for variant in plan.variants:
            line = table.place(variant.id)
            scores = table.score[line, table.made[line]].tolist()
            size = 0 if variant.technique is Technique.ZERO_SHOT else len(plan.train_ids)
            if scores:
                found.setdefault((variant.technique, size), {}).setdefault(plan.seed, scores)
    points = []
    order = list(LABELS)
    for (technique, size), draws in sorted(found.items(), key=lambda item: (order.index(item[0][0]), item[0][1])):
        variation = seed_variation(draws) if len(draws) > 1 and technique is not Technique.ZERO_SHOT else None
        first = score_interval(np.array(next(iter(draws.values()))))
        quality = variation.quality if variation else first
        points.append(
            CurvePoint(
                technique=technique,
                train_rows=size,
                seeds=tuple(sorted(draws)),
                means=tuple(float(np.mean(draws[seed])) for seed in sorted(draws)),
                quality=Interval(value=quality.value, low=max(quality.low, 0.0), high=min(quality.high, 1.0)),
                over_draws=variation is not None,
            )
        )
    return tuple(points)


def of_technique(points: Sequence[CurvePoint], technique: Technique) -> list[CurvePoint]:
    """Return one technique's points by rows; all that begin at the bare prompt begin with its point."""
    begin = [point for point in points if point.technique is Technique.ZERO_SHOT]
    own = [point for point in points if point.technique is technique and point.train_rows > 0]
    return [*(begin if technique is not Technique.CLASSIFIER else []), *sorted(own, key=lambda point: point.train_rows)]


def would_labels_help(points: Sequence[CurvePoint], techniques: Sequence[Technique]) -> tuple[Sentence, ...]:
    """Say of each technique what the last step to more rows brought, draw by draw, and whether that is real."""
    told = []
    for technique in techniques:
        line = [point for point in of_technique(points, technique) if point.train_rows]
        if len(line) < 2:
            continue
        told.append(_last_step(LABELS[technique], line))
    return tuple(told)


def _last_step(name: str, line: Sequence[CurvePoint]) -> Sentence:
    first, before, after = line[0], line[-2], line[-1]
    gain = _gain(before, after)
    way_so_far = (
        f"{name}: {say.share(first.quality.value)} with {first.train_rows} training rows, "
        f"{say.share(after.quality.value)} with {after.train_rows}."
    )
    step = f"from {before.train_rows} to {after.train_rows}"
    if gain is None:
        move = say.points(after.quality.value - before.quality.value)
        way = "more" if after.quality.value >= before.quality.value else "less"
        return Sentence(text=f"{way_so_far} {move} {way} {step}, in one draw: more draws would tell.")
    figures = {"gain": gain.value, "low": gain.low, "high": gain.high}
    ends = f"{say.points(gain.value)} ({say.span(gain.low, gain.high)})"
    if gain.low > 0:
        text = f"It still gains: {ends} {step}. More labels are likely to help."
    elif gain.high < 0:
        text = f"It lost {ends} {step}."
    else:
        way = "gained" if gain.value >= 0 else "lost"
        text = f"It {way} {ends} {step}, over {len(after.seeds)} draws: whether more labels help cannot be told."
    return Sentence(text=f"{way_so_far} {text}", figures=figures)


def _gain(before: CurvePoint, after: CurvePoint) -> Interval | None:
    """Mean gain over the draws that both have, with its 95 % interval by Student's t; None under two draws."""
    earlier = dict(zip(before.seeds, before.means, strict=True))
    later = dict(zip(after.seeds, after.means, strict=True))
    gains = np.array([later[seed] - earlier[seed] for seed in later if seed in earlier])
    if len(gains) < 2:
        return None
    half = float(student.ppf(0.975, len(gains) - 1)) * float(gains.std(ddof=1)) / math.sqrt(len(gains))
    return Interval(value=float(gains.mean()), low=float(gains.mean()) - half, high=float(gains.mean()) + half)


class Planner(Protocol):
    """What is needed to plan runs; `engine.services.lab.Laboratory` fulfils it."""

    def task(self, task_id: str) -> Task:
        """A task."""
        ...

    def plan(
        self,
        *,
        task_id: str,
        model_id: str,
        techniques: Sequence[Technique],
        limit: int | None = None,
        train_rows: int = 50,
        seed: int = 0,
        decoding: DecodingMode = DecodingMode.CHOICE,
        throughput: bool = False,
        choices: Choices | None = None,
    ) -> RunPlan:
        """Fix what a run computes."""
        ...


def curve_plans(
    lab: Planner,
    *,
    task_id: str,
    model_id: str,
    techniques: Sequence[Technique],
    sizes: Sequence[int],
    draws: int,
    test_rows: int,
    decoding: DecodingMode,
) -> list[RunPlan]:
    """Plan one run per draw and number of rows, all on the same test rows, cheap ones first.

    Rows are answered in batches, since quality alone is wanted. Few-shot shows as many rows as there are, up to the
    task's usual number. No rows are one zero-shot run, which no draw changes.
    """
    shots = default_shots(lab.task(task_id))

    def planned(chosen: Sequence[Technique], size: int, seed: int) -> RunPlan:
        return lab.plan(
            task_id=task_id,
            model_id=model_id,
            techniques=chosen,
            limit=test_rows,
            train_rows=size,
            seed=seed,
            decoding=decoding,
            throughput=True,
            choices=Choices(shots_k=min(size, shots)) if size else None,
        )

    rows = planned([Technique.ZERO_SHOT], 1, 0)
    plans = [rows] if 0 in sizes else []
    for size in sorted(size for size in set(sizes) if size):
        plans += [replace(planned(techniques, size, seed), test_ids=rows.test_ids) for seed in range(draws)]
    return plans
