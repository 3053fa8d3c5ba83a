"""The protocols that adapters implement. The engine reaches the outside only through these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.core.capabilities import Capabilities
from engine.core.embedder import EmbedderFacts, EmbedderState
from engine.core.generation import (
    Completion,
    GenerateRequest,
    LoraWeights,
    Message,
    ModelFacts,
    RowTokens,
    TextPiece,
    TokenPair,
)
from engine.core.run.infos import RunInfo
from engine.core.run.looks import Look
from engine.core.run.manifest import Manifest
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Passage, Prediction
from engine.core.steps import CancelSignal, Progress
from engine.core.task import Document, Example
from engine.core.variant import ClassifierSpec, LoraSpec, Reranker, RetrievalSpec, SearchMode


class LanguageModel(Protocol):
    """A model that answers. Streams pieces, then one completion; raises the errors of `engine.core.errors`."""

    @property
    def capabilities(self) -> Capabilities:
        """What this backend can do."""
        ...

    @property
    def facts(self) -> ModelFacts:
        """What is known of the model."""
        ...

    @property
    def answered_by(self) -> str:
        """The program that answers, with its version as far as it tells."""
        ...

    @property
    def rss_bytes(self) -> int:
        """Resident memory now."""
        ...

    @property
    def uses_gpu(self) -> bool:
        """Whether it computes on a GPU of this machine; known once it is loaded."""
        ...

    def load(self, *, slots: int, context_tokens: int, cancel: CancelSignal | None = None) -> float:
        """Load the model with room for this many slots; return the seconds it took (0 if it was loaded)."""
        ...

    def generate(
        self, request: GenerateRequest, *, cancel: CancelSignal | None = None
    ) -> Iterator[TextPiece | Completion]:
        """Answer one request."""
        ...

    def generate_batch(
        self, requests: Sequence[GenerateRequest], *, cancel: CancelSignal | None = None
    ) -> list[Completion | Exception]:
        """Answer several requests of one slot at once, in order; a failed one yields its error."""
        ...

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count the tokens of a prompt in the model's own chat template."""
        ...

    def tokenize_pairs(self, pairs: Sequence[tuple[Sequence[Message], str]]) -> list[TokenPair]:
        """Turn prompts and their right answers into token ids for training."""
        ...

    def served_lora(self) -> LoraWeights | None:
        """Return the LoRA weights that the backend itself holds for this model; None where it takes those trained here.

        Raises:
            UnsupportedError: it takes none and holds none, or more than one.
        """
        ...

    def close(self) -> None:
        """Free the model."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltIndex:
    """Something that was prepared once and is kept: an index or a classifier."""

    id: str
    build_s: float
    """Seconds it took when it was built, which may have been earlier."""
    made_at: float
    """When it was built, in seconds since 1970: a run tells by it what was there before."""
    embedding_tokens: int = 0
    """Tokens that an embedder on another machine read for it, which may have been earlier; as the next two fields of
    this name, 0 for one on this machine."""
    sent_tokens: int = 0
    """Those of them that were sent now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """What a search found, nearest first, and what it took."""

    passages: tuple[Passage, ...]
    retrieval_s: float
    cpu_s: float
    rss_bytes: int
    embedding_tokens: int = 0
    tokens_estimated: bool = False
    """The server did not tell them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Classification:
    """A class for one text."""

    label: str
    probabilities: Mapping[str, float]
    total_s: float
    cpu_s: float
    rss_bytes: int
    tokens: int
    embedding_tokens: int = 0
    tokens_estimated: bool = False
    """The server did not tell them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Embeddings:
    """Texts as unit vectors, shape (texts, dimensions), and what computing them takes."""

    vectors: NDArray[np.float32]
    embed_s: float
    """Seconds now, and for vectors from before those that they once took."""
    embedding_tokens: int = 0
    """Counted as the seconds are."""
    sent_tokens: int = 0
    """Those of them that were sent now."""


LOGISTIC = ClassifierSpec()
"""Logistic regression on embeddings."""


