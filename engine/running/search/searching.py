"""The search of all techniques of a run: trials take turns, so that each technique has had the same seconds.

What is proposed next depends on nothing but the seed and the scores so far. How far a search gets is a number of
trials, and what it passes over for want of time are numbers of settings; the run keeps both, so that the same ones on
the same machine give the same choices again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from engine.core.errors import CancelledError, UsageError
from engine.core.ports import Trainer
from engine.core.run.effort import Effort, Search, SearchEnd, Setting, Trial, TrialOutcome
from engine.core.run.events import Event, PreparationProgress, Searched
from engine.core.run.plan import RunPlan
from engine.core.steps import CancelSignal, Deadline, FirstOf, Progress, check_cancelled, relay
from engine.core.task import Example, Task
from engine.core.variant import PriorCorrection, Variant
from engine.metrics.budget import Budget
from engine.metrics.label_prior import row_weights
from engine.running.answering import RunContext
from engine.running.preparation.priors import label_frequencies
from engine.running.preparation.shots import load_embedder
from engine.running.row_tokens import row_tokens
from engine.running.search.choosing import choose, comparable
from engine.running.search.folds import FOLDS, Fold, Ground, folds_of, seal_of
from engine.running.search.proposing import Proposer
from engine.running.search.seeker import Seeker, as_decided, seldom_turned
from engine.running.search.spaces import Space, space_of, turned
from engine.running.search.spending import leaves_enough
from engine.running.search.trying import try_setting

AT_A_SERVER = "Weights for a model at a server are trained once, with the default's settings."
Keep = Callable[[str, Search], None]
"""Takes the search of a variant after each trial."""


def search_settings(
    context: RunContext,
    trainer: Trainer,
    budget: Budget,
    known: Mapping[str, Search],
    keep: Keep,
    enough: CancelSignal | None,
) -> Generator[Event, None, dict[str, Search]]:
    """Search for the settings of all tuned variants of a plan; yields what is tried and found.

    Args:
        context: of the run.
        trainer: trains LoRA weights.
        budget: of the run; trials are paid for from it.
        known: trials from before a stop, by variant.
        keep: takes each search after each trial.
        enough: set by the user to go on with the best so far.

    Returns:
        The searches by variant, all of them ended.

    Raises:
        UsageError: a row that the run answers has changed since it was planned.
        CancelledError: the user stopped the run; what was tried is kept.
        SpendingLimitError: the limit is reached.
    """
    plan, task, effort = context.plan, context.task, context.plan.effort or Effort()
    if seal_of(task.rows(plan.test_ids)) != effort.sealed:
        raise UsageError("The test rows have changed since the run was planned.", "Start a new run.")
    train, pool, beside = map(task.rows, (plan.train_ids, effort.pool_ids, effort.weights_ids))
    task = _without_tested(task, plan)
    context = replace(context, task=task)
    folds = folds_of(pool, len(train), seed=plan.seed, by_target=task.has_labels)
    ground = Ground(train=tuple(train), folds=folds, weights=_weights(task, pool), shown_as_run=effort.shown_as_run)
    weights_ground = ground
    if beside:
        fold = Fold(learned=ground.train, held_out=tuple(beside))
        weights_ground = Ground(train=ground.train, folds=(fold,), weights=_weights(task, beside))
    seekers = [
        _seeker(context, variant, effort, ground if variant.lora is None else weights_ground)
        for variant in plan.variants
        if variant.tuned
    ]
    for seeker in seekers:
        seeker.go_on_from(known.get(seeker.variant.id, Search()))
    yield from _warmed_up(context, seekers)
    yield from _take_turns(context, trainer, budget, seekers, keep, enough)
    searches = {}
    for seeker in seekers:
        searches[seeker.variant.id] = yield from _closed(seeker, keep)
    return searches


def _take_turns(
    context: RunContext,
    trainer: Trainer,
    budget: Budget,
    seekers: Sequence[Seeker],
    keep: Keep,
    enough: CancelSignal | None,
) -> Generator[Event, None, None]:
    """Have the technique that has used the least of its budget try the next setting, until all have ended."""
    while going := [seeker for seeker in seekers if seeker.ended is None]:
        if enough is not None and enough.is_set():
            for seeker in going:
                seeker.ended = SearchEnd.STOPPED
            return
        seeker = min(going, key=lambda one: one.share_done)
        setting = seeker.next()
        if setting is None:
            continue
        if not leaves_enough(context, seekers, seeker, budget.left_usd):
            seeker.ended = SearchEnd.MONEY
            continue
        variant_id = seeker.variant.id
        progress = _progress(seekers, seeker, setting)
        yield PreparationProgress(variant_id=variant_id, progress=progress)
        spent_usd, started = budget.spent_usd, time.perf_counter()
        deadline = Deadline(None if seeker.longest_s is None else started + seeker.longest_s)
        as_in_the_run = replace(context, cancel=FirstOf(FirstOf(context.cancel, enough), deadline))
        steps = try_setting(
            replace(as_in_the_run, plan=replace(context.plan, test_ids=(), draws=1)),
            as_in_the_run,
            trainer,
            seeker.variant_with(setting),
            setting,
            seeker.ground,
            so_far=partial(_so_far, seeker),
            goes_on=partial(_goes_on, seeker),
            enough=seeker.is_enough,
            keeps_weights=seeker.keeps_weights(setting),
        )
        try:
            trial = yield from relay(steps, partial(_within, progress, started, counts=seeker.counts_all))
        except CancelledError:
            check_cancelled(context.cancel)
            if enough is None or not enough.is_set():
                seeker.give_up(setting, time.perf_counter() - started)
                keep(variant_id, seeker.so_far)
                yield Searched(variant_id=variant_id, search=seeker.so_far)
            continue  # what was under way is given up
        trial = comparable(seeker.trials[0], trial, seeker.ground.order) if seeker.trials else trial
        trial = replace(trial, cost_usd=budget.spent_usd - spent_usd)
        seeker.proposer.end(setting, trial.score, whole=trial.standing is TrialOutcome.WHOLE)
        seeker.trials.append(trial)
        keep(variant_id, seeker.so_far)
        yield Searched(variant_id=variant_id, search=seeker.so_far)


def _within(search: Progress, started: float, event: Event, *, counts: bool) -> Event:
    """Report what a trial is doing as a part of the search, with the time left counted down.

    Unless all of it counts: weights that the default's trial trains for the run come on top.
    """
    if not isinstance(event, PreparationProgress):
        return event
    left_s = search.left_s
    if left_s is not None:
        spent_s = time.perf_counter() - started
        left_s = max(left_s - spent_s, 0.0) if counts else left_s + (event.progress.left_s or 0.0)
    detail = f"{search.detail}: {event.progress.stage.lower()}"
    return replace(event, progress=replace(search, detail=detail, left_s=left_s))


def _so_far(seeker: Seeker, mean: float, row_scores: Sequence[float | None], folds: int) -> float:
    """Return the mean after so many folds, which compares with the default's after as many."""
    default = seeker.trials[0] if seeker.trials else None
    if default is None or folds > len(default.fold_scores):
        return mean
    trial = Trial(setting={}, standing=TrialOutcome.WHOLE, score=mean, row_scores=tuple(row_scores))
    part = replace(default, score=default.fold_scores[folds - 1], row_scores=default.row_scores[: len(row_scores)])
    return comparable(part, trial, seeker.ground.order).score or 0.0


