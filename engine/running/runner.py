"""The runner: a plan goes in, events come out, each prediction is in the store before its event.

Variants take turns row by row, so that a slow minute of the machine affects all equally. A run that ended early
is run again with the same plan: what is in the store is skipped.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

from engine.core.capabilities import learned
from engine.core.errors import AdaptLabError, CancelledError
from engine.core.ports import EnergyMeter, LanguageModel, Retriever, RunStore, Trainer
from engine.core.run.effort import Effort, Search
from engine.core.run.events import (
    Event,
    LeaderClear,
    ModelLoaded,
    Notice,
    PlanSettled,
    PredictionMade,
    PredictionStarted,
    PreparationProgress,
    RunEnded,
    RunStarted,
    Searched,
    TextStreamed,
    VariantOut,
    VariantReady,
)
from engine.core.run.manifest import Manifest, plan_fields
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.steps import CancelSignal, Progress, check_cancelled, relay
from engine.core.task import Example, Task
from engine.metrics.budget import Budget
from engine.metrics.early_stopping import ClearLeader
from engine.running.answering import ReadyVariant, RunContext, answer_row
from engine.running.batches import answer_batch
from engine.running.context_size import context_needed
from engine.running.lora import run_canary
from engine.running.paid_model import PaidModel
from engine.running.preparing import prepare, warm_up
from engine.running.search.searching import search_settings, settled_plan
from engine.running.standings import Standings

JOULES_PER_WATT_HOUR = 3600.0


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
    try:
        ports.store.update_run(plan.run_id, status="running")
        yield from _carry_out(plan, task, ports, cancel, enough)
    except CancelledError:
        yield _end(plan, ports, "cancelled", "Stopped. What was done is kept.", "Resume to continue where it stopped.")
    except AdaptLabError as error:
        yield _end(plan, ports, "failed", error.what, error.fix)
    else:
        yield _end(plan, ports, "done", "", "")


def _end(plan: RunPlan, ports: Ports, status: str, message: str, fix: str) -> RunEnded:
    try:
        ports.store.update_run(plan.run_id, status=status)
    except AdaptLabError as error:
        message = message or error.what
        fix = fix or error.fix
    return RunEnded(status=status, message=message, fix=fix)


def _carry_out(
    plan: RunPlan, task: Task, ports: Ports, cancel: CancelSignal, enough: CancelSignal | None
) -> Iterator[Event]:
    by_id = {example.id: example for example in task.examples}
    train = [by_id[example_id] for example_id in plan.train_ids]
    test = [by_id[example_id] for example_id in plan.test_ids]
    kept = ports.store.predictions(plan.run_id)
    yield RunStarted(plan=plan, targets=tuple(example.target for example in test))
    for prediction in kept:
        yield PredictionMade(prediction=prediction, kept=True)
    done = {(prediction.variant_id, prediction.example_id) for prediction in kept}
    manifest = ports.store.manifest(plan.run_id)
    budget = Budget(plan.prices, plan.spending_limit_usd, spent=_spent_before(manifest))
    budget.pay(kept)
    for variant_id, search in (manifest.effort or {}).items():
        yield Searched(variant_id=variant_id, search=search)
    slots = _slots(plan)
    context = RunContext(plan=plan, task=task, model=ports.model, retriever=ports.retriever, cancel=cancel)
    if plan.effort is not None and not plan.effort.settled:
        plan = yield from _search(context, ports, budget, manifest, slots, enough)
        context = replace(context, plan=plan)
    standings = Standings(plan, kept, manifest.out)
    for variant_id, rows in manifest.out.items():
        yield VariantOut(variant_id=variant_id, rows=rows)
    if standings.is_whole or manifest.stopped_early or (yield from _settle(plan, ports.store, standings)):
        return
    ready: list[ReadyVariant] = []
    if any(variant.generates and not standings.is_out(variant.id) for variant in plan.variants):
        yield from _load(context, ports.store, slots, _room(context, train, test))
    spent_usd = budget.spent_usd
    for event in prepare(
        _paid(context, budget), ports.trainer, train, ready.append, prepared=manifest.prepared, without=standings.out
    ):
        told = event
        if isinstance(event, VariantReady):
            told = replace(event, paid=replace(event.paid, cost_usd=budget.spent_usd - spent_usd))
            spent_usd = budget.spent_usd
            _keep_preparation(plan, ports.store, told)
        yield told
        check_cancelled(cancel)
    probe = train[0] if train else test[0]
    for variant in (draw for item in ready for draw in item.draws or (item,)):
        if variant.lora is not None:
            change = run_canary(context, ports.trainer, variant, probe)
            moved = f"move a probability by {change:.2g}" if change < 1 else "change what the model writes"
            yield Notice(text=f"Canary of {variant.slot}: the weights {moved}.")
    before = context.model.capabilities
    yield from warm_up(context, ready, probe)
    yield from (Notice(text=reason) for reason in learned(before, context.model.capabilities))
    if plan.throughput:
        yield from _in_batches(context, ports, ready, test, done, standings, budget)
    else:
        yield from _row_by_row(context, ports, ready, test, done, standings, budget)


def _search(
    context: RunContext, ports: Ports, budget: Budget, manifest: Manifest, slots: int, enough: CancelSignal | None
) -> Generator[Event, None, RunPlan]:
    """Search for the settings of the tuned variants; return the plan with what was found, which is kept."""
    plan, store, effort = context.plan, ports.store, context.plan.effort or Effort()
    by_id = {example.id: example for example in context.task.examples}
    pool = [by_id[row_id] for row_id in effort.pool_ids]
    if any(variant.generates for variant in plan.variants):
        yield from _load(context, store, slots, _room(context, pool, pool))

    def keep(variant_id: str, search: Search) -> None:
        store.update_run(plan.run_id, manifest={"effort": {variant_id: asdict(search)}})

    searches = yield from search_settings(
        _paid(context, budget), ports.trainer, budget, manifest.effort or {}, keep, enough
    )
    settled = settled_plan(plan, context.task, searches)
    store.update_run(plan.run_id, manifest={"plan": plan_fields(settled)})
    yield PlanSettled(plan=settled)
    return settled


def _paid(context: RunContext, budget: Budget) -> RunContext:
    """Have answers that are no rows of the run paid for from its budget."""
    if context.plan.prices is None:
        return context
    return replace(context, model=PaidModel(context.model, budget))


def _spent_before(manifest: Manifest) -> float:
    """Return what searching and preparing have cost before a stop."""
    trials = [trial for search in (manifest.effort or {}).values() for trial in search.trials.values()]
    return sum(trial.cost_usd for trial in trials) + sum(paid.cost_usd for paid in manifest.prepared.values())


def _slots(plan: RunPlan) -> int:
    """Return how many beginnings of prompts are kept at once: one for each variant and draw, and the canary's."""
    return 1 + sum(plan.draws if variant.drawn else 1 for variant in plan.variants)


