"""One variant on several rows at once: retrieve, ask, and make of each answer what answering one row makes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from engine.core.errors import (
    AdaptLabError,
    CancelledError,
    ModelError,
    RetrievalError,
    ServerBusyError,
    WorkerDiedError,
    WorkerError,
)
from engine.core.generation import Completion
from engine.core.run.prediction import Prediction, Timing
from engine.core.steps import drain
from engine.core.task import Example
from engine.running.answering import (
    MAX_ATTEMPTS,
    STOPPING,
    ReadyVariant,
    Retrieved,
    RunContext,
    answer_row,
    completed,
    failed,
    passes,
    request_for,
    retrieve,
    stop_if_cancelled,
    without_label_prior,
)
from engine.running.prompt_forms import in_stored_labels

T = TypeVar("T")
R = TypeVar("R")
STOPS = (CancelledError, *STOPPING)
"""What stops the run in an answer's place."""
Row = tuple[int, Example]
"""A row with its number in the run."""
MOST_DEATHS = 3
"""After so many rows or batches in a row at each of which the model's process died, twice, nothing more is asked: what
ends it has nothing to do with these rows, and would end it at all others, too."""
MOST_LOST = 0.2
"""Share of the rows by which something is decided that may be lost. Beyond it the server or the worker would decide."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchAnswers:
    """What the model answered to each row, in order, or the error in its place."""

    answers: Sequence[Completion | Exception]
    found: Sequence[Retrieved | Exception]
    attempts: int
    stopped_by: Exception | None = None
    """What stops the run: the server is gone, or the user stopped it. Some rows may have been answered before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """The predictions of several rows, in order, and what stops the run after them: the rows that are missing."""

    made: Sequence[Prediction]
    stopped_by: Exception | None = None
    errors: Mapping[str, Exception] = field(default_factory=dict)
    """Why rows that were asked about at once have no answer, by row id."""


def answer_batch(context: RunContext, ready: ReadyVariant, rows: Sequence[Row]) -> Batch:
    """Answer several rows at once. The predictions carry shares of the batch's time, and no latency."""
    if ready.draws:
        return _batch_by_draw(context, ready, rows)
    started = time.perf_counter()
    if not ready.variant.generates:
        made, stopped_by = [], None
        for row, example in rows:
            try:
                made.append(drain(answer_row(context, ready, example, row)))
            except STOPS as error:
                stopped_by = error
                break
        share_s = (time.perf_counter() - started) / max(len(made), 1)
        shared = [replace(p, timing=Timing(batch_share_s=share_s, cpu_s=p.timing.cpu_s)) for p in made]
        return Batch(made=shared, stopped_by=stopped_by)
    asked = ask(context, ready, rows)
    loads_s = [answer.load_s for answer in asked.answers if isinstance(answer, Completion)]
    share_s = max(time.perf_counter() - started - max(loads_s, default=0.0), 0.0) / len(rows)
    made, errors = [], {}
    for (_row, example), answer, item in zip(rows, asked.answers, asked.found, strict=True):
        if isinstance(answer, STOPS):
            continue
        try:
            prediction = _read(context, ready, example, answer, item)
        except AdaptLabError as error:
            made.append(failed(context, ready, example, error, attempts=asked.attempts))
            errors[example.id] = error
        else:
            timing = replace(prediction.timing, batch_share_s=share_s)
            made.append(replace(prediction, timing=timing, attempts=asked.attempts))
    return Batch(made=made, stopped_by=asked.stopped_by, errors=errors)


def _read(
    context: RunContext,
    ready: ReadyVariant,
    example: Example,
    answer: Completion | Exception,
    found: Retrieved | Exception,
) -> Prediction:
    """Make a prediction of an answer; what was raised in its place is raised."""
    if isinstance(found, Exception):
        raise found
    if isinstance(answer, ModelError):
        answer.usage = found.paid_with(answer.usage)
    if isinstance(answer, Exception):
        raise answer
    prediction = completed(context, ready, example, without_label_prior(ready, answer), found)
    timing = Timing(
        prefill_s=answer.prefill_s,
        decode_s=answer.decode_s,
        load_s=answer.load_s,
        waited_s=answer.waited_s,
        cpu_s=answer.cpu_s + found.cpu_s,
    )
    return replace(prediction, timing=timing)


