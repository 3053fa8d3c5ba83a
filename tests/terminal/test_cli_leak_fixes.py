"""`import-csv --leaks`: what is done about test rows that variants could have learned by heart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.ingest.leaks.record import LeakFix
from tests.helpers import TEXTS, WriteCsv
from tests.terminal.reading import Run

LEARNED = TEXTS["fault"][0]
LEAKED = LEARNED.upper() + "!"
SAID = {
    LeakFix.KEEP: ("They were kept.", "train 9, test 7"),
    LeakFix.DROP: ("Dropped: 1 test row.", "train 9, test 6"),
    LeakFix.MOVE: ("Moved to training: 1 test row.", "train 10, test 6"),
    LeakFix.DROP_LEARNING: ("Dropped: 1 training or validation row.", "train 8, test 7"),
}
LEFT = {
    LeakFix.KEEP: {LEARNED: "train", LEAKED: "test"},
    LeakFix.DROP: {LEARNED: "train"},
    LeakFix.MOVE: {LEARNED: "train", LEAKED: "train"},
    LeakFix.DROP_LEARNING: {LEAKED: "test"},
}


@pytest.mark.parametrize("fix", LeakFix)
def test_a_pair_is_handled_as_chosen(run: Run, tmp_path: Path, write_csv: WriteCsv, fix: LeakFix) -> None:
    """One choice keeps, drops or moves the test row, or drops the row that it is like; it is told, and the task is so."""
    path = write_csv(tmp_path / "desk.csv", extra=[(LEAKED, "fault", "test")])
    code, out, err = run("import-csv", path, "--out", tmp_path / "task", "--leaks", fix)
    assert code == 0, err
    said, splits = SAID[fix]
    assert "1 of 7 test rows is similar to something that variants learn from" in out
    assert said in out
    assert f"used: {splits}" in out
    lines = (tmp_path / "task" / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    split_of = {row["input"]: row["split"] for row in map(json.loads, lines)}
    assert {text: split_of[text] for text in (LEARNED, LEAKED) if text in split_of} == LEFT[fix]
    others = {text for texts in TEXTS.values() for text in texts} - {LEARNED}
    assert len(split_of.keys() & others) == 14, "rows that are in no pair stay"
