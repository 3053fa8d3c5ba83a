"""The memory estimate: grows with what it should, and refuses with both figures."""

from __future__ import annotations

import dataclasses

import pytest

from adapters.training.memory import MemoryEstimate, Shape, estimate, refuse_if_too_large
from engine.core.errors import NotEnoughMemoryError
from engine.core.variant import LoraSpec

SMOLLM2 = Shape(
    parameters=134_515_008,
    hidden=576,
    layers=30,
    feed_forward=1536,
    heads=9,
    kv_heads=3,
    head_dim=64,
    vocabulary=49_152,
)


def estimated(*, shape: Shape = SMOLLM2, spec: LoraSpec | None = None, tokens: int = 400, weight_bytes: int = 2) -> int:
    """The estimated peak of a usual training, but for what is given."""
    spec = spec or LoraSpec()
    needed = estimate(
        shape, spec, packed_tokens=tokens, packed_targets=34, weight_bytes=weight_bytes, modules=spec.targets
    )
    return needed.estimated_peak_bytes


def test_more_of_anything_needs_more_memory() -> None:
    """Longer batches, wider weights, higher rank and larger models all cost memory."""
    usual = estimated()
    assert estimated(tokens=800) > usual
    assert estimated(weight_bytes=4) > usual
    assert estimated(spec=LoraSpec(rank=64)) > usual
    assert estimated(shape=dataclasses.replace(SMOLLM2, parameters=1_700_000_000)) > usual + 2_500_000_000


def test_a_model_of_a_billion_needs_its_weights_in_full() -> None:
    """The weights alone are a floor that the estimate must never undercut."""
    shape = dataclasses.replace(SMOLLM2, parameters=1_000_000_000)
    assert estimated(shape=shape, tokens=1) > 2_000_000_000
    assert estimated(shape=shape, tokens=1, weight_bytes=4) > 4_000_000_000


def test_refusal_gives_both_figures() -> None:
    """The user learns what is needed and what there is."""
    needed = MemoryEstimate(
        libraries_bytes=1024**3,
        weights_bytes=0,
        lora_bytes=0,
        activations_bytes=0,
        logits_bytes=0,
        loading_bytes=0,
    )
    refuse_if_too_large(needed, 1024**3)
    with pytest.raises(NotEnoughMemoryError, match=r"1,024 MiB.*512 MiB"):
        refuse_if_too_large(needed, 512 * 1024**2)
