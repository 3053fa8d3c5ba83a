"""The same rows with faults of writing: typos, changed case, shuffled clauses. Pure functions of a text and a seed.

Targets stay: a person would still read each of these texts the same. Training rows are left as they are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from engine.core.errors import unknown_name
from engine.core.task import MADE_FROM, Example, Task
from engine.core.text.answer_forms import language_of
from engine.core.text.keyboards import neighbours
from engine.core.text.scripts import LATIN, is_spaceless, main_script, script_of
from engine.core.text.segments import NO_BLANKS, cluster_spans, word_spans

TYPO_SHARE = 0.2
"""Share of the words of at least four letters that get a typo."""
_NEIGHBOURS = {
    "q": "wa", "w": "qe", "e": "wr", "r": "et", "t": "ry", "y": "tu", "u": "yi", "i": "uo", "o": "ip", "p": "o",
    "a": "sq", "s": "ad", "d": "sf", "f": "dg", "g": "fh", "h": "gj", "j": "hk", "k": "jl", "l": "k",
    "z": "x", "x": "zc", "c": "xv", "v": "cb", "b": "vn", "n": "bm", "m": "n",
}  # fmt: skip
"""Letters side by side on an English keyboard."""
_WORD = re.compile(r"[A-Za-z]{4,}")
_CLAUSES = re.compile(r"(?<=[.!?;,])\s+|(?<=[\u061f\u060c\u061b\u0964\u0965\u104a\u104b\u17d4])\s+")
"""Between clauses: after the punctuation of Latin, Arabic, Devanagari, Burmese and Khmer."""
_WIDE_CLAUSES = re.compile(r"(?<=[\u3002\uff01\uff1f\uff1b\uff0c\u3001])\s*")
"""Between clauses of Chinese and Japanese, which put no blank there."""
_SPACELESS_RUN = re.compile(rf"(?:{NO_BLANKS.pattern}[\u0e31-\u0e4e\u0eb1-\u0ece]*)+")
_LEAST_LETTERS = 4


def typos(text: str, rng: random.Random, locale: str = "") -> str:
    """Give a fifth of the longer words one error: two letters swapped, one missing, one doubled, or a neighbour hit.

    Latin letters without a locale are taken as English. Else letters keep the marks that combine with them, and the
    neighbour is one on the keyboard of the language or script; where none is known, no neighbour is hit.
    """
    script = main_script(text)
    if script not in {"", LATIN} or locale:
        return _typos_of_script(text, rng, neighbours(language_of(locale), script))
    words = list(_WORD.finditer(text))
    count = min(len(words), max(1, round(len(words) * TYPO_SHARE)))
    for match in sorted(rng.sample(words, count), key=lambda found: -found.start()) if words else []:
        text = text[: match.start()] + _mistyped(match.group(), rng) + text[match.end() :]
    return text


def _typos_of_script(text: str, rng: random.Random, beside: Mapping[str, str]) -> str:
    words = []
    for start, end in _letter_runs(text):
        clusters = [(start + a, start + b) for a, b in cluster_spans(text[start:end])]
        if len(clusters) >= _LEAST_LETTERS:
            words.append(clusters)
    count = min(len(words), max(1, round(len(words) * TYPO_SHARE)))
    for clusters in sorted(rng.sample(words, count), reverse=True) if words else []:
        letters = [text[start:end] for start, end in clusters]
        wrong = "".join(_mistyped_letters(letters, rng, beside))
        text = text[: clusters[0][0]] + wrong + text[clusters[-1][1] :]
    return text


def _letter_runs(text: str) -> Iterator[tuple[int, int]]:
    """Yield the places of words; where no blanks stand between them, of runs of as many letters as a word has here."""
    for start, end in word_spans(text):
        if any(script_of(sign) for sign in text[start:end]) and not is_spaceless(text[start:end]):
            yield start, end
    for found in _SPACELESS_RUN.finditer(text):
        clusters = list(cluster_spans(found[0]))
        for first in range(0, len(clusters) - _LEAST_LETTERS + 1, _LEAST_LETTERS):
            yield found.start() + clusters[first][0], found.start() + clusters[first + _LEAST_LETTERS - 1][1]


def _mistyped_letters(letters: list[str], rng: random.Random, beside: Mapping[str, str]) -> list[str]:
    place = rng.randrange(1, len(letters) - 1)
    before, letter, after = letters[:place], letters[place], letters[place + 1 :]
    kinds = ["swap", "drop", "double"] + (["neighbour"] if beside.get(letter[0].lower()) else [])
    kind = rng.choice(kinds)
    if kind == "swap":
        return [*before, after[0], letter, *after[1:]]
    if kind == "drop":
        return [*before, *after]
    if kind == "double":
        return [*before, letter, letter, *after]
    return [*before, rng.choice(beside[letter[0].lower()]) + letter[1:], *after]


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


def other_case(text: str, rng: random.Random, _locale: str = "") -> str:
    """Write everything in lower case, or everything in capitals; a script without case stays as it is."""
    return rng.choice((str.lower, str.upper))(text)


def shuffled_clauses(text: str, rng: random.Random, _locale: str = "") -> str:
    """Put the clauses, as punctuation ends them, into another order; a text of one clause stays as it is."""
    pattern, between = (_WIDE_CLAUSES, "") if _WIDE_CLAUSES.search(text) else (_CLAUSES, " ")
    clauses = [clause for clause in pattern.split(text.strip()) if clause]
    if len(clauses) < 2:
        return text
    order = list(range(len(clauses)))
    while order == sorted(order):
        rng.shuffle(order)
    return between.join(clauses[place] for place in order)


Perturbation = Callable[[str, random.Random, str], str]
PERTURBATIONS: Mapping[str, Perturbation] = {
    "typos": typos,
    "case": other_case,
    "clauses": shuffled_clauses,
}
WORDS: Mapping[str, str] = {
    "typos": "typos",
    "case": "changed case",
    "clauses": "shuffled clauses",
    "drift": "the task's drift rows",
}
"""How each is written on screen."""


def perturbed_text(kind: str, text: str, example_id: str, seed: int, locale: str = "") -> str:
    """Perturb one row's input; the same row and seed always give the same text.

    Raises:
        UsageError: no such kind.
    """
    if kind not in PERTURBATIONS:
        raise unknown_name("perturbation", kind, PERTURBATIONS)
    return PERTURBATIONS[kind](text, random.Random(f"{seed}:{kind}:{example_id}"), locale)


def perturbed_task(task: Task, kind: str, *, split: str = "test", seed: int = 0) -> Task:
    """Return the task with the inputs of one split perturbed, under an id of its own; ids and targets stay."""

    def changed(example: Example) -> Example:
        if example.split != split:
            return example
        return replace(example, input=perturbed_text(kind, example.input, example.id, seed, task.locale))

    return replace(
        task,
        id=perturbed_id(task.id, kind, split),
        title=f"{task.title}, {WORDS[kind]}",
        examples=tuple(changed(example) for example in task.examples),
        card={**task.card, "made_from": f"{task.id}: {split} rows with {WORDS[kind]}, seed {seed}"},
    )


def left_out(task: Task, test_ids: Sequence[str]) -> list[str]:
    """Return the kinds that change none of these rows: case where a script has none, clauses where no row has two."""
    wanted = set(test_ids)
    rows = [example for example in task.examples if example.id in wanted]
    return [
        kind
        for kind in PERTURBATIONS
        if all(perturbed_text(kind, row.input, row.id, 0, task.locale) == row.input for row in rows)
    ]


def perturbed_id(task_id: str, kind: str, split: str = "test") -> str:
    """Name the task with one split perturbed; the test rows are the usual ones."""
    return f"{task_id}{MADE_FROM}{kind}" if split == "test" else f"{task_id}{MADE_FROM}{split}{MADE_FROM}{kind}"
