"""Which examples few-shot shows: the same in every prompt, or the nearest to each row."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import RetrievalError
from engine.core.ports import BuiltIndex
from engine.core.run.events import Event, PreparationProgress
from engine.core.run.label_prior import LabelPrior
from engine.core.run.shot_record import ShotRecord
from engine.core.steps import Progress
from engine.core.task import Example
from engine.core.variant import RetrievalSpec, ShotChoice, Variant
from engine.metrics.label_prior import LEAST_ROWS, paired_gain
from engine.running.answering import ReadyVariant, RunContext
from engine.running.preparation.priors import (
    Measured,
    answer_unseen,
    decided,
    has_prior,
    label_frequencies,
    measure_prior,
    tells_all,
)
from engine.running.sampling import balanced_sample, choose_shots, seed_of_draw


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """A variant whose examples are decided, and what is known of it from deciding."""

    variant: Variant
    record: ShotRecord | None = None
    """None where its examples are drawn at random, or it shows none."""
    prior: LabelPrior | None = None
    """Of its first draw; None where nothing was compared."""
    index: BuiltIndex | None = None
    """Of the nearest examples, where it was built to compare, whichever way was taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedShots:
    """The examples that every prompt of a draw shows, and what choosing them took."""

    shots: tuple[Example, ...]
    seconds: float = 0.0
    embedding_tokens: int = 0


def decide_shots(
    context: RunContext, variant: Variant, train: Sequence[Example], known: ShotRecord | None
) -> Generator[Event, None, Chosen]:
    """Decide whether a variant shows the same examples in every prompt, or those nearest to each row.

    Where there are more labels than shots, the same examples leave labels out. Both ways then answer the same training
    rows, none of which the fixed examples show; the nearest ones, which cost a longer fresh prompt for every row, must
    be better by more than one standard error.

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
        choice = settled(variant.shot_choice)
        return Chosen(variant=_as(variant, choice), record=ShotRecord(choice=choice))
    covering, nearest = _as(variant, ShotChoice.COVERING), _as(variant, ShotChoice.NEAREST)
    shots = (yield from fixed_shots(context, covering, train, draw=0)).shots
    unseen = [row for row in train if row not in shots]
    same = yield from _answered(context, ReadyVariant(variant=covering, shots=shots), unseen)
    spec = nearest.retrieval or RetrievalSpec()
    steps = context.retriever.index(train, (), spec, embedder=variant.embedder, cancel=context.cancel)
    index = yield from until_built(variant.id, steps)
    own = yield from _answered(context, ReadyVariant(variant=nearest, index_id=index.id), unseen)
    lost = own.lost | same.lost
    rows = [row for row in unseen if (row.id in own.right or row.id in same.right) and row.id not in lost]
    if len(rows) < LEAST_ROWS:
        return Chosen(variant=covering, record=ShotRecord(choice=ShotChoice.COVERING), prior=same.prior, index=index)
    targets, frequencies = [row.target for row in rows], label_frequencies(context.task)
    gain = paired_gain(_right(same, variant, rows), _right(own, variant, rows), targets, frequencies)
    record = ShotRecord(
        choice=ShotChoice.NEAREST if gain.worth_it else ShotChoice.COVERING,
        right_covering=gain.right_without,
        right_nearest=gain.right_with,
        rows=len(rows),
        measure_s=same.prior.measure_s + own.prior.measure_s,
    )
    if gain.worth_it:
        return Chosen(variant=nearest, record=record, prior=own.prior, index=index)
    return Chosen(variant=covering, record=record, prior=same.prior, index=index)


def _answered(context: RunContext, ready: ReadyVariant, unseen: Sequence[Example]) -> Generator[Event, None, Measured]:
    """Answer rows, with every label's probability where it is told: what a server tells, its answers may show."""
    return (yield from (measure_prior if tells_all(context) else answer_unseen)(context, ready, unseen))


def fixed_shots(
    context: RunContext, variant: Variant, train: Sequence[Example], *, draw: int
) -> Generator[Event, None, FixedShots]:
    """Choose the examples that every prompt of a draw shows.

    Several draws each choose from half of the rows. Vectors from before count with what they once took.
    """
    seed, by_target = seed_of_draw(context.plan.seed, draw), context.task.has_labels
    order = variant.shot_order
    if variant.shot_choice is ShotChoice.DRAWN:
        return FixedShots(shots=choose_shots(train, variant.shots_k, seed=seed, by_target=by_target, order=order))
    pool = list(train)
    if context.plan.draws > 1:
        half = max(variant.shots_k, (len(pool) + 1) // 2)
        pool = balanced_sample(pool, half, seed=seed, by_target=by_target)
    progress = Progress(stage="Choosing examples", fraction=0.0)
    yield PreparationProgress(variant_id=variant.id, progress=progress)
    texts = [row.input for row in pool]
    load_embedder(context, variant)  # which is not this variant's cost
    found = context.retriever.embed(texts, embedder=variant.embedder, cancel=context.cancel)
    started = time.perf_counter()
    choice = variant.shot_choice
    shots = choose_shots(
        pool, variant.shots_k, seed=seed, by_target=by_target, vectors=found.vectors, choice=choice, order=order
    )
    return FixedShots(
        shots=shots,
        seconds=found.embed_s + time.perf_counter() - started,
        embedding_tokens=found.embedding_tokens,
    )


def load_embedder(context: RunContext, variant: Variant) -> None:
    """Have a variant's embedder loaded."""
    context.retriever.embed([], embedder=variant.embedder, cancel=context.cancel)


def settled(choice: ShotChoice) -> ShotChoice:
    """Return a choice as it is where nothing is compared."""
    return ShotChoice.COVERING if choice is ShotChoice.AUTO else choice


def _as(variant: Variant, choice: ShotChoice) -> Variant:
    """Return the variant with one of the two ways."""
    if choice is ShotChoice.NEAREST:
        spec = RetrievalSpec(examples_k=variant.shots_k, spread=True)
        return replace(variant, shots_k=0, retrieval=spec, shot_choice=choice)
    return replace(variant, shot_choice=choice)


def _leaves_labels_out(context: RunContext, variant: Variant) -> bool:
    """Tell whether the two ways are compared: there are more labels than shots."""
    return has_prior(context.task, variant) and len(context.task.answer.labels) > variant.shots_k


def _right(found: Measured, variant: Variant, rows: Sequence[Example]) -> NDArray[np.bool_]:
    """Tell which rows are right in the way in which the variant will answer; one without an answer is wrong."""
    taken = decided(found.prior, variant.decoding.prior_correction)
    place = int(taken is not None and taken.corrected)
    return np.array([found.right.get(row.id, (False, False))[place] for row in rows])


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
