"""A variant: one technique fully specified. Retrieval and LoRA are parts, so that any mix is a variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from engine.core.task import Task
from engine.core.techniques import TECHNIQUES, Technique, TechniqueFacts, TechniqueStyle, in_sentence


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
    """0.7 of the vector score and 0.3 of BM25's, each stretched to 0 to 1 over its list for the query."""


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
    MIDDLE = "middle"
    """Those nearest to the middle of their label, or of all rows where there are none; the same in every prompt."""
    DIVERSE = "diverse"
    """Those most unlike the ones chosen before, spread over labels; the same in every prompt."""
    AUTO = "auto"
    """Covering; where there are more labels than shots, the better of covering and nearest on training rows."""


class ShotOrder(StrEnum):
    """In which order the same examples stand in every prompt."""

    MIXED = "mixed"
    """At random."""
    BY_LABEL = "by label"
    """All of one label together, labels in the task's order."""


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
    nearest_first: bool = False
    """Examples: the nearest one stands first instead of last, next to the input."""
    found_labels_only: bool = False
    """Only the labels of the examples found for a row are in its prompt, and can be chosen: all do not fit into it."""
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
    """LoRA weights are scaled by alpha / rank."""
    dropout: float = 0.0
    """Dropout before the LoRA matrices."""
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    epochs: int = 6
    """Passes over the training rows."""
    learning_rate: float = 1e-3
    """Learning rate at the peak of its schedule."""
    batch_size: int = 4
    """Training rows per step."""
    seed: int = 0
    validation_share: float = 0.0
    """Share of the training rows held out for early stopping; 0 trains on all rows for all epochs."""
    patience_epochs: int = 2
    prompts: TrainingPrompts = TrainingPrompts.PLAIN
    stop_after_epochs: int | None = None
    """End after so many epochs of the schedule, as a search found best; None goes on to its end."""


class PromptForm(StrEnum):
    """How instructions and input are put together."""

    OWN = "own"
    """The task's instructions as the system prompt, the input as the turn."""
    BRIEF = "brief"
    """One sentence for this kind of answer, with the labels where there are some, in the instructions' place."""
    LISTED = "listed"
    """The task's instructions, then the possible answers once more."""
    FRAMED = "framed"
    """The task's instructions; the input stands between the words for what it is and for what is asked."""
    REPEATED = "repeated"
    """The task's instructions before and after the input."""
    IN_TURN = "in the turn"
    """No system prompt: the instructions stand before the input in the first turn."""


class LabelWords(StrEnum):
    """How labels are written in prompts and chosen from."""

    STORED = "stored"
    """As the task has them."""
    SPACED = "spaced"
    """In plain words: blanks for underscores and hyphens, small letters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptSpec:
    """What the prompts of a variant look like."""

    instructions: str | None = None
    """The system prompt; None takes the task's own."""
    form: PromptForm = PromptForm.OWN
    label_words: LabelWords = LabelWords.STORED
    descriptions: bool = True
    """What the instructions say of each label, where they do, is in the prompt."""


class ClassifierKind(StrEnum):
    """How a text is turned into numbers and these into a label."""

    LOGISTIC = "logistic"
    """Logistic regression on embeddings."""
    NEIGHBOURS = "neighbours"
    """The nearest training rows by embedding vote, nearer ones more."""
    CHARACTERS = "characters"
    """Logistic regression on TF-IDF of character sequences."""
    WORDS = "words"
    """Logistic regression on TF-IDF of words and pairs of words."""
    ENCODER = "encoder"
    """The embedder itself is trained on pairs of rows, then logistic regression on its new embeddings."""


