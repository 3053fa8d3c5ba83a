"""What a run costs at a closed API: prices fixed with the plan, an estimate beforehand, a limit that stops the run."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from engine.core.errors import SpendingLimitError
from engine.core.prices import TokenPrices
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction, Usage
from engine.metrics import wording as say

SPARE = 1.5
"""Proposed spending limit, as a multiple of the estimate."""


def spent_usd(prices: TokenPrices, predictions: Sequence[Prediction]) -> float:
    """Add up what predictions cost; a failure that used tokens is paid for, too."""
    return sum(usage_usd(prices, prediction.usage) for prediction in predictions)


def proposed_limit_usd(estimated_usd: float, *, spent_usd: float = 0.0) -> float:
    """Return a limit with room above an estimate, in the next whole cent; what was spent already comes on top."""
    return math.floor((spent_usd + estimated_usd * SPARE) * 100 + 1) / 100


def usage_usd(prices: TokenPrices, usage: Usage) -> float:
    """Return what one answer's tokens cost."""
    return prices.cost_usd(
        float(usage.prompt_tokens), float(usage.cached_prompt_tokens), float(usage.completion_tokens)
    )


def embedding_usd(prices: TokenPrices, tokens: float) -> float:
    """Return what embedding so many tokens costs: they are read, and nothing is written."""
    return prices.cost_usd(tokens, 0.0, 0.0)


class Budget:
    """What one run may still spend."""

    def __init__(
        self,
        prices: TokenPrices | None,
        limit_usd: float | None,
        spent: float = 0.0,
        *,
        embedders: Mapping[str, TokenPrices] | None = None,
        embedded_by: Mapping[str, str] | None = None,
        without_model: Collection[str] = (),
    ) -> None:
        """Begin with what was spent before; without prices or a limit it is never used up.

        Args:
            prices: of the model.
            limit_usd: where the run stops.
            spent: before.
            embedders: prices of embedders on other machines, by id.
            embedded_by: the embedder of each variant, by id.
            without_model: variants, by id, that no language model answers.
        """
        self._prices = prices
        self._limit_usd = limit_usd
        self._spent_usd = spent
        self._embedders, self._embedded_by = dict(embedders or {}), dict(embedded_by or {})
        self._without_model = frozenset(without_model)
        self._dearest_usd = 0.0

    @classmethod
    def of(cls, plan: RunPlan, spent: float = 0.0) -> Budget:
        """Return the budget of a plan."""
        return cls(
            plan.prices,
            plan.spending_limit_usd,
            spent,
            embedders={one.id: one.prices for one in plan.remote_embedders if one.prices is not None},
            embedded_by={variant.id: variant.embedder for variant in plan.variants},
            without_model=[variant.id for variant in plan.variants if not variant.generates],
        )

    @property
    def spent_usd(self) -> float:
        """What was spent so far."""
        return self._spent_usd

    @property
    def left_usd(self) -> float | None:
        """What may still be spent; None where nothing is paid by the token, or without a limit."""
        if self._limit_usd is None or (self._prices is None and not self._embedders):
            return None
        return max(self._limit_usd - self._spent_usd, 0.0)

    def pay_usage(self, usage: Usage) -> None:
        """Count one answer that is not a row of the run: a trial's, or one that a prior is measured on."""
        if self._prices is not None:
            self._add(usage_usd(self._prices, usage))

    def pay_embedding(self, embedder: str, tokens: int) -> None:
        """Count tokens that an embedder, by id, has read."""
        self._spent_usd += self._embedding_usd(embedder, tokens)

    def pay(self, predictions: Sequence[Prediction]) -> None:
        """Count what these predictions cost."""
        if self._prices is None and not self._embedders:
            return
        for made in predictions:
            self._add(self.cost_usd([made]))

    def _add(self, answer_usd: float) -> None:
        self._spent_usd += answer_usd
        self._dearest_usd = max(self._dearest_usd, answer_usd)

    def at_once(self, rows: int) -> int:
        """Return how many of these rows may be asked at once: as many as the money left pays for, and at least one.

        Each may cost what the dearest answer so far has cost. Before one was paid for, a row is asked alone.
        """
        left_usd = self.left_usd
        if left_usd is None or self._prices is None or self._prices.cost_usd(1.0, 0.0, 1.0) == 0:
            return rows
        paid_for = int(left_usd / self._dearest_usd) if self._dearest_usd else 1
        return min(rows, max(paid_for, 1))

    def cost_usd(self, predictions: Sequence[Prediction]) -> float:
        """Return what predictions cost: the tokens of a language model, and those of their texts that were embedded."""
        answered = [made for made in predictions if made.variant_id not in self._without_model]
        return (spent_usd(self._prices, answered) if self._prices is not None else 0.0) + sum(
            self._embedding_usd(self._embedded_by.get(made.variant_id, ""), made.usage.embedding_tokens)
            for made in predictions
        )

    def _embedding_usd(self, embedder: str, tokens: int) -> float:
        prices = self._embedders.get(embedder)
        return 0.0 if prices is None else embedding_usd(prices, tokens)

    def check(self) -> None:
        """Stop a run that has reached its limit.

        Raises:
            SpendingLimitError: the limit is reached.
        """
        if self._limit_usd is None or self._spent_usd < self._limit_usd:
            return
        if self._prices is None and not self._embedders:
            return
        raise SpendingLimitError(
            f"The run has cost {say.money(self._spent_usd)}; its limit is {say.money(self._limit_usd)}.",
            "Finished rows are saved. Resume with a higher limit.",
        )
