"""A CSV as a task: cells stay as they are, and every fault names its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.tabular.csv_task import read_csv_task
from engine.errors import TaskError, UsageError
from engine.task import AnswerKind, Task

SPLIT = "input,target,split\na,x,train\nb,y,train\n"


def read(tmp_path: Path, data: str | bytes, **options: object) -> Task:
    """Write and read a CSV with the columns input, target and, unless told, split."""
    path = tmp_path / "table.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    columns = {"input_column": "input", "target_column": "target", "split_column": "split", **options}
    return read_csv_task(path, **columns)  # type: ignore[arg-type]


def fault(tmp_path: Path, data: str | bytes, **options: object) -> str:
    """Return the message of the fault that reading gives: one line with a mend."""
    with pytest.raises((TaskError, UsageError)) as caught:
        read(tmp_path, data, **options)
    assert caught.value.mend
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_quoted_line_breaks_and_quotes_stay(tmp_path: Path) -> None:
    """Line breaks, commas and quotes inside a cell are text, and ids name the line a row begins on."""
    task = read(tmp_path, SPLIT + '"one\ntwo, ""three""",x,test\r\nlast,y,test\n')
    assert [e.input for e in task.split("test")] == ['one\ntwo, "three"', "last"]
    assert [e.id for e in task.split("test")] == ["row-4", "row-6"]


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    """Excel's UTF-8 files are read as they are meant."""
    assert len(read(tmp_path, b"\xef\xbb\xbf" + (SPLIT + "c,x,test\n").encode()).examples) == 3


def test_cells_stay_text(tmp_path: Path) -> None:
    """Leading zeros, dates, formulas and spaces are not touched; only a target's outer spaces go."""
    task = read(tmp_path, SPLIT + "  007 ,01,test\n=1+1, 2026-01-02 ,test\nNaN,None,test\n", target_column="target")
    assert [(e.input, e.target) for e in task.split("test")] == [
        ("  007 ", "01"), ("=1+1", "2026-01-02"), ("NaN", "None"),
    ]  # fmt: skip


def test_few_short_targets_are_labels_and_others_are_text(tmp_path: Path) -> None:
    """Repeated short targets make a classification; mostly different ones make short answers."""
    task = read(tmp_path, SPLIT + "c,x,test\nd,y,test\n")
    assert (task.answer.kind, task.answer.labels, task.primary_scorer) == (AnswerKind.LABEL, ("x", "y"), "accuracy")
    assert "x\ny" in task.instructions
    assert read(tmp_path, SPLIT + "c,z,test\n").answer.kind is AnswerKind.SHORT


def test_without_a_split_column_the_seed_splits(tmp_path: Path) -> None:
    """Rows are split by seed, balanced over targets, and the same seed splits the same way."""
    data = "input,target\n" + "".join(f"text {n},{'xy'[n % 2]}\n" for n in range(20))
    tasks = [read(tmp_path, data, split_column=None, train_rows=6, seed=seed) for seed in (1, 1, 2)]
    assert tasks[0] == tasks[1]
    assert tasks[0].digest != tasks[2].digest
    assert sorted(e.target for e in tasks[0].split("train")) == ["x", "x", "x", "y", "y", "y"]
    assert len(tasks[0].split("test")) == 14


def test_split_names_are_understood(tmp_path: Path) -> None:
    """Common names of splits are read in any case."""
    task = read(tmp_path, SPLIT + "c,x,Test\nd,y,VAL\ne,x,dev\nf,y, training \n")
    assert [e.split for e in task.examples] == ["train", "train", "test", "validation", "validation", "train"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", ["is empty"]),
        ("\n\n", ["is empty"]),
        ("input,target,split\n", ["no rows"]),
        (SPLIT, ["no 'test' rows"]),
        ("input,target,split\na,x,test\nb,y,test\n", ["no 'train' rows"]),
        (SPLIT + "c,x,test,more\n", ["line 4", "4 cells", "header has 3"]),
        (SPLIT + '"two\nlines",x,test\nshort\n', ["line 6", "1 cells"]),
        (SPLIT + ",x,test\n", ["line 4", "empty input or target"]),
        (SPLIT + "c, ,test\n", ["line 4", "empty input or target"]),
        (SPLIT + "c,x,exam\n", ["line 4", "split 'exam'"]),
        (SPLIT + '"never closed,x,test\n', ["line 4"]),
        (SPLIT + 'c,"x"y,test\n', ["line 4"]),
        ("input,input,target,split\n", ["line 1", "column 'input' stands twice"]),
        (SPLIT + "c\0,x,test\n", ["NUL"]),
        (SPLIT.encode() + "café,x,test\n".encode("latin-1"), ["not UTF-8 at byte 42"]),
        (SPLIT.encode("utf-16"), ["not UTF-8 at byte 0"]),
        ("inputs,target,split\n", ["Unknown column 'input'", "Did you mean inputs"]),
    ],
    ids=str,
)
def test_faults_name_their_place(tmp_path: Path, data: str | bytes, words: list[str]) -> None:
    """Every fault of a file says which one, where it is and how to mend it."""
    message = fault(tmp_path, data)
    for word in words:
        assert word in message


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    """A path that is no file is wrong usage, not a traceback."""
    for path in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises((UsageError, TaskError), match=path.name):
            read_csv_task(path, input_column="a", target_column="b")


def test_too_many_training_rows_are_refused(tmp_path: Path) -> None:
    """Asking for more training rows than there are rows names both figures."""
    assert "50 training rows leave nothing of 2" in fault(tmp_path, "input,target\na,x\nb,y\n", split_column=None)


def test_a_long_cell_is_read(tmp_path: Path) -> None:
    """A long document in a cell is no fault of the file's quotes."""
    task = read(tmp_path, SPLIT + f"{'long ' * 40_000},x,test\n")
    assert len(task.split("test")[0].input) == 200_000
