"""The run store: what is committed stays, whatever happens next."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.storage.home import home_folder, machine_lock
from adapters.storage.run_store import SqliteRunStore
from engine.core.errors import DiskFullError, StoreError, UsageError
from engine.core.run.manifest import MachineFacts, Manifest, Preparation
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Failure, FailureKind, Passage, Prediction, Timing, Usage

ROOT = Path(__file__).parents[2]

WRITER = """
import sys
from pathlib import Path
from adapters.storage.run_store import SqliteRunStore
from engine.core.run.manifest import Manifest
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
store = SqliteRunStore(Path(sys.argv[1]))
store.create_run(Manifest(plan=RunPlan(run_id="r1", task_id="t", model_id="m", variants=(), test_ids=(), train_ids=())))
for number in range(100_000):
    store.add([Prediction(run_id="r1", variant_id="v", technique="t", example_id=str(number), target="x")])
    print(number, flush=True)
"""

FULL_DISK = """
import resource, sys
from pathlib import Path
from adapters.storage.run_store import SqliteRunStore
from engine.core.errors import DiskFullError
from engine.core.run.manifest import Manifest
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
store = SqliteRunStore(Path(sys.argv[1]))
store.create_run(Manifest(plan=RunPlan(run_id="r1", task_id="t", model_id="m", variants=(), test_ids=(), train_ids=())))
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
made = 0
try:
    for number in range(1000):
        store.add([Prediction(run_id="r1", variant_id="v", technique="t", example_id=str(number), target="x" * 5000)])
        made += 1
