"""What running costs: machine time and electricity here, tokens at closed APIs. Pure functions.

Every figure from here is an estimate unless energy was measured; callers list them under `estimated`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.core.prices import CostAssumptions
from engine.core.run.prediction import Timing

SECONDS_PER_HOUR = 3600.0


def energy_wh(cpu_s: float, cores: int, assumptions: CostAssumptions) -> float:
    """Estimate watt-hours from CPU seconds: full power is drawn when all cores are busy."""
    return assumptions.watts * cpu_s / max(cores, 1) / SECONDS_PER_HOUR


def energy_of(timings: Sequence[Timing], cores: int, assumptions: CostAssumptions) -> tuple[float, bool]:
    """Return watt-hours of these rows, and whether all were measured; else they are estimated."""
    measured = [timing.energy_wh for timing in timings if timing.energy_wh is not None]
    if timings and len(measured) == len(timings):
        return sum(measured), True
    return energy_wh(sum(_cpu_s(timing, cores) for timing in timings), cores, assumptions), False


def _cpu_s(timing: Timing, cores: int) -> float:
    """CPU seconds of a row; where a server does not say, as if all cores had been busy meanwhile."""
    return timing.cpu_s or (timing.total_s or timing.batch_share_s or 0.0) * cores


def local_cost_usd(busy_s: float, energy_watt_hours: float, assumptions: CostAssumptions) -> float:
    """Cost of so many busy seconds and watt-hours on this machine, in USD."""
    machine = assumptions.machine_usd_per_hour * busy_s / SECONDS_PER_HOUR
    return machine + assumptions.electricity_usd_per_kwh * energy_watt_hours / 1000.0


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
