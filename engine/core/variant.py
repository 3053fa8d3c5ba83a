"""A variant: one technique fully specified. Retrieval and LoRA are parts, so that any mix is a variant."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Technique(StrEnum):
    """How a foundation model is adapted; `classifier` is the baseline that generates nothing."""

    ZERO_SHOT = "zero-shot"
    FEW_SHOT = "few-shot"
    RAG = "rag"
    LORA = "lora"
    RAG_LORA = "rag+lora"
    CLASSIFIER = "classifier"


class SearchMode(StrEnum):
    """How the nearest items are found."""

    VECTOR = "vector"
    FULL_TEXT = "full-text"
    HYBRID = "hybrid"


class Reranker(StrEnum):
    """How hybrid search joins its two lists; LanceDB's own."""

    RECIPROCAL_RANK = "rrf"
    """Sum of 1 / (60 + rank)."""
    MEAN_RECIPROCAL_RANK = "mrr"
    """Mean of 1 / rank over both lists."""
    LINEAR = "linear"
    """0.7 of the cosine similarity and 0.3 of BM25's score."""


class DecodingMode(StrEnum):
    """How an answer is drawn from the model; the same for all variants of a run."""

    CHOICE = "choice"
    JSON = "json"
    FREE = "free"


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrievalSpec:
    """What is fetched for each row and put into its prompt."""

    examples_k: int = 0
    """Nearest training examples shown as shots."""
    passages_k: int = 0
    """Nearest document passages shown before the input."""
    mode: SearchMode = SearchMode.VECTOR
    reranker: Reranker = Reranker.RECIPROCAL_RANK
    """For hybrid search alone."""
    chunk_words: int = 120
    chunk_overlap_words: int = 20


class TrainingPrompts(StrEnum):
    """Which prompts LoRA weights are trained on; the answers are the same."""

    PLAIN = "plain"
    """Instructions and input, as zero-shot serves them: one training serves LoRA and its mix with RAG."""
    SERVED = "served"
    """With what the variant itself retrieves for each training row, the row itself left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraSpec:
    """How LoRA weights are trained. Defaults were measured on `support-tickets`; see docs/training.md."""

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    epochs: int = 6
    learning_rate: float = 1e-3
    batch_size: int = 4
    seed: int = 0
    validation_share: float = 0.0
    """Share of the training rows held out for early stopping; 0 trains on all rows for all epochs."""
    patience_epochs: int = 2
    prompts: TrainingPrompts = TrainingPrompts.PLAIN


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One technique fully specified."""

    id: str
    technique: Technique
    shots_k: int = 0
    retrieval: RetrievalSpec | None = None
    lora: LoraSpec | None = None
    lora_scale: float = 1.0

    @property
    def generates(self) -> bool:
        """Tell whether a language model answers."""
        return self.technique is not Technique.CLASSIFIER


LABELS: dict[Technique, str] = {
    Technique.ZERO_SHOT: "Zero-shot",
    Technique.FEW_SHOT: "Few-shot",
    Technique.RAG: "RAG",
    Technique.LORA: "LoRA",
    Technique.RAG_LORA: "RAG + LoRA",
    Technique.CLASSIFIER: "Classifier",
}
"""How techniques are written on screen, in the order in which they are shown."""
