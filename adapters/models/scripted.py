"""A scripted backend: a `LanguageModel` without a model, for tests and for trying the screens.

It answers from words: the label, or the line of the prompt, that shares most words with the input. Its facts
say that it is scripted, so that none of its figures can be mistaken for a model's.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator, Sequence

from engine.core.capabilities import Capabilities, Support
from engine.core.errors import ContextOverflowError, ServerBusyError, UnsupportedError
from engine.core.generation import (
    SCRIPTED,
    Completion,
    GenerateRequest,
    LoraWeights,
    Message,
    ModelFacts,
    TextPiece,
    TokenPair,
    check_fit,
)
from engine.core.run.plan import CONTEXT_TOKENS
from engine.core.run.prediction import Usage
from engine.core.steps import ANSWER_STOPPED, CancelSignal, pause
from engine.core.variant import DecodingMode

FACTS = ModelFacts(
    id="scripted",
    name="Scripted (no model)",
    backend=SCRIPTED,
    path="",
    architecture="scripted",
    quantization="none",
    size_bytes=0,
    context_tokens=CONTEXT_TOKENS,
    parameters=0,
    chat_template=None,
    digest=hashlib.sha256(b"scripted 1").hexdigest(),
)
CAPABILITIES = Capabilities(
    streaming=Support.YES,
    choice=Support.YES,
    choice_probabilities=Support.YES,
    json_schema=Support.YES,
    logprobs=Support.NO,
    lora_serving=Support.NO,
    lora_training=Support.NO,
    batching=Support.YES,
    own_timings=Support.YES,
    cached_tokens=Support.YES,
    counts_tokens=Support.YES,
    kept_prompts=Support.YES,
    holds_all=Support.YES,
    reasons={
        "logprobs": "It has no model.",
        "lora_serving": "It has no weights to put LoRA on.",
        "lora_training": "It has no weights to put LoRA on.",
    },
)
WORD = re.compile(r"\w+")


class ScriptedModel:
    """Answers by rule, at a pace that can be set."""

    def __init__(self, facts: ModelFacts = FACTS, *, seconds_per_piece: float = 0.0) -> None:
        """Set the pace: seconds between two pieces of text."""
        self._facts = facts
        self._pace_s = seconds_per_piece
        self._context_tokens = facts.context_tokens
        self._prefixes: dict[str, tuple[Message, ...]] = {}

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return CAPABILITIES

    @property
    def facts(self) -> ModelFacts:
        """What is known of it."""
        return self._facts

    @property
    def answered_by(self) -> str:
        """A rule."""
        return "a rule: no model"

    @property
    def rss_bytes(self) -> int:
        """It holds nothing."""
        return 0

    @property
    def uses_gpu(self) -> bool:
        """It computes nothing."""
        return False

    def load(self, *, slots: int, context_tokens: int, cancel: CancelSignal | None = None) -> float:  # noqa: ARG002
        """Take note of the context's size."""
        self._context_tokens = min(context_tokens, self._facts.context_tokens)
        return 0.0

    def generate(
        self, request: GenerateRequest, *, cancel: CancelSignal | None = None
    ) -> Iterator[TextPiece | Completion]:
        """Answer one request: pieces, then the completion."""
        if request.lora:
            raise UnsupportedError("The scripted backend has no weights to put LoRA on.", "Choose a real model.")
        started = time.perf_counter()
        prompt = "\n".join(message.content for message in request.messages)
        check_fit(self.count_tokens(request.messages), request.decoding.max_tokens, self._context_tokens)
        text, probabilities = self._answer(request)
        prefix = request.messages[: request.prefix_messages]
        cached = self.count_tokens(prefix) if self._prefixes.get(request.slot) == prefix else 0
        self._prefixes[request.slot] = prefix
        prefilled = time.perf_counter()
        first_at: float | None = None
        written = ""
        pieces = [text] if request.decoding.mode is DecodingMode.CHOICE else re.findall(r"\S+\s*|\s+", text)
        finish = "stop"
        for number, piece in enumerate(pieces):
            if number >= request.decoding.max_tokens:
                finish = "length"
                break
            pause(self._pace_s, cancel, ANSWER_STOPPED)
            first_at = first_at or time.perf_counter()
            written += piece
            yield TextPiece(text=piece)
        ended = time.perf_counter()
        yield Completion(
            text=written,
            usage=Usage(
                prompt_tokens=self.count_tokens(request.messages),
                cached_prompt_tokens=cached,
                completion_tokens=min(len(pieces), request.decoding.max_tokens),
            ),
            prefill_s=prefilled - started,
            decode_s=ended - prefilled,
            ttft_s=(first_at or ended) - started,
            probabilities=probabilities,
            prompt=prompt,
            finish=finish,
        )

    def _answer(self, request: GenerateRequest) -> tuple[str, dict[str, float]]:
        query = _words(request.messages[-1].content)
        decoding = request.decoding
        if decoding.mode is DecodingMode.CHOICE:
            weights = {label: 1.0 + len(query & self._hints(request, label)) for label in decoding.labels}
            total = sum(weights.values())
            best = min(weights, key=lambda label: (-weights[label], label))
            return best, {label: weight / total for label, weight in weights.items()}
        if decoding.mode is DecodingMode.JSON:
            return json.dumps(_instance(dict(decoding.json_schema or {}))), {}
        lines = [line for message in request.messages for line in message.content.splitlines() if line.strip()]
        text = max(lines, key=lambda line: len(_words(line) & query), default="")
        for word in decoding.stop:
            text = text.split(word, 1)[0]
        return text, {}

    def _hints(self, request: GenerateRequest, label: str) -> set[str]:
        """Words that are near a label in the prompt: its own, its line in the instructions, its shots."""
        hints = _words(label.replace("_", " "))
        for line in request.messages[0].content.splitlines():
            if line.startswith(label):
                hints |= _words(line)
        for shown, answer in zip(request.messages, request.messages[1:], strict=False):
            if answer.role == "assistant" and answer.content == label:
                hints |= _words(shown.content)
        return hints

    def generate_batch(
        self, requests: Sequence[GenerateRequest], *, cancel: CancelSignal | None = None
    ) -> list[Completion | Exception]:
        """Answer one after the other."""
        answers: list[Completion | Exception] = []
        for request in requests:
            try:
                answers += [item for item in self.generate(request, cancel=cancel) if isinstance(item, Completion)]
            except (ContextOverflowError, UnsupportedError, ServerBusyError) as error:
                answers.append(error)
        return answers

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count words."""
        return sum(len(WORD.findall(message.content)) + 1 for message in messages)

    def tokenize_pairs(self, pairs: Sequence[tuple[Sequence[Message], str]]) -> list[TokenPair]:  # noqa: ARG002
        """Refuse: there is nothing to train."""
        raise UnsupportedError("The scripted backend cannot be trained.", "Choose a real model.")

    def served_lora(self) -> LoraWeights | None:
        """Refuse: it holds none and takes none."""
        raise UnsupportedError("The scripted backend has no weights to put LoRA on.", "Choose a real model.")

    def close(self) -> None:
        """Do nothing."""


def _words(text: str) -> set[str]:
    return {word.lower() for word in WORD.findall(text)}


def _instance(schema: dict[str, object]) -> object:
    """Make the simplest value that a simple JSON schema allows."""
    if isinstance(schema.get("enum"), list):
        return schema["enum"][0]  # type: ignore[index]
    kind = schema.get("type")
    if isinstance(kind, list):
        return None if "null" in kind else _instance({**schema, "type": kind[0]})
    if kind == "object":
        properties = schema.get("properties")
        return {key: _instance(value) for key, value in properties.items()} if isinstance(properties, dict) else {}
    return {"integer": 0, "number": 0, "boolean": False, "array": []}.get(str(kind), "")
