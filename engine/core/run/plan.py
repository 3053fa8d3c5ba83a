"""A run: variants x examples on one model with one seed on one machine."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from engine.core.embedder import EmbedderHandicap, RemoteEmbedder
from engine.core.prices import CostAssumptions, TokenPrices
from engine.core.run.effort import Effort
from engine.core.variant import DecodingMode, Variant

CONTEXT_TOKENS = 2048
"""Room for prompt and answer of one row, unless more is asked for."""
TRAIN_ROWS = 50
"""Training rows that a run learns from by default; more where there are more labels: `engine.running.sampling`."""
ROWS_PER_LABEL = 8
"""Training rows for each label that are offered where a run has fewer."""
TEST_ROWS = 100
"""Test rows that the screens propose to answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPlan:
    """Everything that decides what a run computes."""

    run_id: str
    task_id: str
    model_id: str
    variants: tuple[Variant, ...]
    test_ids: tuple[str, ...]
    """Examples to answer, in the order in which they are answered."""
    train_ids: tuple[str, ...]
    """Examples that shots, retrieval, LoRA and the classifier may learn from."""
    seed: int = 0
    context_tokens: int = CONTEXT_TOKENS
    """Room for prompt and answer of one row."""
    throughput: bool = False
    batch_rows: int = 16
    costs: CostAssumptions = field(default_factory=CostAssumptions)
    stop_when_clear: bool = False
    """End before the last row once one variant is clearly the best: `engine.metrics.early_stopping`."""
    race: bool = False
    """Go on without variants that are clearly behind, one by one; end once one is left."""
    spend_saved: bool = False
    """Give the answers that a race saves to the variants still in it, as further test rows, where the planned rows do
    not tell which of them is the best: `engine.running.preflight.saved_rows`."""
    saved_rows: int = 0
    """How many of the test rows were added so."""
    saved_from: int = 0
    """After how many test rows they begin; further ones that a user adds come after them."""
    draws: int = 1
    """How many draws of shots and trainings of LoRA weights the rows of such variants are shared out over."""
    effort: Effort | None = None
    """Where settings are searched for: the tuned variants stand beside the default ones. Before its search has ended a
    tuned variant has the default's settings; one whose default is kept then leaves the plan."""
    looks: int = 0
    """How often this run was complete and judged before rows were added, by the user or from what a race saved:
    `engine.metrics.inference`."""
    prices: TokenPrices | None = None
    """Of a model behind a closed API; None for models that run on the user's own machines."""
    rows_to: str = ""
    """The hosts, separated by commas, to which the user agreed to have this run's texts sent: by a server that does not
    answer itself, or to an embedder."""
    remote_embedders: tuple[RemoteEmbedder, ...] = ()
    """Those of its variants that are on other machines."""
    handicaps: tuple[EmbedderHandicap, ...] = ()
    """Of embedders that were not trained on the language of the rows."""
    spending_limit_usd: float | None = None
    """The run stops when it has cost this much at closed APIs."""

    @property
    def agreed_hosts(self) -> frozenset[str]:
        """The hosts to which the user agreed to have texts sent."""
        return frozenset(host.strip() for host in self.rows_to.split(",") if host.strip())

    def remote_embedder(self, variant: Variant) -> RemoteEmbedder | None:
        """Return the embedder on another machine that reads a variant's texts; None where they stay here."""
        found = (one for one in self.remote_embedders if one.id == variant.embedder)
        return next(found, None) if variant.sends_texts else None

    def token_prices(self, variant: Variant) -> TokenPrices | None:
        """Return what a variant's answers cost by the token, at a closed API; None where they are made otherwise."""
        return self.prices if variant.generates else None

    @property
    def sources(self) -> tuple[str, ...]:
        """Where its tokens are paid for, as the price table names model and embedders; empty where nothing is paid."""
        priced = (self.prices, *(one.prices for one in self.remote_embedders))
        return tuple(prices.source for prices in priced if prices is not None)

    @property
    def decoding(self) -> DecodingMode:
        """How answers are generated, as set for the first variant."""
        return self.variants[0].decoding.mode if self.variants else DecodingMode.CHOICE


def new_run_id() -> str:
    """Make a run id that sorts by time: UTC date and time and four random hex digits."""
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + "-" + secrets.token_hex(2)
