"""One simulated run, judged by the product's own functions, and what was false in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims.judging import judge
from benchmarks.claims.scenarios import Scenario
from benchmarks.claims.world import Rows, Truth, draw, truth_of
from engine.analysis.costs.break_even import CostLine
from engine.analysis.figures import RunFigures, VariantFigures, best_corrected
from engine.analysis.joint_intervals import joint_intervals
from engine.analysis.verdict.deciding import corrected_under, decide
from engine.analysis.verdict.ruling import Outcome, Verdict
from engine.core.interval import Floats, Interval
from engine.core.run.plan import RunPlan
from engine.core.techniques import TECHNIQUES
from engine.core.variant import Variant
from engine.metrics.bootstrap import quantile_interval
from engine.metrics.early_stopping import evidence_against
from engine.metrics.inference import WATCHED
from engine.metrics.intervals import is_binary, mean_interval
from engine.metrics.pairwise import compare_all

Tally = Counter[str]
MOST_ADDED = 3
"""A continued run gets at most this many times its rows; the user waits for no more."""
CHECKS = 25
"""How often, spread evenly, a run is checked for a clear leader; the app checks after every row."""


def simulate(scenario: Scenario, seed: int) -> Tally:
    """Run the scenario once and count what was claimed, and what of it is false."""
    generator = np.random.default_rng((seed, scenario.number))
    truth = truth_of(scenario, generator, beyond=bool(seed % 2))
    truth = _shuffled(truth, generator)
    rows = draw(scenario, truth, scenario.rows, generator)
    made = _made(scenario, rows.scores)
    run, verdict = _judged(scenario, rows, made, truth, looks=0)
    seen = [(run, verdict)]
    if scenario.ending == "continued" and verdict.outcome is Outcome.UNDECIDED and verdict.rows_needed:
        more = draw(scenario, truth, min(verdict.rows_needed, MOST_ADDED * scenario.rows), generator)
        rows = Rows(
            scores=np.concatenate([rows.scores, more.scores], axis=1),
            total_s=np.concatenate([rows.total_s, more.total_s], axis=1),
            cost_usd_per_1k=np.concatenate([rows.cost_usd_per_1k, more.cost_usd_per_1k], axis=1),
        )
        seen.append(_judged(scenario, rows, np.ones(rows.scores.shape, dtype=np.bool_), truth, looks=1))
    return judge(seen, truth, scenario, plain_intervals(rows, made))


def judged_once(scenario: Scenario, seed: int) -> tuple[Truth, Verdict]:
    """Run a full run once, and return the truth and the verdict."""
    generator = np.random.default_rng((seed, scenario.number))
    truth = _shuffled(truth_of(scenario, generator, beyond=False), generator)
    rows = draw(scenario, truth, scenario.rows, generator)
    made = np.ones(rows.scores.shape, dtype=np.bool_)
    return truth, _judged(scenario, rows, made, truth, looks=0)[1]


def plain_intervals(rows: Rows, made: NDArray[np.bool_]) -> dict[str, Interval]:
    """Return the plain interval of each variant's mean, by id."""
    count = made.shape[1]
    return {f"v{place}": mean_interval(line[:count][made[place]]) for place, line in enumerate(rows.scores)}


def _shuffled(truth: Truth, generator: np.random.Generator) -> Truth:
    order = generator.permutation(len(truth.quality))
    return replace(
        truth,
        quality=truth.quality[order],
        p95_s=truth.p95_s[order],
        cost_usd_per_1k=truth.cost_usd_per_1k[order],
    )


def _made(scenario: Scenario, scores: Floats) -> NDArray[np.bool_]:
    """Which rows were answered before the run stopped, or a variant was dropped from it."""
    made = np.ones(scores.shape, dtype=np.bool_)
    if scenario.ending not in {"stopped", "raced"}:
        return made
    count = scores.shape[1]
    for rows in np.unique(np.linspace(count / CHECKS, count, CHECKS).astype(int)):
        going = np.flatnonzero(made[:, rows - 1])
        totals = scores[going, :rows].sum(axis=1)
        leader = going[int(totals.argmax())]
        clear = [
            other for other in going if other != leader and _clearly_ahead(scores[leader, :rows], scores[other, :rows])
        ]
        if scenario.ending == "stopped" and len(clear) == len(going) - 1:
            made[:, rows:] = False
            break
        if scenario.ending == "raced":
            made[clear, rows:] = False
    return made


def _clearly_ahead(leader: Floats, other: Floats) -> bool:
    """Whether the evidence is what watching asks for; a gap under two standard errors never reaches it."""
    gaps = leader - other
    if float(gaps.sum()) < 2 * float(np.sqrt((gaps**2).sum())):
        return False
    return evidence_against(leader, other) >= 2 / WATCHED


def _judged(
    scenario: Scenario, rows: Rows, made: NDArray[np.bool_], truth: Truth, *, looks: int
) -> tuple[RunFigures, Verdict]:
    techniques = list(TECHNIQUES)
    variants = tuple(
        Variant(id=f"v{place}", technique=techniques[place % len(techniques)]) for place in range(scenario.variants)
    )
    ids = tuple(str(row) for row in range(rows.scores.shape[1]))
    plan = RunPlan(
        run_id="simulated", task_id="", model_id="", variants=variants, test_ids=ids, train_ids=(), looks=looks
    )
    figures = [_figures(variant, plan, rows, made, place, truth) for place, variant in enumerate(variants)]
    run = RunFigures(
        plan=plan,
        task_title="",
        metric="simulated",
        is_share=is_binary(rows.scores),
        figures=tuple(best_corrected(figures, len(ids))),
        differences=compare_all([variant.id for variant in variants], rows.scores, made, looks=looks),
    )
    run = corrected_under(run, truth.limits)
    return run, decide(run, truth.limits)


def _figures(
    variant: Variant, plan: RunPlan, rows: Rows, made: NDArray[np.bool_], place: int, truth: Truth
) -> VariantFigures:
    line = made[place]
    scores, seconds, costs = rows.scores[place, line], rows.total_s[place, line], rows.cost_usd_per_1k[place, line]
    cost = CostLine(
        name=variant.id,
        variant_id=variant.id,
        labelling_usd=0.0,
        preparing_usd=0.0,
        per_call_usd=float(costs.mean()) / 1000,
        leaves_machine=False,
        most_calls_per_month=None,
        source="simulated",
    )
    return VariantFigures(
        variant=variant,
        name=variant.id,
        rows=len(scores),
        timed_rows=int(np.count_nonzero(~np.isnan(seconds))),
        quality=mean_interval(scores),
        total_p95_s=_p95(seconds, truth),
        busy_s_per_call=float(costs.mean()),
        cost_usd_per_1k=float(costs.mean()),
        cost_interval_usd_per_1k=_cost(costs, truth),
        joint=joint_intervals(scores, seconds, costs, plan) if truth.limits.any_set else None,
        cost=cost,
    )


def _cost(costs: Floats, truth: Truth) -> Interval | None:
    """The interval is read where a limit is set."""
    return None if truth.limits.highest_cost_usd_per_1k is None else mean_interval(costs, most=float("inf"))


def _p95(seconds: Floats, truth: Truth) -> Interval | None:
    """The interval is read where a limit is set; elsewhere the value alone."""
    if truth.limits.highest_p95_s is not None:
        return quantile_interval(seconds, 0.95)
    value = float(np.quantile(seconds, 0.95))
    return Interval(value=value, low=value, high=value)
