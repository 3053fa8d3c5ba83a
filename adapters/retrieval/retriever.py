"""The caller's side of retrieval: lightweight, because everything heavy runs in the worker."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adapters.processes.client import WorkerProcess
from adapters.retrieval import kept_vectors, vocabularies
from adapters.retrieval.embedders import bundled, registry
from adapters.storage.files import write_whole
from engine.core.embedder import EmbedderFacts, EmbedderState, named_embedder
from engine.core.ports import LOGISTIC, BuiltIndex, Classification, Embeddings, SearchResult
from engine.core.run.prediction import Passage
from engine.core.steps import CancelSignal, Progress
from engine.core.task import Document, Example
from engine.core.variant import ClassifierKind, ClassifierSpec, Reranker, RetrievalSpec, SearchMode

TOLD_KEPT_S = 20.0
"""How long a server is not asked again about one of its embedders."""
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Threads that wait must sleep: spinning ones would take the cores from the model that answers next.
    "OMP_WAIT_POLICY": "PASSIVE",
    # The classifier's matrices are small: with two threads its fit takes seconds, with one 0.1 s.
    "OPENBLAS_NUM_THREADS": "1",
    # The worker's last output is shown when it dies; Lance's warnings must not be part of it.
    "LANCEDB_LOG": "error",
}


class LanceRetriever:
    """Embeds with the embedders of this machine, searches with LanceDB, classifies with any kind of small classifier.

    Fulfils `engine.core.ports.Retriever`. Index and classifier ids outlive the worker and this object: what they
    name is on disk. A worker that dies during a request raises `WorkerDiedError`; the next request starts a new
    one.
    """

    def __init__(self, index_folder: Path, *, servers: Callable[[], Mapping[str, str]] = dict) -> None:
        """Keep indexes and classifiers under this folder, which is made when first needed.

        `servers` returns the addresses of the servers that the user entered, by name.
        """
        self._servers = servers
        self._folder = str(index_folder.resolve())
        self._known: dict[str, EmbedderFacts] = {}
        self._told: dict[str, tuple[EmbedderFacts, float]] = {}
        self._remembered = Path(self._folder) / "embedders.json"
        self._worker = WorkerProcess("adapters.retrieval.worker", name="retrieval worker", environment=_ENVIRONMENT)

    @property
    def pid(self) -> int | None:
        """The worker's process id while it runs."""
        return self._worker.pid

    def embedders(self) -> list[EmbedderState]:
        """List the embedders of this machine, the bundled one first; none is loaded."""
        states = []
        for facts in self._found():
            kept, speed = kept_vectors.measured(kept_vectors.file_of(Path(self._folder), facts.id))
            states.append(EmbedderState(facts=facts, texts_per_s=speed, kept=kept))
        return states

    def unknown_share(self, texts: Sequence[str], embedder: str = "") -> float | None:
        """Tell which share of the texts' tokens the embedder does not know; None if that cannot be counted."""
        return vocabularies.unknown_share(self._facts(embedder), texts)

    def _facts(self, embedder: str) -> EmbedderFacts:
        """Return what is known of an embedder by id or name.

        Raises:
            UsageError: there is none of this id.
        """
        if not embedder:
            return bundled.facts()
        if embedder not in self._known:
            self._known[embedder] = named_embedder(embedder, self._found())
        return self._known[embedder]

    def embedder_at(self, name: str) -> EmbedderFacts:
        """Take up the sentence-transformers model of a folder, or one of a server; it is listed from then on.

        What a server said is kept a while: a screen plans at every touch.

        Raises:
            UsageError: there is none, or one that is not used for what it could do.
            ServerError: the server does not answer, or does not embed.
        """
        told = self._told.get(name)
        if told is not None and time.monotonic() - told[1] <= TOLD_KEPT_S:
            return told[0]
        facts = registry.named_by_user(name, self._servers())
        if facts.server:
            self._told[name] = (facts, time.monotonic())
        named = [one for one in self._named() if (one.server, one.path) != (facts.server, facts.path)]
        messages = [registry.as_message(one) for one in (*named, facts)]
        write_whole(self._remembered, json.dumps(messages).encode())
        return facts

    def _found(self) -> list[EmbedderFacts]:
        return registry.found_embedders(self._named())

    def _named(self) -> list[EmbedderFacts]:
        """Return what the user has named before; a file that cannot be read is as none."""
        try:
            return [registry.from_message(one) for one in json.loads(self._remembered.read_bytes())]
        except (OSError, ValueError, TypeError):
            return []

    def _message(self, embedder: str) -> dict[str, Any]:
        return {"embedder": registry.as_message(self._facts(embedder))}

    def index(
        self,
        examples: Sequence[Example],
        documents: Sequence[Document],
        spec: RetrievalSpec,
        *,
        embedder: str = "",
        cancel: CancelSignal | None = None,
    ) -> Iterator[Progress | BuiltIndex]:
        """Build the index of these items unless it exists already; the last item yielded describes the index.

        Raises:
            CancelledError: `cancel` was set; no index was left behind.
            RetrievalError: the embedder is missing, or the disk refused.
            UsageError: chunk size and overlap do not go together.
        """
        payload = {
            "examples": _rows(examples),
            "documents": [{"name": document.name, "text": document.text} for document in documents],
            "chunk_words": spec.chunk_words,
            "overlap": spec.chunk_overlap_words,
            **self._message(embedder),
        }
        yield from self._prepared("index", payload, cancel)

    def search(
        self,
        index_id: str,
        query: str,
        *,
        kind: str,
        k: int,
        mode: SearchMode,
        reranker: Reranker = Reranker.RECIPROCAL_RANK,
        embedder: str = "",
    ) -> SearchResult:
        """Find the k nearest items of one kind (`example` or `document`).

        Any query is taken as plain words. Scores are cosine similarity, BM25 or fused reciprocal rank, by mode.

        Raises:
            RetrievalError: there is no such index, it is damaged, or another embedder made it.
            UsageError: an unknown kind.
        """
        payload = {
            "index_id": index_id,
            "query": query,
            "kind": kind,
            "k": k,
            "mode": SearchMode(mode).value,
            "reranker": Reranker(reranker).value,
            **self._message(embedder),
        }
        found = self._worker.call("search", {"folder": self._folder, **payload})
        return SearchResult(
            passages=tuple(Passage(kind=kind, **passage) for passage in found["passages"]),
            retrieval_s=found["retrieval_s"],
            cpu_s=found["cpu_s"],
            rss_bytes=found["rss_bytes"],
            embedding_tokens=found["embedding_tokens"],
            tokens_estimated=found["tokens_estimated"],
        )

    def fit_classifier(
        self,
        examples: Sequence[Example],
        *,
        seed: int,
        spec: ClassifierSpec = LOGISTIC,
        embedder: str = "",
        cancel: CancelSignal | None = None,
    ) -> Iterator[Progress | BuiltIndex]:
        """Fit a calibrated classifier on these rows, or find it; the last item yielded describes it.

        That labels become rows is up to the caller: `spec.label_rows` changes nothing here.

        Raises:
            CancelledError: `cancel` was set; no classifier was left behind.
            RetrievalError: fewer than two labels.
            UsageError: fewer than one neighbour.
        """
        payload = {
            "examples": _rows(examples),
            "seed": seed,
            "kind": ClassifierKind(spec.kind).value,
            "neighbours": spec.neighbours,
            **self._message(embedder),
        }
        yield from self._prepared("fit_classifier", payload, cancel)

    def forget_classifier(self, classifier_id: str) -> None:
        """Remove a classifier with what it weighs on disk, if it is kept."""
        self._worker.call("forget_classifier", {"folder": self._folder, "classifier_id": classifier_id})

    def classify(self, classifier_id: str, text: str, *, embedder: str = "") -> Classification:
        """Classify one text. Its tokens are those that the embedder read; for characters and words, its words.

        Raises:
            RetrievalError: there is no such classifier, it is damaged, or another embedder made it.
        """
        payload = {
            "folder": self._folder,
            "classifier_id": classifier_id,
            "text": text,
            **self._message(embedder),
        }
        return Classification(**self._worker.call("classify", payload))

    def embed(self, texts: Sequence[str], *, embedder: str = "", cancel: CancelSignal | None = None) -> Embeddings:
        """Embed rows as unit vectors, shape (texts, dimensions); the dot product of two is their cosine similarity."""
        payload = {"folder": self._folder, "texts": list(texts), **self._message(embedder)}
        answer = self._worker.call("embed", payload, cancel=cancel)
        flat = np.frombuffer(base64.b64decode(answer["float32"]), dtype="<f4")
        vectors = flat.reshape(answer["shape"]).astype(np.float32)
        return Embeddings(
            vectors=vectors,
            embed_s=answer["embed_s"],
            embedding_tokens=answer["embedding_tokens"],
            sent_tokens=answer["sent_tokens"],
        )

    def close(self) -> None:
        """End the worker. What is on disk stays."""
        self._worker.close()

    def _prepared(
        self, operation: str, payload: Mapping[str, Any], cancel: CancelSignal | None
    ) -> Iterator[Progress | BuiltIndex]:
        for message in self._worker.stream(operation, {"folder": self._folder, **payload}, cancel=cancel):
            if "progress" in message:
                yield Progress(**message["progress"])
            elif "result" in message:
                yield BuiltIndex(**message["result"])


def _rows(examples: Sequence[Example]) -> list[dict[str, str]]:
    return [{"id": example.id, "input": example.input, "target": example.target} for example in examples]
