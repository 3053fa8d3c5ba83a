"""Seeded mutations: of bytes, of text by its own marks, of JSON by its values, and of one entry of a zip."""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

Mutate = Callable[[bytes, random.Random], bytes]

NUMBERS = (
    "0", "-1", "1", "2147483648", "4294967296", "-9223372036854775809", "18446744073709551616", "1e308", "1e999", "-0.0",
    "NaN", "Infinity", "00", "0x10", "1_000", "9" * 400, "9" * 5000, "1" + "0" * 30, "3.4.5", "\u0661\u0662",
)  # fmt: skip
TEXTS = (
    "", " ", "\x00", "\ud800", "\u202e", "\ufeff", "\r", "\n", "\x1b[2J", "'", '"', "\\", "=1+1", "<b>", "${x}", "{{7*7}}",
    "../../x", "/etc/passwd", "C:\\x", "a" * 300, "a" * 70_000, "\U0001f600" * 20, "e\u0301" * 50, "null", "true", "__proto__",
    "%s%n", "#/nope", "http://127.0.0.1:9/x", "(a+)+$",
)  # fmt: skip
HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**30, float("nan"), float("inf"), [], {}, [[]], [None], {"": ""}, *TEXTS[:8],
)  # fmt: skip
MOST_CHARACTERS = 2_000_000
"""What one change may add: ten of them would otherwise make a file of terabytes, before any reader has seen it."""
_WORDS = re.compile(r"\d+(?:\.\d+)?|\w+|[^\w\s]|\s+")


