"""What an answer's pieces add up to, and what is not an answer. Pure functions, apart from the gathering."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adapters.models.openai_compatible.asking import LIMIT_NAMES
from adapters.models.openai_compatible.usage import Exchange, fewest_tokens
from adapters.models.remote.border import (
    Pieces,
    clean_text,
    count_of,
    mapping,
    objects,
    seconds_of,
    steps_of,
    text_of,
)
from adapters.models.remote.bounds import LONGEST_NAME
from adapters.models.remote.estimates import estimated_tokens
from adapters.models.remote.keys import Key
from adapters.models.remote.label_odds import Step, label_probabilities
from adapters.models.remote.messages import as_text
from adapters.models.thinking import refuse_thinking_alone
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
_MILLISECONDS = 1000.0
_OTHERWISE = "Change the row or the instructions, or choose another model."


class StreamAccumulator:
    """An answer as it comes in, piece by piece."""

    def __init__(self, key: Key, *, longest_tokens: int) -> None:
        """Begin with nothing, now.

        Args:
            key: cut out of all that arrives.
            longest_tokens: of the answer that was asked for, thinking included.
        """
        self._key = key
        self._longest_tokens = longest_tokens
        self._pieces = {name: Pieces(key) for name in ("text", "thinking", "refusal")}
        self.text = ""
        self.thinking = ""
        self.refusal = ""
        """What the model wrote instead of an answer, where the server tells the two apart."""
        self.steps: list[Step] = []
        self.finish: str | None = None
        self.told: Any = None
        """The tokens as the server told them last: Google counts along with each piece."""
        self.timings: Mapping[str, Any] = {}
        self.identity = ""
        """Which model answers, and in which version of the server, as the server says."""
        self.pieces = 0
        self.started = time.perf_counter()
        self.first_at: float | None = None
        self.answer_at: float | None = None

    def take(self, chunk: Any) -> str:
        """Take a chunk of a stream, or a whole answer; return the text it adds that can be shown by now.

        Raises:
            UnreadableError: it is not a chunk.
            BrokenAnswerError: the answer is longer than what was asked for.
        """
        chunk = mapping(chunk, "an answer")
        if isinstance(chunk.get("timings"), Mapping):
            self.timings = chunk["timings"]
        if isinstance(chunk.get("usage"), Mapping):
            self.told = chunk["usage"]
        self.identity = self.identity or self._named(chunk)
        choice = next((one for one in objects(chunk.get("choices")) if one.get("index") in (0, None)), None)
        if choice is None or self.finish is not None:
            return ""  # another answer than the first, or text after its end
        part: Mapping[str, Any] = next(
            (choice[name] for name in ("delta", "message") if isinstance(choice.get(name), Mapping)), {}
        )
        thought, text = _thought_and_text(part)
        self.refusal += self._pieces["refusal"].take(text_of(part.get("refusal")))
        if thought or text:
            now = time.perf_counter()
            self.first_at = self.first_at or now
            self.pieces += 1
            if text:
                self.answer_at = self.answer_at or now
        self.thinking += self._pieces["thinking"].take(thought)
        added = self._pieces["text"].take(text)
        self.steps += steps_of(mapping(choice.get("logprobs") or {}, "log-probabilities").get("content"))
        ended = choice.get("finish_reason")
        if ended:
            self.finish = clean_text(str(ended), self._key)[:LONGEST_NAME]
            added += self.end()
        self.text += added
        if fewest_tokens(len(self.text), len(self.steps)) > self._longest_tokens:
            raise BrokenAnswerError(
                f"The server wrote on past the longest answer that was asked for ({self._longest_tokens} tokens).",
                "Check whether it keeps to max_tokens.",
            )
        return added

    def end(self) -> str:
        """Add what was held back; return the part of it that belongs to the answer."""
        self.thinking += self._pieces["thinking"].rest()
        self.refusal += self._pieces["refusal"].rest()
        return self._pieces["text"].rest()

    def _named(self, chunk: Mapping[str, Any]) -> str:
        told = [chunk.get(name) for name in ("model", "system_fingerprint")]
        return " ".join(clean_text(one, self._key)[:LONGEST_NAME] for one in told if isinstance(one, str) and one)

    @property
    def began(self) -> bool:
        """Tell whether any part of an answer has arrived."""
        return bool(self.pieces or self.refusal or self.finish) or self.told is not None

    def check(self, host: str) -> None:
        """Refuse what is not a whole answer.

        Raises:
            BrokenAnswerError: the stream ended early, or with an error.
            RefusedAnswerError: the model refused, or a filter withheld the answer.
            ModelError: the model thought and gave no answer.
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
        if ended in {"stop", *CUT_OFF}:
            refuse_thinking_alone(host, text=self.text, thinking=self.thinking, cut_off=ended in CUT_OFF)
        if ended == "error" or (not self.text and ended not in {"stop", *CUT_OFF}):
            raise BrokenAnswerError(f"The server at {host} ended its answer with '{ended[:40]}'.", "Try again later.")
        if not self.text and ended in CUT_OFF:
            raise BrokenAnswerError(
                f"The model at {host} reached the longest answer that was asked for and had written nothing; it may "
                "have spent it on thinking.",
                "Choose a model that thinks less.",
            )


