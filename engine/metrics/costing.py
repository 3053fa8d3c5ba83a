"""What running costs: machine time and electricity here, tokens at closed APIs. Pure functions over columns.

Every figure from here is an estimate unless energy was measured; callers list them under `estimated`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.core.interval import Floats
from engine.core.prices import CostAssumptions, TokenPrices

SECONDS_PER_HOUR = 3600.0


def busy_seconds(seconds: Mapping[str, Floats]) -> Floats:
    """Seconds of work of each row: its own total, or its share of a batch; 0 for a row that ended without one.

    Args:
        seconds: the fields of `Timing` by name, one value per row, NaN where not measured.
    """
    return np.where(np.isnan(seconds["total_s"]), np.nan_to_num(seconds["batch_share_s"]), seconds["total_s"])


def energy_watt_hours(
    seconds: Mapping[str, Floats], cores: int, assumptions: CostAssumptions, *, gpu: bool = False
) -> tuple[Floats, bool]:
    """Return the watt-hours of each row, and whether all of them were measured; else they are estimated.

    The estimate takes full power when all cores are busy. Where no CPU time is known (not told by a server, a GPU
    does the work), all cores count as busy for as long as the row took.
    """
    measured = seconds["energy_wh"]
    if len(measured) and not np.isnan(measured).any():
        return measured, True
    cpu_s = np.nan_to_num(seconds["cpu_s"])
    share = cpu_s / max(cores, 1)
    busy = busy_seconds(seconds)
    return assumptions.watts * np.where((cpu_s == 0) | gpu, busy, share) / SECONDS_PER_HOUR, False


def local_cost_usd(busy_s: Floats, watt_hours: Floats, assumptions: CostAssumptions) -> Floats:
    """Cost of these busy seconds and watt-hours on this machine, in USD; arrays of any shape, or plain numbers."""
    machine = assumptions.machine_usd_per_hour * busy_s / SECONDS_PER_HOUR
    return machine + assumptions.electricity_usd_per_kwh * watt_hours / 1000.0


def token_cost_usd(tokens: Mapping[str, Floats], prices: TokenPrices) -> Floats:
    """Cost of each row's tokens at a closed API, in USD; `tokens` holds the fields of `Usage` by name."""
    return prices.cost_usd(tokens["prompt_tokens"], tokens["cached_prompt_tokens"], tokens["completion_tokens"])


def preparing_cost_usd(prepare_s: float, assumptions: CostAssumptions) -> float:
    """Cost of these seconds of training, indexing or fitting, at full power, in USD."""
    hours = prepare_s / SECONDS_PER_HOUR
    kilowatt_hours = assumptions.watts * hours / 1000.0
    return assumptions.machine_usd_per_hour * hours + assumptions.electricity_usd_per_kwh * kilowatt_hours


CLOSED_MODELS: tuple[tuple[str, str], ...] = (
    ("openai", "gpt-5-nano"),
    ("openai", "gpt-5-mini"),
    ("anthropic", "claude-haiku-4-5"),
    ("google", "gemini-2.5-flash-lite"),
)
"""Closed models that the same tokens are priced on: small ones, as a user would pick for a narrow task."""


def closed_api_cost_usd(
    prompt_tokens: float, cached_prompt_tokens: float, completion_tokens: float
) -> Mapping[str, float]:
    """Price one call's tokens on closed APIs with the `genai-prices` table. Tokenizers differ: an estimate.

    Models that the installed table does not know are left out.
    """
    from genai_prices import Usage, calc_price

    prices: dict[str, float] = {}
    scale = 10  # prices take whole tokens; ten calls at once keep a decimal and stay below the price tiers
    usage = Usage(
        input_tokens=round(prompt_tokens * scale),
        cache_read_tokens=round(cached_prompt_tokens * scale),
        output_tokens=round(completion_tokens * scale),
    )
    for provider, model in CLOSED_MODELS:
        try:
            price = calc_price(usage, model_ref=model, provider_id=provider)
        except LookupError:
            continue
        prices[model] = float(price.total_price) / scale
    return prices
