"""What running costs: machine time and electricity here, tokens at closed APIs. Pure functions over columns.

Every figure from here is an estimate unless energy was measured; callers list them under `estimated`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.core.interval import Floats
from engine.core.prices import TOKENS_PRICED, CostAssumptions, TokenPrices

SECONDS_PER_HOUR = 3600.0
Amount = TypeVar("Amount", float, Floats)
"""Of one call, or one value per row."""


def busy_seconds(seconds: Mapping[str, Floats]) -> Floats:
    """Seconds of work of each row: its own total, or its share of a batch; 0 for a row that ended without one.

    Args:
        seconds: the fields of `Timing` by name, one value per row, NaN where not measured.
    """
    return np.where(np.isnan(seconds["total_s"]), np.nan_to_num(seconds["batch_share_s"]), seconds["total_s"])


def timed_rows(seconds: Mapping[str, Floats]) -> NDArray[np.bool_]:
    """Tell which rows have a time: a row that ended without one makes no variant quicker, nor cheaper here.

    Args:
        seconds: the fields of `Timing` by name, one value per row, NaN where not measured.
    """
    found: NDArray[np.bool_] = ~np.isnan(seconds["total_s"]) | ~np.isnan(seconds["batch_share_s"])
    return found


def counted_rows(tokens: Mapping[str, Floats]) -> NDArray[np.bool_]:
    """Tell of which rows a language model read or wrote tokens: those are paid for, whatever became of the answer.

    Args:
        tokens: the fields of `Usage` by name, one value per row.
    """
    found: NDArray[np.bool_] = (tokens["prompt_tokens"] > 0) | (tokens["completion_tokens"] > 0)
    return found


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


def local_cost_usd(busy_s: Amount, watt_hours: Amount, assumptions: CostAssumptions) -> Amount:
    """Cost of these busy seconds and watt-hours on this machine, in USD; arrays of any shape, or plain numbers."""
    machine = assumptions.machine_usd_per_hour * busy_s / SECONDS_PER_HOUR
    return machine + assumptions.electricity_usd_per_kwh * watt_hours / 1000.0


def token_cost_usd(tokens: Mapping[str, Floats], prices: TokenPrices) -> Floats:
    """Cost of each row's tokens at a closed API, in USD; `tokens` holds the fields of `Usage` by name."""
    return prices.cost_usd(tokens["prompt_tokens"], tokens["cached_prompt_tokens"], tokens["completion_tokens"])


def preparing_cost_usd(prepare_s: float, assumptions: CostAssumptions) -> float:
    """Cost of these seconds of training, indexing or fitting, at full power, in USD."""
    watt_hours = assumptions.watts * prepare_s / SECONDS_PER_HOUR
    return local_cost_usd(prepare_s, watt_hours, assumptions)


CLOSED_MODELS: tuple[tuple[str, str], ...] = (
    ("openai", "gpt-5-nano"),
    ("openai", "gpt-5-mini"),
    ("anthropic", "claude-haiku-4-5"),
    ("google", "gemini-2.5-flash-lite"),
)
"""Closed models that the same tokens are priced on: small ones, as a user would pick for a narrow task."""


def closed_api_cost_usd(prompt_tokens: float, completion_tokens: float) -> Mapping[str, float]:
    """Price one call's tokens on closed APIs, nothing cached. Tokenizers differ: an estimate.

    Models that the installed table does not know are left out.
    """
    found = {model: token_prices(f"{provider}/{model}") for provider, model in CLOSED_MODELS}
    return {
        model: prices.cost_usd(prompt_tokens, 0.0, completion_tokens)
        for model, prices in found.items()
        if prices is not None
    }


_PRICED_TOKENS = 1000
"""Prices are looked up for this many tokens: few enough to stay below the tiers that some models have."""


def token_prices(price_ref: str) -> TokenPrices | None:
    """Look prices up by `provider/model` in the installed `genai-prices` table; None if it does not know them."""
    from genai_prices import Usage as Priced
    from genai_prices import calc_price

    provider, _, model = price_ref.partition("/")
    if not model:
        return None

    def usd(**tokens: int) -> float:
        return float(calc_price(Priced(**tokens), model_ref=model, provider_id=provider).total_price)

    try:
        plain = usd(input_tokens=_PRICED_TOKENS)
        cached = usd(input_tokens=_PRICED_TOKENS, cache_read_tokens=_PRICED_TOKENS)
        output = usd(output_tokens=_PRICED_TOKENS)
    except LookupError:
        return None
    scale = TOKENS_PRICED / _PRICED_TOKENS
    return TokenPrices(
        source=price_ref, input_usd=plain * scale, cached_input_usd=cached * scale, output_usd=output * scale
    )
