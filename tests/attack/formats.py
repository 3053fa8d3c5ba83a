"""Mutations that know a format: the file around the damage is whole, so that the damage reaches the parser inside."""

from __future__ import annotations

import decimal
import io
import json
import random
import re
import struct
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.attack.mutators import NUMBERS, TEXTS, bent, bent_text, bent_value, copies

_TAGS = (
    "p",
    "div",
    "table",
    "tr",
    "td",
    "ul",
    "li",
    "b",
    "script",
    "svg",
    "template",
    "a",
    "h1",
    "pre",
    "blockquote",
    "ol",
)


def bent_csv(data: bytes, generator: random.Random) -> bytes:
    """Write a table's rows again: hostile cells, ragged rows, other delimiters, quotes, line ends and encodings."""
    rows = [line.split(",") for line in data.decode().splitlines()]
    for _ in range(generator.choice([1, 3, 10])):
        row = generator.choice(rows)
        match generator.choice("tnqrdx"):
            case "t":
                row[generator.randrange(len(row))] = generator.choice(TEXTS)
            case "n":
                row[generator.randrange(len(row))] = generator.choice(NUMBERS)
            case "q":
                row[generator.randrange(len(row))] = generator.choice(
                    ['"', '"x', 'x"', '"a""b"', '"a\n\nb"', '""""', "'"]
                )
            case "r":
                text = generator.choice(TEXTS)
                row += [text] * copies(generator.choice([1, 5, 3000]), len(text))
            case "d" if len(row) > 1:
                row.pop()
            case _:
                again = generator.choice(rows)
                times = copies(generator.choice([1, 100]), sum(map(len, again)))
                rows += [list(again) for _ in range(times)]
    delimiter, end = generator.choice(",,,;\t|:"), generator.choice(["\n", "\n", "\r\n", "\r", "\n\n"])
    text = end.join(delimiter.join(row) for row in rows)
    codec = generator.choice(
        ["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "cp1250", "utf-7", "shift_jis"]
    )
    return text.encode(codec, "replace") if codec.startswith(("cp", "shift", "utf-7")) else _written(text, codec)


def _written(text: str, codec: str) -> bytes:
    return text.encode(codec, "surrogatepass")


def made_parquet(_data: bytes, generator: random.Random) -> bytes:
    """Write a sound Parquet file of odd columns, or one whose pages are damaged below a whole footer."""
    rows = generator.choice([0, 1, 7, 300])
    columns: dict[str, Any] = {}
    for _ in range(generator.choice([1, 2, 5, 60])):
        columns[generator.choice(["a", "b", "text", *TEXTS[:20]]).encode("utf-8", "replace").decode()] = _column(
            rows, generator
        )
    options: dict[str, Any] = {
        "compression": generator.choice(["none", "snappy", "gzip", "zstd", "lz4", "brotli"]),
        "use_dictionary": generator.random() < 0.5,
        "data_page_version": generator.choice(["1.0", "2.0"]),
        "row_group_size": generator.choice([1, 50, 1000]),
    }
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    data = out.getvalue()
    if generator.random() < 0.5:
        footer = 8 + int.from_bytes(data[-8:-4], "little")
        pages = bent(data[4:-footer], generator)
        pages = pages[: len(data) - 4 - footer].ljust(len(data) - 4 - footer, b"\0")
        return data[:4] + pages + data[-footer:]
    return data


def _column(rows: int, generator: random.Random) -> pa.Array:
    def some(values: Any) -> list[Any]:
        return [generator.choice([None, *values]) for _ in range(rows)]

    texts = [text.encode("utf-8", "replace").decode() for text in TEXTS]
    made: list[Callable[[], pa.Array]] = [
        lambda: pa.array(some(texts), pa.string()),
        lambda: pa.array(some([0, -1, 2**63 - 1, -(2**63)]), pa.int64()),
        lambda: pa.array(some([0.0, float("nan"), float("inf"), 1e308]), pa.float64()),
        lambda: pa.array(some([b"\xff\xfe", b"", b"x" * 1000]), pa.binary()),
        lambda: pa.array(some([[], [None], [[1]], [[1, 2]] * 50]), pa.list_(pa.list_(pa.int32()))),
        lambda: pa.array(some([{"x": "y", "z": [1]}]), pa.struct([("x", pa.string()), ("z", pa.list_(pa.int8()))])),
        lambda: pa.array(some([[("k", 1)], []]), pa.map_(pa.string(), pa.int32())),
        lambda: pa.array(some([0, 2**50, -(2**50)]), pa.timestamp(generator.choice(["s", "ms", "us", "ns"]))),
        lambda: pa.array(some([decimal.Decimal("1.5"), decimal.Decimal("-9e20")]), pa.decimal128(38, 5)),
        lambda: pa.array(some([0, 10**9, -(10**9)]), pa.int32()).cast(pa.date32()),
        lambda: pa.array(some(texts), pa.string()).dictionary_encode(),
        lambda: pa.nulls(rows),
    ]
    return generator.choice(made)()


def made_html(data: bytes, generator: random.Random) -> bytes:
    """Write a page of nested, unclosed and crossing elements around the words of a sound one."""
    words = re.sub(rb"<[^>]*>", b" ", data).decode().split()
    out: list[str] = []
    open_tags: list[str] = []
    for _ in range(generator.choice([5, 40, 400])):
        match generator.choice("oooctwae"):
            case "o":
                tag = generator.choice(_TAGS)
                depth = generator.choice([1, 1, 1, 30, 2000]) if generator.random() < 0.1 else 1
                out += [f"<{tag}>"] * depth
                open_tags += [tag] * min(depth, 5)
            case "c" if open_tags:
                out.append(f"</{open_tags.pop(generator.randrange(len(open_tags)))}>")
            case "t":
                out.append(
                    generator.choice(
                        [
                            "<!--",
                            "-->",
                            "<![CDATA[",
                            "]]>",
                            "<!DOCTYPE x [",
                            "<",
                            ">",
                            "</",
                            "<?php",
                            "&#x110000;",
                            "&#0;",
                            "&bogus;",
                        ]
                    )
                )
            case "a":
                out.append(
                    f"<a href='{generator.choice(TEXTS)}' {generator.choice(TEXTS)}=x colspan={generator.choice(NUMBERS)}>"
                )
            case "e":
                out.append(generator.choice(TEXTS))
            case _:
                out.append(f" {generator.choice(words)} ")
    return "".join(out).encode("utf-8", "replace")


def bent_pdf(data: bytes, generator: random.Random) -> bytes:
    """Change the objects of a PDF, and write its table of places again, so that every object is found."""
    objects = re.findall(rb"\d+ 0 obj\n(.*?)\nendobj\n", data, re.DOTALL)
    for _ in range(generator.choice([1, 1, 2, 4])):
        place = generator.randrange(len(objects))
        match generator.choice("tttbrxs"):
            case "t":
                objects[place] = bent_text(objects[place], generator)[:200_000]
            case "b":
                objects[place] = bent(objects[place], generator)
            case "r":
                objects[place] = re.sub(
                    rb"\d+ 0 R", b"%d 0 R" % generator.randrange(1, len(objects) + 2), objects[place]
                )
            case "x":
                objects.append(objects[place])
            case _:
                stream = generator.choice(
                    [b"BT " + b"(x) Tj " * 3000 + b"ET", b"q " * 5000, b"[" * 3000, b"<<" * 2000, b"/F1 12 Tf " * 10]
                )
                filters = generator.choice(
                    [
                        b"",
                        b"/Filter /FlateDecode ",
                        b"/Filter [/ASCIIHexDecode /LZWDecode] ",
                        b"/Filter /RunLengthDecode ",
                    ]
                )
                objects[place] = b"<< %s/Length %d >>\nstream\n%s\nendstream" % (
                    filters,
                    generator.choice([len(stream), 0, 10**9]),
                    stream,
                )
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, part in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1) + b"".join(
        b"%010d 00000 n \n" % at for at in places
    )
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(places) + 1, start)
    return bytes(out)