_OTHER_CLASSIFIERS = {
    ClassifierKind.NEIGHBOURS: "the nearest of the examples, by embedding, vote on the label",
    ClassifierKind.CHARACTERS: "a logistic regression on sequences of characters (TF-IDF), trained on the examples",
    ClassifierKind.WORDS: "a logistic regression on words (TF-IDF), trained on the examples",
    ClassifierKind.ENCODER: "an encoder trained on the examples, with a logistic regression on its embeddings",
}
"""What a classifier is that a search has made another one of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifierSpec:
    """How the classifier is fitted."""

    kind: ClassifierKind = ClassifierKind.LOGISTIC
    neighbours: int = 5
    """Only for neighbours: how many vote."""
    label_rows: bool = False
    """Each label, with what the instructions say of it, is one more training row."""


TUNED_ENDING = "-tuned"
"""How the ids of variants end whose settings were searched for."""
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


def named(technique: Technique, *, tuned: bool) -> str:
    """Name a variant as shown on screen."""
    label = TECHNIQUES[technique].label
    return f"Tuned {in_sentence(label)}" if tuned else label


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One technique fully specified."""

    id: str
    technique: Technique
    tuned: bool = False
    """Its settings were searched for: `engine.running.search`."""
    prompt: PromptSpec = field(default_factory=PromptSpec)
    shots_k: int = 0
    """Training rows that every prompt shows."""
    shot_choice: ShotChoice = ShotChoice.DRAWN
    shot_order: ShotOrder = ShotOrder.MIXED
    retrieval: RetrievalSpec | None = None
    lora: LoraSpec | None = None
    lora_scale: float = 1.0
    classifier: ClassifierSpec = field(default_factory=ClassifierSpec)
    embedder: str = ""
    """Id of what embeds its rows and passages; empty for the bundled one."""
    decoding: DecodingSpec = field(default_factory=DecodingSpec)

    @property
    def facts(self) -> TechniqueFacts:
        """The facts about its technique."""
        return TECHNIQUES[self.technique]

    @property
    def name(self) -> str:
        """As shown on screen."""
        return named(self.technique, tuned=self.tuned)

    @property
    def summary(self) -> str:
        """What it is, in one sentence for an audience: its technique's, unless it is another kind of classifier."""
        return f"No language model: {self.other_classifier}." if self.other_classifier else self.facts.summary

    @property
    def other_classifier(self) -> str:
        """What kind of classifier it is, where a search has made it another one than the usual; else empty."""
        return _OTHER_CLASSIFIERS.get(self.classifier.kind, "") if self.facts.fits else ""

    @property
    def default_id(self) -> str:
        """The id of the variant with default settings: that beside which a tuned one stands, or its own."""
        return self.id.removesuffix(TUNED_ENDING) if self.tuned else self.id

    @property
    def style(self) -> TechniqueStyle:
        """How it is drawn: a tuned one in its technique's colour, with a symbol and a dash of its own."""
        return replace(self.facts.style, symbol="cross", dash="longdashdot") if self.tuned else self.facts.style

    @property
    def drawn(self) -> bool:
        """Tell whether its result depends on one draw of shots or on one training seed."""
        return bool(self.shots_k) or self.lora is not None

    @property
    def embeds(self) -> bool:
        """Tell whether vectors of an embedder decide what it answers."""
        searches = self.retrieval is not None and self.retrieval.mode is not SearchMode.FULL_TEXT
        fits = self.facts.fits and self.classifier.kind not in {ClassifierKind.CHARACTERS, ClassifierKind.WORDS}
        return searches or fits or (bool(self.shots_k) and self.shot_choice is not ShotChoice.DRAWN)

    @property
    def sends_texts(self) -> bool:
        """Tell whether an embedder reads its texts, even where vectors decide nothing.

        An index that is searched by words has vectors, too, and a search for settings may choose the nearest examples.
        """
        return self.embeds or self.retrieval is not None or (self.tuned and self.facts.shows_shots)

    @property
    def reads_passages(self) -> bool:
        """Tell whether passages of documents are fetched for each row."""
        return self.retrieval is not None and self.retrieval.passages_k > 0

    @property
    def generates(self) -> bool:
        """Tell whether a language model answers."""
        return self.facts.generates


def _beside(variant: Variant) -> str:
    return variant.id.partition("@")[2] or variant.id


def variant_names(variants: Sequence[Variant]) -> dict[str, str]:
    """Return each variant's name; where two have one name, with the embedder that its id names, or with the id."""
    names = [variant.name for variant in variants]
    return {
        variant.id: variant.name
        + (f" ({_beside(variant)})" if names.count(variant.name) > 1 and variant.id != variant.technique else "")
        for variant in variants
    }


def no_rivals(variants: Sequence[Variant]) -> dict[str, str]:
    """Return the defaults that are not rivals of others, by id, each with its own tuned variant, which stands for both.

    None where one default and its tuned variant are all there is: then these two are compared.
    """
    ids = {variant.id for variant in variants}
    found = {one: one + TUNED_ENDING for one in ids if one + TUNED_ENDING in ids}
    return found if len(ids) > 2 else {}


def effective_mode(task: Task, wanted: DecodingMode) -> DecodingMode:
    """Return the decoding that fits the task: choice needs labels, JSON needs labels or a schema."""
    if wanted is DecodingMode.CHOICE and not task.has_labels:
        return DecodingMode.JSON if task.answer.json_schema is not None else DecodingMode.FREE
    if wanted is DecodingMode.JSON and task.answer.json_schema is None and not task.answer.labels:
        return DecodingMode.FREE
    return wanted