def copies(wanted: int, size: int) -> int:
    """Return how many copies of a piece of that many characters a change makes: what is wanted, or what has room."""
    return max(1, min(wanted, MOST_CHARACTERS // max(size, 1)))


def bent(data: bytes, generator: random.Random) -> bytes:
    """Change, remove, add, double or cut off some bytes."""
    changed = bytearray(data)
    for _ in range(generator.choice([1, 1, 2, 5, 20])):
        place = generator.randrange(max(len(changed), 1))
        match generator.choice("cccbddax-"):
            case "c" if changed:
                changed[place] = generator.randrange(256)
            case "b" if changed:
                changed[place] ^= 1 << generator.randrange(8)
            case "d":
                del changed[place : place + generator.randrange(1, 40)]
            case "a":
                changed[place:place] = generator.randbytes(generator.randrange(1, 20))
            case "x":
                piece = changed[place : place + generator.randrange(1, 200)]
                changed[place:place] = piece * generator.choice([1, 1, 2, 50])
            case _:
                del changed[place:]
    return bytes(changed)


def bent_text(data: bytes, generator: random.Random) -> bytes:
    """Change a text by its words: numbers to odd ones, words to hostile ones, pieces doubled, left out or nested."""
    words = _WORDS.findall(data.decode("utf-8", "replace"))
    for _ in range(generator.choice([1, 1, 2, 4, 10])):
        if not words:
            break
        place = generator.randrange(len(words))
        match generator.choice("nntxdsr"):
            case "n":
                digits = [at for at, word in enumerate(words) if word[:1].isdigit()]
                words[generator.choice(digits or [place])] = generator.choice(NUMBERS)
            case "t":
                words[place] = generator.choice(TEXTS)
            case "x":
                span = words[place : place + generator.randrange(1, 30)]
                words[place:place] = span * copies(generator.choice([1, 1, 3, 200]), sum(map(len, span)))
            case "d":
                del words[place : place + generator.randrange(1, 10)]
            case "s":
                other = generator.randrange(len(words))
                words[place], words[other] = words[other], words[place]
            case _:
                words[place] *= copies(generator.choice([2, 50, 3000]), len(words[place]))
    return "".join(words).encode("utf-8", "surrogatepass" if generator.random() < 0.2 else "replace")


def bent_value(value: Any, generator: random.Random) -> Any:
    """Change one value somewhere inside data of JSON: exchanged, left out, doubled, wrapped or renamed."""
    if value and generator.random() < 0.9:
        if isinstance(value, dict):
            return _bent_object(value, generator)
        if isinstance(value, list):
            return _bent_list(value, generator)
    return _exchanged(value, generator)


def _bent_object(value: dict[str, Any], generator: random.Random) -> dict[str, Any]:
    key = generator.choice(list(value))
    match generator.choice("vvvvdrk"):
        case "v":
            return {**value, key: bent_value(value[key], generator)}
        case "d":
            return {name: item for name, item in value.items() if name != key}
        case "r":
            return {(generator.choice(TEXTS) if name == key else name): item for name, item in value.items()}
        case _:
            return {**value, generator.choice(TEXTS): generator.choice(HOSTILE)}


def _bent_list(value: list[Any], generator: random.Random) -> list[Any]:
    place = generator.randrange(len(value))
    match generator.choice("vvvdxs"):
        case "v":
            return [*value[:place], bent_value(value[place], generator), *value[place + 1 :]]
        case "d":
            return value[:place] + value[place + 1 :]
        case "x":
            return value[:place] + [value[place]] * generator.choice([2, 3, 100]) + value[place:]
        case _:
            return generator.sample(value, len(value))


def _exchanged(value: Any, generator: random.Random) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and generator.random() < 0.6:
        return generator.choice(
            [-1, 0, 0.5, 1e308, float("inf"), float("nan"), 10**30, -(10**12), value + 1, str(value)]
        )
    match generator.choice("hhhwn"):
        case "w":
            return {"x": value} if generator.random() < 0.5 else [value]
        case "n":
            for _ in range(generator.choice([3, 60, 200])):
                value = [value]
            return value
        case _:
            return generator.choice(HOSTILE)


def bent_json(data: bytes, generator: random.Random) -> bytes:
    """Change values of a JSON document, which stays one; now and then nested deeper than any parser goes."""
    if generator.random() < 0.02:
        return b"[" * 50_000 + data + b"]" * 50_000
    try:
        value = json.loads(data)
    except RecursionError:  # an earlier change has nested it
        return data
    for _ in range(generator.choice([1, 1, 2, 4])):
        value = bent_value(value, generator)
    return json.dumps(value, ensure_ascii=generator.random() < 0.5).encode("utf-8", "surrogatepass")


def bent_lines(data: bytes, generator: random.Random) -> bytes:
    """Change some lines of JSON lines, each of which stays JSON."""
    lines = data.splitlines()
    for _ in range(generator.choice([1, 1, 3])):
        if lines:
            place = generator.randrange(len(lines))
            lines[place] = bent_json(lines[place], generator)
            if generator.random() < 0.2:
                lines[place:place] = [lines[place]] * copies(generator.choice([1, 100]), len(lines[place]))
    return b"\n".join(lines)


def bent_entry(mutators: Sequence[tuple[str, Mutate]]) -> Mutate:
    """Return a mutation of one entry of a zip, by the ending of its name; the zip is packed soundly again."""

    def bend(data: bytes, generator: random.Random) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as sound:
            parts = {name: sound.read(name) for name in sound.namelist()}
        unlucky = generator.choice(list(parts))
        mutate = next((one for ending, one in mutators if unlucky.endswith(ending)), bent)
        try:
            parts[unlucky] = (bent if generator.random() < 0.2 else mutate)(parts[unlucky], generator)
        except ValueError:
            parts[unlucky] = bent(parts[unlucky], generator)
        match generator.choice("----drx"):
            case "d":
                parts.pop(generator.choice(list(parts)))
            case "r":
                name = generator.choice(list(parts))
                odd = (name.upper(), "../" + name, "x/" + name, name + "\x01", "/" + name, "a" * 250)
                parts[generator.choice(odd)] = parts.pop(name)
            case "x":
                parts[f"more/{generator.randrange(9)}.xml"] = generator.randbytes(50)
            case _:
                pass
        return packed(parts, zipfile.ZIP_STORED if generator.random() < 0.2 else zipfile.ZIP_DEFLATED)

    return bend


def packed(parts: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of these entries."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()
