"""Runs as columns: from predictions, from the store, from disk; and finding rows in them."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.storage import table_keeper
from adapters.storage.run_store import SqliteRunStore
from adapters.storage.table_keeper import TableKeeper
from engine.analysis.row_filter import facets, matching
from engine.analysis.run_table import COLUMNS, RowColumns, RunTable, row_values, table_of_one
from engine.core.run.manifest import Manifest, plan_fields
from tests.made_runs import made_run, table_of
from tests.memory_lab import LABELS, memory_task


def same(first: RunTable, second: RunTable) -> bool:
    """Compare two tables, NaN being equal to NaN."""

    def equal(one: Any, other: Any) -> bool:
        if isinstance(one, dict):
            return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
        if isinstance(one, np.ndarray):
            return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))
        return bool(one == other)

    return all(equal(getattr(first, item.name), getattr(second, item.name)) for item in fields(first))


def test_every_prediction_is_in_its_cell() -> None:
    """Score, answer, failure, seconds and tokens stand at the variant's line and the row's place."""
    plan, made = made_run()
    table = table_of(plan, made)
    assert table.predictions == len(made)
    for item in made:
        line, row = table.place(item.variant_id), plan.test_ids.index(item.example_id)
        assert table.score[line, row] == (item.score or 0.0)
        assert table.targets[row] == item.target
        assert (table.failure[line, row] >= 0) == (item.failure is not None)
        code = int(table.answer[line, row])
        assert (table.answers[code] if code >= 0 else None) == item.answer
        assert table.seconds["total_s"][line, row] == item.timing.total_s
        assert table.tokens["prompt_tokens"][line, row] == item.usage.prompt_tokens
        chance = item.probabilities.get(item.answer or "")
        assert math.isnan(table.confidence[line, row]) if chance is None else table.confidence[line, row] == chance


def test_a_lanes_rows_are_a_line_of_the_table() -> None:
    """What a lane gathers row by row gives the columns that the whole run has at that variant's line."""
    plan, made = made_run()
    table = table_of(plan, made)
    rows = [item for item in made if item.variant_id == "rag"]
    columns = RowColumns()
    for item in rows:
        columns.extend([row_values(item)])
    lane = table_of_one("rag", [item.example_id for item in rows], columns)
    line = table.place("rag")
    assert np.array_equal(lane.score[0], table.score[line])
    assert np.array_equal(lane.failure[0], table.failure[line])
    for name, values in lane.seconds.items():
        assert np.array_equal(values[0], table.seconds[name][line], equal_nan=True)
    for name, values in lane.tokens.items():
        assert np.array_equal(values[0], table.tokens[name][line])


def test_rows_not_reached_are_not_made() -> None:
    """A run that was stopped has empty cells, which count for nothing."""
    plan, made = made_run()
    table = table_of(plan, made[:30])
    assert table.predictions == 30
    assert np.isnan(table.score[~table.made]).all()
    assert not table.right[~table.made].any()


def test_nothing_made_is_an_empty_table() -> None:
    """A run without predictions has the shape of its plan."""
    plan, _made = made_run()
    table = table_of(plan, [])
    assert table.made.shape == (len(plan.variants), len(plan.test_ids))
    assert table.predictions == 0


def test_the_store_gives_the_same_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read from SQLite, kept on disk, read again: always the table that the predictions give."""
    monkeypatch.setattr(table_keeper, "LEAST_PREDICTIONS", 1)
    plan, made = made_run()
    store = SqliteRunStore(tmp_path / "runs.sqlite3")
    store.create_run(Manifest(plan=plan))
    store.add(made)
    keeper = TableKeeper(store, tmp_path / "tables")
    known = table_of(plan, made)
    assert same(keeper.table(plan.run_id), known)
    assert not list(tmp_path.glob("tables/*"))  # a run that goes on is not kept
    store.update_run(plan.run_id, status="done")
    assert same(keeper.table(plan.run_id), known)
    assert len(list(tmp_path.glob("tables/*.npz"))) == 1
    monkeypatch.setattr(store, "records", lambda run_id: pytest.fail("read again"))
    assert same(keeper.table(plan.run_id), known)
    keeper.forget(plan.run_id)
    assert not list(tmp_path.glob("tables/*.npz"))


def test_a_table_from_before_rows_were_added_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished run that got more rows is read from the store again, not from the file of its first rows."""
    monkeypatch.setattr(table_keeper, "LEAST_PREDICTIONS", 1)
    plan, made = made_run(10)
    store = SqliteRunStore(tmp_path / "runs.sqlite3")
    first = replace(plan, test_ids=plan.test_ids[:6])
    store.create_run(Manifest(plan=first))
    store.add([item for item in made if item.example_id in first.test_ids])
    store.update_run(plan.run_id, status="done")
    keeper = TableKeeper(store, tmp_path / "tables")
    assert len(keeper.table(plan.run_id).example_ids) == 6
    store.update_run(plan.run_id, status="planned", manifest={"plan": plan_fields(plan)})
    store.add([item for item in made if item.example_id not in first.test_ids])
    store.update_run(plan.run_id, status="done")
    assert same(keeper.table(plan.run_id), table_of(plan, made))


