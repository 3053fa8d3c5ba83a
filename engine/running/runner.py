"""The runner: a plan goes in, events come out, each prediction is in the store before its event.

Variants take turns row by row, so that a slow minute of the machine affects all equally. A run that ended early
is run again with the same plan: what is in the store is skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

from engine.core.capabilities import learned
from engine.core.errors import (
    AdaptLabError,
    CanaryError,
    CancelledError,
    ModelFileError,
    UnsupportedError,
    UntrainableError,
    UsageError,
)
from engine.core.ports import EnergyMeter, LanguageModel, Retriever, RunStore, Trainer
from engine.core.run.effort import Search
from engine.core.run.events import (
    Event,
    LeaderClear,
    ModelLoaded,
    Notice,
    PlanSettled,
    PredictionMade,
    PreparationProgress,
    RowsAdded,
    RowsWithdrawn,
    RunEnded,
    RunStarted,
    Searched,
    VariantOut,
    VariantReady,
)
from engine.core.run.failed_rows import can_go_on, never_answered, none_answered, to_ask_again
from engine.core.run.manifest import Manifest, Preparation, plan_fields
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Failure, Prediction
from engine.core.steps import CancelSignal, Progress, check_cancelled
from engine.core.task import Example, Task
from engine.core.variant import TUNED_ENDING, variant_names
from engine.metrics.budget import Budget
from engine.running.answering import ReadyVariant, RunContext
from engine.running.lora import run_canary
from engine.running.paid.model import PaidModel
from engine.running.paid.retriever import PaidRetriever
from engine.running.preflight.backend_checks import not_agreed
from engine.running.preflight.context_size import context_needed
from engine.running.preflight.more_rows import rows_left, with_more_rows
from engine.running.preflight.saved_rows import affordable, ended_note, rows_each, spent_note
from engine.running.preparation.preparing import prepare, tried_twice, warm_up
from engine.running.search.searching import search_settings, settled_plan
from engine.running.search.spaces import longest_setting, space_of, turned
from engine.running.settling import settle, withdraw
from engine.running.standings import Standings
from engine.running.turns import Turns, is_amid_block

FINAL = (CanaryError, ModelFileError, UnsupportedError, UntrainableError, UsageError)
"""What is wrong with the run itself: resumed, it would end the same way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """The adapters of one run."""

    model: LanguageModel
    retriever: Retriever
    trainer: Trainer
    store: RunStore
    meter: EnergyMeter


def run(
    plan: RunPlan, task: Task, ports: Ports, cancel: CancelSignal, enough: CancelSignal | None = None
) -> Iterator[Event]:
    """Carry out a plan, or what is left of it. The last event is always `RunEnded`.

    The run must be in the store. Errors of single rows are failures in the store; an error that stops the run
    is reported by `RunEnded`, and what was done is kept.

    Args:
        plan: what is computed.
        task: what is answered.
        ports: the adapters.
        cancel: stops the run; what was done is kept.
        enough: ends the search for settings; the run goes on with the best so far.
    """
    outcomes: dict[tuple[str, str], Failure | None] = {}
    try:
        ports.store.update_run(plan.run_id, status="running")
        if refusal := not_agreed(plan, ports.model.facts):
            raise refusal
        for event in _carry_out(plan, task, ports, cancel, enough):
            if isinstance(event, PredictionMade):
                made = event.prediction
                outcomes[made.variant_id, made.example_id] = made.failure
            if isinstance(event, RowsWithdrawn):
                gone = set(event.places)
                outcomes = {place: failure for place, failure in outcomes.items() if place not in gone}
            yield event
    except CancelledError:
        yield _end(plan, ports, "cancelled", "Stopped. Finished rows are saved.", "Resume to continue.")
    except AdaptLabError as error:
        yield _end(plan, ports, "failed", error.what, error.fix, goes_on=not isinstance(error, FINAL))
    else:
        nothing = none_answered(outcomes)
        status = "failed" if nothing else "done"
        lost = sum(1 for failure in outcomes.values() if failure is not None and failure.passing)
        yield _end(plan, ports, status, *(nothing or ("", "")), goes_on=can_go_on(outcomes), unanswered=lost)


