"""What ends a run or a variant's part in it before the last row, and what is then left without an answer."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from engine.core.ports import RunStore
from engine.core.run.events import Event, LeaderClear, RowsWithdrawn, VariantOut
from engine.core.run.failed_rows import never_answered
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.metrics.budget import Budget
from engine.metrics.early_stopping import ClearLeader
from engine.running.standings import Standings


def settle(plan: RunPlan, store: RunStore, standings: Standings, budget: Budget) -> Generator[Event, None, bool]:
    """Tell who is out of a race, and whether a clear leader ends the run.

    Rows that a fault of the server left without an answer, and that are never asked again for it, are withdrawn.
    """
    dropped = standings.drop()
    for variant_id, rows in dropped.items():
        store.update_run(plan.run_id, manifest={"out": {variant_id: rows}})
        yield VariantOut(variant_id=variant_id, rows=rows)
    leader = standings.leader()
    if leader is not None:
        yield from _leader_is_clear(plan, store, leader)
    if dropped or leader is not None:
        left = never_answered(
            store.predictions(plan.run_id, unanswered=True), out=standings.out, ended=leader is not None
        )
        yield from withdraw(plan, store, budget, left)
    return leader is not None


def _leader_is_clear(plan: RunPlan, store: RunStore, leader: ClearLeader) -> Iterator[Event]:
    stopped = {"variant_id": leader.variant_id, "rows": leader.rows, "evidence": leader.evidence}
    store.update_run(plan.run_id, manifest={"stopped_early": stopped})
    yield LeaderClear(variant_id=leader.variant_id, rows=leader.rows)


def withdraw(plan: RunPlan, store: RunStore, budget: Budget, left: Sequence[Prediction]) -> Iterator[Event]:
    """Take rows without an answer out of a run; what they have cost stays part of its cost."""
    if not left:
        return
    cost_usd, places = budget.cost_usd(left), tuple((made.variant_id, made.example_id) for made in left)
    paid = {"beside_usd": store.manifest(plan.run_id).beside_usd + cost_usd} if cost_usd else None
    store.remove(plan.run_id, places, manifest=paid)
    yield RowsWithdrawn(places=places)