def _room(context: RunContext, train: Sequence[Example], test: Sequence[Example]) -> int:
    """Return tokens of context: as planned, or what the longest prompt needs where a server sets its size per run."""
    if not context.model.facts.server:
        return context.plan.context_tokens
    return max(context.plan.context_tokens, context_needed(context, train, test))


def _load(context: RunContext, store: RunStore, slots: int, context_tokens: int) -> Iterator[Event]:
    yield PreparationProgress(variant_id="", progress=Progress(stage="Loading the model", fraction=0.0))
    seconds = context.model.load(slots=slots, context_tokens=context_tokens, cancel=context.cancel)
    loaded = ModelLoaded(load_s=seconds, gpu=context.model.uses_gpu)
    store.update_run(context.plan.run_id, manifest={"load_s": loaded.load_s, "gpu": loaded.gpu})
    yield loaded
    yield PreparationProgress(variant_id="", progress=Progress(stage="Loading the model", fraction=1.0))


def _keep_preparation(plan: RunPlan, store: RunStore, event: VariantReady) -> None:
    if event.variant_id not in store.manifest(plan.run_id).prepared:
        store.update_run(plan.run_id, manifest={"prepared": {event.variant_id: asdict(event.paid)}})


def _row_by_row(
    context: RunContext,
    ports: Ports,
    variants: Sequence[ReadyVariant],
    test: Sequence[Example],
    done: set[tuple[str, str]],
    standings: Standings,
    budget: Budget,
) -> Iterator[Event]:
    for row, example in enumerate(test):
        going = [ready for ready in variants if not standings.is_out(ready.variant.id)]
        turn = row % len(going)
        left = [ready for ready in (*going[turn:], *going[:turn]) if (ready.variant.id, example.id) not in done]
        if not left:
            continue  # a row from before the run was stopped
        for ready in left:
            variant_id = ready.variant.id
            check_cancelled(context.cancel)
            budget.check()
            yield PredictionStarted(variant_id=variant_id, example_id=example.id, target=example.target)
            before = ports.meter.read_joules()
            steps = answer_row(context, ready.for_row(row), example, row)
            made = yield from relay(steps, partial(_streamed, variant_id, example.id))
            (prediction,) = _with_energy([made], before, ports.meter.read_joules())
            ports.store.add([prediction])
            standings.add(prediction)
            budget.pay([prediction])
            yield PredictionMade(prediction=prediction)
        if (yield from _settle(context.plan, ports.store, standings)):
            return


