"""What is sent to Ollama for a request, and what an answer's pieces add up to."""

from __future__ import annotations

import json
import time
from typing import Any

from adapters.models.remote.label_odds import Step, label_probabilities, label_schema
from engine.core.errors import UsageError
from engine.core.generation import Completion, GenerateRequest
from engine.core.run.prediction import Usage
from engine.core.variant import DecodingMode

KEEP_ALIVE = "15m"
LISTED_TOKENS = 20
THINKING_ROOM_TOKENS = 1024
"""Added to the longest answer of models that think, since thinking counts as answer."""
NANOSECONDS = 1e9


def body_of(
    name: str, request: GenerateRequest, *, context_tokens: int, thinks: bool, logprobs: bool
) -> dict[str, Any]:
    """Return what is sent for a request, as the arguments of the client's `chat`."""
    decoding = request.decoding
    body: dict[str, Any] = {
        "model": name,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "stream": True,
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
        },
    }
    if decoding.stop:  # an empty list would switch off the model's own stop words
        body["options"]["stop"] = list(decoding.stop)
    if thinks:
        body["think"] = False  # as llama.cpp does here; a model that still thinks is billed for it
    if decoding.mode is DecodingMode.CHOICE:
        body["format"] = label_schema(decoding.labels)
        if logprobs:
            body |= {"logprobs": True, "top_logprobs": LISTED_TOKENS}
    elif decoding.mode is DecodingMode.JSON:
        if decoding.json_schema is None:
            raise UsageError("JSON decoding needs a JSON schema.", "Give the task one, or use free text.")
        body["format"] = dict(decoding.json_schema)
    return body


class StreamAccumulator:
    """An answer as it comes in."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.text = ""
        self.thinking = ""
        self.steps: list[Step] = []
        self.last: Any = None
        self.first_at: float | None = None
        self.answer_at: float | None = None

    def take(self, chunk: Any) -> str:
        """Take a chunk; return the text it adds."""
        text, thought = str(chunk.message.content or ""), str(chunk.message.thinking or "")
        now = time.perf_counter()
        if text or thought:
            self.first_at = self.first_at or now
        if text:
            self.answer_at = self.answer_at or now
        if not thought:
            self.steps += [
                Step(one.token, one.logprob, tuple((other.token, other.logprob) for other in one.top_logprobs or ()))
                for one in chunk.logprobs or ()
            ]
        self.text += text
        self.thinking += thought
        if chunk.done:
            self.last = chunk
        return text


def completion_of(
    request: GenerateRequest, gathered: StreamAccumulator, text: str, started: float, ended: float
) -> Completion:
    """Return the whole answer, with the server's own timings; the time to the first token is measured here."""
    last, choice = gathered.last, request.decoding.mode is DecodingMode.CHOICE
    first_at = ended if choice else gathered.first_at or ended
    load_s = int(last.load_duration or 0) / NANOSECONDS
    thinking_s = (gathered.answer_at or ended) - (gathered.first_at or ended) if gathered.thinking else None
    return Completion(
        text=text,
        usage=Usage(prompt_tokens=int(last.prompt_eval_count or 0), completion_tokens=int(last.eval_count or 0)),
        prefill_s=int(last.prompt_eval_duration or 0) / NANOSECONDS,
        decode_s=int(last.eval_duration or 0) / NANOSECONDS,
        load_s=load_s,
        ttft_s=max(first_at - started - load_s, 0.0),
        probabilities=label_probabilities(request.decoding.labels, gathered.steps) if choice else {},
        prompt=json.dumps(
            [{"role": message.role, "content": message.content} for message in request.messages], ensure_ascii=False
        ),
        finish="length" if last.done_reason == "length" else "stop",
        thinking=gathered.thinking,
        thinking_s=thinking_s,
    )
