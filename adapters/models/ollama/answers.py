"""What is sent to Ollama for a request, and what an answer's pieces add up to."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.models.remote.border import Pieces, clean_text, count_of, mapping, seconds_of, text_of
from adapters.models.remote.bounds import LISTED_TOKENS, LONGEST_NAME, THINKING_ROOM_TOKENS
from adapters.models.remote.keys import Key
from adapters.models.remote.label_odds import LONGEST_TOKEN_CHARACTERS
from adapters.models.remote.messages import as_dicts
from engine.core.errors import BrokenAnswerError, ContextOverflowError
from engine.core.generation import Completion, GenerateRequest
from engine.core.run.prediction import Usage
from engine.core.text.token_estimate import TURN_TOKENS
from engine.core.variant import DecodingMode

KEEP_ALIVE = "15m"
NANOSECONDS = 1e9
CUT_SHARE = 0.9
"""An older server that evaluated less than this share of the prompt's counted tokens has cut it."""
CUT_SHARE_OF_ESTIMATE = 0.4
_LISTING = {"stream": False, "logprobs": True, "top_logprobs": LISTED_TOKENS}


def chat_body(name: str, request: GenerateRequest, *, context_tokens: int, thinks: bool) -> dict[str, Any]:
    """Return the body of a chat for a request. A prompt that does not fit is refused by the server, not cut.

    For a choice it does not restrict the answer: `labels` adds what does.
    """
    decoding = request.decoding
    body: dict[str, Any] = {
        "model": name,
        "messages": as_dicts(request.messages),
        "stream": True,
        "truncate": False,
        "shift": False,
        "keep_alive": KEEP_ALIVE,
        "options": {
            "num_ctx": context_tokens,
            "num_predict": decoding.max_tokens + (THINKING_ROOM_TOKENS if thinks else 0),
            "temperature": decoding.temperature,
            "seed": decoding.seed % (2**31 - 1),
            "top_k": 0,
            "top_p": 1.0,
            "min_p": 0.0,
            "repeat_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "typical_p": 1.0,
        },
    }
    if decoding.stop:  # an empty list would switch off the model's own stop words
        body["options"]["stop"] = list(decoding.stop)
    if thinks:
        body["think"] = False  # as llama.cpp does here; a model that still thinks is billed for it
    if decoding.mode is DecodingMode.JSON:
        body["format"] = dict(decoding.needed_schema)
    return body


def enumeration_body(
    chat: Mapping[str, Any], labels: Sequence[str], *, most_tokens: int | None = None
) -> dict[str, Any]:
    """Return the body that leaves the model nothing but these labels, each as a JSON string.

    What is listed beside its tokens is what the model would write if nothing restricted it. Servers before 0.12.11 list
    nothing.
    """
    options = chat["options"] if most_tokens is None else {**chat["options"], "num_predict": most_tokens}
    return {**chat, **_LISTING, "options": options, "format": {"type": "string", "enum": list(labels)}}


def continuation_body(chat: Mapping[str, Any], prompt: str) -> dict[str, Any]:
    """Return the body that asks for one token after a prompt that is sent unchanged, with what else is likely."""
    kept = {name: value for name, value in chat.items() if name not in {"messages", "think"}}
    return {**kept, **_LISTING, "options": {**chat["options"], "num_predict": 1}, "prompt": prompt, "raw": True}


