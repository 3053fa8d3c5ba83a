"""Embedders that sentence-transformers loads from a folder. Heavy: only in the worker.

Prompts, pooling and the longest text are those that the folder's own configuration names. Weights are read from
safetensors only, and no code of the folder is run: `folders.refusal` looks for both before anything is loaded.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import torch
from sentence_transformers import SentenceTransformer

from adapters.cores import usable_cores
from adapters.retrieval.embedder import BATCH_ROWS, BatchEmbedder, Embedded, Report, Vectors, clean, unit
from engine.core.embedder import EmbedderFacts, TextRole

_PROMPT_NAMES = {TextRole.QUERY: ("query",), TextRole.PASSAGE: ("passage", "document")}
"""Under which names a configuration has the prompt of a role."""
DEFAULT_TOKENS = 256


class SentenceTransformerEmbedder(BatchEmbedder):
    """Embeds with torch on the processor."""

    def __init__(self, facts: EmbedderFacts) -> None:
        """Load the embedder from `facts.path`."""
        super().__init__(facts)
        self._model = SentenceTransformer(
            facts.path,
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
        self._tokenizer = self._model.tokenizer
        self.longest_tokens = int(self._model.max_seq_length or DEFAULT_TOKENS)
        self._prompts = {role: _prompt(self._model.prompts, role) for role in TextRole}
        self.embed_one("warm-up")

    def embed_one(self, text: str, role: TextRole = TextRole.QUERY) -> Embedded:
        """Embed one text, in the fastest way.

        One thread: a second one gains nothing on so few tokens (6 ms with one, 7 ms with two), and when other
        work wants the core the two wait for each other, up to 100 ms.
        """
        torch.set_num_threads(1)
        if prompt := self._prompts[role]:
            vector = self._encode([clean(text)], role)[0]
            return Embedded(vector=vector, tokens=min(self._counted([text], prompt)[0], self.longest_tokens))
        with torch.inference_mode():
            features = dict(
                self._tokenizer(clean(text), truncation=True, max_length=self.longest_tokens, return_tensors="pt")
            )
            tokens = int(features["input_ids"].shape[1])
            vector = self._model(features)["sentence_embedding"][0].numpy()
        return Embedded(vector=unit(vector), tokens=tokens)

    def embed(
        self,
        texts: Sequence[str],
        role: TextRole = TextRole.QUERY,
        *,
        report: Report | None = None,
        cancel: threading.Event | None = None,
    ) -> Vectors:
        """Embed many texts, with all cores."""
        torch.set_num_threads(usable_cores())
        return super().embed(texts, role, report=report, cancel=cancel)

    def count_cut(self, texts: Sequence[str], role: TextRole = TextRole.PASSAGE) -> int:
        """Count the texts that are longer than what the embedder reads."""
        return sum(count > self.longest_tokens for count in self._counted(texts, self._prompts[role]))

    def _encode(self, texts: list[str], role: TextRole) -> Vectors:
        vectors: Vectors = self._model.encode(
            texts,
            # Without one the model would take its configuration's default prompt.
            prompt=self._prompts[role],
            batch_size=BATCH_ROWS,
            show_progress_bar=False,
            convert_to_numpy=True,
            normalize_embeddings=True,
        )
        return vectors

    def _counted(self, texts: Sequence[str], prompt: str) -> list[int]:
        """Count the tokens of each text, its prompt included."""
        if not texts:
            return []
        given = [prompt + clean(text) for text in texts]
        return [len(ids) for ids in self._tokenizer(given, truncation=False, verbose=False)["input_ids"]]


def _prompt(prompts: Any, role: TextRole) -> str:
    return next((str(prompts[name]) for name in _PROMPT_NAMES[role] if (prompts or {}).get(name)), "")
