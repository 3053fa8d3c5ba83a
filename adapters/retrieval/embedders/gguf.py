"""Embedding models in GGUF files, run by llama.cpp in the worker; found where models are found.

A file is an embedder if its header names how tokens are pooled into one vector; rerankers name another way, and models
that answer name none. GGUF files name no prompts: texts are read as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adapters.models.gguf_facts import read_facts
from adapters.models.gguf_header import read_header
from adapters.models.stores import FoundFile, found_files, whole
from adapters.retrieval.embedder import BatchEmbedder, Embedded, Vectors, clean, unit
from adapters.retrieval.embedders.digests import digest_of
from engine.core.embedder import EmbedderFacts, TextRole
from engine.core.errors import ModelFileError, UsageError

BACKEND = "llama.cpp"
LONGEST_TOKENS = 2048
"""Of models that read more, the context would take memory that rows do not need."""


def found() -> Iterator[EmbedderFacts]:
    """Yield the embedding models of the user's folders and of other programs' stores."""
    for item in found_files():
        if isinstance(item, FoundFile):
            try:
                facts = _facts(item)
            except (ModelFileError, OSError):
                continue
            if facts is not None:
                yield facts


def at(path: str) -> EmbedderFacts:
    """Return the embedder in a file that the user named.

    Raises:
        UsageError: there is no such file, or it is no embedding model.
        ModelFileError: it is not a complete GGUF file.
    """
    file = Path(path).expanduser()
    item = whole(file) if file.is_file() else None
    if isinstance(item, ModelFileError):
        raise item
    facts = _facts(item) if item is not None else None
    if facts is None:
        raise UsageError(
            f"'{path}' is not an embedding model." if item else f"There is no file '{path}'.",
            "Name a GGUF file whose header says how tokens are pooled.",
        )
    return facts


def _facts(item: FoundFile) -> EmbedderFacts | None:
    read = read_facts(item)
    if not read.is_embedder:
        return None
    known, header = read.model, read_header(item.path)
    size = header.facts.get(f"{known.architecture}.embedding_length")
    return EmbedderFacts(
        id=f"{known.id}@{digest_of(item.path.parent, item.files)}",
        backend=BACKEND,
        path=str(item.path),
        dimensions=size if isinstance(size, int) else 0,
        longest_tokens=min(known.context_tokens, LONGEST_TOKENS),
        size_bytes=known.size_bytes,
        licence=known.licence,
    )


class GgufEmbedder(BatchEmbedder):
    """Embeds with llama.cpp on the processor, one text after the other."""

    def __init__(self, facts: EmbedderFacts) -> None:
        """Load the file.

        Raises:
            ModelFileError: llama.cpp does not take it.
        """
        from llama_cpp import Llama

        from adapters.models.llama_cpp.loading import set_as_default

        super().__init__(facts)
        set_as_default()
        try:
            self._model: Any = Llama(
                model_path=facts.path,
                embedding=True,
                n_ctx=facts.longest_tokens,
                n_batch=facts.longest_tokens,
                n_ubatch=facts.longest_tokens,
                n_gpu_layers=0,
                verbose=False,
            )
        except (ValueError, RuntimeError, OSError) as error:
            raise ModelFileError(f"llama.cpp cannot load '{facts.path}': {error}", "Choose another file.") from error
        self.embed_one("warm-up")

    def embed_one(self, text: str, role: TextRole = TextRole.QUERY) -> Embedded:  # noqa: ARG002 - no prompts
        """Embed one text."""
        return Embedded(vector=self._encoded(text), tokens=min(self._counted(text), self.facts.longest_tokens))

    def count_cut(self, texts: Sequence[str], role: TextRole = TextRole.PASSAGE) -> int:  # noqa: ARG002
        """Count the texts that are longer than what the embedder reads."""
        return sum(self._counted(text) > self.facts.longest_tokens for text in texts)

    def _encode(self, texts: list[str], role: TextRole) -> Vectors:  # noqa: ARG002 - no prompts
        return np.stack([self._encoded(text) for text in texts])

    def _encoded(self, text: str) -> Vectors:
        return unit(np.asarray(self._model.embed(clean(text), truncate=True), dtype=np.float32))

    def _counted(self, text: str) -> int:
        return len(self._model.tokenize(clean(text).encode(), add_bos=True, special=False))
