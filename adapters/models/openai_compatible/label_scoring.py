"""Labels scored along their own tokens, as llama.cpp does here, at a server that takes prompts as token ids."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.core.errors import UsageError
from engine.core.generation import Message
from engine.running.label_search import LabelSearch, LabelTrie, build_trie

Post = Callable[[str, Mapping[str, Any]], Any]
"""Sends a body to a path of the server's root and returns the JSON that comes back."""


class NoOddsError(Exception):
    """The server lists no probabilities of the tokens that were asked about."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NextToken:
    """What a server says about the token that follows a prompt, and what that took."""

    log_odds: Mapping[int, float]
    """By token id: natural logarithms, up to a constant that all share."""
    seconds: float
    cached_tokens: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoredLabel:
    """A label chosen over its own tokens, and what that took at the server."""

    label: str
    probabilities: Mapping[str, float]
    tokens: int
    cached_tokens: int
    prefill_s: float
    decode_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Addressed:
    """Which weights are to answer."""

    model: str
    """The name that the server knows."""
    lora: Sequence[Mapping[str, Any]] = ()
    """llama-server's switches of LoRA weights."""


class LabelScorer(ABC):
    """Chooses labels by one model of one server."""

    def __init__(self, post: Post, model: str) -> None:
        """Speak through `post` of the model with this name."""
        self._post = post
        self._model = model
        self._tries: dict[tuple[str, ...], LabelTrie] = {}
        self._end: int | None = None
        self._learning = threading.Lock()

    def bring_in(self) -> None:
        """Have the server load the model, by asking for the tokens of a word."""
        self._label_tokens("a")

    @abstractmethod
    def prompt(self, messages: Sequence[Message]) -> tuple[str, list[int]]:
        """Return a prompt in the model's chat template, as text (empty if the server does not show it) and as ids."""

    @abstractmethod
    def _label_tokens(self, label: str) -> list[int]:
        """Return a label as token ids."""

    @abstractmethod
    def _found_end(self) -> int:
        """Find the token that ends an answer: what the template puts after one."""

    @abstractmethod
    def _next_token(self, tokens: Sequence[int], children: Sequence[int], to: Addressed) -> NextToken:
        """Ask how probable each of `children` is after `tokens`.

        Raises:
            NoOddsError: the server does not say.
        """

    def trie(self, labels: tuple[str, ...]) -> LabelTrie:
        """Return the trie of these labels' own tokens, made once.

        Raises:
            UsageError: two labels have the same tokens, or one has none.
        """
        with self._learning:
            if labels not in self._tries:
                sequences = {label: self._label_tokens(label) for label in labels}
                if self._end is None:
                    self._end = self._found_end()
                try:
                    self._tries[labels] = build_trie(sequences, self._end)
                except ValueError as error:
                    raise UsageError(f"These labels cannot be distinguished: {error}.", "Rename them.") from error
            return self._tries[labels]

    def choose(
        self,
        prompt_tokens: Sequence[int],
        labels: tuple[str, ...],
        *,
        every_label: bool,
        to: Addressed,
        check_cancelled: Callable[[], None],
    ) -> ScoredLabel:
        """Choose a label over the labels' own tokens, best branch first.

        Args:
            prompt_tokens: of the prompt.
            labels: to choose from.
            every_label: go on until each label has its probability.
            to: the weights that the server is to use.
            check_cancelled: raises on a cancel.

        Raises:
            NoOddsError: the server does not say how probable tokens are.
        """
        trie = self.trie(labels)
        search = LabelSearch(trie, every_label=every_label)
        size = max(token for sequence in trie.sequences.values() for token in sequence) + 1
        steps: list[NextToken] = []
        while (path := search.wanted()) is not None:
            check_cancelled()
            children = sorted({tokens[len(path)] for tokens in trie.sequences.values() if tokens[: len(path)] == path})
            steps.append(self._next_token([*prompt_tokens, *path], children, to))
            logits = np.full(size, -np.inf, dtype=np.float32)
            for token in children:
                logits[token] = steps[-1].log_odds[token]
            search.feed(logits)
        return ScoredLabel(
            label=search.label,
            probabilities=search.probabilities,
            tokens=len(trie.sequences[search.label]) - 1,
            cached_tokens=steps[0].cached_tokens if steps else 0,
            prefill_s=steps[0].seconds if steps else 0.0,
            decode_s=sum(step.seconds for step in steps[1:]),
        )
