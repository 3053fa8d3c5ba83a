"""What is asked of a language model, and what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from engine.core.errors import ContextOverflowError, ModelError, UsageError
from engine.core.run.prediction import Usage
from engine.core.variant import DecodingMode

SCRIPTED = "scripted"
"""The backend of the model that is none: it answers by rule, for tests and for trying the screens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn of a chat: role `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFacts:
    """What is known of a model without asking it anything."""

    id: str
    name: str
    backend: str
    path: str
    """The file on this machine; for a model at a server, the name that the server knows it by."""
    architecture: str
    quantization: str
    size_bytes: int
    context_tokens: int
    parameters: int
    chat_template: str | None
    digest: str
    """SHA-256 of the file, in hex."""
    licence: str = ""
    terms: str = ""
    """Terms to be shown before first use; empty if there are none."""
    server: str = ""
    """Address of the server that holds it; empty for a file on this machine."""
    forwards_to: str = ""
    """Host to which the server sends what it is asked, instead of answering itself; empty where it answers."""
    price_ref: str = ""
    """`provider/model` in the price table, for a model behind a closed API; else empty."""

    @property
    def template_digest(self) -> str:
        """A short digest of the chat template, or `none`."""
        import hashlib

        return hashlib.sha256(self.chat_template.encode()).hexdigest()[:16] if self.chat_template else "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelOffer:
    """A model that is installed and waits for its terms to be accepted."""

    id: str
    name: str
    terms: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoding:
    """How the answer is generated; `labels` for choice, `json_schema` for JSON."""

    mode: DecodingMode
    labels: tuple[str, ...] = ()
    json_schema: Mapping[str, Any] | None = None
    max_tokens: int = 64
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    every_label: bool = False
    """Choice computes the probability of every label, not only of those that could be the answer."""

    @property
    def needed_schema(self) -> Mapping[str, Any]:
        """The JSON schema.

        Raises:
            UsageError: there is none.
        """
        if self.json_schema is None:
            raise UsageError("JSON decoding needs a JSON schema.", "Give the task one, or use free text.")
        return self.json_schema


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraWeights:
    """LoRA weights: trained and kept here under a key, or held by a server."""

    key: str | None
    """What they are kept under; None for weights that a server holds, of which nothing is kept here."""
    locator: str
    """Path of the GGUF file; or, for a server that holds its own, the name it serves them under."""
    base_digest: str = ""
    template_digest: str = ""
    train_s: float = 0.0
    loading_s: float = 0.0
    """What of that was loading libraries and the base."""
    made_at: float = 0.0
    """When they were kept, in seconds since 1970; 0 for weights that a server holds."""
    best_epoch: int | None = None
    """Where the loss of the rows held out was lowest; None where none were."""

    @property
    def folder(self) -> Path:
        """The folder that holds the kept weights in all their formats."""
        return Path(self.locator).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerateRequest:
    """One answer wanted from a language model."""

    messages: tuple[Message, ...]
    decoding: Decoding
    prefix_messages: int = 0
    """How many leading messages are the same in every request of this slot: their evaluation is kept."""
    slot: str = ""
    """Requests of one slot share a kept prefix; usually the variant's id."""
    lora: LoraWeights | None = None
    lora_scale: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPiece:
    """A piece of the answer as it is written."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """A whole answer with what it took, as the backend measured it."""

    text: str
    usage: Usage
    prefill_s: float
    decode_s: float
    load_s: float = 0.0
    """A server's seconds of loading the model before it read the prompt; no part of the other figures."""
    waited_s: float = 0.0
    """Until a busy server took the request; no part of the other figures."""
    ttft_s: float
    """From the backend's receipt of the request to its first token or decided label."""
    cpu_s: float = 0.0
    probabilities: Mapping[str, float] = field(default_factory=dict)
    """Of each label for which one was computed; what is missing from 1 belongs to the other labels together."""
    prompt: str = ""
    rss_bytes: int = 0
    finish: str = "stop"
    """`stop` or `length`."""
    thinking: str = ""
    """The model's thinking before the answer; its tokens count as part of the answer's."""
    thinking_s: float | None = None
    """Seconds from the first token of the thinking to its end; None without thinking."""
    identity: str = ""
    """What a server calls the model that answered, with its own version; empty where it does not say."""


class RowTokens(NamedTuple):
    """How many tokens a training row has."""

    prompt: int
    answer: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenPair:
    """A training row as token ids: the loss is only on `answer_ids`."""

    prompt_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]
    """The answer with the token that ends the turn."""


def no_answer() -> ModelError:
    """Return what is raised where a backend gives no completion."""
    return ModelError("The backend ended without an answer.", "Try again.")


def completion_of(pieces: Iterable[TextPiece | Completion]) -> Completion:
    """Take the completion that ends an answer.

    Raises:
        ModelError: there is none.
    """
    for piece in pieces:
        if isinstance(piece, Completion):
            return piece
    raise no_answer()


def check_fit(prompt_tokens: int, answer_tokens: int, context_tokens: int, *, estimated: bool = False) -> None:
    """Refuse a prompt that does not fit into the context with its answer.

    Args:
        prompt_tokens: of the prompt.
        answer_tokens: that the answer may have.
        context_tokens: that there are; 0 where that is not known.
        estimated: whether the prompt's tokens are estimated.

    Raises:
        ContextOverflowError: it does not.
    """
    if context_tokens and prompt_tokens + answer_tokens > context_tokens:
        about = "about " if estimated else ""
        raise ContextOverflowError(
            f"The prompt has {about}{prompt_tokens} tokens and the answer up to {answer_tokens}; "
            f"the context holds {context_tokens}.",
            "Retrieve fewer passages, show fewer examples, or choose a larger context.",
        )
