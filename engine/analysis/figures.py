"""A run in figures: the only place where a figure of a variant is computed. Pure functions over columns.

Lanes on screen, `summary.json`, the terminal, the report, the memo and the verdict all read what is computed here.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from engine.analysis.costs.answer_costs import cost_and_energy
from engine.analysis.costs.break_even import CostLine, labelled_rows, own_line
from engine.analysis.joint_intervals import JointIntervals, joint_intervals
from engine.analysis.qualities import corrected
from engine.analysis.run_table import FAILURES, RunTable
from engine.core.interval import Floats, Interval
from engine.core.prices import CostAssumptions
from engine.core.run.label_prior import LabelPrior
from engine.core.run.manifest import Conditions, StoppedEarly
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import FailureKind
from engine.core.run.shot_record import ShotRecord
from engine.core.task import AnswerKind, Task
from engine.core.variant import ShotChoice, Variant, variant_names
from engine.metrics.bootstrap import quantile_interval
from engine.metrics.costing import busy_seconds, counted_rows, timed_rows
from engine.metrics.intervals import is_binary, mean_interval, mean_or, tokens_per_second
from engine.metrics.pairwise import Difference, compare_all
from engine.metrics.scoring import RULE, RUN_SCORERS

PER = 1000
"""Costs and energy are stated per this many answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyParts:
    """Mean seconds of an answer's parts; None in throughput mode, where single rows have no latency."""

    retrieval_s: float
    prefill_s: float
    decode_s: float
    other_s: float
    """The rest of the total: embedding and classifying a text, and communication with the worker."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VariantFigures:
    """One variant of a run in figures. None means that a figure was not measured."""

    variant: Variant
    name: str
    """As shown on screens and in the memo."""
    rows: int
    timed_rows: int
    """Those with a time for the whole answer: none in throughput mode, fewer where rows failed."""
    failed: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    """Rows by kind of failure."""
    different_answers: int | None = None
    """How many answers occur; None where nobody judges them."""
    quality: Interval
    """Mean primary score; a failure counts as 0. The best one's interval is corrected for having come out on top."""
    is_share: bool = True
    """Whether each of its rows is right or wrong, so that the mean is a share of rows."""
    scores: Mapping[str, Interval] = field(default_factory=dict)
    """Every scorer of the task; empty for a lane."""
    ttft_p50_s: Interval | None = None
    ttft_p95_s: Interval | None = None
    total_p50_s: Interval | None = None
    total_p95_s: Interval | None = None
    retrieval_p50_s: Interval | None = None
    retrieval_p95_s: Interval | None = None
    latency: LatencyParts | None = None
    prompt_tokens: float = 0.0
    """Mean over the rows of which tokens were read or written, as the three below."""
    cached_prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    embedding_tokens: float = 0.0
    """Those that an embedder on another machine read."""
    answered_by: tuple[str, ...] = ()
    """What its server said had answered, each once."""
    rows_tokens_estimated: int = 0
    """Rows whose tokens no server told as they can be: their tokens are estimates, and so is what they cost."""
    prefill_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None
    busy_s_per_call: float
    rows_per_s: float | None = None
    cost_usd_per_1k: float
    """Of 1,000 answers: what the tokens cost at closed APIs, else this machine's time and electricity, estimated; NaN
    where another machine answers or embeds and its price is not known."""
    cost_estimated: bool = True
    cost_interval_usd_per_1k: Interval | None = None
    """The same with its 95 % interval; None for a lane, where no limit is checked."""
    joint: JointIntervals | None = None
    """None for a lane too."""
    energy_wh_per_1k: float | None = None
    """None where it is unknown: on another machine, or on a GPU whose energy is not counted."""
    energy_measured: bool = False
    prepare_s: float | None = None
    prepare_reused: bool = False
    weights_served: bool = False
    """Its LoRA weights came with the server, at any seed."""
    priors: tuple[LabelPrior, ...] = ()
    """One for each draw, where the plan asked for prior correction."""
    shots: ShotRecord | None = None
    """How its examples were chosen; None where they were drawn at random, or it shows none."""
    peak_rss_bytes: int | None = None
    """Most resident memory of the processes that served the variant; variants of a run share them."""
    cost: CostLine
    """Labels are free until limits are set."""

    @property
    def fixed_shots(self) -> int:
        """How many examples stand in every prompt; 0 where each row has its own."""
        by_row = self.shots is not None and self.shots.choice is ShotChoice.NEAREST
        return 0 if by_row else self.variant.shots_k

    @property
    def is_silent(self) -> bool:
        """Tell whether no row has an answer; one that could not be read is an answer."""
        return self.failed - self.failures.get(FailureKind.UNPARSED, 0) == self.rows

    def labelled(self, train_rows: int) -> int:
        """Say how many labelled rows it learns from, of a run's training rows."""
        return labelled_rows(self.variant, train_rows, weights_served=self.weights_served)

    @property
    def learns(self) -> bool:
        """Tell whether it learned from the run's training rows: weights that came with a server did not."""
        return self.variant.facts.learns and not (self.weights_served and not self.labelled(1))

    @property
    def by_chance(self) -> bool:
        """Tell whether its result hangs on one choice of examples or on one training seed.

        Examples that were chosen for each row are not such a choice. That is known only when they have been chosen, so
        that `Variant.drawn`, for a plan, counts them.
        """
        return bool(self.fixed_shots) or (self.variant.lora is not None and not self.weights_served)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFigures:
    """A run in figures, before any limit is set."""

    plan: RunPlan
    task_title: str
    metric: str
    is_share: bool
    """Whether the primary score is right or wrong on each row, so that its mean is a share of rows."""
    figures: tuple[VariantFigures, ...]
    differences: tuple[Difference, ...]
    out: Mapping[str, int] = field(default_factory=dict)
    """After how many rows variants left a race, by id."""
    different_targets: int | None = None
    """How many targets the rows have, where answers are free text, of which each row wants its own; else None."""
    stopped_early: StoppedEarly | None = None
    """The leader whose clear lead ended the run before its last row."""

    @property
    def quality_title(self) -> str:
        """The primary score as an axis or a column names it."""
        return "Answered right" if self.is_share else self.metric.replace("_", " ").capitalize()

    def of(self, variant_id: str) -> VariantFigures:
        """Return a variant's figures."""
        return next(item for item in self.figures if item.variant.id == variant_id)