def bent_schema(data: bytes, generator: random.Random) -> bytes:
    """Change a schema by its values, or put a hostile part into it."""
    schema = json.loads(data)
    parts: list[Callable[[], Any]] = [
        lambda: {
            "$ref": generator.choice(["#", "#/nope", "http://127.0.0.1:9/s", "#/$defs/a", "file:///etc/passwd", ""])
        },
        lambda: {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        lambda: {"not": _nested(generator.choice([3, 60, 400]), "not")},
        lambda: {"pattern": generator.choice(["(", "[", "\\", "a{9999999999}", "(?P<x", "\\p{L}"])},
        lambda: {"multipleOf": generator.choice([0, -1, 1e-300, float("nan")])},
        lambda: {"type": generator.choice(["nonsense", [], 7, ["string", "string"]])},
        lambda: {"enum": generator.choice([[], 7, [float("nan")], [[]] * 500])},
        lambda: {"allOf": [{}] * generator.choice([1, 1000])},
        lambda: {
            "maxLength": generator.choice([-1, 10**30, "x"]),
            "required": generator.choice([7, ["x", "x"], [None]]),
        },
        lambda: {
            "$schema": generator.choice(TEXTS),
            "$id": generator.choice(TEXTS),
            "$dynamicRef": "#x",
            "$anchor": generator.choice(TEXTS),
        },
    ]
    if generator.random() < 0.5:
        return json.dumps(bent_value(schema, generator)).encode()
    hostile = generator.choice(parts)()
    if generator.random() < 0.5 and isinstance(schema.get("properties"), dict):
        schema["properties"][generator.choice(list(schema["properties"]))] = hostile
        return json.dumps(schema).encode()
    return json.dumps({**schema, **hostile}).encode()


def _nested(depth: int, key: str) -> Any:
    found: Any = {}
    for _ in range(depth):
        found = {key: found}
    return found


def bent_toml(data: bytes, generator: random.Random) -> bytes:
    """Change a TOML file's values, line by line; its form stays sound."""
    lines = data.decode().splitlines()
    for _ in range(generator.choice([1, 1, 2, 4])):
        settings = [at for at, line in enumerate(lines) if re.match(r"[\w\"]+ *=", line)]
        place = generator.choice(settings) if settings else 0
        name = lines[place].partition("=")[0].strip()
        value = generator.choice(
            [json.dumps(text) for text in TEXTS if text.isprintable()]
            + [
                "true",
                "inf",
                "nan",
                "-1",
                "9" * 30,
                "[]",
                "[[]]",
                "{}",
                "1979-05-27",
                "[1, 'a']",
                "''",
                '["a", "a"]',
                "0x7f",
            ]
        )
        match generator.choice("vvvvdnx"):
            case "v":
                lines[place] = f"{name} = {value}"
            case "d":
                lines.pop(place)
            case "n":
                lines[place] = (
                    f"{name} = {'[' * generator.choice([5, 200, 5000])}1{']' * generator.choice([5, 200, 5000])}"
                )
            case _:
                lines.insert(generator.randrange(len(lines) + 1), f"x{generator.randrange(99)} = {value}")
    return "\n".join(lines).encode("utf-8", "replace")


def bent_gguf(data: bytes, generator: random.Random) -> bytes:
    """Set a length, a count or a kind in a GGUF header to an extreme, or bend a byte; magic and version stay."""
    changed = bytearray(data)
    end = min(len(changed), _HEADER_BYTES)
    for _ in range(generator.choice([1, 1, 2, 5])):
        place = generator.randrange(8, end - 8)
        match generator.choice("qqib"):
            case "q":
                struct.pack_into("<Q", changed, place, generator.choice([0, 1, 2**31, 2**32, 2**63, 2**64 - 1, end]))
            case "i":
                struct.pack_into("<I", changed, place, generator.choice([0, 1, 8, 9, 12, 13, 255, 2**31, 2**32 - 1]))
            case _:
                changed[place] = generator.randrange(256)
    return bytes(changed)


_HEADER_BYTES = 4_000
"""Facts and tensors of the small file lie in there; of a real one the facts of its architecture."""
