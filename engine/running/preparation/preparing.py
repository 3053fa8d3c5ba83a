"""Preparing variants: shots chosen, index built, classifier fitted, LoRA weights found or trained."""

from __future__ import annotations

from collections.abc import Callable, Container, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from engine.core.errors import WorkerDiedError
from engine.core.generation import LoraWeights
from engine.core.ports import BuiltIndex, Trainer
from engine.core.run.events import Event, Notice, PreparationProgress, VariantReady
from engine.core.run.label_prior import LabelPrior
from engine.core.run.manifest import Preparation
from engine.core.steps import Progress, check_cancelled, drain, relay
from engine.core.task import Example
from engine.core.variant import LoraSpec, PriorCorrection, TrainingPrompts, Variant
from engine.running.answering import ReadyVariant, RunContext, answer_row, request_for, retrieve
from engine.running.lora import TrainingPair, find_or_train, servers_weights, training_pairs
from engine.running.preflight.backend_checks import lora_comes_with_the_server
from engine.running.preparation.priors import decided, has_prior, measure_prior
from engine.running.preparation.shots import Chosen, decide_shots, fixed_shots, until_built
from engine.running.prompting import training_answer
from engine.running.sampling import label_rows, seed_of_draw

T = TypeVar("T")
Keep = Callable[[ReadyVariant], None]


@dataclass(slots=True)
class OneOff:
    """What preparing a variant took, and whether any of it existed before the run."""

    began_at: float
    """When the run was first started: what its search, another of its variants or a part that was stopped has made
    since is not reused."""
    seconds: float = 0.0
    reused: bool = False
    embedding_tokens: float = 0.0
    """Read by an embedder on another machine."""
    waited_s: float = 0.0
    """Seconds of parts for which it read some."""

    def add(self, seconds: float, *, made_at: float | None = None, embedding_tokens: int = 0) -> None:
        """Count one more part, made now or at another moment."""
        self.seconds += seconds
        self.reused |= made_at is not None and made_at < self.began_at
        self.embedding_tokens += embedding_tokens
        self.waited_s += seconds if embedding_tokens else 0.0


def prepare(
    context: RunContext,
    trainer: Trainer,
    train: Sequence[Example],
    keep: Keep,
    *,
    prepared: Mapping[str, Preparation] | None = None,
    without: Container[str] = (),
) -> Iterator[Event]:
    """Prepare all variants one by one, handing each to `keep`; yields progress.

    Args:
        context: of the run.
        trainer: trains LoRA weights.
        train: rows to learn from.
        keep: takes each variant.
        prepared: what is known from before the run was stopped: the kind of examples and the priors are not decided
            again, so that all rows of a run are answered alike.
        without: variants that get no more rows.

    Raises:
        AdaptLabError: a variant cannot be prepared.
    """
    for variant in (variant for variant in context.plan.variants if variant.id not in without):
        known = (prepared or {}).get(variant.id, Preparation(prepare_s=0.0))
        part = partial(_prepared, context, trainer, train, variant, known)
        ready, took = yield from tried_twice(part, f"Preparing {variant.id}")
        keep(ready)
        yield VariantReady(variant_id=variant.id, paid=took)