def _thought_and_text(part: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a piece adds to the thinking and to the answer; Google marks a piece of thinking as such."""
    if isinstance(part.get("content"), list):
        return _of_parts(part["content"])
    text = text_of(part.get("content"))
    of_google = part.get("extra_content")
    google = of_google.get("google") if isinstance(of_google, Mapping) else None
    if isinstance(google, Mapping) and google.get("thought") is True:
        return text, ""
    thought = part.get("reasoning_content") or part.get("reasoning")
    return thought if isinstance(thought, str) else "", text


def _of_parts(content: list[Any]) -> tuple[str, str]:
    """Return the thinking and the text of a piece that comes in parts, as from Mistral's models that think.

    Source: *Reasoning* (docs.mistral.ai). Parts without a text, as references, add nothing.

    Raises:
        UnreadableError: something else is in their place.
    """
    thought = text = ""
    for one in content:
        part = mapping(one, "a part of an answer")
        if part.get("type") == "thinking":
            inner = part.get("thinking")
            thought += (
                inner if isinstance(inner, str) else "".join(text_of(words.get("text")) for words in objects(inner))
            )
        else:
            text += text_of(part.get("text"))
    return thought, text


def longest_tokens(request: GenerateRequest, body: Mapping[str, Any]) -> int:
    """Return the tokens of the longest answer that a body asks for."""
    return int(next((body[name] for name in LIMIT_NAMES if name in body), request.decoding.max_tokens))


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
    return Exchange(
        sent_bytes=len(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")),
        prompt_tokens=estimated_tokens(sent) if prompt_tokens is None else prompt_tokens,
        longest_answer_tokens=longest_tokens(request, body),
        arrived_characters=len(gathered.text) + len(gathered.thinking) + len(gathered.refusal),
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
    if not usage.cached_prompt_tokens:
        usage = replace(usage, cached_prompt_tokens=min(count_of(timings.get("cache_n")), usage.prompt_tokens))
    prefill_s = seconds_of(timings.get("prompt_ms"), per_second=_MILLISECONDS)
    decode_s = seconds_of(timings.get("predicted_ms"), per_second=_MILLISECONDS)
    return Completion(
        text=text,
        usage=usage,
        prefill_s=first_at - gathered.started if prefill_s is None else prefill_s,
        decode_s=ended - first_at if decode_s is None else decode_s,
        ttft_s=(ended if choice else first_at) - gathered.started,
        probabilities=_label_shares(request, gathered) if choice else {},
        prompt=as_text(request.messages),
        finish="length" if (gathered.finish or "").lower() in CUT_OFF else "stop",
        thinking=gathered.thinking,
        thinking_s=(gathered.answer_at or ended) - first_at if gathered.thinking else None,
        identity=gathered.identity,
    )


def _label_shares(request: GenerateRequest, gathered: StreamAccumulator) -> dict[str, float]:
    """Return the labels' probabilities, unless the tokens are also those of the thinking."""
    if gathered.thinking and "".join(step.token for step in gathered.steps).strip() != gathered.text.strip():
        return {}
    return label_probabilities(request.decoding.labels, gathered.steps, answer=gathered.text)
