"""Turn the facts of a GGUF file into transformers' configuration.

transformers has a reader of its own, but it ignores what changes the model's output (stretched rotary
embeddings, windows, soft caps) and needs 10 s for what takes 0.1 s; a contract test holds both to the same weights.
"""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig, PreTrainedConfig

from adapters.models.gguf_header import GgufHeader
from adapters.training.architectures import Architecture

_GEMMA_27B_LAYERS = {"gemma2": 46, "gemma3": 62}
"""Gemma's 27B sizes scale attention by hidden / heads, the others by the head's width (as in llama.cpp)."""


def config_from(header: GgufHeader, architecture: Architecture) -> PreTrainedConfig:
    """Build the configuration of the model in this file.

    Raises:
        ModelFileError: the file does not say what is needed.
    """
    heads = header.whole("attention.head_count")
    hidden = header.whole("embedding_length")
    head_dim = header.whole("attention.key_length", _head_dim(header, hidden, heads))
    settings: dict[str, Any] = {
        "vocab_size": header.tensors["token_embd.weight"].shape[0],
        "hidden_size": hidden,
        "intermediate_size": header.whole("feed_forward_length"),
        "num_hidden_layers": header.whole("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": header.whole("attention.head_count_kv", heads),
        "max_position_embeddings": header.whole("context_length", 4096),
        "rms_norm_eps": header.number("attention.layer_norm_rms_epsilon"),
        "tie_word_embeddings": "output.weight" not in header.tensors,
        "pad_token_id": None,
        "use_cache": False,
        "rope_parameters": _rope(header, architecture, head_dim),
    }
    if architecture.name != "phi3":
        settings["head_dim"] = head_dim
    if architecture.name in ("llama", "mistral"):
        settings["attention_bias"] = "blk.0.attn_q.bias" in header.tensors
    if architecture.name in ("mistral", "phi3"):
        settings["sliding_window"] = header.whole("attention.sliding_window", 0) or None
    if architecture.name in _GEMMA_27B_LAYERS:
        settings.update(_gemma(header, architecture, hidden, heads, head_dim))
    return AutoConfig.for_model(architecture.model_type, **settings)


def _head_dim(header: GgufHeader, hidden: int, heads: int) -> int:
    """Return the width of a head where the file has no `key_length`: old llama files give the rotary width instead."""
    if header.architecture == "llama":
        return header.whole("rope.dimension_count", hidden // heads)
    return hidden // heads


def _rope(header: GgufHeader, architecture: Architecture, head_dim: int) -> dict[str, Any]:
    main: dict[str, Any] = {"rope_type": "default", "rope_theta": header.number("rope.freq_base", 10_000.0)}
    if header.facts.get(f"{header.architecture}.rope.scaling.type") == "linear":
        main |= {"rope_type": "linear", "factor": header.number("rope.scaling.factor", 1.0)}
    if architecture.name == "gemma3":
        local = {"rope_type": "default", "rope_theta": header.number("rope.freq_base_swa", 10_000.0)}
        return {"full_attention": main, "sliding_attention": local}
    if architecture.name == "phi3":
        main["partial_rotary_factor"] = header.whole("rope.dimension_count", head_dim) / head_dim
    return main


def _gemma(header: GgufHeader, architecture: Architecture, hidden: int, heads: int, head_dim: int) -> dict[str, Any]:
    is_27b = header.whole("block_count") == _GEMMA_27B_LAYERS[architecture.name]
    caps = {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0} if architecture.name == "gemma2" else {}
    return {
        **{
            name: header.number(name, caps.get(name, 0.0)) or None
            for name in ("attn_logit_softcapping", "final_logit_softcapping")
        },
        "query_pre_attn_scalar": hidden // heads if is_27b else head_dim,
        "sliding_window": header.whole("attention.sliding_window", 4096 if architecture.name == "gemma2" else 1024),
    }
