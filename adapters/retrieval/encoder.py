"""An encoder: the embedder with weights of its own, kept as safetensors. Only in the worker.

The shared embedder stays as it is: an encoder is loaded beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer

from adapters.retrieval.embedder import clean
from adapters.retrieval.embedders import bundled
from adapters.retrieval.embedders.sentence_transformer import SentenceTransformerEmbedder
from adapters.retrieval.encoder_weights import damaged, digest_of, read_weights


class Encoder(SentenceTransformerEmbedder):
    """An embedder whose weights may be changed; it begins with those of the bundled one."""

    def __init__(self) -> None:
        """Load it."""
        super().__init__(bundled.facts())

    @property
    def id(self) -> str:
        """The embedder's name and version, and the first digits of the digest of the weights."""
        return f"{super().id}+{digest_of(self.weights())[:16]}"

    @property
    def model(self) -> SentenceTransformer:
        """What is trained."""
        return self._model

    def features(self, texts: Sequence[str], *, longest_tokens: int) -> dict[str, torch.Tensor]:
        """Turn texts into token ids and their mask, each of shape (texts, tokens of the longest)."""
        return dict(
            self._tokenizer(
                [clean(text) for text in texts],
                padding=True,
                truncation=True,
                max_length=longest_tokens,
                return_tensors="pt",
            )
        )

    def weights(self) -> bytes:
        """Return all weights in the form of a safetensors file."""
        state = {name: value.contiguous() for name, value in self._model.state_dict().items()}
        return bytes(safetensors.torch.save(state))

    def take(self, weights: bytes) -> None:
        """Replace all weights by those of a safetensors file.

        Raises:
            ValueError: they are not those of an encoder.
        """
        try:
            self._model.load_state_dict(safetensors.torch.load(weights))
        except (SafetensorError, RuntimeError) as error:
            raise ValueError(str(error)) from error


def load_encoder(folder: Path, digest: str) -> Encoder:
    """Load the encoder of a folder.

    Raises:
        RetrievalError: its weights are missing, damaged or others.
    """
    weights = read_weights(folder, digest)
    encoder = Encoder()
    try:
        encoder.take(weights)
    except ValueError as error:
        raise damaged(folder) from error
    return encoder