def _end(
    plan: RunPlan, ports: Ports, status: str, message: str, fix: str, *, goes_on: bool = True, unanswered: int = 0
) -> RunEnded:
    try:
        ports.store.update_run(plan.run_id, status=status, manifest={"goes_on": goes_on, "unanswered": unanswered})
    except AdaptLabError as error:  # a run whose end cannot be kept is not done
        ended = "failed" if status == "done" else status
        return RunEnded(status=ended, message=message or error.what, fix=fix or error.fix, goes_on=goes_on)
    return RunEnded(status=status, message=message, fix=fix, goes_on=goes_on)


def _carry_out(
    plan: RunPlan, task: Task, ports: Ports, cancel: CancelSignal, enough: CancelSignal | None
) -> Iterator[Event]:
    manifest = ports.store.manifest(plan.run_id)
    kept = ports.store.predictions(plan.run_id)
    left = never_answered(kept, out=manifest.out, ended=manifest.stopped_early is not None)
    kept = _without(kept, left)
    again = to_ask_again(kept)
    kept = _without(kept, again)
    yield RunStarted(plan=plan, targets=tuple(example.target for example in task.rows(plan.test_ids)))
    for prediction in kept:
        yield PredictionMade(prediction=prediction, kept=True)
    budget = Budget.of(plan, spent=manifest.beside_usd)
    budget.pay([*kept, *again, *left])
    yield from withdraw(plan, ports.store, budget, left)
    out = manifest.out
    if left:  # in homes of older versions they stand in these counts
        answered = Counter(made.variant_id for made in kept)
        out = {variant_id: answered[variant_id] for variant_id in out}
        ports.store.update_run(plan.run_id, manifest={"out": out})
    for variant_id, search in (manifest.effort or {}).items():
        yield Searched(variant_id=variant_id, search=search)
    before = ports.model.capabilities
    context = RunContext(
        plan=plan,
        task=task,
        model=ports.model,
        retriever=ports.retriever,
        cancel=cancel,
        began_at=manifest.began_at,
    )
    if plan.effort is not None and not plan.effort.settled:
        plan = yield from _search(context, ports, budget, manifest, enough)
        context = replace(context, plan=plan)
    standings = Standings(plan, kept, out)
    for variant_id, rows in out.items():
        yield VariantOut(variant_id=variant_id, rows=rows)
    if manifest.stopped_early is not None:
        yield LeaderClear(variant_id=manifest.stopped_early.variant_id, rows=manifest.stopped_early.rows)
        return
    # A run that answers in blocks is judged after each, and decides nothing else for having been stopped during one.
    amid_block = not standings.is_whole and is_amid_block(plan, standings.rows_in_common, manifest.block_rows)
    if standings.is_whole:
        plan = yield from _spend_saved(context, ports.store, standings, budget)
        context, standings = replace(context, plan=plan), Standings(plan, kept, standings.out)
    if standings.is_whole or (not amid_block and (yield from settle(plan, ports.store, standings, budget))):
        return
    ready: list[ReadyVariant] = []
    yield from _make_ready(context, ports, budget, standings, ready)
    yield from (Notice(text=reason) for reason in learned(before, ports.model.capabilities))
    paid = partial(_paid, context, budget, ports.store)
    turns = Turns(context, ports.store, ports.meter, ready, standings, budget, kept, again, paid=paid)
    yield from turns.take(task.rows(plan.test_ids))
    extended = yield from _spend_saved(context, ports.store, standings, budget)
    if extended is plan:
        return
    context, kept = replace(context, plan=extended), ports.store.predictions(plan.run_id)
    standings = Standings(extended, kept, standings.out)
    if not (yield from settle(extended, ports.store, standings, budget)):
        turns = Turns(context, ports.store, ports.meter, ready, standings, budget, kept, paid=paid)
        yield from turns.take(task.rows(extended.test_ids))


