"""A label chosen at an Ollama server, along the labels' own tokens as far as the server lists them.

One request asks for the first two tokens of a label, and leaves the model nothing but the labels. Beside the first
token, a quotation mark, the server lists what the model would have begun with if nothing restricted it: most labels
differ there, and where one of them is listed nothing more is needed. Where labels share their first tokens, the
server's own prompt is continued by what they share. Where none is listed, what was written is the answer.

Compared with a JSON object and with a bare enumeration by `benchmarks/ollama_labels.py`; figures in docs/backends.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapters.models.ollama.answers import (
    Sums,
    continuation_body,
    enumeration_body,
    rendering_body,
)
from adapters.models.remote.border import mapping, steps_of, text_of
from adapters.models.remote.bounds import LONGEST_NAME
from adapters.models.remote.label_odds import label_probabilities, still_possible, written_label
from adapters.models.remote.label_walk import LabelWalk, Listed
from adapters.models.remote.messages import as_dicts
from engine.core.generation import Completion, GenerateRequest
from engine.core.run.prediction import Usage

FIRST_TOKENS = 2
"""A quotation mark and the first token of a label: where labels differ there, the rest need not be written."""

Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Sends a body to a path of the server and returns the one object that comes back."""


class LabelChoice:
    """One row's label: what is asked of the server for it, and what that took together."""

    def __init__(
        self,
        ask: Ask,
        request: GenerateRequest,
        chat: Mapping[str, Any],
        *,
        own: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Take the server, what is wanted, the body of its chat, and the labels' own tokens where they are known."""
        self._ask = ask
        self._request = request
        self._chat = chat
        self._own = own
        self._sums = Sums()
        self._prompt: str | None = None
        self._thinking = ""
        self._identity = ""
        self.lists = False
        """Whether the server listed any tokens."""

    def made(self) -> Completion:
        """Choose; return the answer. `ttft_s` is left to whoever holds the clock.

        Raises:
            ModelError: by what happened at the server.
        """
        decoding = self._request.decoding
        walk = LabelWalk(decoding.labels, own=self._own, every_label=decoding.every_label)
        first = self._enumerated(decoding.labels, most_tokens=FIRST_TOKENS)
        steps = steps_of(first.get("logprobs"))
        self.lists = bool(steps)
        walk.feed(steps[0].others if steps else ())
        while (text := walk.wanted()) is not None:
            walk.feed(self._listed_after(text))
        label, probabilities = walk.contenders[0], walk.probabilities
        if len(walk.contenders) > 1:
            written, seen = _text(first), steps
            contenders = still_possible(written, walk.contenders) or walk.contenders
            if len(contenders) > 1:
                reply = self._enumerated(contenders)
                written, seen = _text(reply), steps_of(reply.get("logprobs"))
                label = written_label(written, contenders)
            else:
                (label,) = contenders
            probabilities = probabilities or label_probabilities(decoding.labels, seen, answer=written)
        return Completion(
            text=label,
            usage=Usage(prompt_tokens=self._sums.prompt_tokens, completion_tokens=self._sums.completion_tokens),
            prefill_s=self._sums.prefill_s,
            decode_s=self._sums.decode_s,
            load_s=self._sums.load_s,
            ttft_s=0.0,
            probabilities=probabilities,
            prompt=json.dumps(as_dicts(self._request.messages), ensure_ascii=False),
            finish="stop",
            thinking=self._thinking,
            identity=self._identity,
        )

    def _enumerated(self, labels: Sequence[str], *, most_tokens: int | None = None) -> Mapping[str, Any]:
        reply = self._ask("/api/chat", enumeration_body(self._chat, labels, most_tokens=most_tokens))
        self._sums.add(reply)
        self._identity = self._identity or text_of(reply.get("model"))[:LONGEST_NAME]
        self._thinking = text_of(_message(reply).get("thinking")) or self._thinking
        return reply

    def _listed_after(self, text: str) -> Listed:
        """Return what the server lists after this text; nothing, where it does not show its prompt."""
        if self._prompt is None:
            shown = mapping(self._ask("/api/chat", rendering_body(self._chat)).get("_debug_info") or {}, "a prompt")
            self._prompt = text_of(shown.get("rendered_template"))
        if not self._prompt:
            return ()
        reply = self._ask("/api/generate", continuation_body(self._chat, self._prompt + text))
        self._sums.add(reply)
        steps = steps_of(reply.get("logprobs"))
        return steps[0].others if steps else ()


def _text(reply: Mapping[str, Any]) -> str:
    return text_of(_message(reply).get("content"))


def _message(reply: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(reply.get("message") or {}, "a message")
