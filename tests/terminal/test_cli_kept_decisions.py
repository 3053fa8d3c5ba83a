"""A run that goes on after a stop keeps what was measured and decided before its first row: nothing is decided again."""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.terminal.reading import WORDS, Run, wait_until, write_desks
from wiring import open_lab

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are a Unix matter")


@pytest.fixture
def desks(tmp_path: Path) -> list[object]:
    """Write a table whose training rows leave enough that few-shot does not show to measure its prior."""
    path = write_desks(tmp_path / "desks.csv", WORDS, train=6, test=40)
    return ["--task", path, "--model", "scripted", "--variants", "zero-shot,few-shot"]


def prepared(run: Run, run_id: str) -> dict[str, Any]:
    """Return what the manifest says of preparing each variant, its seconds and decisions."""
    code, out, err = run("runs", "show", run_id, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)["run"]["prepared"]
    return found


@pytest.fixture
def ctrl_c_amid_rows(home: Path) -> Iterator[threading.Thread]:
    """Make a thread that presses Ctrl-C once there are some answers; where nothing runs any more it is passed over."""

    def press() -> None:
        wait_until((home / "runs.sqlite3").exists)
        with closing(open_lab()) as lab:
            wait_until(lambda: any(info.rows_done > 2 for info in lab.runs.list()))
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, lambda *_: None)
    thread = threading.Thread(target=press, daemon=True)
    yield thread
    thread.join()
    signal.signal(signal.SIGINT, before)


def test_a_stopped_run_keeps_its_priors_and_examples(
    run: Run, desks: list[object], ctrl_c_amid_rows: threading.Thread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resumed, a run has the same priors and seconds to the last digit, and shows the same examples in every prompt."""
    with monkeypatch.context() as slow:
        slow.setenv("ADAPTLAB_SCRIPTED_PACE_S", "0.01")
        ctrl_c_amid_rows.start()
        code, _, err = run("compare", *desks)
    assert code == 3, err
    with closing(open_lab()) as lab:
        (info,) = lab.runs.list()
    assert 2 < info.rows_done < info.rows_total
    before = prepared(run, info.run_id)
    assert before.keys() == {"zero-shot", "few-shot"}
    for one in before.values():
        assert one["priors"][0]["right_with"] is not None
        assert one["priors"][0]["measure_s"] > 0
    assert before["few-shot"]["shots"]["choice"] == "covering"
    code, _, err = run("compare", "--resume", info.run_id, "--out", tmp_path / "out")
    assert code == 0, err
    assert prepared(run, info.run_id) == before
    with (tmp_path / "out" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        prompts = [
            row["prompt"].replace(row["input"], "") for row in csv.DictReader(file) if "few" in row["variant_id"]
        ]
    assert len(prompts) == 120
    assert len(set(prompts)) == 1
