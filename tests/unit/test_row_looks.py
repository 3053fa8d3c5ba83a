"""Test rows wear out: who looked at them before a run, and what that does to the error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.storage.run_store import SqliteRunStore, record_of
from engine.analysis.basis.row_looks import RowLooks, chance_of_luck, row_looks
from engine.core.limits import Limits
from engine.core.run.looks import Look, has_looked, look_from_json, look_of, look_to_json
from engine.core.run.manifest import Manifest, Purpose
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.techniques import Technique
from engine.core.variant import Variant
from engine.services.recorded import SAMPLE
from tests.memory_lab import memory_lab

ROWS = tuple(f"row-{number}" for number in range(10))


def manifest(run_id: str, *, rows: tuple[str, ...] = ROWS, started_at: str = "", **changes: object) -> Manifest:
    """Build a finished run of two variants."""
    plan = RunPlan(
        run_id=run_id, task_id="task", model_id="m", test_ids=rows, train_ids=(),
        variants=tuple(Variant(id=name, technique=Technique.ZERO_SHOT) for name in ("a", "b")),
    )  # fmt: skip
    usual = {"status": "done", "started_at": started_at or f"2026-11-25T10:{run_id:0>2}:00", "task_digest": "d" * 64}
    return Manifest(plan=plan, **(usual | changes))  # type: ignore[arg-type]


def looks(*runs: Manifest) -> RowLooks:
    """Count the looks before the last of these runs."""
    *_, this = found = [look_of(one) for one in runs]
    return row_looks(this, found)


def test_earlier_runs_on_the_same_rows_are_looks() -> None:
    """Each earlier run counts with its variants; the run itself and later ones do not."""
    runs = [manifest(str(number)) for number in range(1, 6)]
    assert looks(runs[0]) == RowLooks(runs=0, variants=0)
    assert looks(*runs) == RowLooks(runs=4, variants=8)
    assert looks(*runs).number == 5
    assert row_looks(look_of(runs[1]), [look_of(run) for run in runs]) == RowLooks(runs=1, variants=2)


@pytest.mark.parametrize(
    ("rows", "counted"),
    [(ROWS, 1), (ROWS[:5], 1), (ROWS[:4], 0), ((*ROWS[:4], "x", "y", "z"), 0), ((*ROWS, "x", "y"), 1), ((), 0)],
)
def test_half_of_the_rows_are_a_look(rows: tuple[str, ...], counted: int) -> None:
    """The share is that of this run's rows, however many more the other had."""
    assert looks(manifest("1", rows=rows), manifest("2")).runs == counted


def test_runs_of_any_purpose_count_on_the_same_task_alone() -> None:
    """A learning curve shows results on the test rows as well; another task's rows of the same names are others."""
    curve = manifest("1", purpose=Purpose.LEARNING_CURVE)
    other = replace(manifest("2", task_digest="e" * 64), plan=replace(manifest("2").plan, task_id="other"))
    renamed = replace(manifest("3"), plan=replace(manifest("3").plan, task_id="renamed"))
    reworded = manifest("4", task_digest="f" * 64)
    assert looks(curve, other, renamed, reworded, manifest("9")).runs == 3
    undigested = replace(other, task_digest="")
    assert looks(undigested, manifest("9", task_digest="")).runs == 0


def test_a_run_and_those_that_continue_it_are_one_look() -> None:
    """Rows that are added to a run are judged together with its own."""
    chain = [manifest("1"), manifest("2", parent_run="1"), manifest("3", parent_run="2")]
    assert looks(*chain) == RowLooks(runs=0, variants=0)
    assert looks(*chain, manifest("4")) == RowLooks(runs=1, variants=2)


@pytest.mark.parametrize(
    ("status", "answers", "looked"),
    [("done", 20, True), ("done", 4, True), ("cancelled", 10, True), ("cancelled", 9, False), ("done", 0, False)],
)
def test_a_run_that_showed_next_to_nothing_is_no_look(status: str, answers: int, looked: bool) -> None:
    """One that ended early because its leader was clear is a look, one that was cancelled at its beginning is not."""
    assert has_looked(manifest("1", status=status), answers) is looked


def test_a_look_holds_no_ids_of_rows() -> None:
    """What stays of a deleted run does not tell what its rows were called, and is read back as it was."""
    look = look_of(manifest("1"))
    assert look_from_json(look_to_json(look)) == look
    assert "row-1" not in look_to_json(look)


def add_run(store: SqliteRunStore, run: Manifest, answers: int) -> None:
    """Keep a run with so many answers per variant."""
    store.import_run(
        run,
        [
            record_of(
                Prediction(run_id=run.plan.run_id, variant_id=v.id, technique="zero-shot", example_id=row, target="x")
            )
            for v in run.plan.variants
            for row in run.plan.test_ids[:answers]
        ],
    )


def seen(store: SqliteRunStore) -> dict[str, Look]:
    """Return the looks at the task of `manifest`, by run."""
    return {look.run_id: look for look in store.looks("task", "d" * 64)}


def test_deleting_a_run_does_not_unsee_it(tmp_path: Path) -> None:
    """The store counts kept and deleted runs alike, each once, and after it was opened again."""
    path = tmp_path / "runs.sqlite3"
    store = SqliteRunStore(path)
    runs = {name: manifest(name) for name in ("1", "2", "3")}
    for name, answers in (("1", 10), ("2", 10), ("3", 0)):
        add_run(store, runs[name], answers)
    before = seen(store)
    assert before == {name: look_of(runs[name]) for name in ("1", "2")}
    for name in ("1", "3"):
        store.delete_run(name)
    assert seen(SqliteRunStore(path)) == before
    add_run(store, runs["1"], 10)
    store.delete_run("1")
    assert seen(store) == before
    assert store.looks("another", "0" * 64) == []


def test_the_report_counts_the_looks_before_a_run() -> None:
    """Five comparisons of six variants on the same rows: the report knows of those that began before it."""
    lab = memory_lab()
    first = lab.finished(rows=40)
    assert lab.results.report(first, Limits()).looks == RowLooks()
    runs = [lab.finished(rows=rows) for rows in (40, 30, 19)]
    # All runs in memory began in the same second. 19 of 40 rows are less than half, 40 of 19 are not.
    assert lab.results.behind(first).looks == RowLooks(runs=2, variants=12)
    assert lab.results.report(runs[-1], Limits()).looks == RowLooks(runs=3, variants=18)
    assert lab.results._looks(SAMPLE) == RowLooks()


@given(st.integers(1, 200))
def test_luck_grows_with_every_look(number: int) -> None:
    """5 % at the first look, more at each, never more than certain."""
    assert chance_of_luck(1) == pytest.approx(0.05)
    assert chance_of_luck(number) < chance_of_luck(number + 1) <= 1
    assert RowLooks(runs=number - 1).chance_of_luck == chance_of_luck(number)


def test_the_bound_is_reached_by_independent_looks() -> None:
    """Of runs with ten independent looks that each err in 5 %, 40 % err at least once."""
    errs = np.random.default_rng(0).random((200_000, 10)) < 0.05
    assert errs.any(axis=1).mean() == pytest.approx(chance_of_luck(10), abs=0.005)