def _make_ready(
    context: RunContext, ports: Ports, budget: Budget, standings: Standings, ready: list[ReadyVariant]
) -> Iterator[Event]:
    """Load the model, prepare the variants that get rows, check their weights and warm them up; fill `ready`."""
    plan, task, manifest = context.plan, context.task, ports.store.manifest(context.plan.run_id)
    train, test = task.rows(plan.train_ids), task.rows(plan.test_ids)
    if any(variant.generates and not standings.is_out(variant.id) for variant in plan.variants):
        may_come = task.rows(rows_left(plan, task)) if plan.spend_saved else []
        loading = partial(_load, context, ports.store, _slots(plan), _room(context, train, [*test, *may_come]))
        yield from tried_twice(loading, "Loading the model")
    paid = _paid(context, budget, ports.store)
    prepared = {**_decided(manifest), **manifest.prepared}
    for event in prepare(paid, ports.trainer, train, ready.append, prepared=prepared, without=standings.out):
        if isinstance(event, VariantReady):
            _keep_preparation(plan, ports.store, event)
        yield event
        check_cancelled(context.cancel)
    probe = train[0] if train else test[0]
    for variant in (draw for item in ready for draw in item.draws or (item,)):
        if variant.lora is not None:
            yield from tried_twice(partial(_canary, context, ports.trainer, variant, probe), "The check of the weights")
    yield from warm_up(paid, ready, probe)


def _decided(manifest: Manifest) -> dict[str, Preparation]:
    """Return what a search has decided of the default variants: settings were compared with that, and it holds."""
    found = {}
    for variant_id, search in (manifest.effort or {}).items():
        if not search.trials:
            continue
        default = search.in_order[0]
        priors = () if default.prior is None else (default.prior,)
        decided = Preparation(prepare_s=0.0, shots=default.shots, priors=priors)
        found[variant_id.removesuffix(TUNED_ENDING)] = decided
    return found


def _spend_saved(
    context: RunContext, store: RunStore, standings: Standings, budget: Budget
) -> Generator[Event, None, RunPlan]:
    """Give what a race has saved, once, to those still in it; return the plan with its further rows, which is kept.

    The planned rows are looked at before: where they tell who is the best of those still in the race, nothing is left
    to find out. Else the further rows are a second look, as rows are that a user adds.
    """
    plan, task, out = context.plan, context.task, standings.out
    if not plan.spend_saved or plan.looks:
        return plan
    if not standings.is_whole:
        if note := ended_note(plan, out):
            yield Notice(text=note)
        return plan
    best, given = standings.best_of_going(), rows_each(plan, task, out)
    if best is None and given:
        row_usd = dict.fromkeys(plan.test_ids, 0.0)
        for made in store.predictions(plan.run_id):
            row_usd[made.example_id] += budget.cost_usd([made]) if made.variant_id not in out else 0.0
        given = affordable(given, row_usd=list(row_usd.values()), left_usd=budget.left_usd)
    yield Notice(text=spent_note(plan, task, out, best=variant_names(plan.variants).get(best or "", ""), given=given))
    if best is not None or not given:
        return plan
    extended = replace(with_more_rows(plan, task, given), saved_rows=given, saved_from=len(plan.test_ids))
    store.update_run(plan.run_id, manifest={"plan": plan_fields(extended)})
    yield RowsAdded(plan=extended)
    return extended


def _without(kept: Sequence[Prediction], again: Sequence[Prediction]) -> list[Prediction]:
    places = {(made.variant_id, made.example_id) for made in again}
    return [made for made in kept if (made.variant_id, made.example_id) not in places]


