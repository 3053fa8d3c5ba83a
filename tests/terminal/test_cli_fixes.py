"""`import-csv --fix FINDING=WHAT`: every finding and each of its fixes, by the rows that the task then has."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.terminal.reading import Run

Pair = tuple[str, str]
LABELLED: Sequence[Pair] = [(f"{what} number {n}", what) for what in ("bill", "fault") for n in range(4)]
RECORDS: Sequence[Pair] = [(f"an order of {n}", json.dumps({"n": n})) for n in range(8)]
IBAN, MAIL = "GB82WEST12345698765432", "jo.doe@example.org"


def write(path: Path, rows: Sequence[Sequence[str]], *, header: Sequence[str] = ("text", "label")) -> Path:
    """Write a CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def imported(run: Run, table: Path, *options: object) -> tuple[int, str, str]:
    """Import a table into the folder `task` beside it."""
    columns = ("--input-column", "text", "--target-column", "label")
    return run("import-csv", table, *columns, "--out", table.parent / "task", "--meanings", "never", *options)


def examples(folder: Path) -> list[dict[str, str]]:
    """Read the rows of a task."""
    return [json.loads(line) for line in (folder / "examples.jsonl").read_text(encoding="utf-8").splitlines()]


def pairs(folder: Path) -> list[Pair]:
    """Return input and target of each row, in the order of the table; records as JSON."""
    found = [(one["input"], one["target"]) for one in examples(folder)]
    return [(text, target if isinstance(target, str) else json.dumps(target)) for text, target in found]


@pytest.mark.parametrize(
    ("sound", "odd", "finding", "left"),
    [
        (LABELLED, [("  ", "bill")], "empty_input", []),
        (LABELLED, [("an odd one", ""), ("the last", "bill")], "empty_target", [("the last", "bill")]),
        (RECORDS, [("an odd one", "seven")], "no_record", []),
    ],
    ids=["empty_input", "empty_target", "no_record"],
)
def test_rows_that_cannot_be_used_are_dropped_only_on_request(
    run: Run, tmp_path: Path, sound: Sequence[Pair], odd: Sequence[Pair], finding: str, left: Sequence[Pair]
) -> None:
    """Not asked for, the first one stops the import with file, line and fix; asked for, the others become the task."""
    table = write(tmp_path / "t.csv", [*sound, *odd])
    kind = ("--kind", "json" if sound is RECORDS else "label")
    code, out, err = imported(run, table, *kind)
    assert (code, out) == (1, "")
    assert "t.csv, line 10:" in err
    assert f"--fix {finding}=drop" in err
    assert len(err.strip().splitlines()) == 2
    assert not (tmp_path / "task").exists()
    code, out, err = imported(run, table, *kind, "--fix", f"{finding}=drop")
    assert code == 0, err
    assert "1 row (line 10). Done: drop." in out
    assert pairs(tmp_path / "task") == [*sound, *left]


CHOICES: Sequence[tuple[str, Sequence[Pair], Sequence[tuple[str, Sequence[Pair]]]]] = [
    ("spaces", [("an odd one", " bill ")], [
        ("trim", [("an odd one", "bill")]),
        ("keep", [("an odd one", " bill ")]),
    ]),
    ("label_forms", [("an odd one", "BILL")], [
        ("keep", [("an odd one", "BILL")]),
        ("merge", [("an odd one", "bill")]),
    ]),
    ("duplicates", [("an odd one", "bill"), ("An  odd ONE", "bill")], [
        ("keep", [("an odd one", "bill"), ("An  odd ONE", "bill")]),
        ("merge", [("an odd one", "bill")]),
    ]),
    ("conflicts", [("an odd one", "fault"), ("an odd one", "bill"), ("an odd one", "bill"), ("the last", "bill")], [
        ("keep", [("an odd one", "fault"), ("an odd one", "bill"), ("an odd one", "bill"), ("the last", "bill")]),
        ("drop", [("the last", "bill")]),
        ("merge", [*[("an odd one", "bill")] * 3, ("the last", "bill")]),
    ]),
    ("rare_labels", [("an odd one", "rare")] * 3, [
        ("keep", [("an odd one", "rare")] * 3),
        ("drop", []),
    ]),
    ("odd_characters", [("an odd\u202e one", "bill"), ("the\x07 last", "bill")], [
        ("keep", [("an odd\u202e one", "bill"), ("the\x07 last", "bill")]),
        ("drop", []),
    ]),
]  # fmt: skip
"""By finding: the rows that have it, and what is left of them after each fix; the first fix is the default."""


