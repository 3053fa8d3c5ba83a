"""The retrieval worker: embeds, indexes, searches, classifies. Run as a process by `retriever`."""

from __future__ import annotations

import base64
import dataclasses
import functools
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from adapters.processes.server import Emit, serve
from adapters.retrieval import full_text, text_features
from adapters.retrieval.chunking import part_of_id as chunking_part_of_id
from adapters.retrieval.classifier import Classifier, fit_classifier, labelled_rows
from adapters.retrieval.classifier_files import load_classifier, save_classifier, standing_classifier, weights_folder
from adapters.retrieval.embedder import Embedder, Vectors, sent_by
from adapters.retrieval.embedders import bundled, registry
from adapters.retrieval.files import checked_id, short_id
from adapters.retrieval.items import Item, items_of, role_of
from adapters.retrieval.kept_vectors import KeepingEmbedder, KeptVectors
from engine.core.embedder import EmbedderFacts, TextRole
from engine.core.errors import RetrievalError
from engine.core.task import Document
from engine.core.variant import ClassifierKind, ClassifierSpec, Reranker, SearchMode

if TYPE_CHECKING:
    from adapters.retrieval.indexes import Indexes

LAYOUT = 2
"""Part of every id: to be raised when tables or a classifier's form change, so that nothing old is reused."""
CHUNKING = 2
"""Part of the id of an index that holds documents: to be raised when they are cut in another way."""
FITTING = 1
"""Part of the id of a classifier that is not logistic: to be raised when it is fitted in another way."""

Request = dict[str, Any]


class Clock:
    """What one answer took in this process: wall seconds, and CPU seconds of all its threads."""

    def __init__(self) -> None:
        """Start."""
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """Return wall and CPU seconds since the start."""
        return time.perf_counter() - self._wall_s, time.process_time() - self._cpu_s


@functools.lru_cache(maxsize=3)
def embedder(facts: EmbedderFacts) -> Embedder:
    """Load an embedder once; two that are compared, and one more, stay loaded."""
    return registry.open_embedder(facts)


def asked_for(request: Request) -> EmbedderFacts:
    """Return the embedder that a request names."""
    return registry.from_message(request["embedder"])


def keeping(request: Request) -> KeepingEmbedder:
    """Return the embedder of a request, which computes no vector twice; it is loaded now."""
    loaded = embedder(asked_for(request))
    return KeepingEmbedder(loaded, KeptVectors(Path(request["folder"]), loaded.id))


@functools.cache
def indexes(folder: str) -> Indexes:
    """Open the indexes of a folder once. Importing LanceDB takes a second, which what only embeds does not wait for."""
    from adapters.retrieval.indexes import Indexes

    return Indexes(Path(folder))


@functools.lru_cache(maxsize=32)
def classifier(path: Path) -> Classifier:
    """Read a classifier once."""
    return load_classifier(path)


@functools.lru_cache(maxsize=2)
def encoder(folder: Path, digest: str) -> Embedder:
    """Load a classifier's encoder once; each takes 0.1 GB."""
    from adapters.retrieval.encoder import load_encoder

    return load_encoder(folder, digest)


def report(
    emit: Emit, stage: str, fraction: float, left_s: float | None = None, detail: str = "", *, sent_tokens: int = 0
) -> None:
    """Send the progress of the work."""
    told = {"stage": stage, "fraction": fraction, "left_s": left_s, "detail": detail, "sent_tokens": sent_tokens}
    emit({"progress": told})


