"""`compare --resume RUN --more-rows ROWS`: a finished run continued, also after a kill, and what is refused."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import SMOLLM2, WriteCsv
from tests.terminal.reading import Run, begin, wait_until
from wiring import open_lab

pytestmark = pytest.mark.timeout(600)
SCRIPTED = ("--task", "support-tickets", "--model", "scripted", "--variants", "zero-shot,few-shot")


def run_id_of(folder: Path) -> str:
    """Return the id of the run whose files are in a folder."""
    found: str = manifest_of(folder)["run_id"]
    return found


def manifest_of(folder: Path) -> Any:
    """Read the manifest that a run has written."""
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


def answers(run_id: str) -> list[tuple[str, str, str]]:
    """Return variant, row and text of all answers that are kept, in the order in which they were made."""
    lab = open_lab()
    try:
        return [(one.variant_id, one.example_id, one.text) for one in lab.results.predictions(run_id)]
    finally:
        lab.close()


def test_a_finished_run_gets_more_rows(run: Run, tmp_path: Path) -> None:
    """The same run goes on with the next rows; the three lines of the verdict follow the figures."""
    code, _, err = run("compare", *SCRIPTED, "--limit", 6, "--out", tmp_path / "a")
    assert code == 0, err
    run_id = run_id_of(tmp_path / "a")
    before = answers(run_id)
    code, _, err = run("compare", "--resume", run_id, "--more-rows", 6, "--out", tmp_path / "b")
    assert code == 0, err
    assert "6 more test rows, 12 in all." in err
    assert "test rows right" in err
    assert "Next: " in err
    assert f"Why: python cli.py report {run_id} --out memo.html" in err
    assert run_id_of(tmp_path / "b") == run_id
    after = answers(run_id)
    assert after[: len(before)] == before
    assert len(set(after)) == len(after) == 24
    code, _, err = run("compare", *SCRIPTED, "--limit", 12, "--out", tmp_path / "c")
    assert code == 0, err
    assert sorted(answers(run_id_of(tmp_path / "c"))) == sorted(after), "what one run of 12 rows would have given"
    plans = [manifest_of(tmp_path / name)["plan"] for name in "bc"]
    assert plans[0]["test_ids"] == plans[1]["test_ids"]
    assert [plan["looks"] for plan in plans] == [1, 0]


def carried_out(*arguments: object) -> None:
    """Carry out a command in a process of its own."""
    process = begin(*arguments)
    try:
        out, err = process.communicate(timeout=280)
    finally:
        process.kill()
    assert process.returncode == 0, (out, err)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_continuation_resumes(home: Path, tmp_path: Path) -> None:
    """Killed amid the added rows, the run is resumed without naming them again, and has no row twice."""
    carried_out("compare", *SCRIPTED, "--limit", 4, "--out", tmp_path)
    run_id = run_id_of(tmp_path)
    first = answers(run_id)
    process = begin("compare", "--resume", run_id, "--more-rows", 8, pace_s=0.3)
    wait_until(lambda: len(answers(run_id)) >= len(first) + 3)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    kept = answers(run_id)
    assert len(first) < len(kept) < 24
    again = begin("compare", "--resume", run_id, "--more-rows", 8)
    _, err = again.communicate(timeout=240)
    assert again.returncode == 2, "what is under way is finished before more is asked for"
    assert f"Resume it first, without more rows (terminal: --resume {run_id})" in err
    carried_out("compare", "--resume", run_id, "--out", tmp_path)
    found = answers(run_id)
    assert found[: len(kept)] == kept
    assert len({(variant, row) for variant, row, _text in found}) == len(found) == 24
    assert manifest_of(tmp_path)["plan"]["looks"] == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--resume", "latest", "--more-rows", 5000), ["4,854 labelled rows are missing", "Ask for 146 or fewer"]),
        (("--more-rows", 5), ["--more-rows adds test rows to a finished run", "--resume RUN"]),
        (("--resume", "latest", "--more-rows", 0), ["--more-rows"]),
    ],
    ids=["too many", "no run", "none"],
)
def test_what_cannot_be_added_is_told(run: Run, options: tuple[object, ...], words: list[str]) -> None:
    """Too many rows, no run, or no rows: two lines, exit code 2, and the run stays as it was."""
    code, _, err = run("compare", *SCRIPTED, "--limit", 4)
    assert code == 0, err
    code, out, err = run("compare", *options)
    assert (code, out) == (2, "")
    for word in words:
        assert word in err
    code, _, err = run("compare", "--resume", "latest")
    assert code == 0, err


@pytest.mark.model
def test_the_bundled_model_continues_a_run(run: Run, tmp_path: Path, write_csv: WriteCsv) -> None:
    """With the bundled model and its embedder the added rows get the answers that one longer run gives."""
    table = write_csv(tmp_path / "Desk mail.csv")
    real = ("--task", table, "--input-column", "message", "--target-column", "desk", "--split-column", "split",
            "--model", SMOLLM2, "--variants", "zero-shot,classifier", "--prior-correction", "off")  # fmt: skip
    for name, limit in (("parts", 2), ("whole", 4)):
        code, _, err = run("compare", *real, "--limit", limit, "--out", tmp_path / name)
        assert code == 0, err
    run_id = run_id_of(tmp_path / "parts")
    before = answers(run_id)
    code, _, err = run("compare", "--resume", run_id, "--more-rows", 2)
    assert code == 0, err
    after = answers(run_id)
    assert after[: len(before)] == before
    assert sorted(after) == sorted(answers(run_id_of(tmp_path / "whole")))
