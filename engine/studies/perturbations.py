"""The same rows, worse written: typing errors, other case, shuffled clauses. Pure functions of a text and a seed.

Targets stay: a person would still read each of these texts the same. Training rows are left as they are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from engine.core.errors import unknown_name
from engine.core.task import Example, Task

MARK = "--"
"""Separates a task's id from the kind of perturbation in the id of the derived task."""
TYPO_SHARE = 0.2
"""Share of the words of at least four letters that get a typing error."""
_NEIGHBOURS = {
    "q": "wa", "w": "qe", "e": "wr", "r": "et", "t": "ry", "y": "tu", "u": "yi", "i": "uo", "o": "ip", "p": "o",
    "a": "sq", "s": "ad", "d": "sf", "f": "dg", "g": "fh", "h": "gj", "j": "hk", "k": "jl", "l": "k",
    "z": "x", "x": "zc", "c": "xv", "v": "cb", "b": "vn", "n": "bm", "m": "n",
}  # fmt: skip
"""Letters side by side on an English keyboard."""
_WORD = re.compile(r"[A-Za-z]{4,}")
_CLAUSES = re.compile(r"(?<=[.!?;,])\s+")


def typos(text: str, rng: random.Random) -> str:
    """Give a fifth of the longer words one error: two letters swapped, one missing, one doubled, or a neighbour hit."""
    words = list(_WORD.finditer(text))
    count = min(len(words), max(1, round(len(words) * TYPO_SHARE)))
    for match in sorted(rng.sample(words, count), key=lambda found: -found.start()) if words else []:
        text = text[: match.start()] + _mistyped(match.group(), rng) + text[match.end() :]
    return text


def _mistyped(word: str, rng: random.Random) -> str:
    place = rng.randrange(1, len(word) - 1)
    kind = rng.choice(("swap", "drop", "double", "neighbour"))
    if kind == "swap":
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    if kind == "drop":
        return word[:place] + word[place + 1 :]
    if kind == "double":
        return word[:place] + word[place] + word[place:]
    return word[:place] + rng.choice(_NEIGHBOURS[word[place].lower()]) + word[place + 1 :]


def other_case(text: str, rng: random.Random) -> str:
    """Write everything in lower case, or everything in capitals."""
    return rng.choice((str.lower, str.upper))(text)


def shuffled_clauses(text: str, rng: random.Random) -> str:
    """Put the clauses, as punctuation ends them, into another order; a text of one clause stays as it is."""
    clauses = _CLAUSES.split(text.strip())
    if len(clauses) < 2:
        return text
    order = list(range(len(clauses)))
    while order == sorted(order):
        rng.shuffle(order)
    return " ".join(clauses[place] for place in order)


Perturbation = Callable[[str, random.Random], str]
PERTURBATIONS: Mapping[str, Perturbation] = {
    "typos": typos,
    "case": other_case,
    "clauses": shuffled_clauses,
}
WORDS: Mapping[str, str] = {
    "typos": "typing errors",
    "case": "other case",
    "clauses": "shuffled clauses",
    "drift": "the task's drift rows",
}
"""How each is written on screen."""


def perturbed_text(kind: str, text: str, example_id: str, seed: int) -> str:
    """Perturb one row's input; the same row and seed always give the same text.

    Raises:
        UsageError: no such kind.
    """
    if kind not in PERTURBATIONS:
        raise unknown_name("perturbation", kind, PERTURBATIONS)
    return PERTURBATIONS[kind](text, random.Random(f"{seed}:{kind}:{example_id}"))


def perturbed_task(task: Task, kind: str, *, split: str = "test", seed: int = 0) -> Task:
    """Return the task with the inputs of one split perturbed, under an id of its own; ids and targets stay."""

    def changed(example: Example) -> Example:
        if example.split != split:
            return example
        return replace(example, input=perturbed_text(kind, example.input, example.id, seed))

    return replace(
        task,
        id=perturbed_id(task.id, kind),
        title=f"{task.title}, {WORDS[kind]}",
        examples=tuple(changed(example) for example in task.examples),
        card={**task.card, "made_from": f"{task.id}: {split} rows with {WORDS[kind]}, seed {seed}"},
    )


def perturbed_id(task_id: str, kind: str) -> str:
    """Name the perturbed task."""
    return f"{task_id}{MARK}{kind}"


def is_perturbed(task_id: str) -> bool:
    """Tell whether a task was made by perturbing another."""
    return MARK in task_id and task_id.rpartition(MARK)[2] in PERTURBATIONS
