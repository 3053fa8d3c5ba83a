"""Estimate what a training will need before it is started, so that it is refused and not killed.

Memory that cannot be given back is counted: pages that map files, as most of the libraries' own code does, can be
read again, and the system reports them as available. The terms follow from the shapes; the constants were fitted on the
high side. What the libraries take is measured on this machine by its first training (`adapters.training.libraries`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.models.gguf_header import GgufHeader
from engine.core.errors import NotEnoughMemoryError
from engine.core.variant import LoraSpec

LOADING_BYTES_PER_NUMBER = 14
"""A slice while it is dequantized: its fp32 values and what numpy makes on the way."""
LOADING_SLICE_ROWS = 4096
LOGIT_BYTES = 14
"""One logit in the weights' type, in fp32, its log-probability and its gradient."""
HEADROOM = 1.2
"""For short-lived copies, for what the allocator keeps, and for kernels compiled for each length."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The sizes of a model that decide about memory."""

    parameters: int
    hidden: int
    layers: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryEstimate:
    """Estimated bytes by purpose."""

    libraries_bytes: int
    weights_bytes: int
    lora_bytes: int
    activations_bytes: int
    logits_bytes: int
    loading_bytes: int

    @property
    def estimated_peak_bytes(self) -> int:
        """The higher of the two peaks, while loading and while training, with headroom."""
        training = self.lora_bytes + self.activations_bytes + self.logits_bytes
        moving = self.weights_bytes + max(self.loading_bytes, training)
        return self.libraries_bytes + round(HEADROOM * moving)


def shape_of(header: GgufHeader, parameters: int) -> Shape:
    """Read the sizes from the file's header; raise `ModelFileError` if it does not say them."""
    hidden, heads = header.whole("embedding_length"), header.whole("attention.head_count")
    embeddings = header.tensors.get("token_embd.weight")
    return Shape(
        parameters=parameters or sum(math.prod(place.shape) for place in header.tensors.values()),
        hidden=hidden,
        layers=header.whole("block_count"),
        feed_forward=header.whole("feed_forward_length"),
        heads=heads,
        kv_heads=header.whole("attention.head_count_kv", heads),
        head_dim=header.whole("attention.key_length", hidden // heads),
        vocabulary=embeddings.shape[0] if embeddings else 0,
    )


def estimate(
    shape: Shape,
    spec: LoraSpec,
    *,
    packed_tokens: int,
    packed_targets: int,
    weight_bytes: int,
    modules: Sequence[str],
    libraries_bytes: int,
) -> MemoryEstimate:
    """Estimate the memory of a training.

    Args:
        shape: the model's sizes.
        spec: how it is trained.
        packed_tokens: tokens of the longest packed sequence.
        packed_targets: answer tokens in it.
        weight_bytes: bytes of a weight, 2 for bf16 and 4 for fp32.
        modules: names of the layers that are trained.
        libraries_bytes: memory of the process once its libraries are loaded.
    """
    query, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    sizes = {
        "q_proj": (shape.hidden, query),
        "k_proj": (shape.hidden, kv),
        "v_proj": (shape.hidden, kv),
        "qkv_proj": (shape.hidden, query + 2 * kv),
        "o_proj": (query, shape.hidden),
        "gate_proj": (shape.hidden, shape.feed_forward),
        "up_proj": (shape.hidden, shape.feed_forward),
        "gate_up_proj": (shape.hidden, 2 * shape.feed_forward),
        "down_proj": (shape.feed_forward, shape.hidden),
    }
    lora_numbers = shape.layers * spec.rank * sum(sum(sizes[module]) for module in modules)
    # Kept for the backward pass: fp32 inputs of two norms and their outputs; q, k, v before and after rotation and
    # the mixed values; gate, its activation, up and their product; attention weights of all heads.
    per_token = (
        8 * shape.hidden
        + weight_bytes * (4 * shape.hidden + 4 * query + 4 * kv + 4 * shape.feed_forward)
        + weight_bytes * shape.heads * packed_tokens
    )
    return MemoryEstimate(
        libraries_bytes=libraries_bytes,
        weights_bytes=shape.parameters * weight_bytes,
        # Master copy, gradient, two Adam states, a copy in the weights' type, and the best so far.
        lora_bytes=lora_numbers * (4 * 5 + weight_bytes),
        activations_bytes=shape.layers * packed_tokens * per_token,
        logits_bytes=packed_targets * shape.vocabulary * LOGIT_BYTES,
        loading_bytes=min(shape.vocabulary, LOADING_SLICE_ROWS) * shape.hidden * LOADING_BYTES_PER_NUMBER,
    )


def refuse_if_too_large(needed: MemoryEstimate, available_bytes: int) -> None:
    """Raise `NotEnoughMemoryError`, with both figures, when the estimate exceeds what is free."""
    if needed.estimated_peak_bytes > available_bytes:
        from engine.metrics import wording as say  # brings numpy, which the web process loads only when it must

        raise NotEnoughMemoryError(
            f"Training needs about {say.size(needed.estimated_peak_bytes)} of memory (estimated); "
            f"{say.size(available_bytes)} is free.",
            "Close other programs, choose a smaller model or a smaller batch.",
        )
