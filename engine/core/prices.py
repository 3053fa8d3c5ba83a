"""What money is counted with: assumptions about this machine, and the token prices of a closed API."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.run.prediction import Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class CostAssumptions:
    """What the user may edit. The defaults are assumptions, and are shown as such."""

    machine_usd_per_hour: float = 0.13
    """A 1,000 USD laptop written off over 3 years of 52 weeks with 50 working hours."""
    watts: float = 28.0
    """Power of the whole machine under load. 28 W is a laptop processor's usual sustained limit (Intel P-series)."""
    electricity_usd_per_kwh: float = 0.25


_PER = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenPrices:
    """Prices of one model, in USD per million tokens, as the price table had them when the run was planned."""

    source: str
    """`provider/model` in the table."""
    input_usd: float
    cached_input_usd: float
    output_usd: float

    def cost_usd(self, usage: Usage) -> float:
        """Price one call; thinking is part of the answer's tokens and billed with them."""
        fresh = usage.prompt_tokens - usage.cached_prompt_tokens
        return (
            fresh * self.input_usd
            + usage.cached_prompt_tokens * self.cached_input_usd
            + usage.completion_tokens * self.output_usd
        ) / _PER