def build_index(request: Request, emit: Emit, cancel: threading.Event) -> dict[str, Any]:
    """Build an index unless it exists already; loading the embedder is not counted as building.

    Vectors that were kept count with the seconds that they once took.
    """
    report(emit, "loading the embedding model", 0.0)
    model = keeping(request)
    # Search mode and k are left out of the id: they change what is asked, not what is stored.
    tokenizers = {
        "example": full_text.tokenizer_for([row["input"] for row in request["examples"]]),
        "document": full_text.tokenizer_for([row["text"] for row in request["documents"]]),
    }
    index_id = short_id(
        [LAYOUT, model.id, request["examples"], request["documents"], request["chunk_words"], request["overlap"]]
        + ([CHUNKING] if request["documents"] else [])
        + full_text.part_of_id(tokenizers)
        + chunking_part_of_id([Document(name=row["name"], text=row["text"]) for row in request["documents"]])
    )
    store = indexes(request["folder"])
    standing = store.standing(index_id)
    if standing is not None:
        report(emit, "indexing", 1.0, 0.0, "it exists already")
        return {
            "id": index_id,
            "build_s": standing.build_s,
            "embedding_tokens": standing.tokens,
            "made_at": store.made_at(index_id),
        }
    started_s = time.perf_counter()
    items = items_of(request)
    cut = sum(model.count_cut([item.text for item in items if role_of(item) is role], role) for role in TextRole)
    detail = f"{len(items)} items"
    if told := [one.words for one in dict.fromkeys(tokenizers.values()) if one != full_text.ENGLISH]:
        detail += f"; {', '.join(told)}"
    if cut:
        detail += f"; of {cut} only the first {model.facts.longest_tokens} tokens are embedded: choose shorter passages"
    vectors = _embedded(items, model, emit, detail, cancel)
    build_s = store.write(
        index_id,
        items,
        vectors,
        embedder_id=model.id,
        started_s=started_s,
        kept_s=model.kept_s,
        tokens=model.tokens["embedding_tokens"],
        tokenizers=tokenizers,
    )
    report(emit, "indexing", 1.0, 0.0, detail, sent_tokens=model.sent.tokens)
    return {"id": index_id, "build_s": build_s, "made_at": store.made_at(index_id), **model.tokens}


def _embedded(
    items: Sequence[Item], model: KeepingEmbedder, emit: Emit, detail: str, cancel: threading.Event
) -> Vectors:
    """Embed items, each kind in its role; return shape (items, dimensions)."""
    parts, done, total = [], 0, sum(len(item.text) + 1 for item in items)
    for role in TextRole:
        texts = [item.text for item in items if role_of(item) is role]
        length = sum(len(text) + 1 for text in texts)

        def told(fraction: float, left_s: float | None, done: int = done, length: int = length) -> None:
            share = (done + fraction * length) / total * 0.98
            report(emit, "embedding", share, left_s, detail, sent_tokens=model.sent.tokens)

        parts.append(model.embed(texts, role, report=told, cancel=cancel))
        done += length
    vectors: Vectors = np.concatenate(parts)  # items have their rows first
    return vectors


def search(request: Request, _emit: Emit, _cancel: threading.Event) -> dict[str, Any]:
    """Find the nearest items; loading the embedder and opening tables is not counted."""
    store, facts, mode = indexes(request["folder"]), asked_for(request), SearchMode(request["mode"])
    store.prepare(request["index_id"], request["kind"], facts.id)
    model = None if mode is SearchMode.FULL_TEXT else embedder(facts)
    clock, before = Clock(), sent_by(model)
    vector = None if model is None else model.embed_one(request["query"]).vector
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
        **sent_by(model).since(before).told(),
    }


def prepare_classifier(request: Request, emit: Emit, cancel: threading.Event) -> dict[str, Any]:
    """Fit a classifier unless it exists already; loading the embedder is not counted as building."""
    spec = ClassifierSpec(kind=ClassifierKind(request["kind"]), neighbours=request["neighbours"])
    facts, model = asked_for(request), None
    if spec.kind is ClassifierKind.ENCODER and facts != bundled.facts():
        raise RetrievalError(
            f"An encoder is trained from {bundled.facts().name} only, not from {facts.name}.",
            "Choose another kind of classifier, or that embedder.",
        )
    if spec.kind not in text_features.KINDS:
        report(emit, "loading the embedding model", 0.0)
        model = keeping(request)
    classifier_id = _classifier_id(request, spec)
    path = _classifier_path(request["folder"], classifier_id)
    standing = standing_classifier(path)
    if standing is None:
        started_s, examples = time.perf_counter(), request["examples"]
        fitted, trained = fit_classifier(
            labelled_rows([row["input"] for row in examples], [row["target"] for row in examples]),
            spec,
            seed=request["seed"],
            embedder=model,
            report=lambda *told: report(emit, *told, sent_tokens=sent_by(model).tokens),
            cancel=cancel,
        )
        build_s = time.perf_counter() - started_s + (model.kept_s if model else 0.0)
        tokens = model.tokens["embedding_tokens"] if model else 0
        fitted = dataclasses.replace(fitted, embedder_id=model.id if model else "", build_s=build_s, tokens=tokens)
        save_classifier(fitted, path, trained)
        classifier.cache_clear()
    made, sent = standing or fitted, sent_by(model).tokens
    report(emit, "fitting the classifier", 1.0, 0.0, sent_tokens=sent)
    return {
        "id": classifier_id,
        "build_s": made.build_s,
        "made_at": path.stat().st_mtime,
        "embedding_tokens": made.tokens,
        "sent_tokens": sent,
    }


