"""The retrieval worker: embeds, indexes, searches, classifies. Run as a process by `retriever`."""

from __future__ import annotations

import base64
import dataclasses
import functools
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from adapters.processes.server import Emit, serve
from adapters.retrieval.chunking import chunk_document
from adapters.retrieval.classifier import Head, fit_head, load_head, save_head
from adapters.retrieval.embedder import Embedder
from adapters.retrieval.files import checked_id, short_id
from adapters.retrieval.indexes import Indexes, Item
from engine.core.errors import RetrievalError
from engine.core.task import Document
from engine.core.variant import Reranker, SearchMode

LAYOUT = 2
"""Part of every id: to be raised when tables or the head's form change, so that nothing old is reused."""
CHUNKING = 2
"""Part of the id of an index that holds documents: to be raised when they are cut in another way."""

Request = dict[str, Any]


class Clock:
    """What one answer took in this process: wall seconds, and CPU seconds of all its threads."""

    def __init__(self) -> None:
        """Start."""
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """Return wall and CPU seconds since the start."""
        return time.perf_counter() - self._wall_s, time.process_time() - self._cpu_s


@functools.cache
def embedder() -> Embedder:
    """Load the embedder once."""
    return Embedder()


@functools.cache
def indexes(folder: str) -> Indexes:
    """Open the indexes of a folder once."""
    return Indexes(Path(folder))


@functools.lru_cache(maxsize=32)
def head(path: Path) -> Head:
    """Read a classifier's head once."""
    return load_head(path)


def report(emit: Emit, stage: str, fraction: float, left_s: float | None = None, detail: str = "") -> None:
    """Send the progress of the work."""
    emit({"progress": {"stage": stage, "fraction": fraction, "left_s": left_s, "detail": detail}})


def build_index(request: Request, emit: Emit, cancel: threading.Event) -> dict[str, Any]:
    """Build an index unless it exists already; loading the embedder is not counted as building."""
    report(emit, "load the embedder", 0.0)
    # Search mode and k are left out of the id: they change what is asked, not what is stored.
    index_id = short_id(
        [LAYOUT, embedder().id, request["examples"], request["documents"], request["chunk_words"], request["overlap"]]
        + ([CHUNKING] if request["documents"] else [])
    )
    store = indexes(request["folder"])
    standing_s = store.build_s(index_id)
    if standing_s is not None:
        report(emit, "index", 1.0, 0.0, "it exists already")
        return {"id": index_id, "build_s": standing_s, "reused": True}
    started_s = time.perf_counter()
    items = _items(request)
    texts = [item.text for item in items]
    cut = embedder().count_cut(texts)
    detail = f"{len(texts)} items"
    if cut:
        detail += f"; of {cut} only the first {embedder().longest_tokens} tokens are embedded: choose smaller chunks"
    vectors = embedder().embed(
        texts, report=lambda fraction, left_s: report(emit, "embed", fraction * 0.98, left_s, detail), cancel=cancel
    )
    build_s = store.write(index_id, items, vectors, started_s=started_s)
    report(emit, "index", 1.0, 0.0, detail)
    return {"id": index_id, "build_s": build_s, "reused": False}


def _items(request: Request) -> list[Item]:
    examples = [
        Item(id=row["id"], kind="example", text=row["input"], source=row["id"], target=row["target"])
        for row in request["examples"]
    ]
    chunks = [
        chunk
        for row in request["documents"]
        for chunk in chunk_document(
            Document(name=row["name"], text=row["text"]),
            size_words=request["chunk_words"],
            overlap_words=request["overlap"],
        )
    ]
    return examples + [
        Item(id=chunk.id, kind="document", text=chunk.text, source=chunk.document, start=chunk.start, end=chunk.end)
        for chunk in chunks
    ]


def search(request: Request, _emit: Emit, _cancel: threading.Event) -> dict[str, Any]:
    """Find the nearest items; loading the embedder and opening tables is not counted."""
    store, model = indexes(request["folder"]), embedder()
    store.prepare(request["index_id"], request["kind"])
    mode = SearchMode(request["mode"])
    clock = Clock()
    vector = None if mode is SearchMode.FULL_TEXT else model.embed_one(request["query"]).vector
    passages = store.search(
        request["index_id"],
        request["kind"],
        request["query"],
        vector,
        k=request["k"],
        mode=mode,
        reranker=Reranker(request["reranker"]),
    )
    wall_s, cpu_s = clock.read()
    return {
        "passages": [
            {name: getattr(found, name) for name in ("id", "text", "score", "source", "target", "start", "end")}
            for found in passages
        ],
        "retrieval_s": wall_s,
        "cpu_s": cpu_s,
        "rss_bytes": psutil.Process().memory_info().rss,
    }


def fit_classifier(request: Request, emit: Emit, cancel: threading.Event) -> dict[str, Any]:
    """Fit a head unless it exists already; loading the embedder is not counted as building."""
    report(emit, "load the embedder", 0.0)
    rows = [[row["input"], row["target"]] for row in request["examples"]]
    classifier_id = short_id([LAYOUT, embedder().id, "classifier", rows, request["seed"]])
    path = _head_path(request["folder"], classifier_id)
    standing = _standing_head(path)
    if standing is None:
        started_s = time.perf_counter()
        vectors = embedder().embed(
            [text for text, _ in rows],
            report=lambda fraction, left_s: report(emit, "embed", fraction * 0.6, left_s),
            cancel=cancel,
        )
        fitted = fit_head(
            vectors,
            [target for _, target in rows],
            seed=request["seed"],
            report=lambda fraction: report(emit, "fit the classifier", 0.6 + fraction * 0.4),
            cancel=cancel,
        )
        fitted = dataclasses.replace(fitted, build_s=time.perf_counter() - started_s)
        save_head(fitted, path)
        head.cache_clear()
    report(emit, "fit the classifier", 1.0, 0.0)
    return {"id": classifier_id, "build_s": (standing or fitted).build_s, "reused": standing is not None}


def _standing_head(path: Path) -> Head | None:
    """Read a head; None if it is missing, or damaged and must be fitted again."""
    try:
        return load_head(path)
    except RetrievalError:
        return None


def classify(request: Request, _emit: Emit, _cancel: threading.Event) -> dict[str, Any]:
    """Classify one text; loading the embedder and the head is not counted."""
    model = embedder()
    fitted = head(_head_path(request["folder"], request["classifier_id"]))
    clock = Clock()
    embedded = model.embed_one(request["text"])
    probabilities = fitted.probabilities(embedded.vector)
    label = max(probabilities, key=probabilities.__getitem__)
    wall_s, cpu_s = clock.read()
    return {
        "label": label,
        "probabilities": probabilities,
        "total_s": wall_s,
        "cpu_s": cpu_s,
        "rss_bytes": psutil.Process().memory_info().rss,
        "tokens": embedded.tokens,
    }


def embed(request: Request, _emit: Emit, cancel: threading.Event) -> dict[str, Any]:
    """Embed texts; the vectors travel as base64 of little-endian float32."""
    vectors = embedder().embed(request["texts"], cancel=cancel)
    return {"shape": vectors.shape, "float32": base64.b64encode(vectors.astype("<f4").tobytes()).decode("ascii")}


def _head_path(folder: str, classifier_id: str) -> Path:
    return Path(folder) / "classifiers" / f"{checked_id('a classifier', classifier_id)}.npz"


if __name__ == "__main__":
    serve(
        {
            "index": build_index,
            "search": search,
            "fit_classifier": fit_classifier,
            "classify": classify,
            "embed": embed,
        }
    )
