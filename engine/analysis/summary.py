"""A run in figures: what `summary.json` holds and the results table shows. A pure function."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from engine.analysis.progress import decode_rate, prefill_rate
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.task import Task
from engine.core.variant import Variant
from engine.metrics.budget import spent_usd
from engine.metrics.costing import closed_api_cost_usd, energy_of, local_cost_usd
from engine.metrics.intervals import macro_f1, mean_interval, quantile
from engine.metrics.retrieval import quality_figures, retrieval_quality
from engine.metrics.scoring import RULE

PER = 1000


def summarize(
    plan: RunPlan, task: Task, predictions: Sequence[Prediction], manifest: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the run's figures per variant. A figure that was not measured is None."""
    machine = dict(manifest.get("machine", {}))
    prepared = manifest.get("prepared", {})
    by_variant: dict[str, list[Prediction]] = {variant.id: [] for variant in plan.variants}
    for prediction in predictions:
        by_variant[prediction.variant_id].append(prediction)
    return {
        "run_id": plan.run_id,
        "task": plan.task_id,
        "model": plan.model_id,
        "seed": plan.seed,
        "decoding": str(plan.decoding),
        "throughput": plan.throughput,
        "status": manifest.get("status"),
        "stopped_early": manifest.get("stopped_early"),
        "train_rows": len(plan.train_ids),
        "leak_guard": task.source.get("leak_guard"),
        "machine": machine,
        "costs": {
            "machine_usd_per_hour": plan.costs.machine_usd_per_hour,
            "watts": plan.costs.watts,
            "electricity_usd_per_kwh": plan.costs.electricity_usd_per_kwh,
        },
        "variants": [
            _variant(variant, plan, task, by_variant[variant.id], prepared.get(variant.id, {}), machine)
            for variant in plan.variants
        ],
    }


def _variant(
    variant: Variant,
    plan: RunPlan,
    task: Task,
    rows: Sequence[Prediction],
    prepared: Mapping[str, Any],
    machine: Mapping[str, Any],
) -> dict[str, Any]:
    quality = mean_interval([row.score or 0.0 for row in rows])
    timings = [row.timing for row in rows]
    busy_s = sum(t.total_s if t.total_s is not None else (t.batch_share_s or 0.0) for t in timings)
    watt_hours, measured = energy_of(timings, int(machine.get("cores", 1)), plan.costs)
    count = len(rows)
    figures: dict[str, Any] = {
        "variant": variant.id,
        "technique": str(variant.technique),
        "n": count,
        "n_failed": sum(row.failure is not None for row in rows),
        "failures": dict(Counter(str(row.failure.kind) for row in rows if row.failure is not None)),
        "quality": {
            "metric": task.primary_scorer,
            "value": _number(quality.value),
            "ci_low": quality.low,
            "ci_high": quality.high,
        },
        "scores": _scores(task, rows),
        "ttft_s": _quantiles([t.ttft_s for t in timings]),
        "total_s": _quantiles([t.total_s for t in timings]),
        "retrieval_s": _quantiles([t.retrieval_s for t in timings]),
        "retrieval": quality_figures(retrieval_quality(task, rows)),
        "tokens": {
            "prompt_mean": _mean([row.usage.prompt_tokens for row in rows]),
            "cached_prompt_mean": _mean([row.usage.cached_prompt_tokens for row in rows]),
            "completion_mean": _mean([row.usage.completion_tokens for row in rows]),
        },
        "tokens_per_s": {"prefill": prefill_rate(list(rows)), "decode": decode_rate(list(rows))},
        "examples_per_s": count / busy_s if busy_s else None,
        "prepare_s": prepared.get("prepare_s"),
        "prepare_reused": bool(prepared.get("reused", False)),
        "peak_rss_bytes": max((row.rss_bytes for row in rows), default=0) or None,
        "cost_usd_per_1k": local_cost_usd(busy_s, watt_hours, plan.costs) / count * PER if count else None,
        "energy_wh_per_1k": watt_hours / count * PER if count else None,
        "estimated": ["cost_usd_per_1k"] if measured else ["cost_usd_per_1k", "energy_wh_per_1k"],
    }
    if plan.prices is not None and variant.generates:
        paid = spent_usd(plan.prices, rows)
        figures |= {"cost_usd_per_1k": paid / count * PER if count else None, "energy_wh_per_1k": None}
        figures["estimated"] = []  # tokens are the server's own count, prices those of the table in the manifest
    if variant.generates and count:
        figures["closed_api_cost_usd_per_1k"] = {
            model: price * PER
            for model, price in closed_api_cost_usd(
                figures["tokens"]["prompt_mean"], 0.0, figures["tokens"]["completion_mean"]
            ).items()
        }
        figures["estimated"].append("closed_api_cost_usd_per_1k")
    return figures


def _scores(task: Task, rows: Sequence[Prediction]) -> dict[str, dict[str, float | None]]:
    scores: dict[str, dict[str, float | None]] = {}
    for name in (*task.scorers, *(RULE + rule.name for rule in task.rules)):
        if name == "macro_f1":
            value = macro_f1([r.target for r in rows], [r.answer for r in rows], task.answer.labels)
            scores[name] = {"value": _number(value)}
        else:
            interval = mean_interval([row.scores.get(name, 0.0) for row in rows])
            scores[name] = {"value": _number(interval.value), "ci_low": interval.low, "ci_high": interval.high}
    return scores


def _quantiles(values: Sequence[float | None]) -> dict[str, float | None]:
    known = [value for value in values if value is not None]
    return {"p50": quantile(known, 0.5), "p95": quantile(known, 0.95)}


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else 0.0


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