def _classifier_id(request: Request, spec: ClassifierSpec) -> str:
    rows = [[row["input"], row["target"]] for row in request["examples"]]
    terms = spec.kind in text_features.KINDS
    content = [LAYOUT, "" if terms else asked_for(request).id, "classifier", rows, request["seed"]]
    if spec.kind is not ClassifierKind.LOGISTIC:
        content += [FITTING, spec.kind.value]
    if spec.kind is ClassifierKind.NEIGHBOURS:
        content.append(spec.neighbours)
    return short_id(content)


def classify(request: Request, _emit: Emit, _cancel: threading.Event) -> dict[str, Any]:
    """Classify one text; loading the embedder and the classifier is not counted.

    Tokens are those that the embedder read; for characters and words, the words of the text.
    """
    path = _classifier_path(request["folder"], request["classifier_id"])
    fitted, facts = classifier(path), asked_for(request)
    if fitted.embedder_id and fitted.embedder_id != facts.id:
        raise RetrievalError(
            f"The classifier {path.stem} was fitted with the embedder {fitted.embedder_id}, and does not read vectors "
            f"of {facts.id}.",
            "Fit it again.",
        )
    model: Embedder | None = None
    if fitted.kind is ClassifierKind.ENCODER:
        model = encoder(weights_folder(path), fitted.encoder_digest)
    elif fitted.terms is None:
        model = embedder(facts)
    clock, before = Clock(), sent_by(model)
    features, tokens = fitted.read(request["text"], model)
    probabilities = fitted.probabilities(features)
    label = max(probabilities, key=probabilities.__getitem__)
    wall_s, cpu_s = clock.read()
    return {
        "label": label,
        "probabilities": probabilities,
        "total_s": wall_s,
        "cpu_s": cpu_s,
        "rss_bytes": psutil.Process().memory_info().rss,
        "tokens": tokens,
        **sent_by(model).since(before).told(),
    }


def embed(request: Request, _emit: Emit, cancel: threading.Event) -> dict[str, Any]:
    """Embed rows; the vectors travel as base64 of little-endian float32, with what they took or had taken."""
    model = keeping(request)
    started_s = time.perf_counter()
    vectors = model.embed(request["texts"], cancel=cancel)
    return {
        "shape": vectors.shape,
        "float32": base64.b64encode(vectors.astype("<f4").tobytes()).decode("ascii"),
        "embed_s": time.perf_counter() - started_s + model.kept_s,
        **model.tokens,
    }


def forget_classifier(request: Request, _emit: Emit, _cancel: threading.Event) -> dict[str, Any]:
    """Remove a classifier and the weights of its encoder."""
    path = _classifier_path(request["folder"], request["classifier_id"])
    path.unlink(missing_ok=True)
    shutil.rmtree(weights_folder(path), ignore_errors=True)
    classifier.cache_clear()
    encoder.cache_clear()
    return {}


def _classifier_path(folder: str, classifier_id: str) -> Path:
    return Path(folder) / "classifiers" / f"{checked_id('a classifier', classifier_id)}.npz"


if __name__ == "__main__":
    serve(
        {
            "index": build_index,
            "search": search,
            "fit_classifier": prepare_classifier,
            "forget_classifier": forget_classifier,
            "classify": classify,
            "embed": embed,
        }
    )
