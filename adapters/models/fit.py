"""Whether a model fits into free memory, checked before llama.cpp loads it. Pure functions over its header."""

from __future__ import annotations

from adapters.models.gguf_header import GgufHeader
from engine.core.errors import ModelError
from engine.metrics import wording as say

CACHE_BYTES = 2
"""Of one number in the KV cache, which llama.cpp keeps in 16 bits."""
COMPUTE_BYTES = 200_000_000
"""Buffers of a context and the worker itself, as measured with small models."""


def cache_bytes_per_token(header: GgufHeader) -> int:
    """Return what one token takes in the KV cache: keys and values of all layers. 0 where the file does not say.

    Layers of hybrid models that have no attention (LFM2, Granite 4 H) keep nothing of a token: they have 0 heads.
    """
    name = header.architecture
    layers, width = header.facts.get(f"{name}.block_count"), header.facts.get(f"{name}.embedding_length")
    heads = header.facts.get(f"{name}.attention.head_count")
    if not (isinstance(layers, int) and isinstance(width, int) and isinstance(heads, int)) or heads < 1:
        return 0
    shared = header.facts.get(f"{name}.attention.head_count_kv", heads)
    each = header.lists.get(f"{name}.attention.head_count_kv")
    key = header.facts.get(f"{name}.attention.key_length", width // heads)
    value = header.facts.get(f"{name}.attention.value_length", width // heads)
    if not (isinstance(shared, int) and isinstance(key, int) and isinstance(value, int)):
        return 0
    return (sum(max(count, 0) for count in each) if each else layers * shared) * (key + value) * CACHE_BYTES


def estimated_bytes(header: GgufHeader, *, size_bytes: int, slots: int, context_tokens: int) -> int:
    """Estimate the memory of a loaded model: its file, a KV cache per slot, and buffers."""
    return size_bytes + slots * context_tokens * cache_bytes_per_token(header) + COMPUTE_BYTES


def refuse_if_it_does_not_fit(
    header: GgufHeader, name: str, *, size_bytes: int, slots: int, context_tokens: int, free_bytes: int
) -> None:
    """Refuse a model before it is loaded, rather than let the system kill it while loading.

    Raises:
        ModelError: the estimate exceeds what is free.
    """
    needed = estimated_bytes(header, size_bytes=size_bytes, slots=slots, context_tokens=context_tokens)
    if needed > free_bytes:
        raise ModelError(
            f"'{name}' needs about {say.size(needed)} of memory with {slots} contexts of {context_tokens} tokens; "
            f"{say.size(free_bytes)} is free.",
            "Close other programs, run fewer variants at once, or choose a smaller model or context.",
        )