def test_a_damaged_file_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a file, or one of another form, is read from the store again."""
    monkeypatch.setattr(table_keeper, "LEAST_PREDICTIONS", 1)
    plan, made = made_run(5)
    store = SqliteRunStore(tmp_path / "runs.sqlite3")
    store.create_run(Manifest(plan=plan))
    store.add(made)
    store.update_run(plan.run_id, status="done")
    keeper = TableKeeper(store, tmp_path / "tables")
    keeper.table(plan.run_id)
    path = next(tmp_path.glob("tables/*.npz"))
    path.write_bytes(path.read_bytes()[:500])
    assert same(keeper.table(plan.run_id), table_of(plan, made))


def test_one_rows_answers_come_from_the_store(tmp_path: Path) -> None:
    """All variants' predictions of one example are read without the others."""
    plan, made = made_run(6)
    store = SqliteRunStore(tmp_path / "runs.sqlite3")
    store.create_run(Manifest(plan=plan))
    store.add(made)
    found = store.predictions(plan.run_id, (plan, [plan.test_ids[2]]))
    assert {item.variant_id for item in found} == {variant.id for variant in plan.variants}
    assert {item.example_id for item in found} == {plan.test_ids[2]}


def test_rows_are_found_by_who_is_right() -> None:
    """The filter gives exactly the rows that a plain loop finds."""
    plan, made = made_run(60)
    table = table_of(plan, made)
    found = matching(table, right_for=["rag"], wrong_for=["zero-shot"])
    right = {(item.variant_id, item.example_id): (item.score or 0) >= 0.5 for item in made}
    known = [place for place, row in enumerate(plan.test_ids) if right["rag", row] and not right["zero-shot", row]]
    assert found.tolist() == known


def test_rows_are_found_by_what_is_known_of_them() -> None:
    """Target, difficulty and failure choose rows; what is the same for all rows is not offered."""
    task = memory_task(rows=60)
    examples = tuple(
        replace(example, metadata={"difficulty": "hard" if place % 3 else "easy"})
        for place, example in enumerate(task.examples)
    )
    task = replace(task, examples=examples)
    plan, made = made_run(60)
    table = table_of(plan, made)
    by = facets(table, task)
    assert [item.name for item in by] == ["Target", "Difficulty", "Failure"]
    found = matching(table, chosen={"Target": [LABELS[1]], "Difficulty": ["hard"]}, by=by)
    hard = {example.id for example in examples if example.metadata["difficulty"] == "hard"}
    assert found.tolist() == [
        place for place, row in enumerate(plan.test_ids) if table.targets[place] == LABELS[1] and row in hard
    ]
    assert "Difficulty" not in [item.name for item in facets(table, memory_task(rows=60))]


@pytest.mark.parametrize("part", [{"rss_bytes": [1, 2]}, {"score": {}}])
def test_a_part_that_cannot_be_read_leaves_the_columns_whole(part: dict[str, object]) -> None:
    """A value that is no number is an error, and rows added after it are those that were given."""
    plan, made = made_run(3)
    good = row_values(made[0])
    bad = [part.get(name, value) for name, value in zip(COLUMNS, good, strict=True)]
    columns = RowColumns()
    columns.extend([good])
    with pytest.raises((ValueError, TypeError)):
        columns.extend([bad])
    columns.extend([good])
    table = table_of_one(plan.variants[0].id, plan.test_ids[:2], columns)
    assert same(table, table_of_one(plan.variants[0].id, plan.test_ids[:2], _columns(good, good)))


def test_texts_that_are_none_count_as_missing() -> None:
    """A damaged record may hold anything where a name belongs."""
    _plan, made = made_run(3)
    odd = [
        {"identity": {"a": 1}, "target": None}.get(name, value)
        for name, value in zip(COLUMNS, row_values(made[0]), strict=True)
    ]
    table = table_of_one("x", ["e"], _columns(odd))
    assert (table.identities, table.targets) == (((),), ("",))


def _columns(*rows: list[Any]) -> RowColumns:
    columns = RowColumns()
    columns.extend(rows)
    return columns