def figures(
    variant: Variant,
    table: RunTable,
    plan: RunPlan,
    conditions: Conditions,
    *,
    judged: bool = True,
) -> VariantFigures | None:
    """Compute one variant's figures over the rows that it has answered or failed on; None if there are none.

    Args:
        variant: of the plan.
        table: the run's predictions as columns.
        plan: its cost assumptions and token prices are used.
        conditions: under which it was measured.
        judged: whether limits will be checked, for which the cost needs an interval. A lane needs none.
    """
    line = table.place(variant.id)
    made = table.made[line]
    rows = int(made.sum())
    if rows == 0:
        return None
    seconds = {key: values[line, made] for key, values in table.seconds.items()}
    tokens = {key: values[line, made] for key, values in table.tokens.items()}
    paid = conditions.prepared.get(variant.id)
    timed, counted = timed_rows(seconds), counted_rows(tokens)
    busy = busy_seconds(seconds)[timed]
    charged = timed | counted if plan.token_prices(variant) is not None else timed
    took, read = ({key: values[charged] for key, values in found.items()} for found in (seconds, tokens))
    cost, energy = cost_and_energy(variant, took, read, plan, conditions)
    costed = len(cost) > 0 and not np.isnan(cost).any()
    failures, tokens_estimated = table.failure[line, made], int(table.tokens_estimated[line, made].sum())
    peak = float(np.nanmax(table.rss_bytes[line, made]))
    name = variant_names(plan.variants)[variant.id]
    return VariantFigures(
        variant=variant,
        name=name,
        rows=rows,
        timed_rows=int(np.count_nonzero(~np.isnan(seconds["total_s"]))),
        failed=int((failures >= 0).sum()),
        failures={
            kind: int((failures == code).sum()) for code, kind in enumerate(FAILURES) if (failures == code).any()
        },
        different_answers=len(np.unique(table.answer[line, made & (table.answer[line] >= 0)])) if judged else None,
        quality=mean_interval(table.score[line, made]),
        is_share=is_binary(table.score[line, made]),
        ttft_p50_s=quantile_interval(seconds["ttft_s"], 0.5),
        ttft_p95_s=quantile_interval(seconds["ttft_s"], 0.95),
        total_p50_s=quantile_interval(seconds["total_s"], 0.5),
        total_p95_s=quantile_interval(seconds["total_s"], 0.95),
        retrieval_p50_s=quantile_interval(seconds["retrieval_s"], 0.5),
        retrieval_p95_s=quantile_interval(seconds["retrieval_s"], 0.95),
        latency=_latency(seconds),
        prompt_tokens=mean_or(tokens["prompt_tokens"][counted], 0.0),
        cached_prompt_tokens=mean_or(tokens["cached_prompt_tokens"][counted], 0.0),
        completion_tokens=mean_or(tokens["completion_tokens"][counted], 0.0),
        embedding_tokens=mean_or(tokens["embedding_tokens"][tokens["embedding_tokens"] > 0], 0.0),
        answered_by=table.identities[line],
        rows_tokens_estimated=tokens_estimated,
        prefill_tokens_per_s=tokens_per_second(
            tokens["prompt_tokens"] - tokens["cached_prompt_tokens"], seconds["prefill_s"]
        ),
        decode_tokens_per_s=tokens_per_second(tokens["completion_tokens"], seconds["decode_s"]),
        busy_s_per_call=mean_or(busy, 0.0),
        rows_per_s=len(busy) / float(busy.sum()) if busy.sum() > 0 else None,
        cost_usd_per_1k=mean_or(cost, math.nan) * PER,
        cost_estimated=plan.token_prices(variant) is None or tokens_estimated > 0,
        cost_interval_usd_per_1k=mean_interval(cost * PER, most=math.inf) if judged and costed else None,
        joint=joint_intervals(table.score[line, made], seconds["total_s"], cost * PER, plan) if judged else None,
        energy_wh_per_1k=None if energy is None or not len(busy) else float(energy[0].mean()) * PER,
        energy_measured=energy is not None and energy[1],
        prepare_s=paid.prepare_s if paid else None,
        priors=paid.priors if paid else (),
        shots=paid.shots if paid else None,
        prepare_reused=paid is not None and paid.reused,
        weights_served=paid is not None and paid.weights_served,
        peak_rss_bytes=int(peak) or None,
        cost=own_line(
            variant,
            plan,
            name=name,
            prepared=paid,
            cost_usd_per_call=mean_or(cost, math.nan),
            busy_s_per_call=mean_or(busy, 0.0),
            away=conditions.away,
        ),
    )


