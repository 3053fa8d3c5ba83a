"""What a GGUF file says about the model in it, whole or in parts, without loading it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from adapters.models.gguf_header import GgufHeader, read_header
from adapters.models.stores import FoundFile, is_projector
from engine.core.errors import ModelFileError
from engine.core.generation import ModelFacts

GGUF_TYPES = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
              12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
              19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL",
              26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16"}  # fmt: skip
"""`general.file_type` as llama.cpp names it (enum llama_ftype in llama.h)."""
POOLINGS = (1, 2, 3)
"""`ARCHITECTURE.pooling_type` of embedding models: mean, first, last token (enum llama_pooling_type in llama.h)."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The facts of a file's model, and whether it is one that answers nothing by itself."""

    model: ModelFacts
    is_projector: bool
    """It is a vision projector."""
    is_embedder: bool = False
    """It turns texts into vectors: `adapters.retrieval.embedders.gguf`."""


def read_facts(found: FoundFile) -> FileFacts:
    """Read the headers of a file, or of all its parts.

    Raises:
        ModelFileError: not a whole GGUF file.
    """
    header = read_header(found.path)
    parameters = 0
    for path in found.files:
        part = header if path == found.path else read_header(path)
        parameters += _checked(path, part, path.stat().st_size)
    name = str(header.facts.get("general.name") or found.name)
    model = ModelFacts(
        id=re.sub(r"[^a-z0-9.]+", "-", found.name.lower()).strip("-"),
        name=name,
        backend="llama.cpp",
        path=str(found.path),
        architecture=header.architecture,
        quantization=GGUF_TYPES.get(_whole(header, "general.file_type"), "unknown"),
        size_bytes=found.size_bytes,
        context_tokens=max(_whole(header, f"{header.architecture}.context_length"), 0),
        parameters=parameters,
        chat_template=_template(header),
        digest="",
        licence=str(header.facts.get("general.license") or ""),
    )
    kind = str(header.facts.get("general.type") or "")
    pooled = header.facts.get(f"{header.architecture}.pooling_type") in POOLINGS
    return FileFacts(model, is_projector(found.path.name, header.architecture, kind), pooled)


def _checked(path: Path, header: GgufHeader, size_bytes: int) -> int:
    """Return how many numbers the tensors of one file hold, after checking that all begin inside it."""
    end = max((place.offset_bytes for place in header.tensors.values()), default=0)
    if not header.tensors or end >= size_bytes:
        raise ModelFileError(
            f"'{path.name}' is cut short: a tensor begins at byte {end:,} of {size_bytes:,}.", "Download it again."
        )
    return sum(math.prod(place.shape) for place in header.tensors.values())


def _whole(header: GgufHeader, name: str) -> int:
    """Return a fact that must be a whole number; -1 if it is not one, as an untrusted file may contain anything."""
    value = header.facts.get(name)
    return value if isinstance(value, int) else -1


def _template(header: GgufHeader) -> str | None:
    value = header.facts.get("tokenizer.chat_template")
    return value if isinstance(value, str) and value else None
