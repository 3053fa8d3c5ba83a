"""The runner: a plan goes in, events come out, each prediction is in the store before its event.

Variants take turns row by row, so that a slow minute of the machine hits all alike. A run that ended early is
run again with the same plan: what is in the store is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from engine.core.capabilities import learned
from engine.core.errors import AdaptLabError, CancelledError
from engine.core.ports import CancelSignal, EnergyMeter, LanguageModel, Progress, Retriever, RunStore, Trainer
from engine.core.run.events import (
    Event,
    LeaderClear,
    Notice,
    PredictionMade,
    PredictionStarted,
    PreparationProgress,
    RunEnded,
    RunStarted,
    TextStreamed,
    VariantReady,
)
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.task import Example, Task
from engine.metrics.budget import Purse
from engine.metrics.early_stopping import ClearLeader, clear_leader
from engine.running.answering import Desk, ReadyVariant, answer_batch, answer_row
from engine.running.context_size import context_needed
from engine.running.preparing import prepare, run_canary, warm_up

JOULES_PER_WATT_HOUR = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """The adapters of one run."""

    model: LanguageModel
    retriever: Retriever
    trainer: Trainer
    store: RunStore
    meter: EnergyMeter


def run(plan: RunPlan, task: Task, ports: Ports, cancel: CancelSignal) -> Iterator[Event]:
    """Carry out a plan, or what is left of it. The last event is always `RunEnded`.

    The run must be in the store. Errors of single rows are failures in the store; an error that stops the run
    is told by `RunEnded`, and what was done is kept.
    """
    try:
        ports.store.update_run(plan.run_id, status="running")
        yield from _carry_out(plan, task, ports, cancel)
    except CancelledError:
        yield _end(plan, ports, "cancelled", "Stopped. What was done is kept.", "Resume to go on where it stood.")
    except AdaptLabError as error:
        yield _end(plan, ports, "failed", error.what, error.mend)
    else:
        yield _end(plan, ports, "done", "", "")


def _end(plan: RunPlan, ports: Ports, status: str, message: str, mend: str) -> RunEnded:
    try:
        ports.store.update_run(plan.run_id, status=status)
    except AdaptLabError as error:
        message = message or error.what
        mend = mend or error.mend
    return RunEnded(status=status, message=message, mend=mend)


def _carry_out(plan: RunPlan, task: Task, ports: Ports, cancel: CancelSignal) -> Iterator[Event]:
    by_id = {example.id: example for example in task.examples}
    train = [by_id[example_id] for example_id in plan.train_ids]
    test = [by_id[example_id] for example_id in plan.test_ids]
    desk = Desk(plan=plan, task=task, model=ports.model, retriever=ports.retriever, cancel=cancel)
    kept = ports.store.predictions(plan.run_id)
    yield RunStarted(plan=plan, kept_rows=len(kept), targets=tuple(example.target for example in test))
    for prediction in kept:
        yield PredictionMade(prediction=prediction, kept=True)
    done = {(prediction.variant_id, prediction.example_id) for prediction in kept}
    if len(done) == len(plan.variants) * len(test) or "stopped_early" in ports.store.manifest(plan.run_id):
        return
    tally = Tally(plan, kept)
    ready: list[ReadyVariant] = []
    for event in prepare(desk, ports.trainer, train, ready.append):
        if isinstance(event, VariantReady):
            _keep_preparation(plan, ports.store, event)
        yield event
        _check(cancel)
    if any(variant.generates for variant in plan.variants):
        yield from _load(desk, ports.store, len(plan.variants) + 1, _room(desk, train, test))
    probe = train[0] if train else test[0]
    for variant in ready:
        if variant.lora_path is not None:
            change = run_canary(desk, variant, probe)
            ports.trainer.note(variant.lora_key, {"canary_change": change})
            moved = f"move a probability by {change:.2g}" if change < 1 else "change what the model writes"
            yield Notice(text=f"Canary of {variant.variant.id}: the weights {moved}.")
    before = desk.model.capabilities
    yield from warm_up(desk, ready, probe)
    yield from (Notice(text=reason) for reason in learned(before, desk.model.capabilities))
    purse = Purse(plan.prices, plan.spending_limit_usd)
    purse.pay(kept)
    if plan.throughput:
        yield from _in_batches(desk, ports, ready, test, done, tally, purse)
    else:
        yield from _row_by_row(desk, ports, ready, test, done, tally, purse)


def _room(desk: Desk, train: Sequence[Example], test: Sequence[Example]) -> int:
    """Return tokens of context: as planned, or what the longest prompt needs where a server sets its room per run."""
    if not desk.model.facts.server:
        return desk.plan.context_tokens
    return max(desk.plan.context_tokens, context_needed(desk, train, test))


def _load(desk: Desk, store: RunStore, slots: int, context_tokens: int) -> Iterator[Event]:
    yield PreparationProgress(variant_id="", progress=Progress(stage="Loading the model", fraction=0.0))
    seconds = desk.model.load(slots=slots, context_tokens=context_tokens, cancel=desk.cancel)
    store.update_run(desk.plan.run_id, manifest={"load_s": seconds})
    yield PreparationProgress(variant_id="", progress=Progress(stage="Loading the model", fraction=1.0))


def _keep_preparation(plan: RunPlan, store: RunStore, event: VariantReady) -> None:
    kept = dict(store.manifest(plan.run_id).get("prepared", {}))
    if event.variant_id not in kept:
        kept[event.variant_id] = {"prepare_s": event.prepare_s, "reused": event.reused}
        store.update_run(plan.run_id, manifest={"prepared": kept})


def _row_by_row(
    desk: Desk,
    ports: Ports,
    variants: Sequence[ReadyVariant],
    test: Sequence[Example],
    done: set[tuple[str, str]],
    tally: Tally,
    purse: Purse,
) -> Iterator[Event]:
    for row, example in enumerate(test):
        turn = row % len(variants)
        for ready in (*variants[turn:], *variants[:turn]):
            variant_id = ready.variant.id
            if (variant_id, example.id) in done:
                continue
            _check(desk.cancel)
            purse.check()
            yield PredictionStarted(variant_id=variant_id, example_id=example.id, target=example.target)
            before = ports.meter.read_joules()
            steps = answer_row(desk, ready, example, row)
            while True:
                try:
                    text = next(steps)
                except StopIteration as stop:
                    prediction: Prediction = stop.value
                    break
                yield TextStreamed(variant_id=variant_id, example_id=example.id, text=text)
            (prediction,) = _with_energy([prediction], before, ports.meter.read_joules())
            ports.store.add([prediction])
            tally.add(prediction)
            purse.pay([prediction])
            yield PredictionMade(prediction=prediction)
        if leader := tally.leader():
            yield from _leader_is_clear(desk.plan, ports.store, leader)
            return


def _in_batches(
    desk: Desk,
    ports: Ports,
    variants: Sequence[ReadyVariant],
    test: Sequence[Example],
    done: set[tuple[str, str]],
    tally: Tally,
    purse: Purse,
) -> Iterator[Event]:
    """Batches are cut by row number, so that a resumed run computes the very batches of an unbroken one."""
    size = desk.plan.batch_rows
    for start in range(0, len(test), size):
        rows = list(enumerate(test))[start : start + size]
        for ready in variants:
            variant_id = ready.variant.id
            if all((variant_id, example.id) in done for _row, example in rows):
                continue
            _check(desk.cancel)
            purse.check()
            yield PredictionStarted(variant_id=variant_id, example_id=rows[0][1].id, target=rows[0][1].target)
            before = ports.meter.read_joules()
            made = _with_energy(answer_batch(desk, ready, rows), before, ports.meter.read_joules())
            fresh = [p for p in made if (variant_id, p.example_id) not in done]
            ports.store.add(fresh)
            purse.pay(fresh)
            for prediction in fresh:
                tally.add(prediction)
                yield PredictionMade(prediction=prediction)
        if leader := tally.leader():
            yield from _leader_is_clear(desk.plan, ports.store, leader)
            return


class Tally:
    """Scores of the rows that all variants have answered, for telling whether a leader is clear."""

    def __init__(self, plan: RunPlan, kept: Sequence[Prediction]) -> None:
        """Begin with what is kept from before."""
        self._plan = plan
        self._scores: dict[str, dict[str, float]] = {variant.id: {} for variant in plan.variants}
        for prediction in kept:
            self.add(prediction)

    def add(self, prediction: Prediction) -> None:
        """Take a score; a failure counts as wrong."""
        self._scores[prediction.variant_id][prediction.example_id] = prediction.score or 0.0

    def leader(self) -> ClearLeader | None:
        """Return the leader if the plan asks to stop for one, it is clear, and rows are left to answer."""
        if not self._plan.stop_when_clear:
            return None
        rows = [row for row in self._plan.test_ids if all(row in scores for scores in self._scores.values())]
        if len(rows) == len(self._plan.test_ids):
            return None
        return clear_leader({name: [scores[row] for row in rows] for name, scores in self._scores.items()})


def _leader_is_clear(plan: RunPlan, store: RunStore, leader: ClearLeader) -> Iterator[Event]:
    stopped = {"variant_id": leader.variant_id, "rows": leader.rows, "evidence": leader.evidence}
    store.update_run(plan.run_id, manifest={"stopped_early": stopped})
    yield LeaderClear(variant_id=leader.variant_id, rows=leader.rows)


def _with_energy(made: Sequence[Prediction], before: float | None, after: float | None) -> list[Prediction]:
    """Share measured joules out over the predictions made between two readings."""
    if before is None or after is None:
        return list(made)
    share_wh = (after - before) / JOULES_PER_WATT_HOUR / len(made)
    return [replace(p, timing=replace(p.timing, energy_wh=share_wh)) for p in made]


def _check(cancel: CancelSignal) -> None:
    if cancel.is_set():
        raise CancelledError("The run was stopped.")
