"""What a trial's held-out rows were answered, and what is made of rows that were not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from engine.core.errors import ModelError, WorkerDiedError
from engine.core.generation import Completion
from engine.core.run.effort import Setting
from engine.core.run.prediction import Prediction
from engine.core.steps import check_cancelled
from engine.core.task import Example
from engine.core.variant import Variant
from engine.running.answering import ReadyVariant, RunContext
from engine.running.batches import LostRows, Row, answer_batch, ask, asked_again
from engine.running.preparation.priors import has_prior, tells_all
from engine.running.search.copies import repeats_an_example


@dataclass(slots=True)
class Answers:
    """What a trial has answered so far."""

    lost: LostRows
    rows: list[Example] = field(default_factory=list)
    order: list[Example] = field(default_factory=list)
    """These, with those that its prompts show, which it was not asked."""
    plain: list[float] = field(default_factory=list)
    """The score of each row as it was answered."""
    probabilities: list[Mapping[str, float]] = field(default_factory=list)
    """Of each row's labels; empty where there are none."""
    tokens: list[int] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def in_order(self, scores: Sequence[float]) -> tuple[float | None, ...]:
        """Return each row's score in the order of the folds, None for one that was not asked."""
        by_id = dict(zip((row.id for row in self.rows), scores, strict=True))
        return tuple(by_id.get(row.id) for row in self.order)

    def add(self, answer: _Answer) -> None:
        """Take the answer to one more row."""
        self.rows.append(answer.row)
        self.plain.append(answer.score)
        self.probabilities.append(answer.probabilities)
        if answer.prompt_tokens is not None:
            self.tokens.append(answer.prompt_tokens)
        if answer.message:
            self.messages.append(answer.message)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """The answer to one row, or why there is none."""

    row: Example
    score: float = 0.0
    probabilities: Mapping[str, float] = field(default_factory=dict)
    prompt_tokens: int | None = None
    message: str = ""
    error: Exception | None = None
    """Why the model gave no answer."""


def answer_all(
    context: RunContext,
    ready: ReadyVariant,
    rows: Sequence[Example],
    setting: Setting,
    answers: Answers,
) -> None:
    """Answer rows with a setting, and add what was answered.

    A busy server or a worker that dies must not decide between settings: what they left without an answer is asked
    once more, and then a few rows count as wrong, as they do in a run. Where it is more than a few, another setting
    than the default fails if its worker died.

    Args:
        context: of the search.
        ready: the setting, prepared.
        rows: of a fold.
        setting: as it is recorded.
        answers: takes the answers, and counts what is lost over the whole trial.

    Raises:
        CancelledError: the user stopped.
        ServerBusyError: the server was too busy for more than a few rows.
        WorkerDiedError: the worker died at more than a few rows, or at three in a row, of the default.
        ModelError: the same of another setting; or the server is unreachable, or refuses every request.
    """
    try:
        _answer(context, ready, rows, answers)
    except WorkerDiedError as error:
        if not setting:
            raise
        raise ModelError(error.what, error.fix) from error


def _answer(context: RunContext, ready: ReadyVariant, rows: Sequence[Example], answers: Answers) -> None:
    size = context.plan.batch_rows
    for start in range(0, len(rows), size):
        check_cancelled(context.cancel)
        part = list(enumerate(rows[start : start + size]))
        for answer in asked_again(part, partial(_asked, context, ready), lambda one: one.error):
            if answer.error is not None:
                answers.lost.note(answer.row.id, answer.error)
            answers.add(answer)


def tells_every_label(context: RunContext, variant: Variant) -> bool:
    """Tell whether every label's probability is told, so that an answer counts with and without correction."""
    return has_prior(context.task, variant) and tells_all(context)


def _asked(context: RunContext, ready: ReadyVariant, rows: Sequence[Row]) -> list[_Answer]:
    """Answer some rows at once, with every label's probability where it is told."""
    if not tells_every_label(context, ready.variant):
        batch = answer_batch(context, ready, rows)
        if batch.stopped_by is not None:
            raise batch.stopped_by
        made = zip(rows, batch.made, strict=True)
        return [_of_prediction(context, ready, row, one, batch.errors.get(row.id)) for (_place, row), one in made]
    asked = ask(context, ready, rows, every_label=True)
    if asked.stopped_by is not None:
        raise asked.stopped_by
    return [_of_completion(row, one) for (_place, row), one in zip(rows, asked.answers, strict=True)]


def _of_prediction(
    context: RunContext, ready: ReadyVariant, row: Example, made: Prediction, error: Exception | None
) -> _Answer:
    repeated = repeats_an_example(context.task, ready, row, made)
    return _Answer(
        row=row,
        score=0.0 if repeated else made.score or 0.0,
        prompt_tokens=made.usage.prompt_tokens,
        message=made.failure.message if made.failure is not None else "",
        error=error,
    )


def _of_completion(row: Example, answer: Completion | Exception) -> _Answer:
    if not isinstance(answer, Completion):
        return _Answer(row=row, message=str(answer), error=answer)
    return _Answer(
        row=row,
        score=float(answer.text == row.target),
        probabilities=answer.probabilities,
        prompt_tokens=answer.usage.prompt_tokens,
    )
