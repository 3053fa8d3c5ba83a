"""What costs are computed from: assumptions about this machine, and the token prices of a closed API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Tokens = TypeVar("Tokens", float, NDArray[np.float64])
"""Tokens of one call, or one value per row."""

TOKENS_PRICED = 1_000_000
"""Prices are per this many tokens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CostAssumptions:
    """What the user may edit. The defaults are assumptions, and are shown as such."""

    machine_usd_per_hour: float = 0.13
    """Price of an hour of this machine in USD. Default: a 1,000 USD laptop over 3 years of 52 weeks with 50 hours."""
    watts: float = 28.0
    """Power of the whole machine under load. 28 W is a laptop processor's usual sustained limit (Intel P-series)."""
    electricity_usd_per_kwh: float = 0.25
    """Price of electricity in USD; the default is an assumption, since prices differ by country."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenPrices:
    """Prices of one model, in USD per million tokens, as the price table had them when the run was planned."""

    source: str
    """`provider/model` in the table."""
    input_usd: float
    cached_input_usd: float
    output_usd: float

    def cost_usd(self, prompt_tokens: Tokens, cached_prompt_tokens: Tokens, completion_tokens: Tokens) -> Tokens:
        """Price one call, or one per row; thinking is part of the completion's tokens and billed with them."""
        fresh = prompt_tokens - cached_prompt_tokens
        usd = fresh * self.input_usd + cached_prompt_tokens * self.cached_input_usd
        return (usd + completion_tokens * self.output_usd) / TOKENS_PRICED
