"""What computes in the lab of the tests: a scripted model, retriever and trainer whose answers and pace are settable."""

from __future__ import annotations

import hashlib
import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from adapters.models.scripted import CAPABILITIES as SCRIPTED
from adapters.models.scripted import WORD, ScriptedModel
from adapters.retrieval.chunking import chunk_document
from engine.core.capabilities import Capabilities, Support
from engine.core.embedder import EmbedderFacts, EmbedderState
from engine.core.errors import RetrievalError
from engine.core.generation import Completion, GenerateRequest, LoraWeights, Message, ModelFacts, TextPiece, TokenPair
from engine.core.ports import LOGISTIC, BuiltIndex, Classification, Embeddings, SearchResult
from engine.core.run.prediction import Passage
from engine.core.steps import CancelSignal, Progress, check_cancelled
from engine.core.task import Document, Example, Task
from engine.core.techniques import Technique
from engine.core.variant import ClassifierSpec, DecodingMode, Reranker, RetrievalSpec, SearchMode

SKILL = {
    Technique.ZERO_SHOT: (0.50, 0.05),
    Technique.FEW_SHOT: (0.61, 0.09),
    Technique.RAG: (0.87, 0.30),
    Technique.LORA: (0.90, 0.06),
    Technique.RAG_LORA: (0.93, 0.32),
    Technique.CLASSIFIER: (0.89, 0.006),
}
"""Share of right answers and seconds per answer, by technique."""
UNREADABLE = "I would say"
"""What zero-shot writes on a few rows: no answer can be read from it."""
UNREADABLE_SHARE = 0.03
RSS_BYTES = 410_000_000
BUILD_S = 0.1
CAPABILITIES = replace(
    SCRIPTED, lora_serving=Support.YES, lora_training=Support.YES, reasons={"logprobs": "It has no model."}
)

SAME_MEANING = {"mobile": "phone", "smashed": "broken", "screen": "display"}
"""Words that the embedder takes for others."""

Find = Callable[[str], tuple[Task, str] | None]


class Answers:
    """Who answers what and how fast. All of it may be changed at any time."""

    def __init__(self, find: Find, speed: float) -> None:
        """Look tasks and targets up by their inputs with `find`; `speed` divides all seconds."""
        self._find = find
        self.speed = speed
        self.skill = {technique: skill for technique, (skill, _pace) in SKILL.items()}
        self.pace_s = {technique: pace for technique, (_skill, pace) in SKILL.items()}
        self.other_s = 0.001
        """Seconds of a piece that no technique asked for: of the canary, or of a speed test."""
        self.step_s = 0.05
        """Seconds of a training step."""
        self.text = ""
        """What the model writes whatever it is asked; empty for answers by skill."""
        self._leave = threading.Event()
        self._leave.set()

    def hold(self) -> None:
        """Let no further answer be made until `let_go`; a run stands still in the midst of its rows."""
        self._leave.clear()

    def let_go(self) -> None:
        """Let answers be made again."""
        self._leave.set()

    def wait(self, seconds: float, cancel: CancelSignal | None = None) -> None:
        """Wait for leave, and take the time that the work takes."""
        ends = time.perf_counter() + seconds / self.speed
        while not self._leave.is_set() or time.perf_counter() < ends:
            check_cancelled(cancel)
            time.sleep(min(max(ends - time.perf_counter(), 0.0005), 0.02))

    def answer(self, technique: Technique, text: str, seed: int) -> str | None:
        """Return what a technique answers on an input; the same for the same seed. None for an input of no task."""
        found = self._find(text)
        if found is None:
            return None
        task, target = found
        generator = random.Random(f"{technique}|{text}|{seed}")
        if task.has_labels and technique is Technique.ZERO_SHOT and generator.random() < UNREADABLE_SHARE:
            return UNREADABLE
        if generator.random() < self.skill[technique]:
            return target
        others = sorted({*task.answer.labels} or {example.target for example in task.examples})
        return generator.choice([other for other in others if other != target] or ["something else"])


def technique_of(slot: str) -> Technique | None:
    """Return the technique of a variant's slot; None for slots of no variant."""
    return next((one for one in sorted(Technique, key=len, reverse=True) if slot.startswith(one)), None)


