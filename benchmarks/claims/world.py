"""One simulated run of a scenario: true values, and rows drawn from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri

from benchmarks.claims.scenarios import Scenario
from engine.core.interval import Floats
from engine.core.limits import Limits

HAIR = 1e-6
"""How far beyond a limit those at its edge lie, in every other run."""
SPREAD = 0.3
_SPARSE_HITS, _SPARSE_MEAN = 0.3, 0.75
_LOG_DEVIATION = 0.5
_P95_S, _COST_USD = 1.0, 1.0
"""Limits on p95 and cost where the scenario has one."""
_SLOWER = float(np.exp(_LOG_DEVIATION * (ndtri(0.95) - ndtri(0.8))))
"""A variant this much slower takes too long on 20 % of its answers instead of 5 %."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """True values of the variants, and the limits."""

    quality: Floats
    p95_s: Floats
    cost_usd_per_1k: Floats
    limits: Limits

    def meets(self, variant: int) -> bool:
        """Tell whether a variant truly meets every limit."""
        return all(self.meets_each(variant).values())

    def meets_each(self, variant: int) -> dict[str, bool]:
        """Tell which of the limits that are set a variant truly meets."""
        limits, found = self.limits, {}
        if limits.least_quality is not None:
            found["quality"] = bool(self.quality[variant] >= limits.least_quality)
        if limits.highest_p95_s is not None:
            found["p95"] = bool(self.p95_s[variant] <= limits.highest_p95_s)
        if limits.highest_cost_usd_per_1k is not None:
            found["cost"] = bool(self.cost_usd_per_1k[variant] <= limits.highest_cost_usd_per_1k)
        return found


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What was seen, of shape (variants, rows)."""

    scores: Floats
    total_s: Floats
    cost_usd_per_1k: Floats


def truth_of(scenario: Scenario, generator: np.random.Generator, *, beyond: bool) -> Truth:
    """Draw the true values of one run. The leader is first; the caller shuffles.

    Args:
        scenario: of the run.
        generator: for rivals that are spread.
        beyond: whether those at the edge of a limit lie a hair beyond it, or on it.
    """
    count, lead = scenario.variants, scenario.lead
    base = min(scenario.base, 0.98 - lead)
    behind = generator.random(count) * SPREAD if scenario.shape.startswith("spread") else np.zeros(count)
    behind[: 2 if scenario.shape.startswith("tied") else 1] = -lead
    hidden = np.clip(base - behind, 0.02, 0.98)
    quality = hidden * _SPARSE_HITS * _SPARSE_MEAN if scenario.scores == "sparse" else hidden
    p95_s = np.exp(generator.normal(-1.5, 0.7, count))
    cost = np.exp(generator.normal(-1.5, 0.7, count))
    least = slowest = dearest = None
    sign = 1.0 if beyond else 0.0
    match scenario.limit:
        case "quality edge":
            least = float(quality[-1] + sign * HAIR)
        case "quality clear":
            step = 0.15 * (_SPARSE_HITS * _SPARSE_MEAN if scenario.scores == "sparse" else 1.0)
            least = float(min(quality[1:].max() + step, 1.0))
        case "p95 edge":
            slowest, p95_s[1:] = _P95_S, _P95_S * (1 + sign * HAIR)
        case "two edges":
            least = float(quality[-1] + sign * HAIR)
            slowest, p95_s[1:] = _P95_S, _P95_S * (1 + sign * HAIR)
        case "p95 clear" | "batches":
            slowest, p95_s[0], p95_s[1:] = _P95_S, _P95_S / 2, _P95_S * _SLOWER
        case "cost edge":
            dearest, cost[1:] = _COST_USD, _COST_USD * (1 + sign * HAIR)
        case "cost clear":
            dearest, cost[0], cost[1:] = _COST_USD, _COST_USD / 2, _COST_USD * 2
    if "edge" in scenario.limit and scenario.shape == "equal":
        p95_s[0], cost[0] = p95_s[-1], cost[-1]
    limits = Limits(least_quality=least, highest_p95_s=slowest, highest_cost_usd_per_1k=dearest)
    return Truth(quality=quality, p95_s=p95_s, cost_usd_per_1k=cost, limits=limits)


def draw(scenario: Scenario, truth: Truth, count: int, generator: np.random.Generator) -> Rows:
    """Draw rows: scores that share each row's difficulty, and log-normal seconds and costs."""
    variants = len(truth.quality)
    hidden = truth.quality / (_SPARSE_HITS * _SPARSE_MEAN) if scenario.scores == "sparse" else truth.quality
    kind, amount = scenario.difficulty.split()
    chance = hidden * _SPARSE_HITS if scenario.scores == "sparse" else hidden
    if scenario.scores != "dense":
        hit = _hits(kind, float(amount), chance, count, generator)
        scores = hit.astype(np.float64)
        if scenario.scores == "sparse":
            scores *= generator.uniform(0.5, 1.0, (variants, count))
    else:
        # A share with the wanted mean m: U ** (1 / m - 1), where U is uniform and shared in part.
        shared = float(amount) if kind == "copula" else float(amount) ** 2 / (float(amount) ** 2 + np.pi**2 / 3)
        uniform = ndtr(_latent(shared, variants, count, generator))
        scores = uniform ** (1 / hidden - 1)[:, None]
    seconds = np.exp(generator.normal(0.0, _LOG_DEVIATION, (variants, count)) - _LOG_DEVIATION * ndtri(0.95))
    costs = np.exp(generator.normal(0.0, _LOG_DEVIATION, (variants, count)) - _LOG_DEVIATION**2 / 2)
    if scenario.limit == "batches":
        seconds[:] = np.nan
    return Rows(
        scores=scores,
        total_s=seconds * truth.p95_s[:, None],
        cost_usd_per_1k=costs * truth.cost_usd_per_1k[:, None],
    )


def _latent(shared: float, variants: int, count: int, generator: np.random.Generator) -> Floats:
    result: Floats = np.sqrt(shared) * generator.normal(size=count) + np.sqrt(1 - shared) * generator.normal(
        size=(variants, count)
    )
    return result


def _hits(kind: str, amount: float, chance: Floats, count: int, generator: np.random.Generator) -> NDArray[np.bool_]:
    variants = len(chance)
    if kind == "copula":
        return np.asarray(_latent(amount, variants, count, generator) < ndtri(chance)[:, None])
    points, shares = _rasch_curve(amount)
    ease = np.interp(chance, shares, points)
    difficulty = amount * generator.normal(size=count)
    return np.asarray(generator.random((variants, count)) < expit(ease[:, None] - difficulty))


@cache
def _rasch_curve(deviation: float) -> tuple[Floats, Floats]:
    """Ability in log-odds, and the share of rows that it gets right when difficulties are normal around 0."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    points = np.linspace(-25, 25, 4001)
    shares = expit(points[:, None] - deviation * nodes) @ (weights / weights.sum())
    return points, shares
