"""Quality against the number of training rows, over several draws of them. Pure functions over ordinary runs.

No training row at all is the bare prompt, where few-shot, RAG and LoRA all begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.analysis.costs.break_even import labelled_rows
from engine.analysis.marks import FigureName, Origin, mark_of
from engine.analysis.run_table import RunTable
from engine.analysis.verdict.claims import Sentence
from engine.core.generation import ModelFacts
from engine.core.interval import Interval
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.core.techniques import TECHNIQUES, Technique, label
from engine.core.variant import DecodingMode
from engine.metrics import wording as say
from engine.metrics.intervals import mean_interval, plain_student
from engine.metrics.marks import Mark, foremost
from engine.running.defaults import TechniqueOptions, default_shots
from engine.running.planning import plan_run
from engine.running.preflight.embedders import EmbedderChoice
from engine.studies.seed_variation import seed_variation

SIZES = (0, 5, 10, 25, 50)
SEEDS = 3
"""For each number of rows, by default. With two, Student's t calls chance a gain too often: means come in steps."""
CURVE_TECHNIQUES = tuple(technique for technique, facts in TECHNIQUES.items() if facts.in_learning_curve)


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePoint:
    """One technique at one number of training rows."""

    technique: Technique
    train_rows: int
    seeds: tuple[int, ...]
    means: tuple[float, ...]
    """Quality of each draw, in the order of `seeds`."""
    quality: Interval
    """Over draws by Student's t; over rows with one draw, or where all draws answered alike."""
    labelled: bool = True
    """Whether it takes anything from training rows: passages of documents alone do not."""
    mark: Mark = Mark.MEASURED
    """Of its quality: of its draws' marks the foremost."""


def curve_points(runs: Sequence[tuple[RunPlan, RunTable, Origin]]) -> tuple[CurvePoint, ...]:
    """Gather points from runs on the same test rows, by technique and number of training rows.

    A zero-shot variant, whatever the run could have learned from, is the point of no rows.
    """
    found: dict[tuple[Technique, int], dict[int, list[float]]] = {}
    marks: dict[tuple[Technique, int], list[Mark]] = {}
    labelled: set[Technique] = set()
    for plan, table, origin in runs:
        for variant in plan.variants:
            line = table.place(variant.id)
            scores = table.score[line, table.made[line]].tolist()
            key = (variant.technique, len(plan.train_ids) if variant.facts.learns else 0)
            if scores:
                found.setdefault(key, {}).setdefault(plan.seed, scores)
                marks.setdefault(key, []).append(mark_of(FigureName.QUALITY, variant, origin))
            if labelled_rows(variant, len(plan.train_ids)):
                labelled.add(variant.technique)
    points = []
    order = list(TECHNIQUES)
    for (technique, size), draws in sorted(found.items(), key=lambda item: (order.index(item[0][0]), item[0][1])):
        # Of all rows, or of none, each seed draws the same: answers that are all alike are one draw, not a sure one.
        several = TECHNIQUES[technique].learns and len({tuple(scores) for scores in draws.values()}) > 1
        variation = seed_variation(draws) if several else None
        first = mean_interval(np.array(next(iter(draws.values()))))
        quality = variation.quality if variation else first
        points.append(
            CurvePoint(
                technique=technique,
                train_rows=size,
                seeds=tuple(sorted(draws)),
                means=tuple(float(np.mean(draws[seed])) for seed in sorted(draws)),
                quality=Interval(value=quality.value, low=max(quality.low, 0.0), high=min(quality.high, 1.0)),
                labelled=technique in labelled,
                mark=foremost(marks[technique, size]),
            )
        )
    return tuple(points)


def of_technique(points: Sequence[CurvePoint], technique: Technique) -> list[CurvePoint]:
    """Return one technique's points by rows; all that begin at the bare prompt begin with its point.

    One that takes nothing from training rows does not: what lifts it over the bare prompt are no labels.
    """
    begin = [point for point in points if not TECHNIQUES[point.technique].learns]
    own = [point for point in points if point.technique is technique and point.train_rows > 0]
    begins = TECHNIQUES[technique].generates and all(point.labelled for point in own)
    return [*(begin if begins else []), *sorted(own, key=lambda point: point.train_rows)]


