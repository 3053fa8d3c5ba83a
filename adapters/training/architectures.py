"""Which architectures can be trained, and what their parts are called.

The list holds what transformers builds, what llama.cpp serves with LoRA weights, and what was tried on small
random models here. Pure Python: checked before any process is started.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.models.gguf_header import GgufHeader
from engine.core.errors import UntrainableError


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """How one architecture of llama.cpp is built in transformers."""

    name: str
    """llama.cpp's name, as `general.architecture` says it."""
    model_type: str
    """The name in transformers."""
    rows_permuted: bool = False
    """The GGUF converter reorders the rows of q and k (it does so for rotary embeddings of neighbouring pairs)."""
    norm_offset: float = 0.0
    """What the GGUF converter added to the weights of norms."""
    fused: dict[str, str] = field(default_factory=dict)
    """Modules that this architecture keeps as one: wanted name to its own name."""


ARCHITECTURES: dict[str, Architecture] = {
    one.name: one
    for one in (
        Architecture(name="llama", model_type="llama", rows_permuted=True),
        Architecture(name="mistral", model_type="mistral", rows_permuted=True),
        Architecture(name="qwen2", model_type="qwen2"),
        Architecture(name="qwen3", model_type="qwen3"),
        Architecture(name="gemma2", model_type="gemma2", norm_offset=1.0),
        Architecture(name="gemma3", model_type="gemma3_text", norm_offset=1.0),
        Architecture(
            name="phi3",
            model_type="phi3",
            fused={
                "q_proj": "qkv_proj",
                "k_proj": "qkv_proj",
                "v_proj": "qkv_proj",
                "gate_proj": "gate_up_proj",
                "up_proj": "gate_up_proj",
            },
        ),
    )
}

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""The names a LoRA target may have."""

_SCALINGS = ("none", "linear")


def architecture_named(name: str) -> Architecture:
    """Return the architecture of this name; raise `UntrainableError`, with the list, for any other."""
    if name not in ARCHITECTURES:
        raise UntrainableError(
            f"A model of architecture '{name}' cannot be trained here.",
            f"Choose one of: {', '.join(sorted(ARCHITECTURES))}. It can still be used with a prompt or retrieval.",
        )
    return ARCHITECTURES[name]


def modules_for(architecture: Architecture, targets: Sequence[str]) -> tuple[str, ...]:
    """Map wanted targets to the modules that this architecture has, each once, in order.

    Raises:
        UntrainableError: no target, or one that no architecture has.
    """
    unknown = [target for target in targets if target not in PROJECTIONS]
    if unknown or not targets:
        raise UntrainableError(
            f"LoRA targets {', '.join(unknown) or '(none)'} are not known.", f"Known: {', '.join(PROJECTIONS)}."
        )
    return tuple(dict.fromkeys(architecture.fused.get(target, target) for target in targets))


def refuse_unlike(header: GgufHeader) -> None:
    """Raise `UntrainableError` for files of a known architecture that are built in an unsupported way."""
    name = header.architecture
    if int(header.facts.get(f"{name}.expert_count", 0)) > 0:
        raise UntrainableError("Mixtures of experts cannot be trained here.", "Choose a dense model.")
    if int(header.facts.get("split.count", 0)) > 1:
        raise UntrainableError(
            "A model that was split into several files cannot be trained here.", "Join its parts with llama-gguf-split."
        )
    scaling = str(header.facts.get(f"{name}.rope.scaling.type", "none"))
    if scaling not in _SCALINGS or any(tensor.startswith("rope_factors_") for tensor in header.tensors):
        raise UntrainableError(
            f"This model stretches its context by '{scaling if scaling not in _SCALINGS else 'longrope'}', "
            "which training does not support.",
            "Choose a variant of the model with the ordinary context, for example 4k instead of 128k.",
        )
