"""Runs taken elsewhere: what goes out comes in the same, and nothing else comes in."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters import archives
from adapters.storage import run_archive
from adapters.storage.run_archive import read_run
from adapters.storage.run_store import SqliteRunStore
from engine.core.errors import UsageError
from engine.core.run.manifest import MachineFacts, Manifest, Preparation
from engine.core.task import Task
from tests.made_runs import made_run
from tests.memory_lab import memory_task

ROWS = 6


def task_here(name: str) -> Task:
    """Return the task of the packed run, as it is on this machine."""
    task = memory_task(rows=ROWS)
    if name != task.id:
        raise UsageError(f"Unknown task '{name}'.", "Choose another.")
    return task


def pack_run(store: SqliteRunStore, run_id: str) -> bytes:
    """Pack a run without its task."""

    def gone(name: str) -> bytes:
        raise UsageError(f"Unknown task '{name}'.", "Choose another.")

    return run_archive.pack_run(store, run_id, gone)


def unpack_run(store: SqliteRunStore, data: bytes) -> str:
    """Import a packed run, as the app does."""
    read = read_run(data, task_here)
    store.import_run(read.manifest, read.rows)
    return read.manifest.plan.run_id


@pytest.fixture
def store(tmp_path: Path) -> SqliteRunStore:
    """A store with one finished run."""
    plan, made = made_run(ROWS)
    found = SqliteRunStore(tmp_path / "runs.sqlite3")
    found.create_run(
        Manifest(
            plan=plan,
            machine=MachineFacts(cores=2),
            prepared={"lora": Preparation(prepare_s=81.0, reused=True)},
            note="as it was \u202e",
        )
    )
    found.add(made)
    found.update_run(plan.run_id, status="done")
    return found


def test_a_packed_run_comes_in_as_it_was(store: SqliteRunStore, tmp_path: Path) -> None:
    """Manifest, status, start, note and every prediction are the same in another store."""
    run_id = store.infos()[0].run_id
    other = SqliteRunStore(tmp_path / "other.sqlite3")
    assert unpack_run(other, pack_run(store, run_id)) == run_id
    taken = other.manifest(run_id)
    assert taken.imported_at
    assert taken == replace(store.manifest(run_id), imported=True, imported_at=taken.imported_at, rescored=True)
    assert other.predictions(run_id) == store.predictions(run_id)


def test_a_run_that_comes_in_again_is_another_edition(store: SqliteRunStore) -> None:
    """Scores are read again at each import: what was computed before it does not stand for it on any screen."""
    run_id = store.infos()[0].run_id
    packed, editions = pack_run(store, run_id), [store.infos()[0].edition]
    for _ in range(2):
        store.delete_run(run_id)
        unpack_run(store, packed)
        editions.append(next(info.edition for info in store.infos() if info.run_id == run_id))
    assert len(set(editions)) == 3


def test_a_run_that_is_here_is_not_taken_in_twice(store: SqliteRunStore) -> None:
    """The same run again is refused and what is here stays."""
    run_id = store.infos()[0].run_id
    before = store.predictions(run_id)
    with pytest.raises(UsageError, match="is here already"):
        unpack_run(store, pack_run(store, run_id))
    assert store.predictions(run_id) == before


def test_deleting_takes_the_predictions_along(store: SqliteRunStore) -> None:
    """A deleted run leaves no prediction behind, and an unknown one is told."""
    run_id = store.infos()[0].run_id
    store.delete_run(run_id)
    assert store.infos() == []
    assert store.predictions(run_id) == []
    with pytest.raises(UsageError, match="Unknown run"):
        store.delete_run(run_id)


def _changed(data: bytes, change: Callable[[dict[str, Any], list[dict[str, Any]]], None]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        manifest = json.loads(archive.read("run.json"))
        lines = [json.loads(line) for line in archive.read("predictions.jsonl").splitlines()]
    change(manifest, lines)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("run.json", json.dumps(manifest))
        archive.writestr("predictions.jsonl", "\n".join(json.dumps(line) for line in lines))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest, lines: manifest.update(run_id="../../etc/passwd"),
        lambda manifest, lines: manifest.update(run_id="another"),
        lambda manifest, lines: manifest.pop("plan"),
        lambda manifest, lines: manifest["plan"].pop("variants"),
        lambda manifest, lines: manifest.update(version=99),
        lambda manifest, lines: manifest["plan"].update(variants=3),
        lambda manifest, lines: lines[0].update(variant_id="unheard-of"),
        lambda manifest, lines: lines[0].update(score=7.0),
        lambda manifest, lines: lines[0].update(text=["no", "text"]),
        lambda manifest, lines: lines[0].pop("timing"),
        lambda manifest, lines: lines[0].update(failure={"kind": "unheard-of", "message": ""}),
        lambda manifest, lines: lines[0].update(surprise=1),
        lambda manifest, lines: lines[0]["usage"].update(prompt_tokens=-1),
        lambda manifest, lines: lines[0]["usage"].update(completion_tokens=10**30),
        lambda manifest, lines: lines[0]["timing"].update(total_s=float("nan")),
        lambda manifest, lines: lines[0]["timing"].update(ttft_s=float("inf")),
        lambda manifest, lines: lines[0]["timing"].update(cpu_s=-3.0),
        lambda manifest, lines: lines[0].update(probabilities={"billing_refund": 7.0}),
        lambda manifest, lines: lines[0].update(scores={"accuracy": float("nan")}),
        lambda manifest, lines: lines[0].update(rss_bytes=-1),
        lambda manifest, lines: lines[0].update(attempts=0),
        lambda manifest, lines: lines[0].update(technique="lora"),
        lambda manifest, lines: lines[0].update(target="another"),
        lambda manifest, lines: lines.append(lines[0]),
        lambda manifest, lines: lines.clear() or lines.append(["no", "object"]),
        lambda manifest, lines: manifest["plan"].update(test_ids=[]),
        lambda manifest, lines: manifest["plan"].update(test_ids=manifest["plan"]["test_ids"] * 2),
        lambda manifest, lines: manifest["plan"].update(variants=manifest["plan"]["variants"] * 2),
        lambda manifest, lines: manifest["plan"].update(variants=[]),
        lambda manifest, lines: manifest["plan"].update(task_id="unheard-of"),
        lambda manifest, lines: manifest["plan"].update(task_id="/etc"),
        lambda manifest, lines: manifest["plan"].update(context_tokens=0),
        lambda manifest, lines: manifest["plan"]["costs"].update(watts=float("inf")),
        lambda manifest, lines: manifest["machine"].update(cores=0),
        lambda manifest, lines: manifest["machine"].update(memory_bytes=-1),
        lambda manifest, lines: manifest["prepared"]["lora"].update(prepare_s=-81.0),
        lambda manifest, lines: manifest.update(started_at="yesterday"),
        lambda manifest, lines: manifest.update(task_digest="not hex"),
        lambda manifest, lines: manifest.update(out={"unheard-of": 3}),
        lambda manifest, lines: manifest.update(parent_run="../x"),
        lambda manifest, lines: manifest.update(load_s=float("nan")),
    ],
)
def test_what_is_no_whole_run_stays_out(store: SqliteRunStore, tmp_path: Path, change: Any) -> None:
    """A changed manifest or prediction is refused with a fix, and leaves nothing behind."""
    data = _changed(pack_run(store, store.infos()[0].run_id), change)
    other = SqliteRunStore(tmp_path / "other.sqlite3")
    with pytest.raises(UsageError) as error:
        unpack_run(other, data)
    assert error.value.fix
    assert other.infos() == []


def test_scores_that_an_archive_claims_are_not_believed(store: SqliteRunStore, tmp_path: Path) -> None:
    """Answers are read from their texts and scored against the targets here, whatever the archive says of them."""
    run_id = store.infos()[0].run_id

    def boast(_manifest: dict[str, Any], lines: list[dict[str, Any]]) -> None:
        for line in lines:
            line.update(score=1.0, scores={"accuracy": 1.0, "invented": 1.0}, answer=line["target"], failure=None)

    other = SqliteRunStore(tmp_path / "other.sqlite3")
    unpack_run(other, _changed(pack_run(store, run_id), boast))
    true, claimed = store.predictions(run_id), other.predictions(run_id)
    assert [made.score for made in claimed] == [made.score for made in true]
    assert [made.scores for made in claimed] == [made.scores for made in true]
    assert [made.outcome for made in claimed] == [made.outcome for made in true]
    assert {made.outcome for made in true} >= {"right", "wrong"}


def test_half_characters_come_in_as_text(store: SqliteRunStore, tmp_path: Path) -> None:
    """What is stored can be written as UTF-8, so that a report and an export of it can be."""
    other = SqliteRunStore(tmp_path / "other.sqlite3")
    change = lambda manifest, lines: (lines[0].update(prompt="a\ud800b"), manifest.update(note="\udfff"))  # noqa: E731
    run_id = unpack_run(other, _changed(pack_run(store, store.infos()[0].run_id), change))
    assert other.predictions(run_id)[0].prompt == "a?b"
    assert other.manifest(run_id).note == "?"


def test_a_small_file_does_not_become_much_memory(store: SqliteRunStore) -> None:
    """Lines of a bound are read one by one, and a manifest larger than any run's is refused before it is parsed."""
    run = json.loads(zipfile.ZipFile(io.BytesIO(pack_run(store, store.infos()[0].run_id))).read("run.json"))
    long = b"[" + b"[]," * 7_000_000 + b"[]]"
    with pytest.raises(UsageError, match="larger than any run"):
        unpack_run(store, _packed({"run.json": long, "predictions.jsonl": b"", "x": os.urandom(200_000)}))
    fat = {"run.json": json.dumps(run).encode(), "predictions.jsonl": b'"' + b"a" * 5_000_000}
    with pytest.raises(UsageError, match="a line of more than"):
        unpack_run(store, _packed(fat))


