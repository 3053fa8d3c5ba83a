"""The number of answers that the run store keeps for each run is that of the rows, whatever happens to them."""

from __future__ import annotations

import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as some

from adapters.storage.run_store import SqliteRunStore
from engine.core.run.prediction import Failure, FailureKind
from tests.unit.test_run_store import manifest, prediction

_STEPS = some.lists(
    some.tuples(some.sampled_from(["add", "add", "add", "fail", "remove", "delete"]), some.integers(0, 5)), max_size=30
)


@given(_STEPS)
def test_the_count_of_answers_is_that_of_the_rows(steps: list[tuple[str, int]]) -> None:
    """Whatever is added, twice, anew after a fault, removed or deleted with its run, by whichever of two connections."""
    with tempfile.TemporaryDirectory() as folder:
        stores = [SqliteRunStore(Path(folder) / "runs.sqlite3") for _ in range(2)]
        stores[0].create_run(manifest())
        passing = Failure(kind=FailureKind.BACKEND, message="x", passing=True)
        for number, (step, row) in enumerate(steps):
            store = stores[number % 2]
            if step == "remove":
                store.remove("r1", [("rag", f"row-{row}")])
            elif step == "delete" and row == 0:
                store.delete_run("r1")
                store.create_run(manifest())
            else:
                store.add([replace(prediction(row), failure=passing if step == "fail" else None), prediction(row)])
            kept = len(store.predictions("r1"))
            assert [one.count("r1") for one in stores] == [kept, kept]
            assert [info.rows_done for info in stores[1 - number % 2].infos()] == [kept]


def test_a_store_from_before_counts_were_kept_gets_them(tmp_path: Path) -> None:
    """Its answers are counted once as it is opened, and two that open it at once do it once."""
    path = tmp_path / "runs.sqlite3"
    store = SqliteRunStore(path)
    store.create_run(manifest("r1"))
    store.add([prediction(1), prediction(2)])
    store.create_run(manifest("r2"))
    with sqlite3.connect(path) as plain:
        plain.executescript(
            "DROP TRIGGER answer_added; DROP TRIGGER answer_removed; DROP TABLE answer_counts;"
            "PRAGMA foreign_keys = OFF; INSERT INTO predictions (run_id, variant_id, example_id, record)"
            " VALUES ('r1', 'v', 'old', '{}'), ('deleted with another program', 'v', 'old', '{}')"
        )
    with ThreadPoolExecutor(4) as threads:
        opened = list(threads.map(SqliteRunStore, [path] * 4))
    assert [(info.run_id, info.rows_done) for info in opened[0].infos()] == [("r2", 0), ("r1", 3)]
    opened[1].add([prediction(3)])
    assert opened[2].count("r1") == 4
