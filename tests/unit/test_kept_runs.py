"""A kept run on screen: read once for each of its states, a part at a time, and nothing held that is not shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.storage.run_store import SqliteRunStore
from engine.core.run.manifest import Manifest
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.services.background import kept_runs
from engine.services.background.kept_runs import KeptRuns
from engine.services.recorded import fold
from tests.made_runs import made_run


class Counting(SqliteRunStore):
    """A store that tells how many rows were asked of it at once."""

    def __init__(self, path: Path) -> None:
        """Open it."""
        super().__init__(path)
        self.asked: list[int | None] = []

    def predictions(self, run_id: str, some: tuple[RunPlan, Sequence[str]] | None = None) -> list[Prediction]:
        """Read, and note how many examples were asked for."""
        self.asked.append(None if some is None else len(some[1]))
        return super().predictions(run_id, some)


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Counting, RunPlan, list[Prediction]]:
    """Keep a finished run whose answers came in another order than that of its rows."""
    plan, made = made_run(25)
    store = Counting(tmp_path / "runs.sqlite3")
    store.create_run(Manifest(plan=plan))
    store.add(made[::-1])
    store.update_run(plan.run_id, status="done")
    return store, plan, made


def test_a_kept_run_is_read_in_parts_and_in_the_order_of_its_rows(
    kept: tuple[Counting, RunPlan, list[Prediction]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is shown is what all answers at once give, and no more than a part of them is asked for at a time."""
    monkeypatch.setattr(kept_runs, "ROWS_AT_ONCE", 10)
    store, plan, made = kept
    shown = KeptRuns(store).find(plan.run_id).snapshot()
    assert store.asked == [10, 10, 5]
    whole = fold(store.manifest(plan.run_id), made).snapshot()
    for lane, other in zip(shown.lanes, whole.lanes, strict=True):
        assert list(lane.example_ids) == list(plan.test_ids)
        assert list(lane.outcomes) == list(other.outcomes)
        assert list(lane.running_quality) == list(other.running_quality)
        assert list(lane.latencies_s) == list(other.latencies_s)
        assert lane.figures == other.figures


def test_a_kept_run_is_read_again_only_when_it_has_changed(kept: tuple[Counting, RunPlan, list[Prediction]]) -> None:
    """Ten looks read it once; another answer or another manifest is a reason to read it again."""
    store, plan, made = kept
    runs = KeptRuns(store)
    for _ in range(10):
        runs.find(plan.run_id).snapshot()
    assert len(store.asked) == 1
    store.update_run(plan.run_id, status="cancelled")
    assert runs.find(plan.run_id).snapshot().status == "cancelled"
    assert len(store.asked) == 2
    other = replace(plan, run_id="other")
    store.create_run(Manifest(plan=other))
    store.add([replace(one, run_id="other") for one in made[:3]])
    assert runs.find("other").snapshot().rows_done == 3
    store.add([replace(one, run_id="other") for one in made[3:5]])
    assert runs.find("other").snapshot().rows_done == 5


def test_few_kept_runs_are_remembered(kept: tuple[Counting, RunPlan, list[Prediction]]) -> None:
    """The run looked at longest ago is let go of first."""
    store, plan, _made = kept
    runs = KeptRuns(store)
    for number in range(kept_runs.MOST_REMEMBERED):
        store.create_run(Manifest(plan=replace(plan, run_id=f"run-{number}")))
        runs.find(f"run-{number}")
    runs.find("run-0")
    before = len(store.asked)
    runs.find(plan.run_id)
    runs.find("run-0")
    assert len(store.asked) == before + 1
    runs.find("run-1")
    assert len(store.asked) == before + 2
