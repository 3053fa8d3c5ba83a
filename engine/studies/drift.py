"""Which variants break when inputs change: each on the rows it was measured on, and on others. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtr, stdtrit

from engine.analysis.marks import FigureName, Origin, mark_of
from engine.analysis.qualities import qualities
from engine.analysis.run_table import RunTable
from engine.analysis.verdict.claims import Sentence
from engine.charts.chart import Axis, Chart
from engine.charts.lines import interval_line, quality_floor
from engine.core.interval import Floats, Interval
from engine.core.run.plan import RunPlan, new_run_id
from engine.core.task import Task
from engine.core.variant import Variant, variant_names
from engine.metrics import wording as say
from engine.metrics.intervals import mean_interval, wilson
from engine.metrics.marks import Mark, heading, marked
from engine.metrics.pairwise import LEVEL, compare_all, holm
from engine.studies.perturbations import PERTURBATIONS, WORDS, left_out, perturbed_task

ORIGINAL = "original"


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftChange:
    """One variant on one kind of changed rows."""

    variant_id: str
    name: str
    kind: str
    """`drift`, or a perturbation's name."""
    before: Interval
    after: Interval
    change: Interval
    """Quality after minus before, 95 %."""
    p_holm: float
    """Corrected for all variants and kinds."""
    rows: int
    paired: bool
    """Whether both use the same rows; the drift rows are different ones."""
    before_mark: Mark
    after_mark: Mark

    @property
    def breaks(self) -> bool:
        """Tell whether the loss is significant at the 5 % level, over all variants and kinds."""
        return self.p_holm < LEVEL and self.change.value < 0


Measured = tuple[RunTable, Origin]
"""A run's predictions, and where its figures come from."""


def drift_changes(plan: RunPlan, base: Measured, changed: Mapping[str, Measured]) -> tuple[DriftChange, ...]:
    """Compare a run with the same variants on changed rows, by kind.

    Rows with the same id and target in both are compared in pairs; others as two independent samples.
    """
    names, scored = variant_names(plan.variants), qualities(plan, base[0])
    raw: list[tuple[DriftChange, float]] = []
    for kind, other in changed.items():
        for variant in plan.variants:
            found = _change(variant, names[variant.id], kind, base, other, scored.get(variant.id))
            if found is not None:
                raw.append(found)
    adjusted = holm([p for _change, p in raw])
    return tuple(replace(change, p_holm=p) for (change, _p), p in zip(raw, adjusted, strict=True))


def _change(
    variant: Variant, name: str, kind: str, base: Measured, other: Measured, quality: Interval | None
) -> tuple[DriftChange, float] | None:
    (first, before_origin), (second, after_origin) = base, other
    places = {example_id: place for place, example_id in enumerate(second.example_ids)}
    lines = first.place(variant.id), second.place(variant.id)
    shared = [
        (place, places[example_id])
        for place, example_id in enumerate(first.example_ids)
        if example_id in places
        and first.made[lines[0], place]
        and second.made[lines[1], places[example_id]]
        and first.targets[place] == second.targets[places[example_id]]
    ]
    if shared:
        left, right = (np.array(side) for side in zip(*shared, strict=True))
        scores = np.stack([second.score[lines[1], right], first.score[lines[0], left]])
        (difference,) = compare_all(["after", "before"], scores, np.ones(scores.shape, dtype=np.bool_))
        before, after, effect, p_value = scores[1], scores[0], difference.effect, difference.p_value
    else:
        before = first.score[lines[0], first.made[lines[0]]]
        after = second.score[lines[1], second.made[lines[1]]]
        if not len(before) or not len(after):
            return None
        effect, p_value = independent_difference(after, before)
    change = DriftChange(
        variant_id=variant.id,
        name=name,
        kind=kind,
        before=quality if quality is not None and len(before) == first.made[lines[0]].sum() else mean_interval(before),
        after=mean_interval(after),
        change=effect,
        p_holm=p_value,
        rows=len(after),
        paired=bool(shared),
        before_mark=mark_of(FigureName.QUALITY, variant, before_origin),
        after_mark=mark_of(FigureName.QUALITY, variant, after_origin),
    )
    return change, p_value


def independent_difference(after: Floats, before: Floats) -> tuple[Interval, float]:
    """Difference of two independent means with its 95 % interval and a p-value.

    Right and wrong: Newcombe's interval from Wilson's two ("Interval estimation for the difference between independent
    proportions", Statist. Med. 17, 1998, method 10) and Fisher's exact test. Other scores: Welch's t (Biometrika 34,
    1947), and for rows that are all alike on each side the chance that shuffling rows separates them as well.
    """
    value = float(after.mean() - before.mean())
    if bool(np.isin(after, (0.0, 1.0)).all() and np.isin(before, (0.0, 1.0)).all()):
        hits = int(after.sum()), int(before.sum())
        first, second = wilson(hits[0], len(after)), wilson(hits[1], len(before))
        low = value - math.hypot(first.value - first.low, second.high - second.value)
        high = value + math.hypot(first.high - first.value, second.value - second.low)
        from scipy.stats import fisher_exact  # half a second of every start, for one study

        table = [[hits[0], len(after) - hits[0]], [hits[1], len(before) - hits[1]]]
        return Interval(value=value, low=low, high=high), float(fisher_exact(table).pvalue)
    if min(len(after), len(before)) < 2:
        return Interval(value=value, low=-1.0, high=1.0), 1.0
    parts = [float(side.var(ddof=1)) / len(side) for side in (after, before)]
    error = math.sqrt(sum(parts))
    if error == 0.0:
        by_chance = min(2 / math.comb(len(after) + len(before), len(after)), 1.0)
        low, high = (value, value) if by_chance < LEVEL else (-1.0, 1.0)
        return Interval(value=value, low=low, high=high), by_chance if value else 1.0
    freedom = error**4 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (after, before), strict=True))
    half = float(stdtrit(freedom, 0.975)) * error
    return Interval(value=value, low=value - half, high=value + half), 2 * float(stdtr(freedom, -abs(value) / error))


