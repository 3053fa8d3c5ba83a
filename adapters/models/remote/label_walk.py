"""A label chosen from the few most likely tokens that a server lists, one branch at a time. Pure.

What `engine.running.label_search` does over all tokens, with the texts of those that are listed: at each branch the
tokens that begin a label are compared with each other alone. A label whose token is not listed is less likely there
than each that is, so the choice among first tokens is exact; only its own probability is not known.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

LEAST_SHARE = 0.2
"""A model that begins none of the labels with at least this probability is not about to answer with one: without its
tokenizer, tokens that happen to begin a label's letters say nothing. Measured by `benchmarks/ollama_labels.py`."""

Listed = Sequence[tuple[str, float]]
"""Texts of tokens with their natural log-probabilities, most likely first."""


class LabelWalk:
    """Decides one row. Ask `wanted()`, have the server list what follows that text, `feed()` it; until it is None."""

    def __init__(
        self, labels: Sequence[str], *, own: Mapping[str, Sequence[str]] | None = None, every_label: bool = False
    ) -> None:
        """Begin before the label.

        Args:
            labels: to choose from.
            own: the texts of each label's own tokens, where the model's tokenizer is at hand; else a label's token is
                the longest that is listed and fits.
            every_label: go on until each label that is listed has its probability.
        """
        self._labels = tuple(labels)
        self._own = own
        self._every_label = every_label
        self._open: list[tuple[float, str, tuple[str, ...]]] = [(0.0, "", self._labels)]
        self._decided: dict[str, float] = {}
        self._unread: list[tuple[float, tuple[str, ...]]] = []
        self._blank = ""

    def wanted(self) -> str | None:
        """Return the text after the prompt whose next tokens are wanted; None when decided."""
        if not self._open:
            return None
        self._open.sort(key=lambda item: (item[0], item[1]))
        log_mass, text, _labels = self._open[-1]
        if not self._every_label and self._decided and max(self._decided.values()) >= log_mass:
            return None
        return self._blank + text

    def feed(self, listed: Listed) -> None:
        """Take what is listed after the wanted text; nothing, where it cannot be known."""
        log_mass, text, labels = self._open.pop()
        found = self._steps(listed, text, labels)
        tokens = dict(step for step in found.values() if step is not None)
        known = self._own is not None or bool(text)
        if not tokens or (not known and sum(map(math.exp, tokens.values())) < LEAST_SHARE):
            self._unread.append((log_mass, labels))
            return
        most = max(tokens.values())
        log_total = most + math.log(sum(math.exp(one - most) for one in tokens.values()))
        for token, log_probability in tokens.items():
            group = tuple(label for label, step in found.items() if step is not None and step[0] == token)
            below = log_mass + log_probability - log_total
            if len(group) == 1:
                self._decided[group[0]] = below
            else:
                self._open.append((below, text + token, group))

    def _steps(self, listed: Listed, text: str, labels: Sequence[str]) -> dict[str, tuple[str, float] | None]:
        """Return the token with which each label goes on after this text, and its log-probability, if it is listed."""
        if self._own is not None:
            wanted = {label: _own_token(self._own[label], text) for label in labels}
            return {label: _listed_token(listed, wanted[label], wanted.values()) for label in labels}
        if not text:
            self._blank = _blank(listed, labels)
        rests = {label: label[len(text) :] for label in labels}
        return {label: _longest(listed, label, rests, "" if text else self._blank) for label in labels}

    @property
    def contenders(self) -> tuple[str, ...]:
        """Return the label, once nothing is wanted; several, where nothing was listed that tells them apart."""
        best = max(self._decided.values(), default=-math.inf)
        log_mass, labels = max(self._unread, key=lambda item: item[0], default=(-math.inf, ()))
        if labels and log_mass > best:
            return labels
        return (min(self._decided, key=lambda label: (-self._decided[label], label)),)

    @property
    def probabilities(self) -> dict[str, float]:
        """The probability of each label that was reached; the others share what is missing from 1."""
        return {label: math.exp(self._decided[label]) for label in self._labels if label in self._decided}


def _blank(listed: Listed, labels: Sequence[str]) -> str:
    """Return the blank that this model writes before a first word, as many do; "" if it writes none."""
    best = {
        blank: max((one for text, one in listed if _begins(text, blank, labels)), default=-math.inf)
        for blank in ("", " ")
    }
    return max(best, key=best.__getitem__)


def _begins(text: str, blank: str, labels: Sequence[str]) -> bool:
    word = text.removeprefix(blank)
    return text.startswith(blank) and bool(word) and any(label.startswith(word) for label in labels)


def _own_token(tokens: Sequence[str], text: str) -> str:
    """Return the token that follows this text, which the first ones make up; "" if nothing does."""
    before = ""
    for token in tokens:
        if before == text:
            return token
        before += token
    return ""


def _listed_token(listed: Listed, token: str, others: Collection[str]) -> tuple[str, float] | None:
    """Return a token with its log-probability, if it is listed; "" is what is most likely and goes on with no label."""
    if not token:
        ends = [one for text, one in listed if text not in others]
        return ("", max(ends)) if ends else None
    return next(((text, one) for text, one in listed if text == token), None)


def _longest(listed: Listed, label: str, rests: Mapping[str, str], blank: str) -> tuple[str, float] | None:
    """Return the token with which this label goes on, the longest that is listed and fits, and its log-probability.

    A label that is whole here, while others go on, goes on with what is most likely and begins none of these: as "".
    """
    words = [(text.removeprefix(blank), one) for text, one in listed if text.startswith(blank) and text != blank]
    if not rests[label]:
        ends = [one for word, one in words if not any(rest and rest.startswith(word) for rest in rests.values())]
        return ("", max(ends)) if ends else None
    fitting = [(word, one) for word, one in words if rests[label].startswith(word)]
    return max(fitting, key=lambda step: len(step[0]), default=None)