def _goes_on(seeker: Seeker, score: float, folds: int) -> bool:
    """Report the mean after so many folds; the default is not given up, for every other setting is compared with it."""
    return seeker.proposer.goes_on(score, folds) or not seeker.trials


def _seeker(context: RunContext, variant: Variant, effort: Effort, ground: Ground) -> Seeker:
    space = space_of(variant, context.task)
    seeker = Seeker(
        variant=variant,
        space=space,
        ground=ground,
        tokens=row_tokens(context.task, ground.train, ground.train),
        proposer=Proposer(variant, space, seed=context.plan.seed, seldom=seldom_turned(space, ground)),
        budget_s=effort.seconds,
        budget_trials=_trials(effort, variant),
        folds=effort.folds.get(variant.default_id, FOLDS),
        to_pass=frozenset(effort.passed.get(variant.default_id, ())),
    )
    if variant.lora is not None and context.model.facts.server:
        seeker.ended, seeker.reason = SearchEnd.IMPOSSIBLE, AT_A_SERVER
    return seeker


def _trials(effort: Effort, variant: Variant) -> int | None:
    """Return how many trials a variant has; earlier plans counted them by technique. None where seconds count."""
    if not effort.trials:
        return None
    return effort.trials.get(variant.default_id, effort.trials.get(str(variant.technique), 1))


