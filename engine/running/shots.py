"""Which examples few-shot shows: the same in every prompt, or the nearest to each row."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from engine.core.capabilities import Support
from engine.core.errors import RetrievalError
from engine.core.ports import BuiltIndex
from engine.core.run.events import Event, PreparationProgress
from engine.core.run.label_prior import LabelPrior
from engine.core.run.shot_record import ShotRecord
from engine.core.steps import Progress
from engine.core.task import Example
from engine.core.variant import RetrievalSpec, ShotChoice, Variant
from engine.running.answering import ReadyVariant, RunContext
from engine.running.priors import decided, has_prior, measure_prior
from engine.running.sampling import balanced_sample, choose_shots, seed_of_draw


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """A variant whose examples are decided, and what is known of it from deciding."""

    variant: Variant
    record: ShotRecord | None = None
    """None where its examples are drawn at random, or it shows none."""
    prior: LabelPrior | None = None
    """Of its first draw; None where nothing was compared."""


def decide_shots(
    context: RunContext, variant: Variant, train: Sequence[Example], known: ShotRecord | None
) -> Generator[Event, None, Chosen]:
    """Decide whether a variant shows the same examples in every prompt, or those nearest to each row.

    Where there are more labels than shots, the same examples leave labels out. Both ways then answer the training rows
    that they do not show, and the nearest ones, which cost a longer fresh prompt for every row, must be better by more
    than one standard error.

    Args:
        context: of the run.
        variant: as planned.
        train: the rows to choose from.
        known: what was decided before the run was stopped.
    """
    if not variant.shots_k or variant.shot_choice is ShotChoice.DRAWN:
        return Chosen(variant=variant)
    if known is not None:
        return Chosen(variant=_as(variant, known.choice), record=known)
    if variant.shot_choice is not ShotChoice.AUTO or not _leaves_labels_out(context, variant):
        choice = ShotChoice.COVERING if variant.shot_choice is ShotChoice.AUTO else variant.shot_choice
        return Chosen(variant=_as(variant, choice), record=ShotRecord(choice=choice))
    started = time.perf_counter()
    covering, nearest = _as(variant, ShotChoice.COVERING), _as(variant, ShotChoice.NEAREST)
    shots = yield from fixed_shots(context, covering, train, draw=0)
    same = yield from measure_prior(context, ReadyVariant(variant=covering, shots=shots), train)
    steps = context.retriever.index(train, (), nearest.retrieval or RetrievalSpec(), cancel=context.cancel)
    index = yield from until_built(variant.id, steps)
    own = yield from measure_prior(context, ReadyVariant(variant=nearest, index_id=index.id), train)
    record = ShotRecord(
        choice=ShotChoice.COVERING,
        right_covering=_right(same, variant),
        right_nearest=_right(own, variant),
        rows=min(same.rows, own.rows),
        measure_s=time.perf_counter() - started,
    )
    if _clearly_better(record):
        return Chosen(variant=nearest, record=replace(record, choice=ShotChoice.NEAREST), prior=own)
    return Chosen(variant=covering, record=record, prior=same)


def fixed_shots(
    context: RunContext, variant: Variant, train: Sequence[Example], *, draw: int
) -> Generator[Event, None, tuple[Example, ...]]:
    """Choose the examples that every prompt of a draw shows; several draws each choose from half of the rows."""
    seed, by_target = seed_of_draw(context.plan.seed, draw), context.task.has_labels
    if variant.shot_choice is ShotChoice.DRAWN:
        return choose_shots(train, variant.shots_k, seed=seed, by_target=by_target)
    pool = list(train)
    if context.plan.draws > 1:
        half = max(variant.shots_k, (len(pool) + 1) // 2)
        pool = balanced_sample(pool, half, seed=seed, by_target=by_target)
    progress = Progress(stage="Choosing examples", fraction=0.0)
    yield PreparationProgress(variant_id=variant.id, progress=progress)
    vectors = context.retriever.embed([row.input for row in pool], cancel=context.cancel)
    return choose_shots(pool, variant.shots_k, seed=seed, by_target=by_target, vectors=vectors)


def _as(variant: Variant, choice: ShotChoice) -> Variant:
    """Return the variant with one of the two ways."""
    if choice is ShotChoice.NEAREST:
        spec = RetrievalSpec(examples_k=variant.shots_k, spread=True)
        return replace(variant, shots_k=0, retrieval=spec, shot_choice=choice)
    return replace(variant, shot_choice=choice)


def _leaves_labels_out(context: RunContext, variant: Variant) -> bool:
    """Tell whether the two ways are compared: there are more labels than shots, and answers with probabilities."""
    if not has_prior(context.task, variant) or len(context.task.answer.labels) <= variant.shots_k:
        return False
    return context.model.capabilities.choice_probabilities is Support.YES


def _right(prior: LabelPrior, variant: Variant) -> float | None:
    """Return the share that is right in the way in which the variant will answer."""
    taken = decided(prior, variant.decoding.prior_correction)
    return prior.right_with if taken is not None and taken.corrected else prior.right_without


def _clearly_better(record: ShotRecord) -> bool:
    """Tell whether the nearest examples are better by more than one standard error, with a row for and against each."""
    if record.right_covering is None or record.right_nearest is None:
        return False
    shares = [(share * record.rows + 1) / (record.rows + 2) for share in (record.right_covering, record.right_nearest)]
    error = math.sqrt(sum(share * (1 - share) / (record.rows + 2) for share in shares))
    return shares[1] - shares[0] > error


def until_built(variant_id: str, steps: Iterator[Progress | BuiltIndex]) -> Generator[Event, None, BuiltIndex]:
    """Relay the progress of building something that is kept; return it once the steps are over.

    A worker is busy until its steps have ended: left before, it would wait for this caller and this caller for it.

    Raises:
        RetrievalError: the worker ended without it.
    """
    built: BuiltIndex | None = None
    for step in steps:
        if isinstance(step, BuiltIndex):
            built = step
        else:
            yield PreparationProgress(variant_id=variant_id, progress=step)
    if built is None:
        raise RetrievalError("The retrieval worker ended without a result.", "Start the run again.")
    return built