except DiskFullError as error:
    print(made, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.add([Prediction(run_id="r1", variant_id="v", technique="t", example_id="after", target="x")])
print(len(store.predictions("r1")))
"""


def manifest(run_id: str = "r1") -> Manifest:
    """Build the manifest of an empty run."""
    plan = RunPlan(run_id=run_id, task_id="t", model_id="m", variants=(), test_ids=(), train_ids=())
    return Manifest(plan=plan, machine=MachineFacts(cores=2))


def prediction(row: int, *, run_id: str = "r1", text: str = "answer") -> Prediction:
    """Build a prediction that uses every field."""
    return Prediction(
        run_id=run_id,
        variant_id="rag",
        technique="rag",
        example_id=f"row-{row}",
        target="täglich 😀",
        text=text,
        answer=text,
        score=0.1 + 0.2,
        scores={"a": 1 / 3},
        usage=Usage(prompt_tokens=5, cached_prompt_tokens=2, completion_tokens=1),
        timing=Timing(retrieval_s=0.1, ttft_s=None, total_s=1e-9, cpu_s=3.5),
        probabilities={"x": 0.25, "y": 0.75},
        passages=(Passage(id="p", kind="document", text="a\nb\0c", score=-0.5, source="s", target=""),),
        prompt="<|im_start|>",
        rss_bytes=2**40,
        attempts=2,
    )


@pytest.fixture
def store(tmp_path: Path) -> SqliteRunStore:
    """Open a new store with one run."""
    made = SqliteRunStore(tmp_path / "runs.sqlite3")
    made.create_run(manifest())
    return made


def test_a_prediction_comes_back_as_it_was(store: SqliteRunStore) -> None:
    """Every field survives, floats to the last bit; so does a failure, and the order in which rows were made."""
    failed = Prediction(
        run_id="r1", variant_id="v", technique="t", example_id="f", target="x",
        failure=Failure(kind=FailureKind.CONTEXT_OVERFLOW, message="too long"),
    )  # fmt: skip
    store.add([prediction(2), failed])
    store.add([prediction(1)])
    assert store.predictions("r1") == [prediction(2), failed, prediction(1)]
    assert store.predictions("other") == []


def test_adding_twice_keeps_the_first(store: SqliteRunStore) -> None:
    """A row that is there already is left as it is, so that a resumed run cannot change what was scored."""
    store.add([prediction(1, text="first")])
    store.add([prediction(1, text="second"), prediction(2)])
    assert [p.text for p in store.predictions("r1")] == ["first", "answer"]


def test_rows_without_an_answer_are_read_alone_and_removed(store: SqliteRunStore) -> None:
    """A fault that may pass is told from one that will not; what is removed is gone, and the others stay."""
    faults = {row: Failure(kind=FailureKind.BACKEND, message="x", passing=row == 1) for row in (1, 2)}
    store.add([replace(prediction(row), failure=faults.get(row)) for row in range(3)])
    (found,) = store.predictions("r1", unanswered=True)
    assert found == replace(prediction(1), failure=faults[1])
    store.remove("r1", [(found.variant_id, found.example_id)])
    assert not store.predictions("r1", unanswered=True)
    assert [made.example_id for made in store.predictions("r1")] == [prediction(row).example_id for row in (0, 2)]


def test_a_manifest_grows_by_keys(store: SqliteRunStore) -> None:
    """New keys join the manifest, nested ones too, and the status stands beside it."""
    store.update_run("r1", status="running", manifest={"prepared": {"rag": {"prepare_s": 1.5}}})
    store.update_run("r1", manifest={"prepared": {"lora": {"prepare_s": 9.0}}, "load_s": 2.0})
    found = store.manifest("r1")
    assert found.prepared == {"rag": Preparation(prepare_s=1.5), "lora": Preparation(prepare_s=9.0)}
    assert (found.status, found.load_s, found.plan) == ("running", 2.0, manifest().plan)
    assert found.machine == MachineFacts(cores=2)
    assert found.started_at.startswith("20")


def test_runs_are_listed_newest_first(store: SqliteRunStore) -> None:
    """The list counts each run's predictions, and runs without any are in it."""
    store.create_run(manifest("r2"))
    store.add([prediction(1), prediction(2)])
    assert [(info.run_id, info.status, info.rows_done) for info in store.infos()] == [
        ("r2", "planned", 0), ("r1", "planned", 2),
    ]  # fmt: skip


def test_an_unknown_run_comes_with_the_nearest(store: SqliteRunStore) -> None:
    """A mistyped run id names what was probably meant."""
    with pytest.raises(UsageError, match=r"Unknown run 'r11'\. Did you mean r1\?"):
        store.manifest("r11")


def test_the_same_run_twice_is_an_error(store: SqliteRunStore) -> None:
    """A run is never overwritten."""
    with pytest.raises(StoreError):
        store.create_run(manifest())


def test_predictions_need_their_run(store: SqliteRunStore) -> None:
    """No prediction is kept that no run would find."""
    with pytest.raises(StoreError, match="The run was deleted while it was carried out"):
        store.add([prediction(1), prediction(1, run_id="nowhere")])
    assert store.predictions("r1") == []


def test_rows_and_what_counts_them_are_kept_both_or_neither(store: SqliteRunStore) -> None:
    """A stop in between would count an answer twice, or not at all."""
    store.add([prediction(1)], manifest={"asked_again": 1})
    assert store.manifest("r1").asked_again == 1
    with pytest.raises(StoreError):
        store.add([prediction(2), prediction(2, run_id="nowhere")], manifest={"asked_again": 2})
    assert (store.manifest("r1").asked_again, store.count("r1")) == (1, 1)
    places = [(one.variant_id, one.example_id) for one in store.predictions("r1")]
    store.remove("r1", places, manifest={"asked_again": 3})
    assert (store.manifest("r1").asked_again, store.count("r1")) == (3, 0)


@pytest.mark.parametrize("data", [b"this is no database" * 100, b"SQLite format 3\0" + bytes(500)])
def test_a_damaged_file_is_a_typed_error(tmp_path: Path, data: bytes) -> None:
    """A file that is not a store is refused with its path and the fix, and is not touched."""
    path = tmp_path / "runs.sqlite3"
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"runs\.sqlite3.*Move it away"):
        SqliteRunStore(path)
    assert path.read_bytes() == data


def test_a_store_damaged_in_the_middle_is_a_typed_error(tmp_path: Path) -> None:
    """Pages overwritten by a bad disk are noticed when they are read."""
    path = tmp_path / "runs.sqlite3"
    store = SqliteRunStore(path)
    store.create_run(manifest())
    store.add([prediction(n, text="long " * 500) for n in range(50)])
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    data[8192:-1] = os.urandom(len(data) - 8193)
    path.write_bytes(data)
    (tmp_path / "runs.sqlite3-wal").unlink(missing_ok=True)
    (tmp_path / "runs.sqlite3-shm").unlink(missing_ok=True)
    with pytest.raises(StoreError):
        SqliteRunStore(path).predictions("r1")


