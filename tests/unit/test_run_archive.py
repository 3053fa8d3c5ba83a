"""Runs taken elsewhere: what goes out comes in the same, and nothing else comes in."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.storage.run_archive import pack_run, unpack_run
from adapters.storage.run_store import SqliteRunStore
from engine.core.errors import UsageError
from tests.unit.test_run_table import made_run


@pytest.fixture
def store(tmp_path: Path) -> SqliteRunStore:
    """A store with one finished run."""
    plan, made = made_run(6)
    found = SqliteRunStore(tmp_path / "runs.sqlite3")
    found.create_run(plan.run_id, {"plan": plan.to_dict(), "note": "as it was \u202e"})
    found.add(made)
    found.update_run(plan.run_id, status="done")
    return found


def test_a_packed_run_comes_in_as_it_was(store: SqliteRunStore, tmp_path: Path) -> None:
    """Manifest, status, start, note and every prediction are the same in another store."""
    run_id = store.runs()[0][0]
    other = SqliteRunStore(tmp_path / "other.sqlite3")
    assert unpack_run(other, pack_run(store, run_id)) == run_id
    assert other.manifest(run_id) == store.manifest(run_id)
    assert other.predictions(run_id) == store.predictions(run_id)


def test_a_run_that_is_here_is_not_taken_in_twice(store: SqliteRunStore) -> None:
    """The same run again is refused and what is here stays."""
    run_id = store.runs()[0][0]
    before = store.predictions(run_id)
    with pytest.raises(UsageError, match="is here already"):
        unpack_run(store, pack_run(store, run_id))
    assert store.predictions(run_id) == before


def test_deleting_takes_the_predictions_along(store: SqliteRunStore) -> None:
    """A deleted run leaves no prediction behind, and an unknown one is told."""
    run_id = store.runs()[0][0]
    store.delete_run(run_id)
    assert store.runs() == []
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
        lambda manifest, lines: manifest["plan"].update(variants=3),
        lambda manifest, lines: lines[0].update(variant_id="unheard-of"),
        lambda manifest, lines: lines[0].update(score=7.0),
        lambda manifest, lines: lines[0].update(text=["no", "text"]),
        lambda manifest, lines: lines[0].pop("timing"),
        lambda manifest, lines: lines[0].update(failure={"kind": "unheard-of", "message": ""}),
        lambda manifest, lines: lines[0].update(surprise=1),
    ],
)
def test_what_is_no_whole_run_stays_out(store: SqliteRunStore, tmp_path: Path, change: Any) -> None:
    """A changed manifest or prediction is refused with a mend, and leaves nothing behind."""
    data = _changed(pack_run(store, store.runs()[0][0]), change)
    other = SqliteRunStore(tmp_path / "other.sqlite3")
    with pytest.raises(UsageError) as error:
        unpack_run(other, data)
    assert error.value.mend
    assert other.runs() == []


@pytest.mark.parametrize("data", [b"", b"PK", b"\x00" * 100, b"PK\x03\x04 but no more"])
def test_other_files_stay_out(store: SqliteRunStore, data: bytes) -> None:
    """A file that is no zip is told as such."""
    with pytest.raises(UsageError, match="no packed run"):
        unpack_run(store, data)
