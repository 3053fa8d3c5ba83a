"""Answering the test rows: whose turn it is, and what is done with each answer."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from engine.core.capabilities import Support
from engine.core.errors import WorkerDiedError
from engine.core.ports import EnergyMeter, RunStore
from engine.core.run.events import (
    Event,
    Notice,
    PredictionMade,
    PredictionStarted,
    TextStreamed,
)
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import FailureKind, Prediction
from engine.core.steps import check_cancelled, drain, relay
from engine.core.task import Example
from engine.metrics import wording as say
from engine.metrics.budget import Budget
from engine.running.answering import ReadyVariant, RunContext, answer_row
from engine.running.batches import MOST_DEATHS, answer_batch
from engine.running.settling import settle
from engine.running.standings import Standings

Item = TypeVar("Item")
JOULES_PER_WATT_HOUR = 3600.0
BLOCK_ROWS = 20
"""Rows that are answered with what a server holds before it holds something else: enough that loading is seldom, few
enough that a slow minute still hits all alike and a race can decide."""
RELOAD_S = 0.3
"""A server that took so long to load a model for one answer did not hold it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One variant's answer to one row."""

    row: int
    example: Example
    ready: ReadyVariant

    @property
    def weights(self) -> str:
        """What the server has to hold for it: the base, or one set of weights."""
        return held_by(self.ready.for_row(self.row))