def rendering_body(chat: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that asks for a chat's prompt as the server's template writes it, without an answer."""
    return {**chat, "stream": False, "_debug_render_only": True}


@dataclass(slots=True)
class Sums:
    """What the server's answers took together, in its own counts and seconds."""

    prompt_tokens: int = 0
    """Of the first prompt: the others continue it."""
    completion_tokens: int = 0
    prefill_s: float = 0.0
    decode_s: float = 0.0
    load_s: float = 0.0

    def add(self, reply: Mapping[str, Any]) -> None:
        """Add a whole answer, or the last piece of one."""
        self.prompt_tokens = self.prompt_tokens or count_of(reply.get("prompt_eval_count"))
        self.completion_tokens += count_of(reply.get("eval_count"))
        self.prefill_s += _seconds(reply, "prompt_eval_duration")
        self.decode_s += _seconds(reply, "eval_duration")
        self.load_s += _seconds(reply, "load_duration")


def _seconds(reply: Mapping[str, Any], name: str) -> float:
    return seconds_of(reply.get(name), per_second=NANOSECONDS) or 0.0


class StreamAccumulator:
    """An answer as it comes in."""

    def __init__(self, key: Key, *, longest_tokens: int) -> None:
        """Begin with nothing; `key` is cut out of all that arrives, `longest_tokens` were asked for."""
        self._text, self._thinking = Pieces(key), Pieces(key)
        self._key = key
        self._longest_tokens = longest_tokens
        self.text = ""
        self.thinking = ""
        self.last: Mapping[str, Any] | None = None
        self.identity = ""
        self.first_at: float | None = None
        self.answer_at: float | None = None

    def take(self, chunk: Any) -> str:
        """Take a chunk; return the text it adds that can be shown by now.

        Raises:
            UnreadableError: it is not a chunk.
            BrokenAnswerError: the answer is longer than what was asked for.
        """
        chunk = mapping(chunk, "an answer")
        if self.last is not None:
            return ""  # text after the end
        message = mapping(chunk.get("message") or {}, "a message")
        text, thought = text_of(message.get("content")), text_of(message.get("thinking"))
        self.identity = self.identity or clean_text(text_of(chunk.get("model")), self._key)[:LONGEST_NAME]
        now = time.perf_counter()
        if text or thought:
            self.first_at = self.first_at or now
        if text:
            self.answer_at = self.answer_at or now
        added = self._text.take(text)
        self.thinking += self._thinking.take(thought)
        if chunk.get("done") is True:
            self.last = chunk
            added += self._text.rest()
            self.thinking += self._thinking.rest()
        self.text += added
        if len(self.text) > self._longest_tokens * LONGEST_TOKEN_CHARACTERS:
            raise BrokenAnswerError(
                f"The server wrote on past the longest answer that was asked for ({self._longest_tokens} tokens).",
                "Check whether it keeps to num_predict.",
            )
        return added


def completion_of(request: GenerateRequest, gathered: StreamAccumulator, started: float, ended: float) -> Completion:
    """Return the whole answer, with the server's own timings; the time to the first token is measured here."""
    last = gathered.last or {}
    sums = Sums()
    sums.add(last)
    thinking_s = (gathered.answer_at or ended) - (gathered.first_at or ended) if gathered.thinking else None
    return Completion(
        text=gathered.text,
        usage=Usage(prompt_tokens=sums.prompt_tokens, completion_tokens=sums.completion_tokens),
        prefill_s=sums.prefill_s,
        decode_s=sums.decode_s,
        load_s=sums.load_s,
        ttft_s=max((gathered.first_at or ended) - started - sums.load_s, 0.0),
        prompt=json.dumps(as_dicts(request.messages), ensure_ascii=False),
        finish="length" if last.get("done_reason") == "length" else "stop",
        thinking=gathered.thinking,
        thinking_s=thinking_s,
        identity=gathered.identity,
    )


def refuse_cut(evaluated: int, count: int, *, room: int, counted: bool) -> None:
    """Refuse an answer to a prompt that an older server cut, as far as its count shows.

    Args:
        evaluated: tokens of the prompt that it evaluated, as it says.
        count: tokens of the prompt.
        room: tokens of its context.
        counted: `count` is not an estimate.

    Raises:
        ContextOverflowError: it was cut.
    """
    share = CUT_SHARE if counted else CUT_SHARE_OF_ESTIMATE
    if 0 < evaluated < count * share - TURN_TOKENS or evaluated >= room:
        raise ContextOverflowError(
            f"The server cut the prompt: it evaluated {evaluated} of {count} tokens; the context was to hold {room}.",
            "Start the server with a larger context (OLLAMA_CONTEXT_LENGTH), or retrieve less.",
        )
