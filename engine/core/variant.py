"""A variant: one technique fully specified. Retrieval and LoRA are parts, so that any mix is a variant."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from engine.core.techniques import TECHNIQUES, Technique, TechniqueFacts


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
    """How the model generates an answer; the same for all variants of a run."""

    CHOICE = "choice"
    JSON = "json"
    FREE = "free"


class ShotChoice(StrEnum):
    """Which training rows few-shot shows."""

    DRAWN = "drawn"
    """At random, spread over labels."""
    COVERING = "covering"
    """Those that the other training rows are most like, spread over labels; the same in every prompt."""
    NEAREST = "nearest"
    """For each row those that are nearest to it, spread over labels."""
    AUTO = "auto"
    """Covering; where there are more labels than shots, the better of covering and nearest on training rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrievalSpec:
    """What is fetched for each row and put into its prompt."""

    examples_k: int = 0
    """Nearest training examples shown as shots."""
    passages_k: int = 0
    """Nearest document passages shown before the input."""
    mode: SearchMode = SearchMode.VECTOR
    reranker: Reranker = Reranker.RECIPROCAL_RANK
    """Only for hybrid search."""
    spread: bool = False
    """Examples of other labels come before a second one of the same label."""
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
    """Rank of the LoRA matrices."""
    alpha: float = 16.0
    """The scale is alpha / rank."""
    dropout: float = 0.0
    """Dropout before the LoRA matrices."""
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    epochs: int = 6
    """Passes over the rows."""
    learning_rate: float = 1e-3
    """Peak of the schedule."""
    batch_size: int = 4
    """Rows per step."""
    seed: int = 0
    validation_share: float = 0.0
    """Share of the training rows held out for early stopping; 0 trains on all rows for all epochs."""
    patience_epochs: int = 2
    prompts: TrainingPrompts = TrainingPrompts.PLAIN


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptSpec:
    """What every prompt of a variant begins with."""

    instructions: str | None = None
    """The system prompt; None takes the task's own."""


ANSWER_TOKENS = 64
"""Room for an answer, unless more is asked for."""


class PriorCorrection(StrEnum):
    """Whether the model's prior for label names is taken away from its answers; only for choice decoding."""

    OFF = "off"
    ON = "on"
    AUTO = "auto"
    """Decided for each variant on labelled rows that it was not shown: `engine.metrics.label_prior`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodingSpec:
    """How answers are generated; the same for all variants of a run, unless the comparison is about exactly that."""

    mode: DecodingMode = DecodingMode.CHOICE
    temperature: float = 0.0
    max_tokens: int = ANSWER_TOKENS
    prior_correction: PriorCorrection = PriorCorrection.OFF
    """What a run does by default is decided by its plan."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One technique fully specified."""

    id: str
    technique: Technique
    prompt: PromptSpec = field(default_factory=PromptSpec)
    shots_k: int = 0
    """Training rows that every prompt shows."""
    shot_choice: ShotChoice = ShotChoice.DRAWN
    retrieval: RetrievalSpec | None = None
    lora: LoraSpec | None = None
    lora_scale: float = 1.0
    decoding: DecodingSpec = field(default_factory=DecodingSpec)

    @property
    def facts(self) -> TechniqueFacts:
        """The facts about its technique."""
        return TECHNIQUES[self.technique]

    @property
    def drawn(self) -> bool:
        """Tell whether its result depends on one draw of shots or on one training seed."""
        return bool(self.shots_k) or self.lora is not None

    @property
    def generates(self) -> bool:
        """Tell whether a language model answers."""
        return self.facts.generates