def _warmed_up(context: RunContext, seekers: Sequence[Seeker]) -> Generator[Event, None, None]:
    """Have the embedders loaded before the first trial, which would pay for it alone."""
    using = [seeker for seeker in seekers if seeker.ended is None and _embeds(seeker.variant)]
    for one in {seeker.variant.embedder: seeker.variant for seeker in using}.values():
        progress = Progress(stage="Searching", fraction=0.0, detail="loading the embedder")
        yield PreparationProgress(variant_id=one.id, progress=progress)
        load_embedder(context, one)


def _embeds(variant: Variant) -> bool:
    return bool(variant.shots_k) or variant.retrieval is not None or variant.facts.fits


def _progress(seekers: Sequence[Seeker], seeker: Seeker, setting: Setting) -> Progress:
    left_s = None
    if all(one.budget_s is not None for one in seekers):
        left_s = sum(max((one.budget_s or 0.0) - one.spent_s, 0.0) for one in seekers if one.ended is None)
    shares = [1.0 if one.ended is not None else min(one.share_done, 1.0) for one in seekers]
    words = ", ".join(f"{knob}: {option}" for knob, option in setting.items()) or "the default"
    return Progress(
        stage=f"Searching, trial {len(seeker.trials) + 1}",
        fraction=min(sum(shares) / len(shares), 0.999),
        left_s=left_s,
        detail=words,
    )


def _closed(seeker: Seeker, keep: Keep) -> Generator[Event, None, Search]:
    """Choose among a technique's trials, and keep that."""
    choice = choose(seeker.trials, seeker.ground.order, [seeker.size(trial.setting) for trial in seeker.trials])
    search = replace(seeker.so_far, chosen=choice.chosen, best=choice.best, standard_error=choice.standard_error)
    keep(seeker.variant.id, search)
    yield Searched(variant_id=seeker.variant.id, search=search)
    return search


def settled_plan(plan: RunPlan, task: Task, searches: Mapping[str, Search]) -> RunPlan:
    """Give tuned variants what their searches found; those that keep the default's settings leave the plan."""
    variants = []
    for variant in plan.variants:
        if not variant.tuned:
            variants.append(variant)
            continue
        search = searches.get(variant.id)
        if search is not None and search.chosen:
            variants.append(_as_found(variant, space_of(variant, task), search))
    effort = replace(plan.effort or Effort(), settled=True)
    return replace(plan, variants=tuple(variants), effort=effort)


def _as_found(variant: Variant, space: Space, search: Search) -> Variant:
    """Return a variant with the setting that was chosen, and with what its trial decided by itself."""
    trials = search.in_order
    trial = trials[search.chosen or 0]
    found = as_decided(turned(variant, space, trial.setting), trials)
    if trial.corrected is not None:
        correction = PriorCorrection.ON if trial.corrected else PriorCorrection.OFF
        found = replace(found, decoding=replace(found.decoding, prior_correction=correction))
    if found.lora is not None and trial.best_epoch is not None:
        # The schedule stays that of the trial: a shorter one would be another training.
        lora = replace(found.lora, stop_after_epochs=trial.best_epoch, validation_share=0.0)
        found = replace(found, lora=lora)
    return found


def _without_tested(task: Task, plan: RunPlan) -> Task:
    """Return the task without the rows of the split that is tested, so that no trial can reach one."""
    sealed = set(plan.test_ids)
    tested = {row.split for row in task.examples if row.id in sealed}
    kept = set(plan.train_ids)
    rows = [row for row in task.examples if row.id in kept or row.split not in tested]
    return replace(task, examples=tuple(row for row in rows if row.id not in sealed))


def _weights(task: Task, pool: Sequence[Example]) -> dict[str, float]:
    """Weigh each row by how often its label occurs in the training split; rows without labels count alike."""
    if not task.has_labels:
        return {row.id: 1.0 for row in pool}
    weights = row_weights([row.target for row in pool], label_frequencies(task))
    return dict(zip((row.id for row in pool), weights.tolist(), strict=True))
