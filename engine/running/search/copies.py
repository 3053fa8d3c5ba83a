"""Answers that repeat an example of their own prompt instead of answering. A pure function."""

from __future__ import annotations

from engine.core.run.prediction import Prediction
from engine.core.task import AnswerKind, Example, Task
from engine.running.answering import ReadyVariant


def repeats_an_example(task: Task, ready: ReadyVariant, row: Example, made: Prediction) -> bool:
    """Tell whether a free text is that of an example in its prompt, and not the row's own target.

    Scores of form alone would reward it, and a search for settings finds what is rewarded: with two examples in the
    prompt, 93 of 100 lines of `house-style` were one of these two, and 99 followed every rule. Other kinds of answers
    have a right one, which their scores ask for.
    """
    if task.answer.kind is not AnswerKind.TEXT:
        return False
    shown = {shot.target for shot in ready.shots} | {passage.target for passage in made.passages if passage.target}
    return _plain(made.answer or made.text) in {_plain(text) for text in shown if _plain(text) != _plain(row.target)}


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".")
