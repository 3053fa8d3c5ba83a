"""The recorded run that ships, and what is missing on a machine."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from adapters import checkup
from adapters.storage.sample_run import PREDICTIONS_NAME, read_recorded, write_recorded
from engine.core.errors import StoreError
from engine.core.techniques import Technique
from engine.services.recorded import RecordedRun, fold
from tests.memory_lab import memory_lab
from wiring import DATA


def _recorded() -> RecordedRun:
    lab = memory_lab()
    return lab.results.recorded(lab.finished(rows=5))


def test_a_recorded_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Every prediction comes back whole, and writing the same run twice gives the same bytes."""
    recorded = _recorded()
    write_recorded(recorded, tmp_path)
    first = (tmp_path / PREDICTIONS_NAME).read_bytes()
    write_recorded(recorded, tmp_path)
    assert (tmp_path / PREDICTIONS_NAME).read_bytes() == first
    found = read_recorded(tmp_path)
    assert found is not None
    assert found.predictions == recorded.predictions
    assert found == recorded


def test_a_missing_one_is_none_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    """A copy without the run works; a torn file is an error with its fix."""
    assert read_recorded(tmp_path) is None
    write_recorded(_recorded(), tmp_path)
    (tmp_path / PREDICTIONS_NAME).write_bytes(b"torn")
    with pytest.raises(StoreError):
        read_recorded(tmp_path)


def test_the_run_that_ships_is_whole_and_real() -> None:
    """The sample has every variant on every row, ended by itself, names its machine, and carries no path of one."""
    found = read_recorded(DATA / "sample_run")
    assert found is not None
    plan, snapshot = found.plan, fold(found.manifest, found.predictions).snapshot()
    assert snapshot.status == "done"
    assert len(found.predictions) == len(plan.variants) * len(plan.test_ids) == 600
    assert {variant.technique for variant in plan.variants} == set(Technique)
    assert found.manifest.machine.cores
    assert found.manifest.machine.processor
    assert all(lane.total_p50_s for lane in snapshot.lanes)
    text = str(found.manifest)
    assert "/home/" not in text
    assert "/tmp/" not in text


def test_what_is_missing_is_found_without_importing_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A missing package, no model, little memory and little disk are each told with a fix; the needed come first."""
    real = importlib.util.find_spec

    def without(name: str, *more: Any) -> Any:
        return None if name in {"peft", "lancedb"} else real(name, *more)

    class Little:
        available = 500_000_000
        free = 100_000_000

    monkeypatch.setattr(checkup.importlib.util, "find_spec", without)
    monkeypatch.setattr(checkup.psutil, "virtual_memory", Little)
    monkeypatch.setattr(checkup.shutil, "disk_usage", lambda _home: Little)
    monkeypatch.setattr(checkup, "_ollama_answers", lambda: True)
    found = checkup.check_machine(tmp_path, models=0)
    assert [finding.needed for finding in found] == [True, True, False, False, False]
    assert all(finding.fix for finding in found)
    assert "pip install lancedb" in [finding.fix for finding in found]


def test_a_compiler_is_asked_for_only_where_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where llama.cpp is missing and there is no compiler, the fix begins with the compiler."""
    monkeypatch.setattr(checkup.shutil, "which", lambda _name: None)
    assert "build-essential" in checkup._install("llama-cpp-python")
    assert checkup._install("peft") == "pip install peft"


@pytest.mark.parametrize(
    ("host", "answers"), [("127.0.0.1:1", False), ("http://[::1", False), ("other.example:1", True)]
)
def test_only_this_machine_is_asked_for_ollama(host: str, answers: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server elsewhere is not contacted, and an address that is none is not a server."""
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert checkup._ollama_answers() is answers
