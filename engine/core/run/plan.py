"""A run: variants x examples on one model with one seed on one machine."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from engine.core.prices import CostAssumptions, TokenPrices
from engine.core.variant import (
    DecodingMode,
    LoraSpec,
    Reranker,
    RetrievalSpec,
    SearchMode,
    Technique,
    TrainingPrompts,
    Variant,
)


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
    decoding: DecodingMode = DecodingMode.CHOICE
    temperature: float = 0.0
    max_tokens: int = 64
    context_tokens: int = 2048
    """Room for prompt and answer of one row."""
    throughput: bool = False
    batch_rows: int = 16
    costs: CostAssumptions = field(default_factory=CostAssumptions)
    stop_when_clear: bool = False
    """End before the last row once one variant is clearly the best: `engine.metrics.early_stopping`."""
    prices: TokenPrices | None = None
    """Of a model behind a closed API; None for models that run on one's own machines."""
    spending_limit_usd: float | None = None
    """The run stops when it has cost so much at the closed API."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a manifest."""
        return asdict(self)


def plan_from_dict(data: Mapping[str, Any]) -> RunPlan:
    """Rebuild a plan from a manifest's plain data."""
    fields = dict(data)
    fields["variants"] = tuple(_variant_from_dict(item) for item in fields["variants"])
    fields["test_ids"] = tuple(fields["test_ids"])
    fields["train_ids"] = tuple(fields["train_ids"])
    fields["decoding"] = DecodingMode(fields["decoding"])
    fields["costs"] = CostAssumptions(**fields["costs"])
    if fields.get("prices") is not None:
        fields["prices"] = TokenPrices(**fields["prices"])
    return RunPlan(**fields)


def _variant_from_dict(data: Mapping[str, Any]) -> Variant:
    fields = dict(data)
    fields["technique"] = Technique(fields["technique"])
    if fields["retrieval"] is not None:
        retrieval = dict(fields["retrieval"])
        retrieval["mode"] = SearchMode(retrieval["mode"])
        retrieval["reranker"] = Reranker(retrieval.get("reranker", Reranker.RECIPROCAL_RANK))
        fields["retrieval"] = RetrievalSpec(**retrieval)
    if fields["lora"] is not None:
        lora = dict(fields["lora"])
        lora["targets"] = tuple(lora["targets"])
        lora["prompts"] = TrainingPrompts(lora.get("prompts", TrainingPrompts.PLAIN))
        fields["lora"] = LoraSpec(**lora)
    return Variant(**fields)


def new_run_id() -> str:
    """Make a run id that sorts by time: UTC date and time and four random hex digits."""
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + "-" + secrets.token_hex(2)