@pytest.mark.parametrize(
    ("finding", "odd", "asked", "done", "left"),
    [
        (finding, odd, asked, done, left)
        for finding, odd, fixes in CHOICES
        for place, (done, left) in enumerate(fixes)
        for asked in ([None, done] if place == 0 else [done])
    ],
    ids=lambda value: str(value) if isinstance(value, str | None) else "",
)
def test_what_is_odd_is_fixed_as_asked(
    run: Run, tmp_path: Path, finding: str, odd: Sequence[Pair], asked: str | None, done: str, left: Sequence[Pair]
) -> None:
    """Each fix of a finding changes its rows and no others; the first is applied where none is chosen."""
    table = write(tmp_path / "t.csv", [*LABELLED, *odd])
    code, out, err = imported(run, table, *(() if asked is None else ("--fix", f"{finding}={asked}")))
    assert code == 0, err
    assert f"Done: {done}." in out
    assert pairs(tmp_path / "task") == [*LABELLED, *left]
    source = (tmp_path / "task" / "task.toml").read_text(encoding="utf-8")
    assert f'id = "{finding}"' in source
    assert f'done = "{done}"' in source


def test_an_empty_id_is_named_by_its_line_on_request(run: Run, tmp_path: Path) -> None:
    """Not asked for, it stops the import with its line; asked for, the row is called by that line."""
    rows = [(text, label, f"t{n}") for n, (text, label) in enumerate(LABELLED)]
    table = write(tmp_path / "t.csv", [*rows, ("an odd one", "bill", "")], header=("text", "label", "ticket_id"))
    code, out, err = imported(run, table)
    assert (code, out) == (1, "")
    assert "t.csv, line 10:" in err
    assert "--fix ids=rename" in err
    code, out, err = imported(run, table, "--fix", "ids=rename")
    assert code == 0, err
    assert "1 row (line 10). Done: rename." in out
    assert [one["id"] for one in examples(tmp_path / "task")] == [*(f"t{n}" for n in range(8)), "row-10"]


def test_an_id_that_occurs_twice_gets_its_line_on_request(run: Run, tmp_path: Path) -> None:
    """Of so many rows not all are read to guess what a column is for; the second of two equal ids is renamed."""
    rows = [
        (f"w{n}", ("bill", "fault")[n % 2], f"t{n if n != 7 else 5}", "test" if n < 4 else "train") for n in range(4000)
    ]
    table = write(tmp_path / "t.csv", rows, header=("text", "label", "ticket_id", "split"))
    code, out, err = imported(run, table)
    assert (code, out) == (1, "")
    assert "t.csv, line 9:" in err
    code, out, err = imported(run, table, "--fix", "ids=rename")
    assert code == 0, err
    assert [one["id"] for one in examples(tmp_path / "task")][4:9] == ["t4", "t5", "t6", "t5-9", "t8"]


@pytest.mark.parametrize("fix", ["keep", "mask", "drop"])
def test_personal_data_is_masked_or_left_out(run: Run, tmp_path: Path, fix: str) -> None:
    """Masked, neither address nor account stands in any file of the task; dropped, the row does not; kept, all does."""
    rows = [(text, label, "none") for text, label in LABELLED]
    odd = (f"write to {MAIL} about {IBAN}", "bill", f"called from {MAIL}")
    table = write(tmp_path / "t.csv", [*rows, odd], header=("text", "label", "remark"))
    code, out, err = imported(run, table, "--fix", f"personal={fix}")
    assert code == 0, err
    assert f"1 row (line 10). Done: {fix}." in out
    left = {
        "keep": [odd[:2]],
        "mask": [("write to [email] about [iban]", "bill")],
        "drop": [],
    }[fix]
    assert pairs(tmp_path / "task") == [*LABELLED, *left]
    written = b"".join(path.read_bytes() for path in (tmp_path / "task").rglob("*") if path.is_file()).decode()
    for secret in (MAIL, IBAN):
        assert (secret in written) is (fix == "keep")


@pytest.mark.parametrize("column", ["remark", "ticket_id", "customer"])
def test_personal_data_is_found_in_all_that_is_kept_of_a_row(run: Run, tmp_path: Path, column: str) -> None:
    """An address that stands beside the rows alone, as their id or as what groups them, is told, and masked on request."""
    rows = [
        (text, label, f"jo{n // 2 if column == 'customer' else n}@example.org")
        for n, (text, label) in enumerate(LABELLED)
    ]
    table = write(tmp_path / "t.csv", rows, header=("text", "label", column))
    code, out, err = imported(run, table)
    assert code == 0, err
    assert f"Possible personal data: {len(rows)} rows" in out
    code, out, err = imported(run, table, "--fix", "personal=mask", "--replace")
    assert code == 0, err
    assert pairs(tmp_path / "task") == LABELLED
    written = b"".join(path.read_bytes() for path in (tmp_path / "task").rglob("*") if path.is_file()).decode()
    assert "example.org" not in written
    assert len({one["id"] for one in examples(tmp_path / "task")}) == len(rows)


def test_numbers_of_rows_are_no_phone_numbers(run: Run, tmp_path: Path) -> None:
    """Groups of digits in an id name the row."""
    rows = [(text, label, f"2025-0001-{n:02}") for n, (text, label) in enumerate(LABELLED)]
    table = write(tmp_path / "t.csv", rows, header=("text", "label", "ticket_id"))
    code, out, err = imported(run, table)
    assert code == 0, err
    assert "personal" not in out
