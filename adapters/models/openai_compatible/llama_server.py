"""What llama-server offers beside the OpenAI routes: tokenizer, template, labels scored along their own tokens.

Routes: tools/server/README.md of https://github.com/ggml-org/llama.cpp
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.core.errors import BrokenAnswerError, UsageError
from engine.core.generation import Message
from engine.running.label_search import LabelSearch, LabelTrie, build_trie

Post = Callable[[str, Mapping[str, Any]], Any]
"""Sends a body to a path of the server's root and returns the JSON that comes back."""

_MARK = "\N{BLACK SQUARE}answer\N{BLACK SQUARE}"
_LIFT = 100.0
"""Added to the logits of the tokens that are asked about, so that they are the ones that are listed."""
_LEAST = 1e-40
NO_THINKING: Mapping[str, bool] = {"enable_thinking": False}
"""How chat templates of models that can think are told not to; others ignore it."""


class NoOddsError(Exception):
    """The server listed no probabilities: it withholds tokens that are not a whole character, as an emoji's first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoredLabel:
    """A label chosen over its own tokens, and what that took at the server."""

    label: str
    probabilities: Mapping[str, float]
    tokens: int
    cached_tokens: int
    prefill_s: float
    decode_s: float


class LlamaServer:
    """The native routes of one llama-server."""

    def __init__(self, post: Post) -> None:
        """Speak through `post`."""
        self._post = post
        self._tries: dict[tuple[str, ...], LabelTrie] = {}
        self._end: int | None = None

    def prompt(self, messages: Sequence[Message]) -> tuple[str, list[int]]:
        """Return a prompt in the model's chat template, as text and as token ids."""
        body = {"messages": as_dicts(messages), "chat_template_kwargs": dict(NO_THINKING)}
        text = str(self._post("/apply-template", body)["prompt"])
        return text, self._tokens(text, special=True)

    def _tokens(self, text: str, *, special: bool) -> list[int]:
        body = {"content": text, "add_special": special, "parse_special": special}
        return [int(token) for token in self._post("/tokenize", body)["tokens"]]

    def trie(self, labels: tuple[str, ...]) -> LabelTrie:
        """Return the trie of these labels' own tokens, made once.

        Raises:
            UsageError: two labels have the same tokens, or one has none.
        """
        if labels not in self._tries:
            sequences = {label: self._tokens(label, special=False) for label in labels}
            try:
                self._tries[labels] = build_trie(sequences, self._end_token())
            except ValueError as error:
                raise UsageError(f"These labels cannot be distinguished: {error}.", "Rename them.") from error
        return self._tries[labels]

    def _end_token(self) -> int:
        """Return the token that ends an answer: what the template puts after one."""
        if self._end is None:
            roles = (("user", "a"), ("assistant", _MARK), ("user", "b"))
            messages = [{"role": role, "content": content} for role, content in roles]
            text = str(self._post("/apply-template", {"messages": messages})["prompt"])
            if _MARK not in text:
                raise BrokenAnswerError("The server's chat template omits answers.", "Choose another model.")
            self._end = self._tokens(text.split(_MARK, 1)[1], special=True)[0]
        return self._end

    def choose(
        self,
        prompt_tokens: Sequence[int],
        labels: tuple[str, ...],
        *,
        every_label: bool,
        lora: Sequence[Mapping[str, Any]],
        check_cancelled: Callable[[], None],
    ) -> ScoredLabel:
        """Choose a label over the labels' own tokens, best branch first.

        Args:
            prompt_tokens: of the prompt.
            labels: to choose from.
            every_label: go on until each label has its probability.
            lora: the weights that the server is to use.
            check_cancelled: raises on a cancel.
        """
        trie = self.trie(labels)
        search = LabelSearch(trie, every_label=every_label)
        size = max(token for sequence in trie.sequences.values() for token in sequence) + 1
        prefill_ms, decode_ms, cached = 0.0, 0.0, 0
        first = True
        while (path := search.wanted()) is not None:
            check_cancelled()
            children = sorted({tokens[len(path)] for tokens in trie.sequences.values() if tokens[: len(path)] == path})
            reply = self._next_tokens([*prompt_tokens, *path], children, lora)
            timings = reply.get("timings", {})
            spent_ms = float(timings.get("prompt_ms", 0.0)) + float(timings.get("predicted_ms", 0.0))
            if first:
                prefill_ms, cached = spent_ms, int(timings.get("cache_n", 0))
            else:
                decode_ms += spent_ms
            first = False
            search.feed(_logits(reply, children, size))
        return ScoredLabel(
            label=search.label,
            probabilities=search.probabilities,
            tokens=len(trie.sequences[search.label]) - 1,
            cached_tokens=cached,
            prefill_s=prefill_ms / 1000,
            decode_s=decode_ms / 1000,
        )

    def _next_tokens(
        self, tokens: Sequence[int], children: Sequence[int], lora: Sequence[Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        body: dict[str, Any] = {
            "prompt": list(tokens),
            "n_predict": 1,
            "temperature": 1.0,
            "samplers": ["temperature"],
            "logit_bias": [[token, _LIFT] for token in children],
            "n_probs": len(children),
            "post_sampling_probs": True,
            "cache_prompt": True,
        }
        if lora:
            body["lora"] = list(lora)
        reply = self._post("/completion", body)
        if not isinstance(reply, Mapping):
            raise BrokenAnswerError("The server's answer contains no probabilities.", "Use a newer llama-server.")
        return reply


def _logits(reply: Mapping[str, Any], children: Sequence[int], size: int) -> Any:
    """Lay the probabilities of the asked tokens out as logits (shape: highest token id + 1)."""
    try:
        listed = reply["completion_probabilities"][0]["top_probs"]
        found = {int(item["id"]): float(item["prob"]) for item in listed}
    except (KeyError, IndexError, TypeError, ValueError):
        found = {}
    if not any(token in found for token in children):
        raise NoOddsError
    logits = np.full(size, -np.inf, dtype=np.float32)
    for token in children:
        logits[token] = math.log(max(found.get(token, 0.0), _LEAST))
    return logits


def as_dicts(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Return messages as servers take them."""
    return [{"role": message.role, "content": message.content} for message in messages]
