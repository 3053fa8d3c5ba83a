"""What each answer costs, and the energy it takes: here, at a closed API, or partly at both. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.core.interval import Floats
from engine.core.run.manifest import Conditions
from engine.core.run.plan import RunPlan
from engine.core.variant import Variant
from engine.metrics.budget import embedding_usd
from engine.metrics.costing import busy_seconds, energy_watt_hours, local_cost_usd, token_cost_usd


def cost_and_energy(
    variant: Variant,
    seconds: Mapping[str, Floats],
    tokens: Mapping[str, Floats],
    plan: RunPlan,
    conditions: Conditions,
) -> tuple[Floats, tuple[Floats, bool] | None]:
    """Return the cost of each row in USD; and its energy with whether it was measured, None where it is unknown.

    Waiting for an embedder on another machine is not work of this one. Its tokens cost what they cost there; NaN where
    that is not known.
    """
    embedding = _embedding_usd(variant, tokens, plan)
    prices = plan.token_prices(variant)
    if prices is not None:
        return token_cost_usd(tokens, prices) + embedding, None
    if conditions.away and variant.generates:  # neither price nor power is known of another machine
        return np.full(len(tokens["prompt_tokens"]), np.nan), None
    remote = plan.remote_embedder(variant) is not None
    if remote and not variant.generates:
        return embedding, None
    worked = _without_waiting(seconds) if remote else seconds
    watt_hours, measured = energy_watt_hours(worked, conditions.cores, plan.costs, gpu=conditions.gpu)
    cost = local_cost_usd(busy_seconds(worked), watt_hours, plan.costs) + embedding
    # What a GPU or a server's process draws is not known here: the cost takes full power, not a figure of energy.
    unknown = conditions.gpu or (conditions.server and variant.generates)
    return cost, None if unknown and not measured else (watt_hours, measured)


def _embedding_usd(variant: Variant, tokens: Mapping[str, Floats], plan: RunPlan) -> Floats:
    """Return what embedding each row costs at another machine: 0 for an embedder on this one."""
    remote, read = plan.remote_embedder(variant), tokens["embedding_tokens"]
    if remote is None:
        return np.zeros(len(read))
    if remote.prices is None:
        return np.full(len(read), np.nan)
    return np.array([embedding_usd(remote.prices, count) for count in read.tolist()], dtype=np.float64)


def _without_waiting(seconds: Mapping[str, Floats]) -> Mapping[str, Floats]:
    """Return the seconds of rows without those of retrieval, which were spent waiting."""
    waited = np.nan_to_num(seconds["retrieval_s"])
    return {**seconds, "total_s": np.maximum(seconds["total_s"] - waited, 0.0)}