def ask(
    context: RunContext, ready: ReadyVariant, rows: Sequence[Row], *, by_others: bool = False, every_label: bool = False
) -> BatchAnswers:
    """Ask the model about several rows at once.

    A worker that dies is started again, and asked once more.

    Args:
        context: of the run.
        ready: the variant, with one draw.
        rows: to ask about.
        by_others: leave a row itself out of what is retrieved for it, as for training rows.
        every_label: ask for the probability of every label.

    Raises:
        CancelledError: the user stopped it before a row was answered.
        ModelError: the server is unreachable, or refuses every request.
    """
    found = [_retrieve_or_error(context, ready, row, without=row.id if by_others else "") for _place, row in rows]
    requests = {}
    for place, item in enumerate(found):
        if isinstance(item, Retrieved):
            request = request_for(context, ready, rows[place][1], rows[place][0], item.passages)
            every = every_label or request.decoding.every_label
            requests[place] = replace(request, decoding=replace(request.decoding, every_label=every))
    wanted = list(requests.values())
    given, attempts = _twice(context, len(wanted), lambda: context.model.generate_batch(wanted, cancel=context.cancel))
    by_place: dict[int, Completion | Exception] = dict(zip(requests, given, strict=True))
    answers: list[Completion | Exception] = []
    for place, item in enumerate(found):
        answer = by_place[place] if isinstance(item, Retrieved) else item
        if isinstance(answer, Completion):
            answer = in_stored_labels(context.task, ready.variant.prompt, answer)
        answers.append(answer)
    stopped_by = next((answer for answer in answers if isinstance(answer, STOPS)), None)
    return BatchAnswers(answers=answers, found=found, attempts=attempts, stopped_by=stopped_by)


def _batch_by_draw(context: RunContext, ready: ReadyVariant, rows: Sequence[Row]) -> Batch:
    """Answer the rows of each draw at once, and return the predictions in the order of the rows."""
    made: dict[str, Prediction] = {}
    errors: dict[str, Exception] = {}
    stopped_by: Exception | None = None
    for place, draw in enumerate(ready.draws):
        own = [(row, example) for row, example in rows if row % len(ready.draws) == place]
        if own and stopped_by is None:
            try:
                batch = answer_batch(context, draw, own)
            except STOPS as error:
                batch = Batch(made=(), stopped_by=error)
            made |= {prediction.example_id: prediction for prediction in batch.made}
            errors |= batch.errors
            stopped_by = batch.stopped_by
    in_order = [made[row.id] for _place, row in rows if row.id in made]
    return Batch(made=in_order, stopped_by=stopped_by, errors=errors)


def _twice(
    context: RunContext, count: int, asking: Callable[[], Sequence[Completion | Exception]]
) -> tuple[Sequence[Completion | Exception], int]:
    """Ask, once more if the worker died; return so many answers and how many attempts they took."""
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            return asking(), attempt
        except WorkerDiedError as error:
            stop_if_cancelled(context, error)
            if attempt == MAX_ATTEMPTS:
                return [error] * count, attempt
        except STOPPING:
            raise
        except (ModelError, WorkerError) as error:
            return [error] * count, attempt
    return [], MAX_ATTEMPTS


def _retrieve_or_error(
    context: RunContext, ready: ReadyVariant, example: Example, *, without: str
) -> Retrieved | Exception:
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            return retrieve(context, ready, example, without=without)
        except WorkerDiedError as error:
            if attempt == MAX_ATTEMPTS:
                return error
        except STOPPING:
            raise
        except (ModelError, RetrievalError, WorkerError) as error:
            return error
    return RetrievalError("The retrieval worker ended without a result.", "Start the run again.")


def asked_again(
    rows: Sequence[T], ask_at_once: Callable[[Sequence[T]], Sequence[R]], error_of: Callable[[R], object]
) -> list[R]:
    """Ask about rows at once, and once more about those that a server's fault or a dead worker left without an answer.

    Rows whose batch died with its worker are asked again one by one: one of them may have ended it for all.

    Args:
        rows: to ask about.
        ask_at_once: asks about some of them; raises what stops the run.
        error_of: returns the error in an answer's place, if there is one.

    Raises:
        WorkerDiedError: it died at three of them in a row.
    """
    given = list(ask_at_once(rows))
    errors = {place: error for place, one in enumerate(given) if isinstance(error := error_of(one), Exception)}
    if passing := [place for place, error in errors.items() if passes(error)]:
        for place, answer in zip(passing, ask_at_once([rows[place] for place in passing]), strict=True):
            given[place] = answer
    died = [place for place, error in errors.items() if isinstance(error, WorkerDiedError)]
    in_a_row = 0
    for place in died if len(died) > 1 else ():
        (given[place],) = ask_at_once([rows[place]])
        error = error_of(given[place])
        in_a_row = in_a_row + 1 if isinstance(error, WorkerDiedError) else 0
        if isinstance(error, WorkerDiedError) and in_a_row == MOST_DEATHS:
            raise error
    return given


def is_lost(error: Exception) -> bool:
    """Tell whether an answer is missing since the server had no capacity, or since the worker died."""
    return isinstance(error, ServerBusyError | WorkerDiedError)


class LostRows:
    """Counts the lost rows among those by which something is decided."""

    def __init__(self, rows: int, *, least: int = 0) -> None:
        """Take the number of rows, and how many at least must be left."""
        self._most = min(int(rows * MOST_LOST), rows - least)
        self._ids: set[str] = set()

    def note(self, row_id: str, error: Exception) -> None:
        """Count a row that was asked about in vain, as often as it is.

        Raises:
            ServerBusyError: too many rows are lost; this was the last. A resumed run asks again.
            WorkerDiedError: as above.
        """
        if not is_lost(error):
            return
        self._ids.add(row_id)
        if len(self._ids) > self._most:
            raise error

    @property
    def ids(self) -> frozenset[str]:
        """Those that were lost."""
        return frozenset(self._ids)
