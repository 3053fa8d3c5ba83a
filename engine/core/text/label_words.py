"""The words that stand for labels in prompts: given by label, checked, read from lines. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.core.errors import UsageError
from engine.core.task import AnswerSpec
from engine.core.text.safe_text import visible

MOST_LETTERS = 60
_MOST_NAMED = 20


def with_label_words(answer: AnswerSpec, words: Mapping[str, str]) -> AnswerSpec:
    """Give labels the words that stand for them in prompts.

    Raises:
        UsageError: one is for no label, is empty or not clean text, or is another label's name or word.
    """
    own = {label: word.strip() for label, word in words.items() if word.strip() != label}
    if not own:
        return answer
    if fault := label_word_fault(answer.labels, own):
        raise UsageError(*fault)
    return replace(answer, label_words=own)


def label_word_fault(labels: Sequence[str], words: Mapping[str, str]) -> tuple[str, str] | None:
    """Say what is wrong with the words of labels, and the fix; None if nothing is."""
    for label, word in words.items():
        if label not in labels:
            return f"'{visible(label)}' has a word, but is not a label.", f"Labels: {', '.join(labels[:_MOST_NAMED])}."
        if not word.strip():
            return f"The word for '{label}' is empty.", "Write one, or leave the label out."
        if word != word.strip() or visible(word) != word or "\n" in word or "\t" in word:
            return f"The word for '{label}' is not clean text: '{visible(word)}'.", "Write one line of visible letters."
        if len(word) > MOST_LETTERS:
            return f"The word for '{label}' has {len(word)} letters.", f"Write at most {MOST_LETTERS}."
    shown: dict[str, str] = {}
    for label in labels:
        word = words.get(label, label)
        if word in shown or (word != label and word in labels):
            other = shown.get(word, word)
            return f"'{other}' and '{label}' would both be '{word}'.", "Give each label a word of its own."
        shown[word] = label
    return None


def read_label_words(lines: Sequence[str]) -> dict[str, str]:
    """Read lines of the form `label = word`; a label may have a `=` in it.

    Raises:
        UsageError: a line has another form, or a label comes twice.
    """
    words: dict[str, str] = {}
    for line in filter(str.strip, lines):
        label, sign, word = (part.strip() for part in line.rpartition("="))
        if not sign or not label:
            raise UsageError(f"'{visible(line.strip())}' does not give a label its word.", "Write LABEL=WORD.")
        if label in words:
            raise UsageError(f"'{visible(label)}' has two words.", "Give it one.")
        words[label] = word
    return words