def _prepared(
    context: RunContext, trainer: Trainer, train: Sequence[Example], variant: Variant, known: Preparation
) -> Generator[Event, None, tuple[ReadyVariant, Preparation]]:
    """Prepare one variant with all its draws; return it, and what that took."""
    paid, drawn = OneOff(context.began_at), OneOff(context.began_at)
    chosen = yield from decide_shots(context, variant, train, known.shots)
    found = yield from find_parts(context, train, chosen, paid)
    draws = []
    count = _draws(context, chosen.variant)
    if chosen.record is not None:
        paid.add(chosen.record.measure_s)
    for draw in range(count):
        ready = yield from make_draw(context, trainer, train, replace(found, draw=draw), drawn)
        measured = chosen.prior if count == 1 else None
        # Where examples were compared by it, its seconds are among those of comparing.
        counted = count == 1 and chosen.record is not None and bool(chosen.record.rows)
        prior = yield from _prior(context, ready, train, known.priors, measured, drawn, counted=counted)
        draws.append(replace(ready, prior=prior))
    # Of several draws one would be used later: its share is what preparing takes.
    seconds = paid.seconds + drawn.seconds / len(draws)
    priors = tuple(ready.prior for ready in draws if ready.prior is not None)
    reused = paid.reused or drawn.reused
    took = Preparation(
        prepare_s=seconds,
        reused=reused,
        priors=priors,
        shots=chosen.record,
        embedding_tokens=round(paid.embedding_tokens + drawn.embedding_tokens / len(draws)),
        waited_s=paid.waited_s + drawn.waited_s / len(draws),
        weights_served=draws[0].lora is not None and draws[0].lora.key is None,
    )
    return draws[0] if len(draws) == 1 else replace(draws[0], draws=tuple(draws)), took


def _draws(context: RunContext, variant: Variant) -> int:
    """Return how many draws of shots and weights a variant gets; a server holds one set of weights at any seed."""
    served = variant.lora is not None and lora_comes_with_the_server(context.model.facts, context.model.capabilities)
    return context.plan.draws if variant.shots_k or (variant.lora is not None and not served) else 1


def find_parts(
    context: RunContext, train: Sequence[Example], chosen: Chosen, paid: OneOff
) -> Generator[Event, None, ReadyVariant]:
    """Build what does not depend on a draw: the index, unless it was built to decide, and the classifier."""
    variant = chosen.variant
    ready = ReadyVariant(variant=variant)
    if chosen.index is not None:
        ready = replace(ready, index_id=chosen.index.id if variant.retrieval is not None else "")
        _add(paid, chosen.index)
    elif variant.retrieval is not None:
        documents = context.task.documents if variant.retrieval.passages_k else ()
        steps = context.retriever.index(
            train, documents, variant.retrieval, embedder=variant.embedder, cancel=context.cancel
        )
        index = yield from until_built(variant.id, steps)
        ready = replace(ready, index_id=index.id)
        _add(paid, index)
    if variant.facts.fits:
        rows = [*train, *label_rows(context.task)] if variant.classifier.label_rows else train
        steps = context.retriever.fit_classifier(
            rows,
            seed=context.plan.seed,
            spec=variant.classifier,
            embedder=variant.embedder,
            cancel=context.cancel,
        )
        fitted = yield from until_built(variant.id, steps)
        ready = replace(ready, classifier_id=fitted.id)
        _add(paid, fitted)
    return ready


def _add(paid: OneOff, built: BuiltIndex) -> None:
    paid.add(built.build_s, made_at=built.made_at, embedding_tokens=built.embedding_tokens)


def make_draw(
    context: RunContext,
    trainer: Trainer,
    train: Sequence[Example],
    ready: ReadyVariant,
    paid: OneOff,
    *,
    held_out: Sequence[Example] = (),
) -> Generator[Event, None, ReadyVariant]:
    """Add one draw of shots and the weights of one training.

    Args:
        context: of the run.
        trainer: trains LoRA weights.
        train: rows to learn from.
        ready: what does not depend on a draw.
        paid: takes the seconds.
        held_out: rows that end a training early; they are not trained on.
    """
    variant = ready.variant
    if variant.shots_k:
        fixed = yield from fixed_shots(context, variant, train, draw=ready.draw)
        ready = replace(ready, shots=fixed.shots)
        paid.add(fixed.seconds, embedding_tokens=fixed.embedding_tokens)
    if variant.lora is not None:
        spec = replace(variant.lora, seed=seed_of_draw(variant.lora.seed, ready.draw))
        weights = yield from _weights(context, trainer, train, ready, spec, held_out)
        ready = replace(ready, lora=weights)
        paid.add(weights.train_s, made_at=weights.made_at)
    return ready


