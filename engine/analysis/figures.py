"""A run in figures with their intervals, and every pair of its variants: all that no limit changes. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.analysis.break_even import CostLine, local_line
from engine.analysis.run_table import FAILURES, RunTable
from engine.core.interval import Interval
from engine.core.limits import Limits
from engine.core.prices import CostAssumptions
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.core.variant import LABELS, Variant
from engine.metrics.bootstrap import Floats, macro_f1_interval, mean_intervals, quantile_interval, row_weights
from engine.metrics.costing import energy_wh
from engine.metrics.intervals import wilson
from engine.metrics.pairwise import Difference, compare_all

PER = 1000
SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyParts:
    """Mean seconds of an answer's parts; None in throughput mode, which knows no latency of single rows."""

    retrieval_s: float
    prefill_s: float
    decode_s: float
    other_s: float
    """What is left of the total: embedding a text and classifying it, and the way to and from the worker."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VariantFigures:
    """One variant of a run in figures. None was not measured."""

    variant: Variant
    name: str
    """As screens and the memo write it."""
    rows: int
    failed: int
    failures: Mapping[str, int]
    quality: Interval
    scores: Mapping[str, Interval]
    """Every scorer of the task."""
    ttft_p50_s: Interval | None
    total_p50_s: Interval | None
    total_p95_s: Interval | None
    latency: LatencyParts | None
    prompt_tokens: float
    cached_prompt_tokens: float
    completion_tokens: float
    busy_s_per_call: float
    rows_per_s: float | None
    cost_usd_per_1k: Interval
    """Estimated."""
    energy_wh_per_1k: float
    energy_measured: bool
    prepare_s: float | None
    prepare_reused: bool
    peak_rss_bytes: int | None
    cost: CostLine


def variant_names(variants: Sequence[Variant]) -> dict[str, str]:
    """Write each variant by its technique, and by its id too where two share a technique."""
    techniques = [variant.technique for variant in variants]
    return {
        variant.id: LABELS[variant.technique]
        + (f" ({variant.id})" if techniques.count(variant.technique) > 1 and variant.id != variant.technique else "")
        for variant in variants
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A run in figures, before any limit is set."""

    plan: RunPlan
    task_title: str
    metric: str
    is_share: bool
    figures: tuple[VariantFigures, ...]
    differences: tuple[Difference, ...]


def measure(plan: RunPlan, task: Task, table: RunTable, manifest: Mapping[str, Any], *, seed: int = 0) -> Measured:
    """Compute all that does not depend on limits: figures with their intervals, and every pair.

    Args:
        plan: of the run; its cost assumptions are used.
        task: names scorers and labels.
        table: the run's predictions.
        manifest: of the run; `machine` and `prepared` are read.
        seed: of the bootstrap.
    """
    prepared: Mapping[str, Any] = manifest.get("prepared", {})
    names = variant_names(plan.variants)
    weights = _weights(table, seed)
    figures = []
    for variant in plan.variants:
        line = table.place(variant.id)
        if table.made[line].any():
            figures.append(
                _figures(
                    variant,
                    line,
                    name=names[variant.id],
                    plan=plan,
                    task=task,
                    table=table,
                    paid=prepared.get(variant.id, {}),
                    cores=_cores(manifest),
                    weights=weights,
                )
            )
    lines = [table.place(item.variant.id) for item in figures]
    differences = compare_all([item.variant.id for item in figures], table.score[lines], table.made[lines], seed=seed)
    return Measured(
        plan=plan,
        task_title=task.title,
        metric=task.primary_scorer,
        is_share=bool(np.isin(table.score[table.made], (0.0, 1.0)).all()),
        figures=tuple(figures),
        differences=differences,
    )


def repriced(
    measured: Measured, table: RunTable, manifest: Mapping[str, Any], costs: CostAssumptions, *, seed: int = 0
) -> Measured:
    """Return the same figures on other cost assumptions."""
    plan, weights = replace(measured.plan, costs=costs), _weights(table, seed)
    figures = []
    for item in measured.figures:
        line = table.place(item.variant.id)
        seconds = {key: values[line, table.made[line]] for key, values in table.seconds.items()}
        watt_hours, _measured = _energy(seconds, _cores(manifest), costs)
        cost = _cost_per_1k(_busy(seconds), watt_hours, costs, weights)
        figures.append(replace(item, cost_usd_per_1k=cost, energy_wh_per_1k=float(watt_hours.mean()) * PER))
    return replace(measured, plan=plan, figures=tuple(figures))


def _cores(manifest: Mapping[str, Any]) -> int:
    return int(dict(manifest.get("machine", {})).get("cores", 1))


def _weights(table: RunTable, seed: int) -> np.ndarray[Any, Any] | None:
    """Draw the rows once for all variants, where all have all rows."""
    return row_weights(len(table.example_ids), seed=seed) if table.made.all() and table.example_ids else None


