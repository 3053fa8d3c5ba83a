"""The protocols that adapters fulfil. The engine speaks to the outside through these alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from engine.core.capabilities import Capabilities
from engine.core.generation import Completion, GenerateRequest, Message, ModelFacts, TextPiece, TokenPair
from engine.core.run.prediction import Passage, Prediction
from engine.core.task import Document, Example
from engine.core.variant import LoraSpec, Reranker, RetrievalSpec, SearchMode


class CancelSignal(Protocol):
    """Looked at by long work; `threading.Event` fulfils it."""

    def is_set(self) -> bool:
        """Tell whether the work is to stop."""
        ...


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
    def rss_bytes(self) -> int:
        """Resident memory now."""
        ...

    def load(self, *, slots: int, context_tokens: int, cancel: CancelSignal | None = None) -> float:
        """Load the model with room for so many slots; return the seconds it took (0 if it was loaded)."""
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

    def served_lora(self) -> str | None:
        """Name the LoRA weights that the backend itself holds for this model; None where it takes those trained here.

        Raises:
            UnsupportedError: it takes none and holds none, or more than one.
        """
        ...

    def close(self) -> None:
        """Free the model."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a preparation is. `fraction` is 0 to 1; `left_s` is an estimate, None while unknown."""

    stage: str
    fraction: float
    left_s: float | None = None
    detail: str = ""
    step: int | None = None
    loss: float | None = None
    validation_loss: float | None = None
    """Of the rows held out, after the epoch that has just ended; None within an epoch and where none are."""
    tokens_per_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """Something that was made ready once and is kept: an index or a classifier."""

    id: str
    build_s: float
    """Seconds it took when it was built, which may have been earlier."""
    reused: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a search found, nearest first, and what it took."""

    passages: tuple[Passage, ...]
    retrieval_s: float
    cpu_s: float
    rss_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Classified:
    """A class for one text."""

    label: str
    probabilities: Mapping[str, float]
    total_s: float
    cpu_s: float
    rss_bytes: int
    tokens: int


class Retriever(Protocol):
    """Embeds, indexes and searches; also fits the small classifier on the same embeddings."""

    def index(
        self,
        examples: Sequence[Example],
        documents: Sequence[Document],
        spec: RetrievalSpec,
        *,
        cancel: CancelSignal | None = None,
    ) -> Iterator[Progress | Prepared]:
        """Build the index of these items unless it stands already; the last item tells what stands now."""
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
    ) -> Found:
        """Find the k nearest items of one kind (`example` or `document`); the reranker serves hybrid search alone."""
        ...

    def fit_classifier(
        self, examples: Sequence[Example], *, seed: int, cancel: CancelSignal | None = None
    ) -> Iterator[Progress | Prepared]:
        """Fit a calibrated logistic head on the embeddings, or find it; the last item tells what stands now."""
        ...

    def classify(self, classifier_id: str, text: str) -> Classified:
        """Classify one text."""
        ...

    def close(self) -> None:
        """End the worker."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraWeights:
    """Trained LoRA weights on disk."""

    key: str
    folder: Path
    gguf: Path
    base_digest: str
    template_digest: str
    train_s: float


class Trainer(Protocol):
    """Trains LoRA weights for a base and keeps them."""

    def find(self, key: str) -> LoraWeights | None:
        """Return the weights kept under this key, if they are whole."""
        ...

    def train(
        self,
        *,
        key: str,
        model: ModelFacts,
        pairs: Sequence[TokenPair],
        data_digest: str,
        spec: LoraSpec,
        cancel: CancelSignal | None = None,
    ) -> Iterator[Progress | LoraWeights]:
        """Train; yield progress, then the weights. A cancelled training leaves nothing behind."""
        ...

    def note(self, key: str, facts: Mapping[str, Any]) -> None:
        """Keep facts beside weights: what they were made for, their canary, their quality. Later ones win."""
        ...


class EnergyMeter(Protocol):
    """Counts the energy of this machine's processor."""

    def read_joules(self) -> float | None:
        """Return joules since some fixed moment; None where nothing is counted."""
        ...


class RunStore(Protocol):
    """Where runs and their predictions are kept, each prediction committed as it is made."""

    def create_run(self, run_id: str, manifest: Mapping[str, Any]) -> None:
        """Keep a new run."""
        ...

    def update_run(self, run_id: str, *, status: str | None = None, manifest: Mapping[str, Any] | None = None) -> None:
        """Change a run's status or manifest."""
        ...

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Commit predictions; one that is there already is left as it is."""
        ...

    def predictions(self, run_id: str) -> list[Prediction]:
        """Read all predictions of a run, in the order in which they were made."""
        ...

    def delete_run(self, run_id: str) -> None:
        """Delete a run with its predictions."""
        ...

    def predictions_of(self, run_id: str, example_id: str) -> list[Prediction]:
        """Read what all variants of a run answered on one example."""
        ...

    def manifest(self, run_id: str) -> dict[str, Any]:
        """Read a run's manifest, with its `status`."""
        ...
