"""Which of a text's tokens an embedder knows, told from its vocabulary alone: nothing heavy is loaded."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from adapters.retrieval.embedder import clean
from engine.core.embedder import EmbedderFacts

VOCABULARY = "tokenizer.json"


def unknown_share(facts: EmbedderFacts, texts: Sequence[str]) -> float | None:
    """Return the share, 0 to 1, of the texts' tokens that stand for what the vocabulary does not have.

    None where the embedder has no vocabulary that is read here, or it has no token for the unknown, so that it knows
    every character.
    """
    path = Path(facts.path) / VOCABULARY
    if facts.server or not path.is_file():
        return None
    tokenizer = _tokenizer(path)
    unknown = _unknown_id(tokenizer)
    if unknown is None:
        return None
    encoded = tokenizer.encode_batch([clean(text) for text in texts], add_special_tokens=False)
    total = sum(len(one.ids) for one in encoded)
    return sum(one.ids.count(unknown) for one in encoded) / total if total else 0.0


@functools.lru_cache(maxsize=2)
def _tokenizer(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _unknown_id(tokenizer: Tokenizer) -> int | None:
    name = getattr(tokenizer.model, "unk_token", None)
    return tokenizer.token_to_id(name) if name else None
