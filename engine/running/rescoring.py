"""Answers of a run from elsewhere, read and scored again: what an archive says of them is never believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.core.errors import UnparsedAnswerError
from engine.core.run.prediction import Failure, FailureKind, Prediction
from engine.core.task import Example, Task
from engine.core.variant import Variant, effective_mode
from engine.metrics.scoring import read_answer, score_answer


def rescored(
    task: Task, variants: Mapping[str, Variant], examples: Mapping[str, Example], made: Prediction
) -> Prediction:
    """Return a prediction with its answer read from its text and scored against the task's target, as a run does it.

    A row that has no text because something failed stays a failure.

    Args:
        task: whose rule counts.
        variants: of the run, by id.
        examples: of the task, by id.
        made: whose variant and example are among them.
    """
    failed = made.failure is not None and made.failure.kind is not FailureKind.UNPARSED
    blank = replace(made, answer=None, score=None, scores={})
    if failed:
        return blank
    mode = effective_mode(task, variants[made.variant_id].decoding.mode)
    try:
        answer = read_answer(task, mode, made.text)
    except UnparsedAnswerError as error:
        return replace(blank, failure=made.failure or Failure(kind=FailureKind.UNPARSED, message=error.what))
    scores = score_answer(task, examples[made.example_id], answer)
    return replace(blank, answer=answer, scores=scores, score=scores[task.primary_scorer], failure=None)
