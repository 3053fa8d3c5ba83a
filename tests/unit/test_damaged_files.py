"""A corpus of damaged files: sound ones of each kind, bent at random by a seed. Each gives a table or a typed error."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.documents import read_document
from adapters.tabular.reader import read_table
from adapters.tabular.source import Source
from engine.core.errors import AdaptLabError
from tests.unit.test_documents_and_zips import pdf
from tests.unit.test_table_reader import workbook

_ROUNDS = 120


def _parquet(**options: object) -> bytes:
    buffer = io.BytesIO()
    columns = {"a": [f"x{n}" for n in range(300)], "b": list(range(300)), "c": [[1, 2]] * 300}
    pq.write_table(pa.table(columns), buffer, **options)
    return buffer.getvalue()


SOUND = {
    "x.csv": b'a,b\n"x,1",2\n' * 30,
    "utf16.csv": ('a\tb\n"x,1"\t2\n' * 30).encode("utf-16"),
    "x.jsonl": b'{"a": 1, "b": "x"}\n' * 30,
    "x.parquet": _parquet(),
    "plain.parquet": _parquet(compression="none", use_dictionary=False),
    "x.xlsx": workbook([["a", "b"]] + [[f"x{n}", n] for n in range(50)]),
}


def bent(data: bytes, generator: random.Random) -> bytes:
    """Change, remove, add or cut off some bytes."""
    changed = bytearray(data)
    for _ in range(generator.choice([1, 1, 2, 5, 20])):
        place = generator.randrange(max(len(changed), 1))
        match generator.choice("ccccdda-"):
            case "c" if changed:
                changed[place] = generator.randrange(256)
            case "d":
                del changed[place : place + generator.randrange(1, 40)]
            case "a":
                changed[place:place] = generator.randbytes(generator.randrange(1, 20))
            case _:
                del changed[place:]
    return bytes(changed)


def bent_inside(data: bytes, generator: random.Random) -> bytes:
    """Bend one entry of an archive and pack it soundly again."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as sound, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        unlucky = generator.choice(sound.namelist())
        for name in sound.namelist():
            packed.writestr(name, bent(sound.read(name), generator) if name == unlucky else sound.read(name))
    return out.getvalue()


def ends_well(read: Callable[[], object]) -> None:
    """Carry a reading out: it returns, or raises an error that has a fix and is one line."""
    try:
        read()
    except AdaptLabError as error:
        assert error.fix
        assert "\n" not in str(error)


@pytest.mark.parametrize("name", SOUND)
def test_damaged_tables_end_well(name: str) -> None:
    """Bytes changed, cut and added never end in anything but a table or a typed error."""
    generator = random.Random(name)
    for _ in range(_ROUNDS):
        data = bent(SOUND[name], generator)
        ends_well(lambda: read_table(Source(name=name, data=data)))  # noqa: B023 - called at once


def test_workbooks_damaged_inside_end_well() -> None:
    """Sound archives around damaged XML too."""
    generator = random.Random(1)
    for _ in range(_ROUNDS):
        data = bent_inside(SOUND["x.xlsx"], generator)
        ends_well(lambda: read_table(Source(name="x.xlsx", data=data)))  # noqa: B023 - called at once


def test_damaged_documents_end_well() -> None:
    """PDF and HTML likewise."""
    generator = random.Random(2)
    for _ in range(_ROUNDS):
        for name, sound in (("a.pdf", pdf("hello")), ("a.html", b"<h1>a</h1><p>b<ul><li>c</ul><table><tr><td>d")):
            data = bent(sound, generator)
            ends_well(lambda: read_document(name, data))  # noqa: B023 - called at once