@pytest.mark.parametrize("data", [b"", b"PK", b"\x00" * 100, b"PK\x03\x04 but no more"])
def test_other_files_stay_out(store: SqliteRunStore, data: bytes) -> None:
    """A file that is not a zip is told as such."""
    with pytest.raises(UsageError, match=r"is (no|not a) packed run"):
        unpack_run(store, data)


def _packed(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"run.json": b"{}"}, "holds no 'predictions.jsonl'"),
        ({"predictions.jsonl": b""}, "holds no 'run.json'"),
        ({"run.json": b"{}", "predictions.jsonl": b"", "../evil": b"x"}, "unsafe path"),
        ({"run.json": b"{}", "predictions.jsonl": b"0" * 30_000_000}, "was not unpacked"),
        ({"run.json": b"[]", "predictions.jsonl": b""}, "is not an object"),
        ({"run.json": b"\xff", "predictions.jsonl": b""}, "packed run"),
        ({"run.json": b"[" * 100_000, "predictions.jsonl": b""}, "packed run"),
        ({"run.json": b"{}", "predictions.jsonl": b"\xff"}, "packed run"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_archives_that_hold_no_run_are_refused(store: SqliteRunStore, entries: dict[str, bytes], said: str) -> None:
    """Runs are looked over as every archive is: paths, sizes and what belongs, each told with a fix."""
    with pytest.raises(UsageError, match=r"is (no|not a) packed run") as caught:
        unpack_run(store, _packed(entries))
    assert said in caught.value.what
    assert caught.value.fix


def test_a_run_has_a_bound_of_its_own(store: SqliteRunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run may be larger than a table or a task; beyond its bound it is refused before it is unpacked."""
    assert run_archive.MOST_BYTES > 3 * archives.MAX_UNPACKED_BYTES
    monkeypatch.setattr(run_archive, "MOST_BYTES", 10)
    with pytest.raises(UsageError, match=r"was not unpacked.*2 GB"):
        unpack_run(store, pack_run(store, store.infos()[0].run_id))


def test_a_damaged_prediction_file_is_told(store: SqliteRunStore) -> None:
    """Content that does not fit its checksum is refused, not taken in by half."""
    data = bytearray(pack_run(store, store.infos()[0].run_id))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = archive.getinfo("predictions.jsonl")
    data[info.header_offset + 30 + len(info.filename) + info.compress_size // 2] ^= 0xFF
    with pytest.raises(UsageError, match=r"is not a (packed|whole) run"):
        unpack_run(store, bytes(data))
