"""A run in figures: what `summary.json` holds and the results table shows. A pure function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from engine.analysis.basis.efforts import curve_sentences, effort_sentences, replay_option, tuning_gains
from engine.analysis.basis.language_parts import LanguageParts
from engine.analysis.basis.training_rows import training_rows
from engine.analysis.costs.break_even import CostLine
from engine.analysis.figures import PER, RunFigures, VariantFigures
from engine.analysis.marks import FigureName, Origin, mark_of_item, origin_of
from engine.core.interval import Interval
from engine.core.run.manifest import Manifest
from engine.core.run.prediction import Prediction
from engine.core.task import Task
from engine.core.variant import Variant, effective_mode, variant_names
from engine.metrics.costing import closed_api_cost_usd
from engine.metrics.marks import Mark
from engine.metrics.retrieval import quality_figures, retrieval_quality

VERSION = 2
"""Version of the format of `summary.json`."""


def summarize(
    run: RunFigures,
    task: Task,
    predictions: Sequence[Prediction],
    manifest: Manifest,
    languages: LanguageParts | None = None,
) -> dict[str, Any]:
    """Write a run's figures out, per variant. A figure that was not measured is None.

    Args:
        run: the run in figures.
        task: its marked passages judge retrieval.
        predictions: of the run, at least those on rows with marked passages, for what they retrieved.
        manifest: of the run.
        languages: of the rows, and what the run goes without in them.
    """
    plan, origin = run.plan, origin_of(run.plan, manifest.conditions)
    measured, names = {item.variant.id for item in run.figures}, variant_names(plan.variants)
    by_variant: dict[str, list[Prediction]] = {variant.id: [] for variant in plan.variants}
    for prediction in predictions:
        by_variant[prediction.variant_id].append(prediction)
    return {
        "version": VERSION,
        "run_id": plan.run_id,
        "task": plan.task_id,
        "model": plan.model_id,
        "seed": plan.seed,
        "decoding": str(effective_mode(task, plan.decoding)),
        "throughput": plan.throughput,
        "status": manifest.status,
        "stopped_early": asdict(manifest.stopped_early) if manifest.stopped_early else None,
        "out": dict(manifest.out),
        "saved_rows": plan.saved_rows,
        "test_rows": len(plan.test_ids),
        "train_rows": len(plan.train_ids),
        "training": asdict(training_rows(plan, task)),
        "leak_guard": task.source.get("leak_guard"),
        "machine": asdict(manifest.machine),
        "imported": manifest.imported,
        "rescored": manifest.rescored,
        "purpose": str(manifest.purpose),
        "costs": asdict(plan.costs),
        "effort": _effort(manifest, run),
        "embedder": manifest.embedder,
        "embedder_handicaps": [asdict(handicap) for handicap in plan.handicaps],
        "languages": asdict(languages or LanguageParts()),
        "variants": [
            _variant(run.of(variant.id), task, by_variant[variant.id], origin)
            if variant.id in measured
            else _unmeasured(variant, names[variant.id], task, origin)
            for variant in plan.variants
        ],
    }


def _effort(manifest: Manifest, run: RunFigures) -> dict[str, Any] | None:
    """Write out what was spent on searching, every trial of it, and what it came to; None where nothing was."""
    effort, searches = manifest.plan.effort, manifest.effort or {}
    if effort is None:
        return None
    return {
        "seconds": effort.seconds,
        "trials": dict(effort.trials),
        "labelled_rows": len(effort.pool_ids),
        "sealed": effort.sealed,
        "replay": replay_option(searches),
        "sentences": list(effort_sentences(searches)),
        "curves": list(curve_sentences(searches)),
        "gains": list(tuning_gains(run)),
        "searches": {variant_id: asdict(search) for variant_id, search in searches.items()},
    }


def _variant(item: VariantFigures, task: Task, rows: Sequence[Prediction], origin: Origin) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "variant": item.variant.id,
        "technique": str(item.variant.technique),
        "name": item.name,
        "tuned": item.variant.tuned,
        "n": item.rows,
        "n_failed": item.failed,
        "failures": dict(item.failures),
        "quality": {"metric": task.primary_scorer, **_interval(item.quality)},
        "scores": {name: _interval(value) for name, value in item.scores.items()},
        "ttft_s": _quantiles(item.ttft_p50_s, item.ttft_p95_s),
        "total_s": _quantiles(item.total_p50_s, item.total_p95_s),
        "retrieval_s": _quantiles(item.retrieval_p50_s, item.retrieval_p95_s),
        "retrieval": quality_figures(retrieval_quality(task, rows, reads_passages=item.variant.reads_passages)),
        "tokens": {
            "prompt_mean": item.prompt_tokens,
            "cached_prompt_mean": item.cached_prompt_tokens,
            "completion_mean": item.completion_tokens,
            "embedding_mean": item.embedding_tokens,
            "rows_estimated": item.rows_tokens_estimated,
        },
        "answered_by": list(item.answered_by),
        "tokens_per_s": {"prefill": item.prefill_tokens_per_s, "decode": item.decode_tokens_per_s},
        "examples_per_s": item.rows_per_s,
        "prepare_s": item.prepare_s,
        "prepare_reused": item.prepare_reused,
        "label_priors": [asdict(prior) for prior in item.priors],
        "embedder": item.variant.embedder or None if item.variant.embeds else None,
        "examples": item.variant.shots_k,
        "shots": asdict(item.shots) if item.shots else None,
        "peak_rss_bytes": item.peak_rss_bytes,
        "cost_usd_per_1k": item.cost_usd_per_1k if item.cost.is_known else None,
        "energy_wh_per_1k": item.energy_wh_per_1k,
        "energy_measured": item.energy_measured,
    }
    if item.variant.generates and item.prompt_tokens:
        closed = closed_api_cost_usd(item.prompt_tokens, item.completion_tokens)
        figures["closed_api_cost_usd_per_1k"] = {model: price * PER for model, price in closed.items()}
    marks = {
        name: mark_of_item(name, item, origin)
        for name in FigureName
        if figures.get(name) is not None and figures[name] != {"p50": None, "p95": None}
    }
    return figures | {
        "marks": {str(name): str(mark) for name, mark in marks.items()},
        "estimated": [str(name) for name, mark in marks.items() if mark is Mark.ESTIMATED],
    }


def _unmeasured(variant: Variant, name: str, task: Task, origin: Origin) -> dict[str, Any]:
    """Return the entry of a variant that has not answered any row."""
    nothing = Interval(value=math.nan, low=0.0, high=1.0)
    cost = CostLine(
        name=name,
        variant_id=variant.id,
        labelling_usd=0.0,
        preparing_usd=0.0,
        per_call_usd=math.nan,
        leaves_machine=False,
        most_calls_per_month=None,
        source="",
    )
    item = VariantFigures(
        variant=variant,
        name=name,
        rows=0,
        timed_rows=0,
        quality=nothing,
        scores=dict.fromkeys(task.scorers, nothing),
        busy_s_per_call=math.nan,
        cost_usd_per_1k=math.nan,
        cost=cost,
    )
    return _variant(item, task, (), origin) | {"marks": {}, "estimated": []}


def _interval(interval: Interval) -> dict[str, float | None]:
    value = None if math.isnan(interval.value) else interval.value
    return {"value": value, "ci_low": interval.low, "ci_high": interval.high}


def _quantiles(p50: Interval | None, p95: Interval | None) -> dict[str, float | None]:
    return {"p50": p50.value if p50 else None, "p95": p95.value if p95 else None}
