"""Measuring a variant's label prior before its first row, and deciding whether to take it away."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import replace

from engine.core.capabilities import Support
from engine.core.generation import Completion
from engine.core.run.events import Event, PreparationProgress
from engine.core.run.label_prior import LabelPrior
from engine.core.run.plan import TRAIN_ROWS, RunPlan
from engine.core.steps import Progress, check_cancelled
from engine.core.task import Example, Task
from engine.core.variant import DecodingMode, PriorCorrection, ShotChoice, Variant
from engine.metrics.label_prior import LEAST_ROWS, gain_of_correction, log_prior
from engine.running.answering import ReadyVariant, RunContext
from engine.running.batches import ask
from engine.running.prompting import effective_mode
from engine.running.sampling import balanced_sample


def measure_prior(
    context: RunContext, ready: ReadyVariant, train: Sequence[Example]
) -> Generator[Event, None, LabelPrior]:
    """Measure a variant's label prior, and what correction is worth; whether it is used is not decided here.

    The rows are training rows that the variant does not show. Weights have seen all training rows, so that a variant
    with weights is measured on validation rows.

    Raises:
        CancelledError: the user stopped.
        ModelError: the server is unreachable, or refuses every request.
    """
    if context.model.capabilities.choice_probabilities is not Support.YES:
        return LabelPrior(corrected=False, reason="this backend does not give the probability of every label")
    split, rows = _rows(context, ready, train)
    if len(rows) < LEAST_ROWS:
        return LabelPrior(corrected=False, reason=_too_few(ready, split, len(rows)), split=split)
    started = time.perf_counter()
    found: list[tuple[Example, Completion]] = []
    for start in range(0, len(rows), context.plan.batch_rows):
        check_cancelled(context.cancel)
        yield PreparationProgress(variant_id=ready.variant.id, progress=_progress(start, len(rows), started))
        part = rows[start : start + context.plan.batch_rows]
        asked = ask(context, ready, list(enumerate(part)), by_others=True, every_label=True)
        found += [
            (row, answer)
            for row, answer in zip(part, asked.answers, strict=True)
            if isinstance(answer, Completion) and len(answer.probabilities) == len(context.task.answer.labels)
        ]
    if len(found) < LEAST_ROWS:
        reason = "too few rows were answered with the probability of every label"
        return LabelPrior(corrected=False, reason=reason, split=split)
    return _measured(context.task, found, split, time.perf_counter() - started)


def has_prior(task: Task, variant: Variant) -> bool:
    """Tell whether a variant chooses among labels, for which a model can have a prior."""
    return variant.generates and effective_mode(task, variant.decoding.mode) is DecodingMode.CHOICE


def decided(prior: LabelPrior, wanted: PriorCorrection) -> LabelPrior | None:
    """Decide whether a measured prior is taken away; None where nobody asked for it."""
    if wanted is PriorCorrection.OFF:
        return None
    return replace(prior, corrected=prior.measured and (prior.worth_it or wanted is PriorCorrection.ON))


def _progress(done: int, rows: int, started: float) -> Progress:
    left_s = (time.perf_counter() - started) * (rows - done) / done if done else None
    return Progress(stage="Measuring the prior for labels", fraction=done / rows, left_s=left_s)


def count_rows(plan: RunPlan, task: Task, variant: Variant) -> int:
    """Return about how many rows are answered to measure a variant's prior, over all draws."""
    if variant.decoding.prior_correction is PriorCorrection.OFF or not has_prior(task, variant):
        return 0
    able = len(task.split("validation")) if variant.lora is not None else len(plan.train_ids) - variant.shots_k
    rows = min(able, _most_rows(task))
    compared = variant.shot_choice is ShotChoice.AUTO and 0 < variant.shots_k < len(task.answer.labels)
    return rows * (plan.draws if variant.drawn else 1) * (1 + compared) if rows >= LEAST_ROWS else 0


def _most_rows(task: Task) -> int:
    """As many as a run learns from by default: more hardly move a mean, and each takes as long as an answer."""
    return max(TRAIN_ROWS, len(task.answer.labels))


def _rows(context: RunContext, ready: ReadyVariant, train: Sequence[Example]) -> tuple[str, list[Example]]:
    """Return rows that the variant was not shown, and their split."""
    split = "train" if ready.lora is None else "validation"
    able = [row for row in train if row not in ready.shots] if ready.lora is None else context.task.split(split)
    return split, balanced_sample(able, _most_rows(context.task), seed=context.plan.seed)


def _too_few(ready: ReadyVariant, split: str, count: int) -> str:
    if ready.lora is not None and not count:
        return "its weights have seen the training rows, and the task has no validation rows"
    there = f"only {count}" if count else "no"
    return f"there are {there} {'validation' if split == 'validation' else 'training'} rows that it was not shown"


def _measured(task: Task, found: Sequence[tuple[Example, Completion]], split: str, seconds: float) -> LabelPrior:
    probabilities = [answer.probabilities for _row, answer in found]
    often = Counter(row.target for row in task.split("train"))
    gain = gain_of_correction(probabilities, [row.target for row, _answer in found], often)
    return LabelPrior(
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