def would_labels_help(points: Sequence[CurvePoint], techniques: Sequence[Technique]) -> tuple[Sentence, ...]:
    """Say for each technique what the last step to more rows gained, draw by draw, and whether that is significant."""
    told = []
    for technique in techniques:
        line = [point for point in of_technique(points, technique) if point.train_rows]
        if len(line) < 2:
            continue
        told.append(_last_step(label(technique), line))
    return tuple(told)


def _last_step(name: str, line: Sequence[CurvePoint]) -> Sentence:
    first, before, after = line[0], line[-2], line[-1]
    if not after.labelled:
        value = say.share(after.quality.value)
        return Sentence(text=f"{name}: {value} with any number of training rows, since it uses none on this task.")
    gain = _gain(before, after)
    way_so_far = (
        f"{name}: {say.share(first.quality.value)} with {say.counted(first.train_rows, 'training row')}, "
        f"{say.share(after.quality.value)} with {after.train_rows}."
    )
    step = f"from {before.train_rows} to {after.train_rows}"
    if gain is None:
        change = after.quality.value - before.quality.value
        move = f"{'gained' if change > 0 else 'lost'} {say.points(change)}" if change else "stayed the same"
        return Sentence(text=f"{way_so_far} It {move} {step} rows, from one sample; repeat to be sure.")
    figures = {"gain": gain.value, "low": gain.low, "high": gain.high}
    low, high = (gain.low, gain.high) if gain.value >= 0 else (-gain.high, -gain.low)
    ends = f"{say.points(gain.value)} ({say.span(low, high)})"
    seeds, way = len({*before.seeds} & {*after.seeds}), "gained" if gain.value >= 0 else "lost"
    if seeds < SEEDS and not low <= 0 <= high:
        text = f"It {way} {ends} {step}, over {seeds} seeds, too few to be sure."
    elif gain.low > 0:
        text = f"It still gains: {ends} {step}. More labels are likely to help."
    elif gain.high < 0:
        text = f"It lost {ends} {step}."
    else:
        text = f"It {way} {ends} {step}, over {seeds} seeds: the change is not significant."
    return Sentence(text=f"{way_so_far} {text}", figures=figures)


def _gain(before: CurvePoint, after: CurvePoint) -> Interval | None:
    """Mean gain over the draws that both have, with its 95 % interval by Student's t; None under two draws."""
    earlier = dict(zip(before.seeds, before.means, strict=True))
    later = dict(zip(after.seeds, after.means, strict=True))
    gains = np.array([later[seed] - earlier[seed] for seed in later if seed in earlier])
    if len(gains) < 2:
        return None
    return plain_student(gains)


def curve_plans(
    task: Task,
    facts: ModelFacts,
    *,
    techniques: Sequence[Technique],
    sizes: Sequence[int],
    draws: int,
    test_rows: int,
    decoding: DecodingMode,
    embedding: EmbedderChoice | None = None,
) -> list[RunPlan]:
    """Plan one run per draw and number of rows, all on the same test rows, cheap ones first.

    Rows are answered in batches, since only quality is needed. Few-shot shows as many rows as there are, up to the
    task's usual number. No rows are one zero-shot run, which no draw changes.
    """
    shots = default_shots(task)

    def planned(chosen: Sequence[Technique], size: int, seed: int) -> RunPlan:
        return plan_run(
            task,
            facts,
            techniques=chosen,
            limit=test_rows,
            train_rows=size,
            seed=seed,
            decoding=decoding,
            throughput=True,
            options=TechniqueOptions(shots_k=min(size, shots)) if size else None,
            embedding=embedding or EmbedderChoice(),
        )

    rows = planned([Technique.ZERO_SHOT], 1, 0)
    plans = [rows] if 0 in sizes else []
    for size in sorted(size for size in set(sizes) if size):
        plans += [replace(planned(techniques, size, seed), test_ids=rows.test_ids) for seed in range(draws)]
    return plans