def run_figures(plan: RunPlan, task: Task, table: RunTable, conditions: Conditions) -> RunFigures:
    """Compute all that does not depend on limits: figures with their intervals, and every pair.

    Variants without a single prediction are left out.

    Args:
        plan: of the run; its cost assumptions are used.
        task: names scorers and labels.
        table: the run's predictions.
        conditions: under which it was measured.
    """
    found = []
    for variant in plan.variants:
        item = figures(variant, table, plan, conditions)
        if item is not None:
            found.append(replace(item, scores=_scores(task, table, table.place(variant.id))))
    lines = [table.place(item.variant.id) for item in found]
    found = best_corrected(found, len(plan.test_ids), conditions.out)
    found = [replace(item, scores={**item.scores, task.primary_scorer: item.quality}) for item in found]
    return RunFigures(
        plan=plan,
        task_title=task.title,
        metric=task.primary_scorer,
        is_share=all(item.is_share for item in found),
        figures=tuple(found),
        differences=compare_all(
            [item.variant.id for item in found], table.score[lines], table.made[lines], looks=plan.looks
        ),
        out=conditions.out,
        stopped_early=conditions.stopped_early,
        different_targets=len({*table.targets} - {""}) if task.answer.kind is AnswerKind.TEXT else None,
    )


def repriced(run: RunFigures, table: RunTable, conditions: Conditions, costs: CostAssumptions) -> RunFigures:
    """Return the same figures on other cost assumptions."""
    plan = replace(run.plan, costs=costs)
    found = []
    for item in run.figures:
        other = figures(item.variant, table, plan, conditions)
        if other is not None:
            found.append(replace(other, scores=item.scores, quality=item.quality))
    return replace(run, plan=plan, figures=tuple(found))


def best_corrected(
    items: Sequence[VariantFigures], planned_rows: int, out: Container[str] = ()
) -> list[VariantFigures]:
    """Correct the interval of the best one's quality for its having come out on top; the others are unchanged."""
    intervals = corrected(items, planned_rows, out)
    return [replace(item, quality=quality) for item, quality in zip(items, intervals, strict=True)]


def _latency(seconds: Mapping[str, Floats]) -> LatencyParts | None:
    total = seconds["total_s"]
    known = ~np.isnan(total)
    if not known.any():
        return None
    parts = {key: float(np.nan_to_num(seconds[key][known]).mean()) for key in ("retrieval_s", "prefill_s", "decode_s")}
    return LatencyParts(**parts, other_s=max(float(total[known].mean()) - sum(parts.values()), 0.0))


def _scores(task: Task, table: RunTable, line: int) -> dict[str, Interval]:
    """Every scorer of the task, then its rules one by one."""
    made = table.made[line]
    found = {}
    for name in (*task.scorers, *(RULE + rule.name for rule in task.rules)):
        if name in RUN_SCORERS:
            targets = table.target_codes(task.answer.labels)[made]
            answers = table.answer_codes(task.answer.labels)[line, made]
            known = targets >= 0
            found[name] = RUN_SCORERS[name](targets[known], answers[known], len(task.answer.labels))
        elif name in table.scores:
            found[name] = mean_interval(np.nan_to_num(table.scores[name][line, made]))
    return found
