"""Measuring a variant's label prior before its first row, and deciding whether to take it away."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from engine.core.capabilities import Support
from engine.core.generation import Completion
from engine.core.run.events import Event, PreparationProgress
from engine.core.run.label_prior import LabelPrior
from engine.core.run.plan import TRAIN_ROWS, RunPlan
from engine.core.steps import Progress, check_cancelled, seconds_left
from engine.core.task import Example, Task
from engine.core.variant import DecodingMode, PriorCorrection, ShotChoice, Variant, effective_mode
from engine.metrics.label_prior import LEAST_ROWS, log_prior, outcomes, paired_gain
from engine.running.answering import ReadyVariant, Retrieved, RunContext, completed
from engine.running.batches import LostRows, Row, ask, asked_again
from engine.running.sampling import balanced_sample

NOT_TOLD = "this backend does not give the probability of every label"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A variant's label prior, and how it answered the rows that it was measured on."""

    prior: LabelPrior
    right: Mapping[str, tuple[bool, bool]] = field(default_factory=dict)
    """By row id: whether it is right without correction, and with it. A row without an answer is missing."""
    lost: frozenset[str] = frozenset()
    """Rows that were asked about and have no answer for a reason that is not theirs: they decide nothing."""


def measure_prior(
    context: RunContext, ready: ReadyVariant, train: Sequence[Example]
) -> Generator[Event, None, Measured]:
    """Measure a variant's label prior, and what correction is worth; whether it is used is not decided here.

    The rows are training rows that the variant does not show. Weights have seen all training rows, so that a variant
    with weights is measured on validation rows. Rows that the run answers are never among them.

    Raises:
        CancelledError: the user stopped.
        ModelError: the server is unreachable, refuses every request, or was too busy for more than a few rows.
        WorkerDiedError: the worker died whenever it was asked about more than a few rows.
    """
    if not tells_all(context):
        return _unmeasured(NOT_TOLD)
    split, rows = _rows(context, ready, train)
    if len(rows) < LEAST_ROWS:
        return _unmeasured(_too_few(ready, split, len(rows)), split)
    started = time.perf_counter()
    answers, lost = yield from _answers(context, ready, rows, "Measuring the prior for labels", every_label=True)
    found = [
        (row, answer) for row, answer, _found in answers if len(answer.probabilities) == len(context.task.answer.labels)
    ]
    seconds = time.perf_counter() - started
    few = "too few rows were answered with the probability of every label"
    enough = len(found) >= LEAST_ROWS
    made = _measured(context.task, found, split, seconds) if enough else _unmeasured(few, split, seconds)
    # A server may tell its likeliest tokens alone; what it answered still tells which examples are better.
    return replace(made, right={**_plainly(context, ready, answers), **made.right}, lost=lost)


def answer_unseen(
    context: RunContext, ready: ReadyVariant, train: Sequence[Example]
) -> Generator[Event, None, Measured]:
    """Answer the rows that a prior would be measured on, where a backend does not tell what that takes.

    Raises:
        CancelledError: the user stopped.
        ModelError: the server is unreachable, refuses every request, or was too busy for more than a few rows.
        WorkerDiedError: the worker died whenever it was asked about more than a few rows.
    """
    split, rows = _rows(context, ready, train)
    if len(rows) < LEAST_ROWS:
        return _unmeasured(NOT_TOLD, split)
    started = time.perf_counter()
    answers, lost = yield from _answers(context, ready, rows, "Comparing examples", every_label=False)
    made = _unmeasured(NOT_TOLD, split, time.perf_counter() - started)
    return replace(made, right=_plainly(context, ready, answers), lost=lost)


def _plainly(
    context: RunContext, ready: ReadyVariant, answers: Sequence[tuple[Example, Completion, Retrieved]]
) -> dict[str, tuple[bool, bool]]:
    """Return which answers are right as they are, by row id, as `Measured.right`."""
    scores = {row.id: completed(context, ready, row, answer, found).score or 0.0 for row, answer, found in answers}
    return {row_id: (score >= 1.0, score >= 1.0) for row_id, score in scores.items()}


def tells_all(context: RunContext) -> bool:
    """Tell whether the backend gives the probability of every label."""
    return context.model.capabilities.choice_probabilities is Support.YES


def _answers(
    context: RunContext, ready: ReadyVariant, rows: Sequence[Example], stage: str, *, every_label: bool
) -> Generator[Event, None, tuple[list[tuple[Example, Completion, Retrieved]], frozenset[str]]]:
    """Answer rows that are not the run's; those that failed are left out. Return which of these were lost, too.

    They are asked for at once, also where the run answers row by row: nobody waits for one of them, and what is decided
    by them must not depend on how the run answers. Kernels for several rows add in another order, so that near ties may
    fall either way.
    """
    started = time.perf_counter()
    answers: list[tuple[Example, Completion, Retrieved]] = []
    lost = LostRows(len(rows), least=LEAST_ROWS)
    for start in range(0, len(rows), context.plan.batch_rows):
        check_cancelled(context.cancel)
        yield PreparationProgress(variant_id=ready.variant.id, progress=_progress(stage, start, len(rows), started))
        part = list(enumerate(rows[start : start + context.plan.batch_rows]))
        ask_at_once = partial(_asked, context, ready, every_label=every_label)
        given = asked_again(part, ask_at_once, lambda pair: pair[0])
        for (_place, row), (answer, found) in zip(part, given, strict=True):
            if isinstance(answer, Completion) and isinstance(found, Retrieved):
                answers.append((row, answer, found))
            elif isinstance(answer, Exception):
                lost.note(row.id, answer)
    return answers, lost.ids