class Retriever(Protocol):
    """Embeds, indexes and searches; also fits the small classifier.

    An embedder is named by its id; an empty one is the bundled one. Vectors of two embedders are never compared.
    """

    def embedders(self) -> Sequence[EmbedderState]:
        """List the embedders of this machine, the bundled one first; none is loaded."""
        ...

    def embedder_at(self, name: str) -> EmbedderFacts:
        """Take up the embedder of a folder, or of a server (`SERVER/MODEL`); it is listed from then on.

        Raises:
            UsageError: there is none that can be used.
            ModelError: the server does not answer, or does not embed.
        """
        ...

    def unknown_share(self, texts: Sequence[str], embedder: str = "") -> float | None:
        """Tell which share of the texts' tokens the embedder's vocabulary does not have; None if it cannot be counted.

        The embedder is not loaded for this.
        """
        ...

    def index(
        self,
        examples: Sequence[Example],
        documents: Sequence[Document],
        spec: RetrievalSpec,
        *,
        embedder: str = "",
        cancel: CancelSignal | None = None,
    ) -> Iterator[Progress | BuiltIndex]:
        """Build the index of these items unless it exists already; the last item yielded describes the index."""
        ...

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
        """Find the k nearest items of one kind (`example` or `document`); the reranker is only for hybrid search.

        Raises:
            RetrievalError: the index was made with another embedder.
        """
        ...

    def embed(self, texts: Sequence[str], *, embedder: str = "", cancel: CancelSignal | None = None) -> Embeddings:
        """Embed rows; the dot product of two vectors is their cosine similarity."""
        ...

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
        """
        ...

    def forget_classifier(self, classifier_id: str) -> None:
        """Remove a classifier, if it is kept."""
        ...

    def classify(self, classifier_id: str, text: str, *, embedder: str = "") -> Classification:
        """Classify one text, with the embedder that the classifier was fitted with."""
        ...

    def close(self) -> None:
        """End the worker."""
        ...


class Trainer(Protocol):
    """Trains LoRA weights for a base and keeps them."""

    def find(self, key: str) -> LoraWeights | None:
        """Return the weights kept under this key, if they are complete."""
        ...

    def train(
        self,
        *,
        key: str,
        model: ModelFacts,
        pairs: Sequence[TokenPair],
        data_digest: str,
        spec: LoraSpec,
        held_out: Sequence[TokenPair] = (),
        cancel: CancelSignal | None = None,
    ) -> Iterator[Progress | LoraWeights]:
        """Train; yield progress, then the weights. A cancelled training leaves nothing behind.

        Rows that are held out are not trained on: the weights of the epoch with their lowest loss are kept.
        """
        ...

    def needed_bytes(self, model: ModelFacts, spec: LoraSpec, rows: Sequence[RowTokens], shared_tokens: int) -> int:
        """Return the bytes that a training needs, estimated from its rows' tokens; all begin with the shared ones."""
        ...

    def forget(self, key: str) -> None:
        """Remove weights, if they are kept."""
        ...

    def note(self, key: str, facts: Mapping[str, Any]) -> None:
        """Keep facts beside weights: what they were made for, canary, quality. Later ones overwrite earlier ones."""
        ...


class EnergyMeter(Protocol):
    """Counts the energy of this machine's processor."""

    def read_joules(self) -> float | None:
        """Return joules since some fixed moment; None where nothing is counted."""
        ...


class RunStore(Protocol):
    """Where runs and their predictions are kept, each prediction committed as it is made."""

    def create_run(self, manifest: Manifest) -> None:
        """Keep a new run with status `planned`."""
        ...

    def update_run(self, run_id: str, *, status: str | None = None, manifest: Mapping[str, Any] | None = None) -> None:
        """Change a run's status, or fields of its manifest; nested ones are merged."""
        ...

    def add(self, predictions: Sequence[Prediction], *, manifest: Mapping[str, Any] | None = None) -> None:
        """Commit predictions of one run, with fields of its manifest; one that exists already is left unchanged."""
        ...

    def remove(
        self, run_id: str, places: Sequence[tuple[str, str]], *, manifest: Mapping[str, Any] | None = None
    ) -> None:
        """Remove predictions, each told by its variant and its example; fields are set with it."""
        ...

    def predictions(
        self, run_id: str, some: tuple[RunPlan, Sequence[str]] | None = None, *, unanswered: bool = False
    ) -> list[Prediction]:
        """Read a run's predictions in the order in which they were made.

        Args:
            run_id: the run.
            some: its plan and ids of examples, to read only what the plan's variants answered on these.
            unanswered: read those alone that a fault which may pass left without an answer.
        """
        ...

    def count(self, run_id: str) -> int:
        """Count a run's predictions."""
        ...

    def delete_run(self, run_id: str) -> None:
        """Delete a run with its predictions; that it has looked at test rows stays known."""
        ...

    def manifest(self, run_id: str) -> Manifest:
        """Read a run's manifest; raise `UsageError` if there is no such run."""
        ...

    def without_split(self) -> list[tuple[Manifest, bool]]:
        """Read the manifests that name no split, each with whether it states a purpose."""
        ...

    def infos(self) -> list[RunInfo]:
        """List runs at a glance, newest first."""
        ...

    def looks(self, task_id: str, task_digest: str) -> list[Look]:
        """Return the runs on a task, kept or deleted, that have shown results: `engine.core.run.looks.has_looked`."""
        ...