def _prior(
    context: RunContext,
    ready: ReadyVariant,
    train: Sequence[Example],
    known: Sequence[LabelPrior],
    measured: LabelPrior | None,
    paid: OneOff,
    *,
    counted: bool,
) -> Generator[Event, None, LabelPrior | None]:
    """Return the label prior that is known from before or was just measured, else measure it; and decide.

    `counted` tells that the seconds of one that is known or measured are counted already.
    """
    wanted = ready.variant.decoding.prior_correction
    if wanted is PriorCorrection.OFF or not has_prior(context.task, ready.variant):
        return None
    if ready.draw < len(known):
        if not counted:
            paid.add(known[ready.draw].measure_s)
        return known[ready.draw]
    if measured is not None:
        if not counted:
            paid.add(measured.measure_s)
        return decided(measured, wanted)
    found = yield from measure_prior(context, ready, train)
    paid.add(found.prior.measure_s)
    return decided(found.prior, wanted)


def _weights(
    context: RunContext,
    trainer: Trainer,
    train: Sequence[Example],
    ready: ReadyVariant,
    spec: LoraSpec,
    held_out: Sequence[Example],
) -> Generator[Event, None, LoraWeights]:
    """Return the weights that the server holds, else those that are trained here."""
    served = servers_weights(context.model)
    if served is not None:
        return served
    rows = [*train, *held_out]
    texts = training_pairs(context.task, rows, ready.variant.prompt)
    if spec.prompts is TrainingPrompts.SERVED:
        texts = yield from _served_pairs(context, rows, ready)
    texts, held = texts[: len(train)], texts[len(train) :]
    plan = context.plan
    about = {"task_id": plan.task_id, "model_id": plan.model_id, "seed": plan.seed}
    steps = find_or_train(context.model, trainer, texts, spec, about=about, cancel=context.cancel, held_out=held)
    variant_id = ready.variant.id
    weights, _found = yield from relay(steps, lambda step: PreparationProgress(variant_id=variant_id, progress=step))
    return weights


def _served_pairs(
    context: RunContext, train: Sequence[Example], ready: ReadyVariant
) -> Generator[Event, None, list[TrainingPair]]:
    """Build the training prompts with what the variant retrieves for each row, as they will be served."""
    pairs = []
    for place, row in enumerate(train):
        check_cancelled(context.cancel)
        found = retrieve(context, ready, row, without=row.id)
        prompt = ready.variant.prompt
        messages = request_for(context, ready, row, place, found.passages).messages
        pairs.append((messages, training_answer(context.task, row, prompt)))
        progress = Progress(stage="Retrieving for training", fraction=(place + 1) / len(train))
        yield PreparationProgress(variant_id=ready.variant.id, progress=progress)
    return pairs


def warm_up(context: RunContext, variants: Sequence[ReadyVariant], example: Example) -> Iterator[Event]:
    """Answer one training row with each variant, unscored, so that no measured row pays for a cold start."""
    for place, ready in enumerate(variants):
        progress = Progress(stage="Warming up", fraction=place / len(variants))
        yield PreparationProgress(variant_id=ready.variant.id, progress=progress)
        for draw in ready.draws or (ready,):
            prediction = drain(answer_row(context, draw, example, 0))
            if prediction.failure is None:
                continue
            yield Notice(text=f"Warm-up of {ready.variant.id} failed: {prediction.failure.message}")
        done = Progress(stage="Warming up", fraction=1.0)
        yield PreparationProgress(variant_id=ready.variant.id, progress=done)


def tried_twice(part: Callable[[], Generator[Event, None, T]], name: str) -> Generator[Event, None, T]:
    """Carry out a part of the preparation, and once more if a worker died during it, as a row is.

    Args:
        part: begins the part; called again for the second try.
        name: what was being done, for the notice.

    Raises:
        WorkerDiedError: a worker died both times.
    """
    try:
        return (yield from part())
    except WorkerDiedError as error:
        yield Notice(text=f"{name} was started again: {error.what}")
    return (yield from part())