class Turns:
    """Takes all rows with all variants that are ready, and keeps each answer before it tells it."""

    def __init__(
        self,
        context: RunContext,
        store: RunStore,
        meter: EnergyMeter,
        variants: Sequence[ReadyVariant],
        standings: Standings,
        budget: Budget,
        kept: Sequence[Prediction],
        again: Sequence[Prediction] = (),
        *,
        paid: Callable[[], RunContext] | None = None,
    ) -> None:
        """Begin with what was answered before a stop, without the rows that are asked again.

        `paid` returns the context in which answers that are no rows of the run are paid for, from this moment on.
        """
        self._paid = paid or (lambda: context)
        self._context, self._store, self._meter = context, store, meter
        self._variants, self._standings, self._budget = variants, standings, budget
        self._done = {(made.variant_id, made.example_id) for made in kept}
        self._again = {(made.variant_id, made.example_id): made for made in again}
        self._identities = {made.variant_id: made.identity for made in reversed(kept) if made.identity}
        self._weights_by_turns, self._prompts_by_turns = self._holds()
        self._held: tuple[str, str] | None = None
        self._died: list[tuple[bool, Sequence[Prediction]]] = []
        """Answers at which a process died and that are not kept yet, since it has not answered after them; with whether
        it was the model's."""
        self._told: set[str] = set()

    def take(self, test: Sequence[Example]) -> Iterator[Event]:
        """Answer the rows in order: row by row in turns, or in batches.

        Raises:
            CancelledError: the user stopped the run.
            SpendingLimitError: the limit is reached.
            ModelError: the server is unreachable, or refuses every request.
            WorkerDiedError: the model's process dies whatever it is asked. These rows are asked again.
        """
        if self._context.plan.throughput:
            yield from self._in_batches(test)
        else:
            yield from self._in_blocks(test)
        yield from self._take_died()

    def _in_blocks(self, test: Sequence[Example]) -> Iterator[Event]:
        """Have the variants take turns at each row.

        A server that holds either the base or the weights would load a model at every turn, and one that keeps a single
        prompt would read the examples of a variant again. There, blocks of rows are answered with what is held before
        the server holds something else.
        """
        blocks = self._weights_by_turns or self._prompts_by_turns
        size = BLOCK_ROWS if blocks else 1
        if blocks:
            self._store.update_run(self._context.plan.run_id, manifest={"block_rows": size})
        rows = list(enumerate(test))
        for number, start in enumerate(range(0, len(rows), size)):
            turns = self._turns(rows[start : start + size])
            for held in self._by_what_is_held(turns, number) if blocks else [turns]:
                if held and blocks:
                    self._bring_in(held[0])
                for turn in held:
                    yield from self._answer(turn)
            if turns and (yield from self._settle()):
                return

    def _settle(self) -> Generator[Event, None, bool]:
        """Tell who is out and whether the run ends, unless the process has died and not answered since."""
        if self._died:
            return False
        return (yield from settle(self._context.plan, self._store, self._standings, self._budget))

    def _holds(self) -> tuple[bool, bool]:
        """Tell whether base and weights, and whether the prompts of variants, can only be held by turns."""
        can = self._context.model.capabilities
        generating = [ready for ready in self._variants if ready.variant.generates]
        weights = {held_by(draw) for ready in generating for draw in ready.draws or (ready,)}
        return (
            len(weights) > 1 and can.holds_all is Support.NO,
            len(generating) > 1 and can.kept_prompts is Support.NO,
        )

    def _key(self, turn: Turn) -> tuple[str, str]:
        """Return what the server holds for a turn, as far as it holds that only by turns."""
        return (
            turn.weights if self._weights_by_turns else "",
            turn.ready.variant.id if self._prompts_by_turns else "",
        )

    def _by_what_is_held(self, turns: Sequence[Turn], number: int) -> list[list[Turn]]:
        """Return a block's turns by what the server holds; every other block backwards, so that a change is saved."""
        places = {ready.variant.id: place for place, ready in enumerate(self._variants)}
        keys = [self._key(turn) for turn in sorted(turns, key=lambda turn: places[turn.ready.variant.id])]
        weights = list(dict.fromkeys(held for held, _variant in keys))
        ordered = sorted(dict.fromkeys(keys), key=lambda key: weights.index(key[0]))
        if number % 2:
            ordered.reverse()
        return [[turn for turn in turns if self._key(turn) == key] for key in ordered]

    def _turns(self, rows: Sequence[tuple[int, Example]]) -> list[Turn]:
        """Return who answers which of these rows, in order; rows from before a stop are left out."""
        going = [ready for ready in self._variants if not self._standings.is_out(ready.variant.id)]
        return [
            Turn(row=row, example=example, ready=ready)
            for row, example in rows
            for ready in _rotated(going, row)
            if (ready.variant.id, example.id) not in self._done
        ]

    def _bring_in(self, turn: Turn) -> None:
        """Have the server load what the next answers need: the first answer after a change is not scored."""
        if self._key(turn) != self._held and turn.ready.variant.generates:
            drain(answer_row(self._paid(), turn.ready.for_row(turn.row), turn.example, turn.row))
            self._held = self._key(turn)

    def _answer(self, turn: Turn) -> Iterator[Event]:
        variant_id, example = turn.ready.variant.id, turn.example
        check_cancelled(self._context.cancel)
        self._budget.check()
        yield PredictionStarted(variant_id=variant_id, example_id=example.id, target=example.target)
        before = self._meter.read_joules()
        steps = answer_row(self._context, turn.ready.for_row(turn.row), example, turn.row)
        made = yield from relay(steps, partial(_streamed, variant_id, example.id))
        yield from self._take(_with_energy([made], before, self._meter.read_joules()), turn.ready)

    def _take(self, made: Sequence[Prediction], ready: ReadyVariant) -> Iterator[Event]:
        """Keep answers and tell them; those at which the process died are kept when it has answered again.

        Raises:
            WorkerDiedError: it has died too often in a row.
        """
        generates = ready.variant.generates
        if made and all(one.failure is not None and one.failure.kind is FailureKind.WORKER_DIED for one in made):
            self._died.append((generates, made))
            # One row at which it dies with every variant is one row.
            if len({answers[0].example_id for _generates, answers in self._died}) < MOST_DEATHS:
                return
            reason = made[-1].failure.message if made[-1].failure is not None else ""
            raise WorkerDiedError(
                f"Stopped, since no row gets an answer any more. {reason}",
                "Resume the run to ask for these rows again.",
            )
        # A classifier that answers tells nothing of the model's process.
        if made and (generates or not any(of_model for of_model, _answers in self._died)):
            yield from self._take_died()
        yield from self._tell(made)

    def _take_died(self) -> Iterator[Event]:
        died, self._died = self._died, []
        for _generates, made in died:
            yield from self._tell(made)

    def _tell(self, made: Sequence[Prediction]) -> Iterator[Event]:
        self._keep(made)
        for prediction in made:
            self._standings.add(prediction)
            yield PredictionMade(prediction=prediction)
            yield from self._remarks(prediction)

    def _keep(self, made: Sequence[Prediction]) -> None:
        """Keep answers and pay for them; what the failures in their place have cost stays part of the run's cost."""
        places = [(one.variant_id, one.example_id) for one in made]
        replaced = [self._again.pop(place) for place in places if place in self._again]
        noted: dict[str, float] | None = None
        if replaced:
            manifest = self._store.manifest(self._context.plan.run_id)
            noted = {
                "asked_again": manifest.asked_again + len(replaced),
                "beside_usd": manifest.beside_usd + self._budget.cost_usd(replaced),
            }
        self._store.add(made, manifest=noted)
        self._budget.pay(made)

    def _remarks(self, prediction: Prediction) -> Iterator[Event]:
        """Tell what is odd about an answer, each kind of remark once."""
        yield from self._changed(prediction)
        if prediction.timing.load_s >= RELOAD_S:
            took = say.seconds(prediction.timing.load_s)
            yield from self._once(
                "load",
                f"The server loaded the model again during the run: {took}, before an answer of "
                f"{prediction.variant_id}. That is not counted in any latency, cost or energy.",
            )
        if prediction.timing.waited_s > 0:
            waited = say.seconds(prediction.timing.waited_s)
            yield from self._once(
                "wait",
                f"The server was busy during the run: {waited} until it took a question for "
                f"{prediction.variant_id}. That is not counted in any latency.",
            )
        if prediction.usage.estimated:
            paid = self._context.plan.prices is not None
            counts = "such answers count as the most they can have cost" if paid else "they are estimated"
            yield from self._once(
                "tokens",
                f"The server did not report how many tokens an answer of {prediction.variant_id} took, or reported an "
                f"impossible number: {counts}.",
            )

    def _changed(self, prediction: Prediction) -> Iterator[Event]:
        """Tell when what answers a variant is called otherwise than before: its figures are of two models then."""
        now, variant_id = prediction.identity, prediction.variant_id
        before = self._identities.setdefault(variant_id, now) if now else now
        if before != now:
            yield from self._once(
                f"identity of {variant_id}",
                f"The server changed during the run: {variant_id} was answered by '{before}', then by "
                f"'{now}'. Its figures mix both.",
            )

    def _once(self, kind: str, text: str) -> Iterator[Event]:
        if kind not in self._told:
            self._told.add(kind)
            yield Notice(text=text)

    def _in_batches(self, test: Sequence[Example]) -> Iterator[Event]:
        """Batches are cut by row number, so that a resumed run computes here the same batches as an uninterrupted one.

        The first row that a race gives to those still in it begins a new batch: the rows before it are answered.
        """
        for rows in _batches(list(enumerate(test)), self._context.plan):
            left = [
                ready
                for ready in self._variants
                if not self._standings.is_out(ready.variant.id)
                and not all((ready.variant.id, example.id) in self._done for _row, example in rows)
            ]
            if not left:
                continue  # rows from before the run was stopped
            for ready in left:
                yield from self._batch(ready, rows)
            if (yield from self._settle()):
                return

    def _batch(self, ready: ReadyVariant, rows: Sequence[tuple[int, Example]]) -> Iterator[Event]:
        """Answer a batch: a server is asked for the rows that are missing, never for more than the limit pays for."""
        variant_id = ready.variant.id
        missing = [(row, example) for row, example in rows if (variant_id, example.id) not in self._done]
        # In this machine's batches each answer depends, in its last bits, on the others: they are made as before.
        cut = bool(self._context.model.facts.server) or not ready.variant.generates
        left = missing if cut else list(rows)
        while left:
            check_cancelled(self._context.cancel)
            self._budget.check()
            count = self._budget.at_once(len(left)) if cut else len(left)
            now, left = left[:count], left[count:]
            yield PredictionStarted(variant_id=variant_id, example_id=now[0][1].id, target=now[0][1].target)
            before = self._meter.read_joules()
            batch = answer_batch(self._context, ready, now)
            made = _with_energy(batch.made, before, self._meter.read_joules())
            yield from self._take([p for p in made if (variant_id, p.example_id) not in self._done], ready)
            if batch.stopped_by is not None:
                raise batch.stopped_by


