"""One trial: a setting is prepared and answers the rows that are held out, fold by fold."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from engine.core.errors import (
    AdaptLabError,
    CancelledError,
    ServerBusyError,
    SpendingLimitError,
    StoreError,
    WorkerDiedError,
)
from engine.core.interval import Floats
from engine.core.ports import Trainer
from engine.core.run.effort import Setting, Trial, TrialOutcome
from engine.core.run.events import Event
from engine.core.run.label_prior import LabelPrior
from engine.core.task import Example
from engine.core.variant import ClassifierKind, PriorCorrection, Variant
from engine.metrics.label_prior import LEAST_ROWS, outcomes, paired_gain
from engine.running.answering import STOPPING, ReadyVariant, RunContext, passes
from engine.running.batches import LostRows
from engine.running.preparation.preparing import OneOff, find_parts, make_draw, tried_twice
from engine.running.preparation.priors import (
    count_rows,
    decided,
    label_frequencies,
    measure_prior,
)
from engine.running.preparation.shots import Chosen, decide_shots
from engine.running.search.answers import Answers, answer_all, tells_every_label
from engine.running.search.folds import Fold, Ground
from engine.running.search.took import Took

PASSING = (CancelledError, SpendingLimitError, StoreError, WorkerDiedError, ServerBusyError, *STOPPING)
"""What stops the run instead of being a setting's fault: a resumed run tries that setting again."""


def try_setting(
    context: RunContext,
    as_in_the_run: RunContext,
    trainer: Trainer,
    variant: Variant,
    setting: Setting,
    ground: Ground,
    *,
    so_far: Callable[[float, Sequence[float | None], int], float],
    goes_on: Callable[[float, int], bool],
    enough: Callable[[float, float, int], bool],
    keeps_weights: bool = False,
) -> Generator[Event, None, Trial]:
    """Answer the held-out rows of each fold, as long as the mean so far is worth going on.

    Weights, and an encoder that is trained whole, answer one fold alone: they take a training for each.
    Examples that are the same in every prompt are those that the run would show, and a row that is shown is not judged:
    other examples make another prompt. With too few rows beside the run's training rows they are chosen from each fold.
    How examples are chosen, and whether the default's prior is taken away, is decided before, on the training rows of
    the run, which takes these decisions over; the weights of its default it takes over, too, where they learn what the
    run's do. What that takes is a part of the run's preparation, and none of the trial's seconds.

    Args:
        context: of the search, whose task has no row that is tested; rows are answered in batches.
        as_in_the_run: the same, but for how often examples are drawn: as the run will.
        trainer: trains LoRA weights.
        variant: with the setting.
        setting: as it is recorded.
        ground: the rows that all settings are judged on.
        so_far: takes the mean, each row's score and the number of folds; returns what compares with other trials.
        goes_on: takes the mean so far and the number of folds.
        enough: takes the seconds of all folds so far, those of answering the last one, and their number; it tells
            whether the trial is whole with these.
        keeps_weights: the setting answers with the default's weights, which were trained in the default's trial.

    Raises:
        CancelledError: the user stopped the run.
        ModelError: the server is unreachable, or refuses every request.
    """
    started = time.perf_counter()
    means, took = list[float](), Took()
    standing, message, record, prior = TrialOutcome.WHOLE, "", None, None
    began_at, as_the_default = time.time(), not setting or keeps_weights
    trained = variant.lora is not None or variant.classifier.kind is ClassifierKind.ENCODER
    used = ground.folds[:1] if trained else ground.folds
    answers = Answers(LostRows(sum(len(fold.held_out) for fold in used)))
    try:
        chosen = yield from tried_twice(partial(decide_shots, as_in_the_run, variant, ground.train, None), "A trial")
        record = chosen.record
        if not setting:
            deciding = partial(_prior_in_the_run, as_in_the_run, trainer, chosen, ground.train)
            prior = yield from tried_twice(deciding, "A trial")
        started = time.perf_counter()
        of_the_run = as_the_default and ground.learns_as_the_run
        for fold in used:
            # The default trains as the run will: all its epochs, without rows that say when to end.
            given = (context, as_in_the_run, ground, fold)
            part = partial(_prepared, trainer, variant, chosen, *given, ends_early=not as_the_default)
            begun = time.perf_counter()
            ready = yield from tried_twice(part, "A trial")
            asked = time.perf_counter()
            found = ready.lora is not None and ready.lora.made_at < began_at
            if ready.lora is not None:
                took.take(ready.lora, asked - begun, found=found, of_the_run=of_the_run, keeps_weights=keeps_weights)
            took.trainings += trained and not found and not of_the_run
            answers.order += fold.held_out
            try:
                answer_all(context, ready, [row for row in fold.held_out if row not in ready.shots], setting, answers)
            finally:
                _forget(context, trainer, ready, of_the_run=of_the_run)
            if len(answers.messages) == len(answers.rows):
                standing, message = TrialOutcome.FAILED, answers.messages[0]
                break
            scores = _scores(context, variant, answers, prior)[0]
            mean = _mean(scores, answers.rows, ground.weights)
            means.append(so_far(mean, answers.in_order(scores), len(means) + 1))
            promising = goes_on(means[-1], len(means))
            if len(means) == len(used) or enough(_since(started), _since(asked), len(means)):
                break
            if not promising:
                standing = TrialOutcome.BEHIND
                break
    except PASSING:
        raise
    except AdaptLabError as error:
        standing, message = TrialOutcome.FAILED, _fault_of(setting, error)
    scores, corrected = _scores(context, variant, answers, prior) if answers.rows else ([], None)
    failed = standing is TrialOutcome.FAILED
    return Trial(
        setting=setting,
        standing=standing,
        score=means[-1] if means and not failed else None,
        # The folds before the one that failed were compared with others' like any.
        fold_scores=tuple(means) if setting or not failed else (),
        row_scores=answers.in_order(scores) if answers.rows else (),
        seconds=_since(started) + took.beside_s,
        found_s=took.found_s,
        trained_s=took.trained_s,
        weights_s=took.weights_s,
        loading_s=took.loading_s,
        prompt_tokens=float(np.mean(answers.tokens)) if answers.tokens else 0.0,
        trainings=took.trainings,
        shots=record,
        prior=prior,
        corrected=corrected,
        best_epoch=took.best_epoch,
        message=message,
    )


