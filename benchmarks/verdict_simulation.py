"""Do the intervals hold, and is the verdict right? 2,000 simulated runs whose true values are known.

Right and wrong come from a Gaussian latent score per row and variant. The scores of a row share one part, so that
variants agree on hard rows, as real ones do. In half of the runs the best two to four variants are exactly equal, so
that any named winner is a false one. Other scores are shares with many ties at 0 and 1, as chrF and token F1 are;
latencies are log-normal; class answers come from a random confusion matrix.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from scipy.stats import norm

from engine.analysis.break_even import CostLine
from engine.analysis.figures import RunFigures, VariantFigures
from engine.analysis.verdict import decide
from engine.analysis.verdict_types import Outcome
from engine.core.interval import Interval
from engine.core.limits import Limits
from engine.core.run.plan import RunPlan
from engine.core.techniques import TECHNIQUES
from engine.core.variant import Variant
from engine.metrics.bootstrap import macro_f1_interval, mean_intervals, quantile_interval, row_weights
from engine.metrics.intervals import wilson
from engine.metrics.pairwise import compare_all

RUNS = int(os.environ.get("ADAPTLAB_SIMULATED_RUNS", "2000"))
NO_LIMITS = Limits(least_quality=None, highest_p95_s=None, highest_cost_usd_per_1k=None)
PLAN = RunPlan(run_id="simulated", task_id="", model_id="", variants=(), test_ids=(), train_ids=())
Tally = Counter[str]


def main() -> int:
    """Simulate and print."""
    started = time.perf_counter()
    total: Tally = Counter()
    with ProcessPoolExecutor() as pool:
        for tally in pool.map(_run, range(RUNS), chunksize=20):
            total += tally
    print(f"  {RUNS} simulated runs, {time.perf_counter() - started:.0f} s")
    for name in ("share right, Wilson", "difference of shares, Bonett and Price", "other mean, BCa", "macro F1, BCa"):
        print(f"  {name}: covered {_share(total, name)}")
    for name in ("difference of other means, BCa", "p50, bootstrap", "p95, bootstrap"):
        print(f"  {name}: covered {_share(total, name)}")
    for kind in ("shares", "other scores"):
        for name in ("false winner", "false winner among equals", "false pair"):
            print(f"  {kind}, {name}: {_share(total, f'{kind}, {name}')}")
        print(f"  {kind}, best by 10 points or more and named: {_share(total, f'{kind}, found')}")
    wrong = total["shares, false winner: hit"] / total["shares, false winner: all"]
    return 0 if wrong <= 0.05 else 1


def _share(total: Tally, name: str) -> str:
    hits, tried = total[f"{name}: hit"], total[f"{name}: all"]
    return f"{100 * hits / tried:.1f} % of {tried:,}" if tried else "nothing"


def _count(tally: Tally, name: str, hit: object) -> None:
    tally[f"{name}: all"] += 1
    tally[f"{name}: hit"] += bool(hit)


def _run(seed: int) -> Tally:
    rng = np.random.default_rng(seed)
    tally: Tally = Counter()
    variants, rows = int(rng.integers(2, 7)), int(rng.choice([50, 100, 150, 300, 600, 1000]))
    equal = int(rng.integers(2, min(variants, 4) + 1)) if seed % 2 else 1
    _shares(tally, rng, _truth(rng, variants, equal), rows, equal=equal > 1)
    _other_scores(tally, rng, variants, min(rows, 300), equal)
    _latencies(tally, rng, rows)
    _classes(tally, rng, rows)
    return tally


def _truth(rng: np.random.Generator, variants: int, equal: int) -> np.ndarray:
    truth = rng.uniform(0.3, 0.97, variants)
    truth[np.argsort(-truth)[:equal]] = truth.max()
    return truth


def _latent(rng: np.random.Generator, variants: int, rows: int) -> np.ndarray:
    shared = rng.uniform(0, 0.9)
    return np.sqrt(shared) * rng.normal(size=rows) + np.sqrt(1 - shared) * rng.normal(size=(variants, rows))


def _shares(tally: Tally, rng: np.random.Generator, truth: np.ndarray, rows: int, *, equal: bool) -> None:
    scores = (_latent(rng, len(truth), rows) < norm.ppf(truth)[:, None]).astype(np.float64)
    intervals = [wilson(int(line.sum()), rows) for line in scores]
    for true, interval in zip(truth, intervals, strict=True):
        _count(tally, "share right, Wilson", interval.low <= true <= interval.high)
    _judge(tally, "shares", "difference of shares, Bonett and Price", scores, truth, intervals, equal=equal)


def _other_scores(tally: Tally, rng: np.random.Generator, variants: int, rows: int, equal: int) -> None:
    shift = rng.uniform(-0.8, 1.2, variants)
    shift[np.argsort(-shift)[:equal]] = shift.max()
    scores = np.clip(0.5 + 0.35 * (_latent(rng, variants, rows) + shift[:, None]), 0.0, 1.0)
    truth = np.array([_clipped_mean(0.5 + 0.35 * value, 0.35) for value in shift])
    intervals = mean_intervals(scores, weights=row_weights(rows, seed=1))
    for true, interval in zip(truth, intervals, strict=True):
        _count(tally, "other mean, BCa", interval.low <= true <= interval.high)
    _judge(tally, "other scores", "difference of other means, BCa", scores, truth, intervals, equal=equal > 1)


def _clipped_mean(mean: float, deviation: float) -> float:
    """Mean of a normal variable clipped to 0..1."""
    low, high = (0 - mean) / deviation, (1 - mean) / deviation
    inside = norm.cdf(high) - norm.cdf(low)
    return float(mean * inside - deviation * (norm.pdf(high) - norm.pdf(low)) + norm.sf(high))


def _judge(
    tally: Tally,
    kind: str,
    interval_name: str,
    scores: np.ndarray,
    truth: np.ndarray,
    intervals: list[Interval],
    *,
    equal: bool,
) -> None:
    variants = [Variant(id=str(technique), technique=technique) for technique in list(TECHNIQUES)[: len(truth)]]
    true = dict(zip((variant.id for variant in variants), truth, strict=True))
    pairs = compare_all([variant.id for variant in variants], scores, np.ones(scores.shape, dtype=np.bool_))
    false_pair = False
    for pair in pairs:
        gap = true[pair.first] - true[pair.second]
        _count(tally, interval_name, pair.effect.low <= gap <= pair.effect.high)
        false_pair |= pair.significant and gap * pair.effect.value <= 0
    _count(tally, f"{kind}, false pair", false_pair)
    run = RunFigures(
        plan=PLAN,
        task_title="",
        metric="simulated",
        is_share=kind == "shares",
        figures=tuple(_figures(variant, interval) for variant, interval in zip(variants, intervals, strict=True)),
        differences=pairs,
    )
    verdict = decide(run, NO_LIMITS)
    best = max(true.values())
    alone = sum(value == best for value in true.values()) == 1
    false = verdict.outcome is Outcome.WINNER and not (alone and true[verdict.pick or ""] == best)
    _count(tally, f"{kind}, false winner", false)
    if equal:
        _count(tally, f"{kind}, false winner among equals", false)
    elif best - sorted(true.values())[-2] >= 0.1:
        _count(tally, f"{kind}, found", verdict.outcome is Outcome.WINNER and not false)


def _figures(variant: Variant, quality: Interval) -> VariantFigures:
    cost = CostLine(
        name=variant.id,
        variant_id=variant.id,
        labelling_usd=0.0,
        preparing_usd=0.0,
        per_call_usd=0.0,
        leaves_machine=False,
        most_calls_per_month=None,
        source="simulated",
    )
    return VariantFigures(
        variant=variant,
        name=variant.id,
        rows=1,
        quality=quality,
        busy_s_per_call=1.0,
        cost_usd_per_1k=0.0,
        cost=cost,
    )


def _latencies(tally: Tally, rng: np.random.Generator, rows: int) -> None:
    spread = rng.uniform(0.1, 1.0)
    values = rng.lognormal(-2, spread, rows)
    for name, share in (("p50, bootstrap", 0.5), ("p95, bootstrap", 0.95)):
        interval = quantile_interval(values, share)
        true = float(np.exp(-2 + spread * norm.ppf(share)))
        _count(tally, name, interval is not None and interval.low <= true <= interval.high)


def _classes(tally: Tally, rng: np.random.Generator, rows: int) -> None:
    """Rows of equally frequent classes; each class has its own share right, and its mistakes fall on any class."""
    classes, rows = int(rng.integers(2, 8)), max(rows, 100)
    right = rng.uniform(0.4, 0.95, classes)
    chances = rng.dirichlet(np.ones(classes), size=classes) * (1 - right)[:, None]
    chances[np.arange(classes), np.arange(classes)] += right
    targets = rng.integers(0, classes, rows)
    answers = (rng.random(rows)[:, None] > np.cumsum(chances, axis=1)[targets]).sum(axis=1)
    cells = chances / classes
    hits, wanted, given = np.diag(cells), cells.sum(axis=1), cells.sum(axis=0)
    true = float(np.mean(2 * hits / (wanted + given)))
    interval = macro_f1_interval(targets, np.minimum(answers, classes - 1), classes)
    _count(tally, "macro F1, BCa", interval.low <= true <= interval.high)


if __name__ == "__main__":
    sys.exit(main())