def _batches(rows: Sequence[tuple[int, Example]], plan: RunPlan) -> Iterator[list[tuple[int, Example]]]:
    begin = plan.saved_from or len(rows)
    for part in (rows[:begin], rows[begin:]):
        for start in range(0, len(part), plan.batch_rows):
            yield list(part[start : start + plan.batch_rows])


def is_amid_block(plan: RunPlan, rows: int, block_rows: int) -> bool:
    """Tell whether so many rows end within a batch or a block, after which alone a run is judged."""
    if not plan.throughput:
        return rows % block_rows > 0
    begin = plan.saved_from if 0 < plan.saved_from <= rows else 0
    return (rows - begin) % plan.batch_rows > 0


def held_by(ready: ReadyVariant) -> str:
    """Return what a server has to hold for a variant's answer: the base (empty), or one set of weights."""
    return ready.lora.locator if ready.lora is not None else ""


def _rotated(items: Sequence[Item], number: int) -> list[Item]:
    first = number % len(items) if items else 0
    return [*items[first:], *items[:first]]


def _streamed(variant_id: str, example_id: str, text: str) -> TextStreamed:
    return TextStreamed(variant_id=variant_id, example_id=example_id, text=text)


def _with_energy(made: Sequence[Prediction], before: float | None, after: float | None) -> list[Prediction]:
    """Distribute measured joules over the predictions made between two readings."""
    if before is None or after is None:
        return list(made)
    share_wh = (after - before) / JOULES_PER_WATT_HOUR / max(len(made), 1)
    return [replace(p, timing=replace(p.timing, energy_wh=share_wh)) for p in made]