def _search(
    context: RunContext, ports: Ports, budget: Budget, manifest: Manifest, enough: CancelSignal | None
) -> Generator[Event, None, RunPlan]:
    """Search for the settings of the tuned variants; return the plan with what was found, which is kept."""
    plan, store = context.plan, ports.store
    if any(variant.generates for variant in plan.variants):
        loading = partial(_load, context, store, _slots(plan), _room_to_search(context))
        yield from tried_twice(loading, "Loading the model")

    def keep(variant_id: str, search: Search) -> None:
        store.update_run(plan.run_id, manifest={"effort": {variant_id: asdict(search)}})

    searches = yield from search_settings(
        _paid(context, budget, store), ports.trainer, budget, manifest.effort or {}, keep, enough
    )
    settled = settled_plan(plan, context.task, searches)
    store.update_run(plan.run_id, manifest={"plan": plan_fields(settled)})
    context.model.close()  # what trials needed is not part of what the run's answers need
    yield PlanSettled(plan=settled)
    return settled


def _room_to_search(context: RunContext) -> int:
    """Return tokens of context: as planned, or what the longest setting needs where a server sets its size per run."""
    plan, by_id = context.plan, {example.id: example for example in context.task.examples}
    pool = [by_id[row_id] for row_id in (plan.effort.pool_ids if plan.effort else ())]
    variants = [
        turned(variant, space, longest_setting(space)) if variant.tuned else variant
        for variant in plan.variants
        for space in [space_of(variant, context.task)]
    ]
    longest = replace(context, plan=replace(plan, variants=tuple(variants)))
    return _room(longest, pool, pool)


def _paid(context: RunContext, budget: Budget, store: RunStore) -> RunContext:
    """Have answers that are not rows of the run, and embedding, paid for from its budget; keep what they have cost."""
    plan = context.plan
    if not plan.sources:
        return context
    rows_usd = budget.spent_usd - store.manifest(plan.run_id).beside_usd

    def keep() -> None:
        store.update_run(plan.run_id, manifest={"beside_usd": budget.spent_usd - rows_usd})

    return replace(
        context,
        model=PaidModel(context.model, budget, keep),
        retriever=PaidRetriever(context.retriever, budget, keep),
    )


def _slots(plan: RunPlan) -> int:
    """Return how many beginnings of prompts are kept at once: one for each variant and draw, and the canary's."""
    return 1 + sum(plan.draws if variant.drawn else 1 for variant in plan.variants)


def _room(context: RunContext, train: Sequence[Example], test: Sequence[Example]) -> int:
    """Return tokens of context: as planned, or what the longest prompt needs where a server sets its size per run."""
    if not context.model.facts.server:
        return context.plan.context_tokens
    return max(context.plan.context_tokens, context_needed(context, train, test))


def _canary(
    context: RunContext, trainer: Trainer, variant: ReadyVariant, probe: Example
) -> Generator[Event, None, None]:
    variant_id, stage = variant.variant.id, "Checking the weights"
    yield PreparationProgress(variant_id=variant_id, progress=Progress(stage=stage, fraction=0.0))
    run_canary(context, trainer, variant, probe)
    yield PreparationProgress(variant_id=variant_id, progress=Progress(stage=stage, fraction=1.0))
    names = variant_names(context.plan.variants)
    yield Notice(text=f"{names[variant_id]} check passed: the trained weights do change the answers.")


def _load(context: RunContext, store: RunStore, slots: int, context_tokens: int) -> Generator[Event, None, None]:
    yield PreparationProgress(variant_id="", progress=Progress(stage="Loading the model", fraction=0.0))
    seconds = context.model.load(slots=slots, context_tokens=context_tokens, cancel=context.cancel)
    loaded = ModelLoaded(load_s=seconds, gpu=context.model.uses_gpu)
    store.update_run(context.plan.run_id, manifest={"load_s": loaded.load_s, "gpu": loaded.gpu})
    yield loaded


def _keep_preparation(plan: RunPlan, store: RunStore, event: VariantReady) -> None:
    if event.variant_id not in store.manifest(plan.run_id).prepared:
        store.update_run(plan.run_id, manifest={"prepared": {event.variant_id: asdict(event.paid)}})
