"""What an answer's pieces add up to, and what is no answer. Pure functions, apart from the gathering."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adapters.models.openai_compatible.asking import LIMIT_NAMES
from adapters.models.openai_compatible.llama_server import as_text
from adapters.models.openai_compatible.usage import Exchange
from adapters.models.remote.estimates import estimated_tokens
from adapters.models.remote.label_odds import Step, label_probabilities
from engine.core.errors import BrokenAnswerError, RefusedAnswerError
from engine.core.generation import Completion, GenerateRequest, Message
from engine.core.run.prediction import Usage
from engine.core.variant import DecodingMode

WITHHELD = frozenset(
    {
        "content_filter",
        "refusal",
        "safety",
        "recitation",
        "blocklist",
        "prohibited_content",
        "spii",
        "language",
    }
)
"""Ends of an answer that a filter withheld, in any case: OpenAI's and Anthropic's names, then Google's own."""
CUT_OFF = frozenset({"length", "max_tokens"})
_LONGEST_REFUSAL = 240
_OTHERWISE = "Change the row or the instructions, or choose another model."


class StreamAccumulator:
    """An answer as it comes in, piece by piece."""

    def __init__(self) -> None:
        """Begin with nothing, now."""
        self.text = ""
        self.thinking = ""
        self.refusal = ""
        """What the model wrote instead of an answer, where the server tells the two apart."""
        self.steps: list[Step] = []
        self.finish: str | None = None
        self.told: Any = None
        """The tokens as the server told them last: Google counts along with each piece."""
        self.timings: Mapping[str, Any] = {}
        self.pieces = 0
        self.started = time.perf_counter()
        self.first_at: float | None = None
        self.answer_at: float | None = None

    def take(self, chunk: Any) -> str:
        """Take a chunk of a stream, or a whole answer; return the text it adds."""
        extra = getattr(chunk, "model_extra", None) or {}
        if isinstance(extra.get("timings"), Mapping):
            self.timings = extra["timings"]
        if getattr(chunk, "usage", None) is not None:
            self.told = chunk.usage
        if not getattr(chunk, "choices", None):
            return ""
        choice = chunk.choices[0]
        part = getattr(choice, "delta", None) or getattr(choice, "message", None)
        thought, text = _thought_and_text(part)
        self.refusal += str(getattr(part, "refusal", None) or "")
        if thought or text:
            now = time.perf_counter()
            self.first_at = self.first_at or now
            self.pieces += 1
            if text:
                self.answer_at = self.answer_at or now
        self.thinking += thought
        self.text += text
        self.steps += _steps(choice)
        self.finish = choice.finish_reason or self.finish
        return text

    @property
    def began(self) -> bool:
        """Tell whether any part of an answer has arrived."""
        return bool(self.pieces or self.refusal or self.finish) or self.told is not None

    def check(self, host: str) -> None:
        """Refuse what is no whole answer.

        Raises:
            BrokenAnswerError: the stream ended early, or with an error.
            RefusedAnswerError: the model refused, or a filter withheld the answer.
        """
        ended = (self.finish or "").lower()
        if self.finish is None:
            raise BrokenAnswerError(
                f"The server at {host} sent part of an answer ({len(self.text)} characters)."
                if self.text
                else f"The server at {host} ended without an answer.",
                "Check whether it is still running, then try again.",
            )
        if self.refusal.strip():
            said = " ".join(self.refusal.split())[:_LONGEST_REFUSAL]
            raise RefusedAnswerError(f"The model at {host} refused to answer (it says: {said}).", _OTHERWISE)
        if ended in WITHHELD or ended.startswith("content_filter"):
            raise RefusedAnswerError(f"The server at {host} withheld its answer (filter: {ended}).", _OTHERWISE)
        if ended == "error" or (not self.text and ended not in {"stop", *CUT_OFF}):
            raise BrokenAnswerError(f"The server at {host} ended its answer with '{ended[:40]}'.", "Try again later.")
        if not self.text and ended in CUT_OFF:
            raise BrokenAnswerError(
                f"The model at {host} reached the longest answer that was asked for and had written nothing; it may "
                "have spent it on thinking.",
                "Choose a model that thinks less.",
            )


def _thought_and_text(part: Any) -> tuple[str, str]:
    """Return what a piece adds to the thinking and to the answer; Google marks a piece of thinking as such."""
    extra = getattr(part, "model_extra", None) or {}
    text = str(getattr(part, "content", None) or "")
    of_google = extra.get("extra_content")
    google = of_google.get("google") if isinstance(of_google, Mapping) else None
    if isinstance(google, Mapping) and google.get("thought") is True:
        return text, ""
    thought = extra.get("reasoning_content") or extra.get("reasoning")
    return thought if isinstance(thought, str) else "", text


def _steps(choice: Any) -> list[Step]:
    listed = getattr(getattr(choice, "logprobs", None), "content", None) or []
    return [
        Step(
            str(one.token),
            float(one.logprob),
            tuple((str(other.token), float(other.logprob)) for other in (one.top_logprobs or [])),
        )
        for one in listed
    ]


def exchange_of(
    request: GenerateRequest,
    body: Mapping[str, Any],
    gathered: StreamAccumulator,
    prompt_tokens: int | None,
    *,
    paid: bool,
    whole: bool = True,
) -> Exchange:
    """Return what is known of a request and its answer without the server's count.

    Args:
        request: as it was asked for.
        body: as it was sent.
        gathered: what has arrived.
        prompt_tokens: as counted before; None where nothing counts them.
        paid: tokens are paid for.
        whole: the answer has ended.
    """
    form = json.dumps(body.get("response_format", ""), ensure_ascii=False)
    sent = (*request.messages, Message(role="system", content=form))
    longest = next((body[name] for name in LIMIT_NAMES if name in body), request.decoding.max_tokens)
    return Exchange(
        sent_bytes=len(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")),
        prompt_tokens=estimated_tokens(sent) if prompt_tokens is None else prompt_tokens,
        longest_answer_tokens=int(longest),
        arrived_signs=len(gathered.text) + len(gathered.thinking) + len(gathered.refusal),
        arrived_tokens=len(gathered.steps),
        pieces=gathered.pieces,
        counted=prompt_tokens is not None,
        paid=paid,
        whole=whole,
    )


def completion_of(
    request: GenerateRequest, gathered: StreamAccumulator, text: str, ended: float, usage: Usage
) -> Completion:
    """Return the whole answer. Seconds are the server's own where it reports them, else those measured here."""
    choice = request.decoding.mode is DecodingMode.CHOICE
    first_at = gathered.first_at or ended
    timings = gathered.timings
    if "cache_n" in timings and not usage.cached_prompt_tokens:
        usage = replace(usage, cached_prompt_tokens=int(timings["cache_n"]))
    return Completion(
        text=text,
        usage=usage,
        prefill_s=float(timings["prompt_ms"]) / 1000 if "prompt_ms" in timings else first_at - gathered.started,
        decode_s=float(timings["predicted_ms"]) / 1000 if "predicted_ms" in timings else ended - first_at,
        ttft_s=(ended if choice else first_at) - gathered.started,
        probabilities=label_probabilities(request.decoding.labels, gathered.steps) if choice else {},
        prompt=as_text(request.messages),
        finish="length" if (gathered.finish or "").lower() in CUT_OFF else "stop",
        thinking=gathered.thinking,
        thinking_s=(gathered.answer_at or ended) - first_at if gathered.thinking else None,
    )
