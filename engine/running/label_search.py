"""Choice decoding: which label, decided over a trie of the labels' own token ids.

A label is scored along its own tokenization: at each branch of the trie the model's next-token distribution is
restricted to the branch's children, and a label's probability is the product along its path. Branches are
opened best first, so the search ends as soon as no unopened branch can beat the best label. Labels below an
unopened branch have no probability of their own: they share what is missing from 1.

A grammar would let the sampler reach a label by any split of its letters, which scores splits and not labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class _Node:
    path: tuple[int, ...]
    children: dict[int, _Node] = field(default_factory=dict)
    label: str | None = None


@dataclass(frozen=True, slots=True)
class LabelTrie:
    """A trie over the labels' token ids. Each sequence ends with a token that continues no label."""

    root: _Node
    sequences: Mapping[str, tuple[int, ...]]

    @property
    def longest(self) -> int:
        """Length of the longest label in tokens, its end token included."""
        return max(len(sequence) for sequence in self.sequences.values())


def build_trie(sequences: Mapping[str, Sequence[int]], end_token: int) -> LabelTrie:
    """Build the trie; `end_token` closes each label, so that one may begin with another.

    Raises:
        ValueError: no labels, an empty tokenization, or two labels with the same one.
    """
    if not sequences:
        message = "choice decoding needs at least one label"
        raise ValueError(message)
    root = _Node(path=())
    closed = {label: (*tokens, end_token) for label, tokens in sequences.items()}
    if len(set(closed.values())) < len(closed) or any(len(tokens) == 1 for tokens in closed.values()):
        message = f"labels must differ in their tokens and not be empty: {sorted(closed)}"
        raise ValueError(message)
    for label, tokens in closed.items():
        node = root
        for position, token in enumerate(tokens):
            node = node.children.setdefault(token, _Node(path=tokens[: position + 1]))
        node.label = label
    return LabelTrie(root=root, sequences=closed)


class LabelSearch:
    """Decides one row. Ask `wanted()`, evaluate that path, `feed()` its logits; repeat until it is None."""

    def __init__(self, trie: LabelTrie, *, every_label: bool = False) -> None:
        """Begin at the root; `every_label` goes on until each label has its probability."""
        self._trie = trie
        self._every_label = every_label
        self._open: list[tuple[float, _Node]] = []
        self._decided: dict[str, float] = {}
        self._push(0.0, trie.root)

    def _push(self, log_mass: float, node: _Node) -> None:
        """Add a node, walking down chains in which there is nothing to decide."""
        while len(node.children) == 1:
            (node,) = node.children.values()
        if node.label is not None and not node.children:
            self._decided[node.label] = log_mass
        else:
            self._open.append((log_mass, node))

    def wanted(self) -> tuple[int, ...] | None:
        """Return the token path, after the prompt, whose next-token logits are wanted; None when decided."""
        if not self._open:
            return None
        self._open.sort(key=lambda item: (item[0], item[1].path))
        log_mass, node = self._open[-1]
        if not self._every_label and self._decided and max(self._decided.values()) >= log_mass:
            return None
        return node.path

    def feed(self, logits: NDArray[np.float32]) -> None:
        """Take the logits (shape: vocabulary) that follow the wanted path."""
        log_mass, node = self._open.pop()
        tokens = list(node.children)
        scores = logits[tokens].astype(np.float64)
        scores -= scores.max()
        scores -= np.log(np.exp(scores).sum())
        for token, score in zip(tokens, scores, strict=True):
            self._push(log_mass + float(score), node.children[token])

    @property
    def label(self) -> str:
        """The most probable label; ties go to the first in the alphabet."""
        return min(self._decided, key=lambda label: (-self._decided[label], label))

    @property
    def probabilities(self) -> dict[str, float]:
        """The probability of each label that was reached; the other labels share what is missing from 1."""
        return {label: float(np.exp(self._decided[label])) for label in self._trie.sequences if label in self._decided}