def _streamed(variant_id: str, example_id: str, text: str) -> TextStreamed:
    return TextStreamed(variant_id=variant_id, example_id=example_id, text=text)


def _in_batches(
    context: RunContext,
    ports: Ports,
    variants: Sequence[ReadyVariant],
    test: Sequence[Example],
    done: set[tuple[str, str]],
    standings: Standings,
    budget: Budget,
) -> Iterator[Event]:
    """Batches are cut by row number, so that a resumed run computes the same batches as an uninterrupted one."""
    size = context.plan.batch_rows
    for start in range(0, len(test), size):
        rows = list(enumerate(test))[start : start + size]
        left = [
            ready
            for ready in variants
            if not standings.is_out(ready.variant.id)
            and not all((ready.variant.id, example.id) in done for _row, example in rows)
        ]
        if not left:
            continue  # rows from before the run was stopped
        for ready in left:
            variant_id = ready.variant.id
            check_cancelled(context.cancel)
            budget.check()
            yield PredictionStarted(variant_id=variant_id, example_id=rows[0][1].id, target=rows[0][1].target)
            before = ports.meter.read_joules()
            made = _with_energy(answer_batch(context, ready, rows), before, ports.meter.read_joules())
            fresh = [p for p in made if (variant_id, p.example_id) not in done]
            ports.store.add(fresh)
            budget.pay(fresh)
            for prediction in fresh:
                standings.add(prediction)
                yield PredictionMade(prediction=prediction)
        if (yield from _settle(context.plan, ports.store, standings)):
            return


def _settle(plan: RunPlan, store: RunStore, standings: Standings) -> Generator[Event, None, bool]:
    """Tell who is out of a race, and whether a clear leader ends the run."""
    for variant_id, rows in standings.drop().items():
        store.update_run(plan.run_id, manifest={"out": {variant_id: rows}})
        yield VariantOut(variant_id=variant_id, rows=rows)
    if leader := standings.leader():
        yield from _leader_is_clear(plan, store, leader)
        return True
    return False


def _leader_is_clear(plan: RunPlan, store: RunStore, leader: ClearLeader) -> Iterator[Event]:
    stopped = {"variant_id": leader.variant_id, "rows": leader.rows, "evidence": leader.evidence}
    store.update_run(plan.run_id, manifest={"stopped_early": stopped})
    yield LeaderClear(variant_id=leader.variant_id, rows=leader.rows)


def _with_energy(made: Sequence[Prediction], before: float | None, after: float | None) -> list[Prediction]:
    """Distribute measured joules over the predictions made between two readings."""
    if before is None or after is None:
        return list(made)
    share_wh = (after - before) / JOULES_PER_WATT_HOUR / len(made)
    return [replace(p, timing=replace(p.timing, energy_wh=share_wh)) for p in made]