def rows_in_words(change: DriftChange) -> str:
    """Name the changed rows, with the mark of what was measured on them."""
    return marked(WORDS.get(change.kind, change.kind), change.after_mark)


def before_in_words(title: str, changes: Sequence[DriftChange]) -> str:
    """Write what stands for the original rows with the mark of what was measured on them."""
    return heading(title, [change.before_mark for change in changes])


def who_breaks(changes: Sequence[DriftChange]) -> tuple[Sentence, ...]:
    """Say for each kind which variants lose significantly, and which do not."""
    told = []
    for kind in dict.fromkeys(change.kind for change in changes):
        own = [change for change in changes if change.kind == kind]
        broken = sorted((change for change in own if change.breaks), key=lambda change: change.change.value)
        words = f"{'On' if kind == DRIFT else 'With'} {rows_in_words(own[0])}"
        if broken:
            lost = [
                f"{item.name} loses {say.points(item.change.value)} ({say.span(-item.change.high, -item.change.low)})"
                for item in broken
            ]
            text = f"{words} {say.listed(lost)}."
            rest = [item.name for item in own if not item.breaks]
            text += f" No significant loss was found for {say.listed(rest)}." if rest else ""
        else:
            worst = max((-item.change.low for item in own), default=0.0)
            text = (
                f"{words} no variant loses significantly; a loss of {say.bound('up to', worst)} is possible."
                if worst > 0
                else f"{words} no variant is likely to lose."
            )
        told.append(Sentence(text=text, figures={item.name: item.change.value for item in own}))
    return tuple(told)


def drift_chart(plan: RunPlan, changes: Sequence[DriftChange]) -> Chart:
    """Quality on the original rows and on each changed kind, a line per variant."""
    first_of_kind = {change.kind: change for change in reversed(changes)}
    kinds = list(dict.fromkeys(change.kind for change in changes))
    series = []
    for place, variant in enumerate(plan.variants):
        own = {change.kind: change for change in changes if change.variant_id == variant.id}
        if not own:
            continue
        first = next(iter(own.values()))
        shift = (place - (len(plan.variants) - 1) / 2) * 0.06
        points = [(shift, first.before), *((kinds.index(kind) + 1 + shift, one.after) for kind, one in own.items())]
        series.append(interval_line(first.name, variant.technique, points, style=variant.style))
    lows = [low for item in series for low in item.low]
    told = [f"{item.name} {', '.join(map(say.share, item.y))}" for item in series]
    names = (before_in_words(ORIGINAL, changes), *(rows_in_words(first_of_kind[kind]) for kind in kinds))
    return Chart(
        title="Quality when inputs change",
        caption=f"from left to right: {', '.join(names)}; bars are 95 % intervals",
        alt=f"Quality on {', '.join(names)}: {'; '.join(told)}." if told else "Nothing has been measured yet.",
        x=Axis(title="rows", low=-0.4, high=len(names) - 0.6, words=names),
        y=Axis(title="quality", form="percent", low=quality_floor(lows), high=1.03),
        series=tuple(series),
        legend=True,
    )


def left_out_in_words(task: Task, test_ids: Sequence[str]) -> str:
    """Say which kinds of change were left out because they would change none of these rows; empty if none was."""
    kinds = [WORDS[kind] for kind in left_out(task, test_ids)]
    return f"Left out, since they change none of these rows: {say.listed(kinds)}." if kinds else ""


DRIFT = "drift"


def drift_plans(task: Task, base: RunPlan) -> Mapping[str, tuple[Task, RunPlan]]:
    """Plan a run per kind of change, all with the base run's variants, training rows, seed and decoding.

    The task's own drift rows come first, if it has any and the base run is not one on them; then each perturbation of
    the very rows of the base run that changes any. Each plan comes with the task that it is made on.
    """
    plans = {}
    # Every variant answers every row: who left early would have been judged just when it looked bad.
    base = replace(base, race=False, spend_saved=False, saved_rows=0, saved_from=0, stop_when_clear=False)
    drift_ids = tuple(example.id for example in task.split(DRIFT))
    if drift_ids and not set(drift_ids) & set(base.test_ids):
        plans[DRIFT] = task, replace(base, run_id=new_run_id(), test_ids=drift_ids)
    useless, split = left_out(task, base.test_ids), task.rows(base.test_ids[:1])[0].split
    for kind in PERTURBATIONS:
        if kind in useless:
            continue
        made = perturbed_task(task, kind, split=split)
        plans[kind] = made, replace(base, run_id=new_run_id(), task_id=made.id)
    return plans
