"""Cells: typed values become text by fixed rules, and a table gives back what was put in."""

from __future__ import annotations

import datetime as dt
import io

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from engine.ingest.table import TextColumn
from tests.unit.test_table_reader import cells, table


def test_typed_columns_of_parquet_are_written_plainly() -> None:
    """Numbers, dates, truth values, lists and nulls become text by fixed rules, and nulls are told."""
    buffer = io.BytesIO()
    columns = {"i": [7, None], "f": [0.5, 2.0], "d": [dt.date(2026, 1, 31)] * 2, "b": [True, False], "l": [[1], [2]]}
    pq.write_table(pa.table(columns), buffer)
    found = table(buffer.getvalue(), "t.parquet")
    assert cells(found) == [["7", "0.5", "2026-01-31", "TRUE", "[1]"], ["", "2", "2026-01-31", "FALSE", "[2]"]]
    assert "1 values are null" in found.notes[0]


def test_what_is_no_number_in_parquet_is_empty() -> None:
    """Programs that have no null for numbers write NaN; it becomes no word of a row."""
    buffer = io.BytesIO()
    pq.write_table(pa.table({"t": ["a", "nan", None], "f": [1.0, float("nan"), float("inf")]}), buffer)
    found = table(buffer.getvalue(), "t.parquet")
    assert cells(found) == [["a", "1"], ["nan", ""], ["", "inf"]]
    assert "2 values are null" in found.notes[0]


def test_jsonl_numbers_stand_as_they_stood() -> None:
    """Numbers keep their letters, objects stay JSON, and absent fields are told."""
    found = table('{"a": 1.10, "b": {"x": 1e5, "y": null}}\n{"a": 12345678901234567890}\n', "t.jsonl")
    assert cells(found) == [["1.10", '{"x": 1e5, "y": null}'], ["12345678901234567890", ""]]
    assert "1 fields are absent or null (first in line 2)" in found.notes[0]


@given(st.lists(st.text(st.characters(), max_size=9), max_size=20))
def test_a_column_holds_what_was_put_in(values: list[str]) -> None:
    """The compact column gives back its texts, one by one, by place and by slice."""
    column = TextColumn.of(values)
    assert list(column) == values
    assert column[:] == values
    assert [column[place] for place in range(-len(values), 0)] == values


def test_rows_are_found_by_line() -> None:
    """Lines that begin a row give its place, others none; a table of some rows keeps their lines and cells."""
    found = table('a,b\n"1\n1",x\n2,y\n3,z\n')
    assert found.places_of([2, 3, 4, 5, 99]) == [0, 1, 2]
    assert cells(found.only([2, 0])) == [["3", "z"], ["1\n1", "x"]]
    assert found.only([2]).lines.tolist() == [5]
