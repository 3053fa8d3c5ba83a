"""The intake of the fake laboratory: real reading and keeping, made-up tokens and embeddings."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adapters.intake import LocalIntake
from adapters.models.scripted import ScriptedModel
from engine.core.errors import UsageError
from engine.core.ports import Prepared, Progress


class FakeRetriever:
    """Embeds a text as the direction that its first word hashes to; indexes nothing."""

    def embed(self, texts: Sequence[str], *, cancel: Any = None) -> np.ndarray:
        """Return unit vectors."""
        rows = []
        for text in texts:
            seed = int.from_bytes(hashlib.sha256((text.split() or [""])[0].lower().encode()).digest()[:4], "little")
            vector = np.random.default_rng(seed).normal(size=16)
            rows.append(vector / np.linalg.norm(vector))
        return np.array(rows, dtype=np.float32)

    def index(self, examples: Any, documents: Any, spec: Any, *, cancel: Any = None) -> Iterator[Any]:
        """Say that an index stands."""
        yield Progress(stage="embed", fraction=0.5, detail=f"{len(documents)} documents")
        yield Prepared(id="0" * 16, build_s=0.1, reused=False)


def fake_intake() -> LocalIntake:
    """Open an intake on a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="adaptlab-intake-"))

    def task_folder(name: str) -> Path:
        if not (folder / name / "task.toml").is_file():
            message = f"Unknown task '{name}'."
            raise UsageError(message, "Known: none.")
        return folder / name

    return LocalIntake(
        tasks=folder,
        task_folder=task_folder,
        tokenizer=lambda _model_id: ScriptedModel(),
        retriever=FakeRetriever(),
        machine_lock=lambda: contextlib.nullcontext(True),
    )
