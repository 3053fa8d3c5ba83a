"""From a table to a task in the terminal: `import-csv`, and `--task my.csv` whose columns are guessed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.helpers import TEXTS, WriteCsv
from tests.terminal.reading import Run
from tests.workbook import workbook
from wiring import open_lab

SCRIPTED = ("--model", "scripted", "--variants", "zero-shot", "--limit", 2)


def test_a_table_becomes_a_task_folder(run: Run, tmp_path: Path, write_csv: WriteCsv) -> None:
    """`import-csv` writes a folder that the app reads, says what it found, and keeps a task that is there."""
    path = write_csv(tmp_path / "desk.csv", extra=[("the screen stays BLACK!", "fault", "test")])
    columns = ["--input-column", "message", "--target-column", "desk", "--split-column", "split"]
    out = tmp_path / "My desk"
    code, told, err = run("import-csv", path, *columns, "--leaks", "drop", "--out", out)
    assert code == 0, err
    assert "16 rows read, 15 used: train 9, test 6" in told
    assert "Dropped: 1 test row" in told
    assert run("tasks", "check", out)[0] == 0
    code, _, err = run("import-csv", path, *columns, "--out", out)
    assert (code, "already contains a task" in err) == (2, True)
    assert run("import-csv", path, "--out", out, "--replace")[0] == 0


def _xlsx(rows: pl.DataFrame, path: Path) -> None:
    path.write_bytes(workbook([list(rows.columns), *map(list, rows.iter_rows())]))


def _jsonl(rows: pl.DataFrame, path: Path) -> None:
    path.write_text("\n".join(json.dumps(row) for row in rows.iter_rows(named=True)), encoding="utf-8")


@pytest.mark.parametrize(
    ("ending", "write"),
    [
        ("xlsx", _xlsx),
        ("jsonl", _jsonl),
        ("parquet", pl.DataFrame.write_parquet),
        ("tsv", lambda rows, path: rows.write_csv(path, separator="\t")),
        ("txt", lambda rows, path: rows.write_csv(path, separator="|")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_format_of_a_table_becomes_the_same_task(
    run: Run, tmp_path: Path, write_csv: WriteCsv, ending: str, write: Callable[[pl.DataFrame, Path], object]
) -> None:
    """A table as a workbook, as JSON lines, as Parquet, with tabs or pipes: the rows of the CSV to the letter."""
    table = write_csv(tmp_path / "desk.csv", extra=[("two lines,\nand a comma | or a\ttab", "fault", "test")])
    other = tmp_path / f"desk.{ending}"
    write(pl.read_csv(table), other)
    made = {}
    for path in (table, other):
        out = tmp_path / path.suffix[1:] / "desk"
        code, told, err = run("import-csv", path, "--out", out)
        assert code == 0, err
        assert "16 rows read, 16 used: train 9, test 7" in told
        kept = pl.read_ndjson(out / "examples.jsonl")
        made[path] = kept.select("input", "target", "split").rows()
    assert made[table] == made[other]
    code, _, err = run("compare", "--task", other, *SCRIPTED)
    assert code == 0, err


def test_a_broken_table_is_two_lines_and_exit_1(run: Run, tmp_path: Path, write_csv: WriteCsv) -> None:
    """A ragged row stops the import with its line and the fix; asked for, it is left out."""
    path = write_csv(tmp_path / "desk.csv")
    with path.open("a", encoding="utf-8") as file:
        file.write("one, two, three,billing,test\n")
    code, out, err = run("import-csv", path, "--out", tmp_path / "t")
    assert (code, out) == (1, "")
    assert "line 17" in err
    assert "--fix ragged=drop" in err
    assert len(err.strip().splitlines()) == 2
    code, out, _ = run("import-csv", path, "--out", tmp_path / "t", "--fix", "ragged=drop")
    assert code == 0
    assert "Wrong number of columns: 1 row (line 17). Done: drop." in out
    assert run("import-csv", path, "--out", tmp_path / "u", "--fix", "ragged=burn")[0] == 2


def test_what_mends_a_finding_may_still_be_called_mend(run: Run, tmp_path: Path, write_csv: WriteCsv) -> None:
    """`--mend`, as `--fix` was called before, is taken for it; the help names the new one alone."""
    _code, out, _err = run("import-csv", "--help")
    assert "--fix" in out
    assert "--mend" not in out
    path = write_csv(tmp_path / "desk.csv")
    with path.open("a", encoding="utf-8") as file:
        file.write("one, two, three,billing,test\n")
    code, out, err = run("import-csv", path, "--out", tmp_path / "t", "--mend", "ragged=drop")
    assert code == 0, err
    assert "Done: drop." in out


@pytest.mark.parametrize("share", ["1", "-0.1", "most"])
def test_a_share_that_is_none_is_wrong_usage(run: Run, tmp_path: Path, write_csv: WriteCsv, share: str) -> None:
    """A share outside 0 to 1 is refused with its option, before the table is read."""
    code, _, err = run("import-csv", write_csv(tmp_path / "a.csv"), "--out", tmp_path / "t", "--test-share", share)
    assert code == 2
    assert "--test-share" in err
    assert len(err.strip().splitlines()) <= 2


def test_columns_that_are_clear_are_not_asked_for(run: Run, tmp_path: Path, write_csv: WriteCsv) -> None:
    """A column named `desk` is the answer, `message` the input and `split` says so itself: each with its reason."""
    code, _, err = run("compare", "--task", write_csv(tmp_path / "mail.csv"), *SCRIPTED)
    assert code == 0, err
    for reason in ("target: 'desk': by its name.", "input: 'message': by its name.", "split: 'split': its cells say"):
        assert reason in err
    (info,) = [task for task in open_lab().tasks.list() if task.id.startswith("mail")]
    assert info.rows == {"train": 9, "test": 6}


@pytest.mark.parametrize("out", [True, False], ids=["import-csv", "compare"])
def test_columns_that_are_not_named_are_guessed_beside_those_that_are(
    run: Run, tmp_path: Path, write_csv: WriteCsv, out: bool
) -> None:
    """With input and answer named, the table's own split still holds, and is told with its reason."""
    more = [(f"{text}, I ask again", label, "test") for label, texts in TEXTS.items() for text in texts[:3]]
    path = write_csv(tmp_path / "mail.csv", extra=more)
    named = ("--input-column", "message", "--target-column", "desk")
    if out:
        code, told, err = run("import-csv", path, *named, "--out", tmp_path / "mail")
        assert "train 9, test 15" in told
    else:
        code, _, err = run("compare", "--task", path, *named, *SCRIPTED)
        (info,) = [task for task in open_lab().tasks.list() if task.id.startswith("mail")]
        assert info.rows == {"train": 9, "test": 15}
    assert code == 0, err
    assert "split: 'split': its cells say" in err
    assert "input: " not in err
    assert "target: " not in err


