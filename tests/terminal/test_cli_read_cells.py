"""How `import-csv` reads a table: what it skips or renames is noted, and each cell is as it stands in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.terminal.reading import Run
from tests.workbook import workbook


def imported(run: Run, table: Path, *options: object) -> tuple[list[str], list[dict[str, Any]]]:
    """Import a table, and return the notes of the reader and the rows of the task."""
    out = table.parent / "task"
    code, told, err = run("import-csv", table, "--out", out, "--meanings", "never", *options)
    assert code == 0, err
    notes = [line.removeprefix("note: ") for line in told.splitlines() if line.startswith("note: ")]
    lines = (out / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    return notes, [json.loads(line) for line in lines]


ROWS = [f"what came {n},{('bill', 'fault')[n % 2]}" for n in range(8)]


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        (["text,label", *ROWS[:2], "", *ROWS[2:], "", ""], "3 blank lines skipped (line 4, 11, 12)."),
        (
            ["text,label", ROWS[0], *(f"{row}," for row in ROWS[1:3]), *ROWS[3:]],
            "2 rows end with one more delimiter than the header (first in line 3); the empty extra cell was left out.",
        ),
    ],
    ids=["blank lines", "empty extra cells"],
)
def test_what_is_skipped_is_noted(run: Run, tmp_path: Path, lines: list[str], note: str) -> None:
    """Blank lines and empty cells after a last delimiter cost no row, and the note names their lines."""
    table = tmp_path / "t.csv"
    table.write_text("\n".join([*lines, ""]), encoding="utf-8")
    notes, rows = imported(run, table)
    assert note in notes
    assert [f"{row['input']},{row['target']}" for row in rows] == ROWS


def test_an_extra_cell_that_holds_something_is_not_dropped(run: Run, tmp_path: Path) -> None:
    """Only empty cells are: any other stops the import with its line."""
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["text,label", *ROWS, "what came 8,bill,x"]), encoding="utf-8")
    code, out, err = run("import-csv", table, "--out", tmp_path / "task")
    assert (code, out) == (1, "")
    assert "line 10" in err


def test_columns_get_names_of_their_own(run: Run, tmp_path: Path) -> None:
    """A name that is repeated or empty is replaced, said, and can be used as an option."""
    table = tmp_path / "t.csv"
    rows = [f"{n},what came {n},{('bill', 'fault')[n % 2]},x{n}" for n in range(8)]
    table.write_text("\n".join(["text,text,label,", *rows]), encoding="utf-8")
    notes, found = imported(run, table, "--input-column", "text (2)")
    assert "There are several columns 'text'; column 2 is now 'text (2)'." in notes
    assert "Column 4 has no name; it is now 'column 4'." in notes
    assert [row["input"] for row in found] == [f"what came {n}" for n in range(8)]
    assert [row["metadata"] for row in found] == [{"text": str(n), "column 4": f"x{n}"} for n in range(8)]


def test_typed_cells_of_a_sheet_are_written_plainly(run: Run, tmp_path: Path) -> None:
    """Numbers, truth values and results of formulas become plain text; texts that look like numbers stay; a note counts."""
    cells = [12, 0.5, 1.10, True, {"formula": "1+1", "value": 2}, "007", "1e5", " x "]
    table = tmp_path / "t.xlsx"
    table.write_bytes(
        workbook([["text", "label", "extra"], *([f"row {n}", "ab"[n % 2], c] for n, c in enumerate(cells))])
    )
    notes, rows = imported(run, table)
    assert [row["metadata"]["extra"] for row in rows] == ["12", "0.5", "1.1", "TRUE", "2", "007", "1e5", " x "]
    assert any(note.startswith("5 cells are numbers, dates or truth values in the sheet") for note in notes)


def test_dates_of_a_sheet_are_written_plainly(run: Run, tmp_path: Path) -> None:
    """A day is stored as a number with the format of a date, and comes out as year, month and day."""
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    texts = [("text", "label", "day"), *((f"row {n}", "ab"[n % 2], None) for n in range(8))]
    lines = [
        "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' if cell else '<c s="1"><v>46053</v></c>' for cell in row)
        for row in texts
    ]
    sheet = "".join(f"<row>{line}</row>" for line in lines)
    formats = '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
    table = tmp_path / "t.xlsx"
    table.write_bytes(
        workbook(
            [],
            **{
                "xl/styles.xml": f"<styleSheet {space}>{formats}</styleSheet>",
                "xl/worksheets/sheet1.xml": f"<worksheet {space}><sheetData>{sheet}</sheetData></worksheet>",
            },
        )
    )
    _, rows = imported(run, table)
    assert {row["metadata"]["day"] for row in rows} == {"2026-01-31"}


def test_numbers_of_json_lines_keep_their_digits(run: Run, tmp_path: Path) -> None:
    """1.10 does not become 1.1; objects and lists stay JSON; what is absent or null is empty, and counted in a note."""
    given = ["1.10", "1e5", "12345678901234567890", "-0.0", '{"a": [1.50, "x"]}', "[2.0]", "null", None]
    wanted = ["1.10", "1e5", "12345678901234567890", "-0.0", '{"a": [1.50, "x"]}', "[2.0]", "", ""]
    lines = [
        f'{{"text": "row {n}", "label": "{"ab"[n % 2]}"' + ("}" if value is None else f', "extra": {value}}}')
        for n, value in enumerate(given)
    ]
    table = tmp_path / "t.jsonl"
    table.write_text("\n".join(lines), encoding="utf-8")
    notes, rows = imported(run, table)
    assert [row["metadata"]["extra"] for row in rows] == wanted
    assert "2 fields are absent or null (first in line 7); they count as empty." in notes


def test_csv_cells_are_text(run: Run, tmp_path: Path) -> None:
    """What looks like a number, a truth value or nothing is kept letter by letter, as are line breaks and quotes."""
    cells = ["007", "NA", "TRUE", "1e5", " x ", "two\nlines", 'a "word"', "null"]
    written = ['"' + cell.replace('"', '""') + '"' if set('\n"') & set(cell) else cell for cell in cells]
    table = tmp_path / "t.csv"
    rows = [f"{cell},{('bill', 'fault')[n % 2]},{cell}" for n, cell in enumerate(written)]
    table.write_text("\n".join(["text,label,extra", *rows]), encoding="utf-8")
    _, found = imported(run, table)
    assert [row["input"] for row in found] == [row["metadata"]["extra"] for row in found] == cells