def test_a_damaged_manifest_costs_its_own_run_alone(store: SqliteRunStore, tmp_path: Path) -> None:
    """The app starts, and the other runs are listed and count as looks, beside a manifest that is not JSON."""
    store.create_run(manifest("r2"))
    for run_id in ("r1", "r2"):
        store.add([prediction(1, run_id=run_id)])
    with sqlite3.connect(tmp_path / "runs.sqlite3") as connection:
        connection.execute("UPDATE runs SET manifest = '{cut off' WHERE run_id = 'r2'")
    assert [info.run_id for info in store.infos()] == ["r1"]
    assert [one.plan.run_id for one, _has_purpose in store.without_split()] == ["r1"]
    assert [look.run_id for look in store.looks(manifest().plan.task_id, "")] == ["r1"]


def test_a_folder_that_is_not_there_is_a_typed_error(tmp_path: Path) -> None:
    """A store that cannot be opened says so."""
    with pytest.raises(StoreError, match="unable to open"):
        SqliteRunStore(tmp_path / "missing" / "runs.sqlite3")


def test_a_full_store_says_so_and_goes_on_when_there_is_room(store: SqliteRunStore) -> None:
    """When no page can be added, what was committed stays, and after room was made the same row is taken."""
    connection = store._connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages + 20}")
    kept = 0
    with pytest.raises(DiskFullError, match=r"no space left.*resume the run"):
        while True:
            store.add([prediction(kept, text="x" * 3000)])
            kept += 1
    assert kept > 0
    assert len(store.predictions("r1")) == kept
    connection.execute("PRAGMA max_page_count=1000000")
    store.add([prediction(kept, text="x" * 3000)])
    assert len(store.predictions("r1")) == kept + 1


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a Unix matter")
def test_a_disk_that_refuses_is_a_full_disk(tmp_path: Path) -> None:
    """When the system refuses to write, the error is `DiskFullError`, and the store works again afterwards."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "runs.sqlite3")],
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=True,
    )  # fmt: skip
    told, count = done.stdout.strip().split("\n")
    made = int(told.split()[0])
    assert made > 5
    assert "no space left" in told
    assert int(count) == made + 1


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a Unix matter")
def test_what_was_reported_survives_a_kill(tmp_path: Path) -> None:
    """`kill -9` at any moment loses no prediction that was reported as made."""
    path = tmp_path / "runs.sqlite3"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    reported = [int(next(process.stdout)) for _ in range(25)]
    os.kill(process.pid, signal.SIGKILL)
    reported += [int(line) for line in process.stdout if line.endswith("\n")]
    process.wait(timeout=30)
    kept = [int(p.example_id) for p in SqliteRunStore(path).predictions("r1")]
    assert kept[: len(reported)] == reported
    assert len(kept) <= len(reported) + 1


def test_several_threads_may_write(store: SqliteRunStore) -> None:
    """Screens read while a run writes, and two runs may write at once."""
    errors: list[BaseException] = []

    def write(first: int) -> None:
        try:
            for row in range(first, first + 25):
                store.add([prediction(row)])
                store.predictions("r1")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(n * 100,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(store.predictions("r1")) == 100


def _hold(home: Path, held: object, done: object) -> None:
    with machine_lock(home) as free:
        assert free
        held.set()  # type: ignore[attr-defined]
        done.wait(60)  # type: ignore[attr-defined]


def test_one_process_at_a_time_takes_the_machine(tmp_path: Path) -> None:
    """A second process, or a second run of this one, finds the machine taken; a dead holder frees it."""
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, held, done))
    holder.start()
    assert held.wait(60)
    with machine_lock(tmp_path) as free:
        assert not free
    holder.kill()
    holder.join(30)
    with machine_lock(tmp_path) as free, machine_lock(tmp_path) as again:
        assert free
        assert not again


def test_the_home_folder_is_made_or_the_reason_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ADAPTLAB_HOME` is made with its folders; where that is impossible the error names the path and the fix."""
    monkeypatch.setenv("ADAPTLAB_HOME", str(tmp_path / "new" / "home"))
    assert {path.name for path in home_folder().iterdir()} >= {"tasks", "lora", "indexes"}
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ADAPTLAB_HOME", str(tmp_path / "file"))
    with pytest.raises(StoreError, match=r"file.*Set ADAPTLAB_HOME"):
        home_folder()