def test_columns_are_clear_by_what_is_in_them(run: Run, tmp_path: Path) -> None:
    """Few short values that come again are the answer, and texts far longer than all others the input."""
    lines = [f"{text},{where},{n % 7}" for where, texts in TEXTS.items() for n, text in enumerate(texts)]
    path = tmp_path / "mail.csv"
    path.write_text("\n".join(["what came,where to,how much", *(line.replace(", ", " ") for line in lines)]))
    code, _, err = run("compare", "--task", path, *SCRIPTED)
    assert code == 0, err
    assert "target: 'where to': 3 different short values" in err
    assert "input: 'what came': the longest texts" in err


@pytest.mark.parametrize(
    ("header", "row", "options"),
    [
        ("message,team", "a text of some length {n},team {n}", ()),
        ("first,second,third", "words {n},a text of some length {n},{n}", ("--input-column", "first,second")),
        ("first,second,third", "a text of some length {n},number {n},row {n}", ("--target-column", "third")),
    ],
    ids=["one column is left", "one is left beside the named inputs", "the named answer leaves one long text"],
)
def test_columns_that_only_one_way_is_left_for_are_not_asked_for(
    run: Run, tmp_path: Path, header: str, row: str, options: tuple[str, ...]
) -> None:
    """Where the rest leaves one choice it is taken, and said."""
    path = tmp_path / "mail.csv"
    path.write_text("\n".join([header, *(row.format(n=n % 5 if "team" in row else n) for n in range(12))]))
    code, _, err = run("compare", "--task", path, *SCRIPTED, *options)
    assert code == 0, err
    guessed = {role for role in ("input", "target") if f"{role}: '" in err}
    assert guessed == {"input", "target"} - {option[2:].partition("-")[0] for option in options[::2]}