def _asked(
    context: RunContext, ready: ReadyVariant, rows: Sequence[Row], *, every_label: bool
) -> list[tuple[Completion | Exception, Retrieved | Exception]]:
    """Ask about rows at once; return what was answered and found, or the errors in their place."""
    asked = ask(context, ready, rows, by_others=True, every_label=every_label)
    if asked.stopped_by is not None:
        raise asked.stopped_by
    return list(zip(asked.answers, asked.found, strict=True))


def _unmeasured(reason: str, split: str = "", seconds: float = 0.0) -> Measured:
    return Measured(prior=LabelPrior(corrected=False, reason=reason, split=split, measure_s=seconds))


def has_prior(task: Task, variant: Variant) -> bool:
    """Tell whether a variant chooses among labels, for which a model can have a prior."""
    return variant.generates and effective_mode(task, variant.decoding.mode) is DecodingMode.CHOICE


def decided(prior: LabelPrior, wanted: PriorCorrection) -> LabelPrior | None:
    """Decide whether a measured prior is taken away; None where nobody asked for it."""
    if wanted is PriorCorrection.OFF:
        return None
    return replace(prior, corrected=prior.measured and (prior.worth_it or wanted is PriorCorrection.ON))


def _progress(stage: str, done: int, rows: int, started: float) -> Progress:
    return Progress(stage=stage, fraction=done / rows, left_s=seconds_left(time.perf_counter() - started, done, rows))


def count_rows(plan: RunPlan, task: Task, variant: Variant, *, told: bool = True) -> int:
    """Return about how many rows are answered to measure a variant's prior and to compare examples, over all draws.

    Args:
        plan: of the run.
        task: of the run.
        variant: of the plan.
        told: whether the backend gives the probability of every label, without which no prior is measured.
    """
    if not has_prior(task, variant):
        return 0
    able = len(plan.train_ids) - variant.shots_k
    if variant.lora is not None:
        able = len(_validation_rows(plan, task))
    rows = min(able, _most_rows(task))
    compared = variant.shot_choice is ShotChoice.AUTO and 0 < variant.shots_k < len(task.answer.labels)
    measured = told and variant.decoding.prior_correction is not PriorCorrection.OFF
    # Both ways are answered where they are compared, one of which is the prior's first measurement.
    passes = max(plan.draws if variant.drawn and measured else measured, compared) + compared
    return rows * passes if rows >= LEAST_ROWS else 0


def _most_rows(task: Task) -> int:
    """As many as a run learns from by default: more hardly move a mean, and each takes as long as an answer."""
    return max(TRAIN_ROWS, len(task.answer.labels))


def _rows(context: RunContext, ready: ReadyVariant, train: Sequence[Example]) -> tuple[str, list[Example]]:
    """Return rows that the variant was not shown, and their split."""
    split = "train" if ready.lora is None else "validation"
    answered, shown = set(context.plan.test_ids), {shot.id for shot in ready.shots}
    offered = train if ready.lora is None else _validation_rows(context.plan, context.task)
    able = [row for row in offered if row.id not in answered and row.id not in shown]
    return split, balanced_sample(able, _most_rows(context.task), seed=context.plan.seed)


def _validation_rows(plan: RunPlan, task: Task) -> list[Example]:
    """Return the validation rows; none where the run answers such rows, for the others may be added to it later."""
    answered, rows = set(plan.test_ids), task.split("validation")
    return [] if any(row.id in answered for row in rows) else list(rows)


def _too_few(ready: ReadyVariant, split: str, count: int) -> str:
    if ready.lora is not None and not count:
        return "its weights have seen the training rows, and no validation row is left to judge by"
    there = f"only {count}" if count else "no"
    return f"there are {there} {'validation' if split == 'validation' else 'training'} rows that it was not shown"


def _measured(task: Task, found: Sequence[tuple[Example, Completion]], split: str, seconds: float) -> Measured:
    probabilities = [answer.probabilities for _row, answer in found]
    targets = [row.target for row, _answer in found]
    without, having = outcomes(probabilities, targets)
    gain = paired_gain(without, having, targets, label_frequencies(task))
    prior = LabelPrior(
        corrected=False,
        split=split,
        rows=len(found),
        right_without=gain.right_without,
        right_with=gain.right_with,
        standard_error=gain.standard_error,
        worth_it=gain.worth_it,
        measure_s=seconds,
        log_prior=log_prior(probabilities),
    )
    both = zip(found, without.tolist(), having.tolist(), strict=True)
    return Measured(prior=prior, right={row.id: (plain, corrected) for (row, _answer), plain, corrected in both})


def label_frequencies(task: Task) -> Mapping[str, float]:
    """Count how often each label occurs in the training split, which stands for where the variant will be used."""
    return Counter(row.target for row in task.split("train"))
