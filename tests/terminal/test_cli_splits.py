"""`import-csv` without a split column: rows are divided by the shares asked for, and groups are never divided."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.terminal.reading import Run

LABELS = ("bill", "fault", "delivery")


def write(path: Path, *, rows_of_customer: int) -> Path:
    """Write 96 rows, 32 of each label; a customer has this many of them, one after the other."""
    lines = [
        f"what customer {n // rows_of_customer} wrote the {n}th time,{LABELS[n % 3]},c{n // rows_of_customer}"
        for n in range(96)
    ]
    path.write_text("\n".join(["message,desk,customer_id", *lines]), encoding="utf-8")
    return path


def imported(run: Run, table: Path, out: Path, *options: object) -> tuple[str, str, list[dict[str, str]]]:
    """Import a table of which no column is named; return what was told, what was guessed, and the rows."""
    code, told, err = run("import-csv", table, "--out", out, "--meanings", "never", *options)
    assert code == 0, err
    return told, err, [json.loads(line) for line in (out / "examples.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("options", "shares"),
    [
        ((), {"train": 0.6, "test": 0.4}),
        (("--test-share", 0.25), {"train": 0.75, "test": 0.25}),
        (("--test-share", 0.25, "--validation-share", 0.25), {"train": 0.5, "validation": 0.25, "test": 0.25}),
    ],
    ids=["as usual", "a test share", "both shares"],
)
def test_each_label_is_split_by_the_same_shares(
    run: Run, tmp_path: Path, options: tuple[object, ...], shares: dict[str, float]
) -> None:
    """40 % are for testing unless asked otherwise; of each label's 32 rows a split has its share, give or take one."""
    told, _, rows = imported(run, write(tmp_path / "t.csv", rows_of_customer=1), tmp_path / "task", *options)
    counts = Counter((row["target"], row["split"]) for row in rows)
    assert {split for _, split in counts} == shares.keys()
    for (_, split), count in counts.items():
        assert abs(count - 32 * shares[split]) <= 1
    total = Counter(row["split"] for row in rows)
    assert f"96 rows read, 96 used: {', '.join(f'{name} {total[name]}' for name in shares)}" in told
    for name, share in shares.items():
        assert abs(total[name] - 96 * share) <= 1


def test_rows_of_one_customer_stay_together(run: Run, tmp_path: Path) -> None:
    """Columns are guessed, the customer as a group: none is in two splits, and the shares are those asked for."""
    asked = ("--test-share", 0.25, "--validation-share", 0.25)
    table = write(tmp_path / "t.csv", rows_of_customer=4)
    _, guessed, rows = imported(run, table, tmp_path / "task", *asked)
    assert "target: 'desk': by its name." in guessed
    assert "input: 'message': by its name." in guessed
    assert "group: 'customer_id': its cells repeat" in guessed
    splits = defaultdict(set)
    for row in rows:
        splits[row["input"].split()[2]].add(row["split"])
    assert len(splits) == 24
    assert all(len(found) == 1 for found in splits.values())
    assert Counter(row["split"] for row in rows) == {"train": 48, "validation": 24, "test": 24}


def test_a_seed_gives_the_same_splits_again(run: Run, tmp_path: Path) -> None:
    """Without a seed it is seed 0; another seed divides otherwise."""
    table = write(tmp_path / "t.csv", rows_of_customer=1)
    found = [
        {row["input"]: row["split"] for row in imported(run, table, tmp_path / f"task-{place}", *options)[2]}
        for place, options in enumerate(((), ("--seed", 0), ("--seed", 1)))
    ]
    assert found[0] == found[1] != found[2]