class MemoryModel(ScriptedModel):
    """The scripted model with a skill for each technique; takes LoRA weights, and can be trained on words."""

    def __init__(self, facts: ModelFacts, answers: Answers, *, capabilities: Capabilities = CAPABILITIES) -> None:
        """Answer as `answers` says."""
        super().__init__(facts)
        self._answers = answers
        self._capabilities = capabilities
        self._tuned = False

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return self._capabilities

    @property
    def answered_by(self) -> str:
        """A made-up name."""
        return "made up 1.0"

    @property
    def rss_bytes(self) -> int:
        """A made-up size."""
        return RSS_BYTES

    def generate(
        self, request: GenerateRequest, *, cancel: CancelSignal | None = None
    ) -> Iterator[TextPiece | Completion]:
        """Answer one request."""
        self._tuned = request.lora is not None
        technique = technique_of(request.slot)
        pace_s = self._answers.other_s if technique is None else self._answers.pace_s[technique]
        self._answers.wait(0.0 if technique is None else pace_s, cancel)
        self._pace_s = pace_s / self._answers.speed if technique is None else 0.0
        for piece in super().generate(replace(request, lora=None), cancel=cancel):
            yield replace(piece, rss_bytes=RSS_BYTES) if isinstance(piece, Completion) else piece

    def _answer(self, request: GenerateRequest) -> tuple[str, dict[str, float]]:
        technique, decoding = technique_of(request.slot), request.decoding
        text, probabilities = super()._answer(request)
        if technique is not None:
            query = request.messages[-1].content
            text = self._answers.text or self._answers.answer(technique, query, decoding.seed) or text
            fields = dict(decoding.json_schema or {}).get("properties", {})
            if decoding.mode is DecodingMode.JSON and set(fields) == {"label"}:
                text = json.dumps({"label": text})
        if decoding.mode is DecodingMode.CHOICE:
            best = text if text in decoding.labels else max(probabilities, key=probabilities.__getitem__)
            sure = 0.6 if self._tuned else 0.3
            probabilities = {
                label: (1 - sure) * share + sure * (label == best) for label, share in probabilities.items()
            }
        return text, probabilities

    def tokenize_pairs(self, pairs: Sequence[tuple[Sequence[Message], str]]) -> list[TokenPair]:
        """Turn words into numbers."""
        return [
            TokenPair(prompt_ids=tuple(_ids(" ".join(m.content for m in messages))), answer_ids=tuple(_ids(answer)))
            for messages, answer in pairs
        ]

    def served_lora(self) -> LoraWeights | None:
        """It takes those that are trained here; at a server where none can be, the server holds some."""
        held = self.facts.server and self._capabilities.lora_training is Support.NO
        return LoraWeights(key=None, locator="held") if held else None


def _direction(word: str) -> NDArray[np.float64]:
    """Return a direction of its own for each word."""
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "little")
    return np.random.default_rng(seed).normal(size=64)


def word_vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """Embed a text as the sum of the directions that its different words hash to; some words mean the same."""
    rows = []
    for text in texts:
        words = {SAME_MEANING.get(word, word) for word in re.findall(r"\w+", text.lower())} or {""}
        vector = np.sum([_direction(word) for word in sorted(words)], axis=0)
        rows.append(vector / np.linalg.norm(vector))
    return np.array(rows, dtype=np.float32)