def _busy(seconds: Mapping[str, Floats]) -> Floats:
    """Seconds of work per row: its own total, or its share of a batch."""
    return np.where(np.isnan(seconds["total_s"]), np.nan_to_num(seconds["batch_share_s"]), seconds["total_s"])


def _cost_per_1k(
    busy: Floats, watt_hours: Floats, costs: CostAssumptions, weights: np.ndarray[Any, Any] | None
) -> Interval:
    cost = costs.machine_usd_per_hour * busy / SECONDS_PER_HOUR + costs.electricity_usd_per_kwh * watt_hours / PER
    return mean_intervals(cost[None, :] * PER, weights=weights)[0]


def _figures(
    variant: Variant,
    line: int,
    *,
    name: str,
    plan: RunPlan,
    task: Task,
    table: RunTable,
    paid: Mapping[str, Any],
    cores: int,
    weights: np.ndarray[Any, Any] | None,
) -> VariantFigures:
    made = table.made[line]
    rows = int(made.sum())
    seconds = {key: values[line, made] for key, values in table.seconds.items()}
    tokens = {key: values[line, made] for key, values in table.tokens.items()}
    busy = _busy(seconds)
    watt_hours, measured = _energy(seconds, cores, plan.costs)
    per_1k = _cost_per_1k(busy, watt_hours, plan.costs, weights)
    prepare_s = paid.get("prepare_s")
    kinds = table.failure[line, made]
    peak = float(np.nanmax(table.rss_bytes[line, made]))
    return VariantFigures(
        variant=variant,
        name=name,
        rows=rows,
        failed=int((kinds >= 0).sum()),
        failures={kind: int((kinds == code).sum()) for code, kind in enumerate(FAILURES) if (kinds == code).any()},
        quality=score_interval(table.score[line, made], weights),
        scores=_scores(task, table, line, weights),
        ttft_p50_s=quantile_interval(seconds["ttft_s"], 0.5),
        total_p50_s=quantile_interval(seconds["total_s"], 0.5),
        total_p95_s=quantile_interval(seconds["total_s"], 0.95),
        latency=_latency(seconds),
        prompt_tokens=float(tokens["prompt_tokens"].mean()),
        cached_prompt_tokens=float(tokens["cached_prompt_tokens"].mean()),
        completion_tokens=float(tokens["completion_tokens"].mean()),
        busy_s_per_call=float(busy.mean()),
        rows_per_s=rows / float(busy.sum()) if busy.sum() > 0 else None,
        cost_usd_per_1k=per_1k,
        energy_wh_per_1k=float(watt_hours.mean()) * PER,
        energy_measured=measured,
        prepare_s=prepare_s,
        prepare_reused=bool(paid.get("reused", False)),
        peak_rss_bytes=int(peak) or None,
        cost=local_line(
            variant,
            name=name,
            train_rows=len(plan.train_ids),
            prepare_s=prepare_s,
            cost_usd_per_call=per_1k.value / PER,
            busy_s_per_call=float(busy.mean()),
            costs=plan.costs,
            limits=Limits(),
        ),
    )


def _energy(seconds: Mapping[str, Floats], cores: int, costs: CostAssumptions) -> tuple[Floats, bool]:
    """Watt-hours of each row, and whether all were measured."""
    measured = seconds["energy_wh"]
    if len(measured) and not np.isnan(measured).any():
        return measured, True
    return np.nan_to_num(seconds["cpu_s"]) * energy_wh(1.0, cores, costs), False


def _latency(seconds: Mapping[str, Floats]) -> LatencyParts | None:
    total = seconds["total_s"]
    known = ~np.isnan(total)
    if not known.any():
        return None
    parts = {key: float(np.nan_to_num(seconds[key][known]).mean()) for key in ("retrieval_s", "prefill_s", "decode_s")}
    return LatencyParts(**parts, other_s=max(float(total[known].mean()) - sum(parts.values()), 0.0))


def _scores(task: Task, table: RunTable, line: int, weights: np.ndarray[Any, Any] | None) -> dict[str, Interval]:
    made = table.made[line]
    found = {}
    for name in task.scorers:
        if name == "macro_f1":
            targets = table.target_codes(task.answer.labels)[made]
            answers = table.answer_codes(task.answer.labels)[line, made]
            known = targets >= 0
            found[name] = macro_f1_interval(targets[known], answers[known], len(task.answer.labels))
        elif name in table.scores:
            found[name] = score_interval(table.scores[name][line, made], weights)
    return found


def score_interval(scores: Floats, weights: np.ndarray[Any, Any] | None = None) -> Interval:
    """Wilson's interval where all scores are 0 or 1, the BCa bootstrap of the mean otherwise."""
    if not len(scores):
        return Interval(value=math.nan, low=0.0, high=1.0)
    if bool(np.isin(scores, (0.0, 1.0)).all()):
        return wilson(int(scores.sum()), len(scores))
    return mean_intervals(scores[None, :], weights=weights)[0]