def _prior_in_the_run(
    context: RunContext, trainer: Trainer, chosen: Chosen, train: Sequence[Example]
) -> Generator[Event, None, LabelPrior | None]:
    """Decide whether the default's prior is taken away, as the run does: by training rows, beside the run's examples.

    None where the run decides it itself: weights would have to be trained on all its rows before, and each of several
    draws has a prior of its own.
    """
    variant = chosen.variant
    wanted = variant.decoding.prior_correction
    several = context.plan.draws > 1 and variant.drawn
    if variant.lora is not None or several or not _can_correct(context, variant):
        return None
    if chosen.prior is not None:
        return decided(chosen.prior, wanted)
    paid = OneOff(context.began_at)
    found = yield from find_parts(context, train, chosen, paid)
    ready = yield from make_draw(context, trainer, train, found, paid)
    measured = yield from measure_prior(context, ready, train)
    return decided(measured.prior, wanted)


def _fault_of(setting: Setting, error: AdaptLabError) -> str:
    """Say what is wrong with a setting; a fault of the server that may pass is no reason to give up the default."""
    if not setting and passes(error):
        raise error
    return error.what


def _since(moment: float) -> float:
    return time.perf_counter() - moment


def _prepared(
    trainer: Trainer,
    variant: Variant,
    decided_before: Chosen,
    context: RunContext,
    as_in_the_run: RunContext,
    ground: Ground,
    fold: Fold,
    *,
    ends_early: bool,
) -> Generator[Event, None, ReadyVariant]:
    """Make a variant ready to answer a fold, with the examples of the run, or chosen from the fold as was decided."""
    if decided_before.variant.shots_k and ground.shown_as_run:
        context, fold = as_in_the_run, replace(fold, learned=ground.train)
    paid = OneOff(context.began_at)
    chosen = yield from decide_shots(context, variant, fold.learned, decided_before.record)
    ready = yield from find_parts(context, fold.learned, chosen, paid)
    held_out = fold.held_out if ends_early and variant.lora is not None else ()
    return (yield from make_draw(context, trainer, fold.learned, ready, paid, held_out=held_out))


def _forget(context: RunContext, trainer: Trainer, ready: ReadyVariant, *, of_the_run: bool) -> None:
    """Remove what only this trial needed and is large: not weights that are those of the run's default."""
    if ready.lora is not None and ready.lora.key is not None and not of_the_run:
        trainer.forget(ready.lora.key)
    if ready.variant.classifier.kind is ClassifierKind.ENCODER and ready.classifier_id:
        context.retriever.forget_classifier(ready.classifier_id)


def _can_correct(context: RunContext, variant: Variant) -> bool:
    """Tell whether a prior may be taken away: it was asked for, and the run can measure it on its own rows."""
    wanted = variant.decoding.prior_correction is not PriorCorrection.OFF
    return wanted and tells_every_label(context, variant) and count_rows(context.plan, context.task, variant) > 0


def _scores(
    context: RunContext, variant: Variant, answers: Answers, prior: LabelPrior | None
) -> tuple[list[float], bool | None]:
    """Return each row's score, and whether the prior was taken away.

    For the default's own setting that is decided already, and holds in the run as well; for others by the rule of
    `auto`, on all rows answered. Either way a row is judged by the prior of all others.
    """
    whole = [place for place, one in enumerate(answers.probabilities) if len(one) == len(context.task.answer.labels)]
    if len(whole) < (LEAST_ROWS if prior is None else 2) or not _can_correct(context, variant):
        return list(answers.plain), None
    targets = [answers.rows[place].target for place in whole]
    without, having = outcomes([answers.probabilities[place] for place in whole], targets)
    if prior is not None:
        corrected = prior.corrected
    else:
        gain = paired_gain(without, having, targets, label_frequencies(context.task))
        corrected = variant.decoding.prior_correction is PriorCorrection.ON or gain.worth_it
    scores = list(answers.plain)
    for place, right in zip(whole, (having if corrected else without).tolist(), strict=True):
        scores[place] = float(right)
    return scores, corrected


def _mean(scores: Sequence[float], rows: Sequence[Example], weights: Mapping[str, float]) -> float:
    counted: Floats = np.array([weights[row.id] for row in rows])
    return float((counted * np.array(scores)).sum() / counted.sum()) if counted.sum() > 0 else float(np.mean(scores))