@pytest.mark.parametrize(
    ("header", "row", "options", "missing"),
    [
        ("first,second,third", "a text of some length {n},number {n},row {n}", (), "--target-column"),
        ("first,second,label", "a text of some length {n},another text of {n},x", (), "--input-column"),
        ("first,label", "text {n},x", ("--target-column", "first"), "--input-column"),
    ],
    ids=["nothing tells the answer", "two texts alike in length", "the named answer is the guessed input"],
)
def test_columns_that_are_not_clear_are_asked_for(
    run: Run, tmp_path: Path, header: str, row: str, options: tuple[str, ...], missing: str
) -> None:
    """Where a guess is weak, nothing is run: what is not clear is told with its option and the columns there are."""
    path = tmp_path / "mail.csv"
    path.write_text("\n".join([header, *(row.format(n=n) for n in range(12))]))
    code, out, err = run("compare", "--task", path, *SCRIPTED, *options)
    assert (code, out) == (2, "")
    assert "Which columns of 'mail.csv'?" in err
    assert f"Name them with {missing}; the columns are {', '.join(header.split(','))}." in err
    assert len(err.strip().splitlines()) == 2
    assert open_lab().runs.list() == []


def test_the_languages_of_a_table_and_their_price_in_tokens_are_told(run: Run, tmp_path: Path) -> None:
    """By column and split, mixed ones noticed; the named model's tokens stand against those of the English tasks."""
    german = (
        "Meine Rechnung ist falsch",
        "Die Rechnung kam zweimal",
        "Das Passwort geht nicht",
        "Ich kann mich nicht anmelden",
    )
    arabic = "فاتورتي تظهر مبلغاً خاطئاً", "وصلت الفاتورة مرتين", "كلمة المرور لا تعمل", "لا أستطيع تسجيل الدخول"
    lines = [
        f"{text},{('bill', 'login')[place // 2]},{split}"
        for split in ("train", "test")
        for texts in (german, arabic)
        for place, text in enumerate(texts)
    ]
    path = tmp_path / "desk.csv"
    path.write_text("\n".join(["message,desk,split", *lines]), encoding="utf-8")
    code, out, err = run("import-csv", path, "--out", tmp_path / "t", "--model", "scripted")
    assert code == 0, err
    assert "message, test (8 rows): Arabic 50 %, German 50 %; Arabic, Latin; both ways" in out
    assert "note: 'message' has rows in more than one language." in out
    assert "as many as the English tasks that ship" in out
    code, _, err = run("compare", "--task", path, *SCRIPTED)
    assert code == 0, err
    assert "Language of the test rows: Arabic 50 %, German 50 %." in err
    assert "as many as the English tasks that ship" in err


def test_of_an_english_table_no_price_is_told(run: Run, tmp_path: Path, write_csv: WriteCsv) -> None:
    """English rows are what others are compared with."""
    code, _, err = run("compare", "--task", write_csv(tmp_path / "mail.csv"), *SCRIPTED)
    assert code == 0, err
    assert "Language of the test rows" not in err


def test_a_guessed_encoding_is_said_and_can_be_changed(run: Run, tmp_path: Path) -> None:
    """The note names the encoding and the option; the option is obeyed, and then nothing is guessed."""
    rows = "".join(f"Não recebi a encomenda {n},{'ab'[n % 2]}\r\n" for n in range(40))
    (tmp_path / "t.csv").write_bytes(f"text,label\r\n{rows}".encode("cp1252"))
    code, _, err = run("import-csv", tmp_path / "t.csv", "--out", tmp_path / "task")
    assert code == 0, err
    assert "cp1252, a guess" in err
    assert "--encoding" in err
    assert "Não recebi" in (tmp_path / "task" / "examples.jsonl").read_text(encoding="utf-8")
    code, _, err = run(
        "import-csv", tmp_path / "t.csv", "--out", tmp_path / "task", "--replace", "--encoding", "cp1250"
    )
    assert code == 0, err
    assert "a guess" not in err
    assert "Năo recebi" in (tmp_path / "task" / "examples.jsonl").read_text(encoding="utf-8")