class MemoryRetriever:
    """Finds what shares most words, and classifies by skill."""

    def __init__(self, answers: Answers) -> None:
        """Begin without an index."""
        self._answers = answers
        self._indexes: dict[str, dict[str, list[Passage]]] = {}
        self._classifiers: dict[str, tuple[tuple[str, ...], int]] = {}
        self._made_with: dict[str, str] = {}
        self._made_at: dict[str, float] = {}
        self.facts = [EmbedderFacts(id="all-MiniLM-L6-v2@0.1.0", backend="words", languages=("en",), dimensions=384)]
        """The embedders that are there."""
        self.unknown = 0.0
        """Share of tokens that the English embedder does not know."""

    @property
    def made_anything(self) -> bool:
        """Whether an index or a classifier was made."""
        return bool(self._indexes or self._classifiers)

    def embedders(self) -> list[EmbedderState]:
        """List what it was told."""
        return [EmbedderState(facts=facts) for facts in self.facts]

    def embedder_at(self, name: str) -> EmbedderFacts:
        """Take up any folder; one that is known stays what it is."""
        if (known := next((one for one in self.facts if one.name == name), None)) is not None:
            return known
        self.facts.append(EmbedderFacts(id=f"{name.rpartition('/')[2]}@0", backend="words"))
        return self.facts[-1]

    def unknown_share(self, texts: Sequence[str], embedder: str = "") -> float | None:
        """Return what it was told."""
        return self.unknown

    def index(
        self,
        examples: Sequence[Example],
        documents: Sequence[Document],
        spec: RetrievalSpec,
        *,
        embedder: str = "",
        cancel: CancelSignal | None = None,
    ) -> Iterator[Progress | BuiltIndex]:
        """Build an index, or find it."""
        key = _digest([examples, documents, spec.chunk_words, spec.chunk_overlap_words, *filter(None, [embedder])])
        self._made_with[key] = embedder
        if key not in self._indexes:
            yield Progress(stage="Embedding", fraction=0.5, detail=f"{len(documents)} documents")
            check_cancelled(cancel)
            chunks = [
                chunk
                for document in documents
                for chunk in chunk_document(
                    document, size_words=spec.chunk_words, overlap_words=spec.chunk_overlap_words
                )
            ]
            self._indexes[key] = {
                "example": [
                    Passage(id=e.id, kind="example", text=e.input, score=0.0, source=e.id, target=e.target)
                    for e in examples
                ],
                "document": [
                    Passage(
                        id=c.id, kind="document", text=c.text, score=0.0, source=c.document, start=c.start, end=c.end
                    )
                    for c in chunks
                ],
            }
            self._made_at[key] = time.time()
        yield BuiltIndex(id=key, build_s=BUILD_S, made_at=self._made_at[key])

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
        """Find the k items that share most words with the query.

        Raises:
            RetrievalError: the index was made with another embedder.
        """
        if self._made_with[index_id] != embedder:
            raise RetrievalError(f"The index was made with the embedder '{self._made_with[index_id]}'.", "Build it.")
        wanted = _words(query)
        scored = [
            replace(passage, score=len(wanted & (words := _words(passage.text))) / max(len(wanted | words), 1))
            for passage in self._indexes[index_id][kind]
        ]
        nearest = sorted(scored, key=lambda passage: -passage.score)[:k]
        return SearchResult(passages=tuple(nearest), retrieval_s=0.001, cpu_s=0.001, rss_bytes=RSS_BYTES)

    def fit_classifier(
        self,
        examples: Sequence[Example],
        *,
        seed: int,
        spec: ClassifierSpec = LOGISTIC,
        embedder: str = "",
        cancel: CancelSignal | None = None,
    ) -> Iterator[Progress | BuiltIndex]:
        """Remember the labels; kinds differ by name alone."""
        key = _digest(
            [examples, seed, *filter(None, [embedder])]
            + ([spec.kind, spec.neighbours] if spec.kind != LOGISTIC.kind else [])
        )
        check_cancelled(cancel)
        self._made_at.setdefault(key, time.time())
        self._classifiers[key] = (tuple(sorted({example.target for example in examples})), seed)
        yield BuiltIndex(id=key, build_s=BUILD_S, made_at=self._made_at[key])

    def forget_classifier(self, classifier_id: str) -> None:
        """Forget the labels."""
        self._classifiers.pop(classifier_id, None)

    def classify(self, classifier_id: str, text: str, *, embedder: str = "") -> Classification:
        """Classify by skill; the first label for an input of no task."""
        labels, seed = self._classifiers[classifier_id]
        total_s = self._answers.pace_s[Technique.CLASSIFIER] / self._answers.speed
        self._answers.wait(self._answers.pace_s[Technique.CLASSIFIER])
        label = self._answers.answer(Technique.CLASSIFIER, text, seed) or labels[0]
        shares = {other: 0.2 / max(len(labels) - 1, 1) for other in labels} | {label: 0.8}
        return Classification(
            label=label, probabilities=shares, total_s=total_s, cpu_s=total_s, rss_bytes=RSS_BYTES,
            tokens=len(WORD.findall(text)),
        )  # fmt: skip

    def embed(self, texts: Sequence[str], *, embedder: str = "", cancel: CancelSignal | None = None) -> Embeddings:
        """Embed texts."""
        return Embeddings(vectors=word_vectors(texts), embed_s=BUILD_S)

    def close(self) -> None:
        """Keep nobody waiting."""
        self._answers.let_go()


def _words(text: str) -> set[str]:
    return {word.lower() for word in WORD.findall(text)}


def _ids(text: str) -> list[int]:
    return [int.from_bytes(hashlib.sha256(word.encode()).digest()[:2], "little") for word in WORD.findall(text)] or [0]


def _digest(parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "replace")).hexdigest()[:16]
