"""Read the header of a GGUF file: its facts, and where each tensor is. Standard library only.

The `gguf` package reads every string of the vocabulary one by one (seconds for 150,000 tokens); training needs
none of them, so arrays are skipped here, but for short ones of whole numbers: a fact of each layer. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from engine.core.errors import ModelFileError

FactValue = int | float | bool | str

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING = 8
_ARRAY = 9
_DEFAULT_ALIGNMENT_BYTES = 32
_MOST_DIMENSIONS = 4
_WHOLE_NUMBERS = frozenset({0, 1, 2, 3, 4, 5, 10, 11})
_MOST_LAYERS = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorPlace:
    """Where a tensor is. `shape` is in numpy order: rows first, the contiguous dimension last."""

    name: str
    shape: tuple[int, ...]
    type_number: int
    offset_bytes: int
    """From the start of the file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GgufHeader:
    """The facts of a GGUF file and its tensors by name."""

    facts: Mapping[str, FactValue]
    """Without arrays."""
    tensors: Mapping[str, TensorPlace]
    lists: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Facts that are short arrays of whole numbers, as those of which each layer has its own."""

    @property
    def architecture(self) -> str:
        """llama.cpp's name of the architecture."""
        return str(self.facts.get("general.architecture", ""))

    def number(self, name: str, default: float | None = None) -> float:
        """Return the fact `<architecture>.name`; raise `ModelFileError` where it is missing and has no default."""
        value = self.facts.get(f"{self.architecture}.{name}", default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ModelFileError(f"The GGUF file does not say '{self.architecture}.{name}'.", "Download it again.")
        return value

    def whole(self, name: str, default: int | None = None) -> int:
        """Return a fact as a whole number."""
        return int(self.number(name, default))


def read_header(path: Path) -> GgufHeader:
    """Read the header of a GGUF file, version 2 or 3, little-endian.

    Raises:
        ModelFileError: not a GGUF file, cut short, or of an unknown version.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(data).header()
    except OSError as error:
        raise ModelFileError(
            f"'{path.name}' cannot be read: {error.strerror}.", "Check its path and permissions."
        ) from error
    except (struct.error, ValueError, IndexError, KeyError, ArithmeticError, RecursionError) as error:
        raise ModelFileError(f"'{path.name}' is not a whole GGUF file ({error}).", "Download it again.") from error


class _Reader:
    """A place in the mapped file, moving forward."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def header(self) -> GgufHeader:
        if self._data[:4] != b"GGUF":
            raise ValueError("it does not start with GGUF")
        self._at = 4
        version = self._scalar("I")
        if version not in (2, 3):
            raise ValueError(f"version {version}")
        tensor_count, fact_count = int(self._scalar("Q")), int(self._scalar("Q"))
        facts: dict[str, FactValue] = {}
        lists: dict[str, tuple[int, ...]] = {}
        for _ in range(fact_count):
            name = self._string()
            kind = int(self._scalar("I"))
            if kind == _ARRAY:
                if numbers := self._array():
                    lists[name] = numbers
            else:
                facts[name] = self._string() if kind == _STRING else self._scalar(_SCALARS[kind])
        places = [self._place() for _ in range(tensor_count)]
        alignment = int(facts.get("general.alignment", _DEFAULT_ALIGNMENT_BYTES))
        start = -(-self._at // alignment) * alignment
        tensors = {
            name: TensorPlace(name=name, shape=shape, type_number=kind, offset_bytes=start + offset)
            for name, shape, kind, offset in places
        }
        return GgufHeader(
            facts=MappingProxyType(facts), tensors=MappingProxyType(tensors), lists=MappingProxyType(lists)
        )

    def _scalar(self, code: str) -> int | float | bool:
        value: int | float | bool
        (value,) = struct.unpack_from("<" + code, self._data, self._at)
        self._at += struct.calcsize("<" + code)
        return value

    def _string(self) -> str:
        length = int(self._scalar("Q"))
        end = self._at + length
        if end > len(self._data):
            raise ValueError("cut short")
        text = self._data[self._at : end].decode("utf-8", "replace")
        self._at = end
        return text

    def _array(self) -> tuple[int, ...]:
        """Pass an array; return it if it is a short one of whole numbers."""
        kind, count = int(self._scalar("I")), int(self._scalar("Q"))
        if kind == _STRING:
            data, at, unpack = self._data, self._at, struct.Struct("<Q").unpack_from
            for _ in range(count):
                at += 8 + unpack(data, at)[0]
            self._at = at
        elif kind == _ARRAY:
            for _ in range(count):
                self._array()
        elif kind in _WHOLE_NUMBERS and count <= _MOST_LAYERS:
            return tuple(int(self._scalar(_SCALARS[kind])) for _ in range(count))
        else:
            self._at += count * struct.calcsize("<" + _SCALARS[kind])
        return ()

    def _place(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self._string()
        dimensions = int(self._scalar("I"))
        if dimensions > _MOST_DIMENSIONS:
            raise ValueError(f"tensor of {dimensions} dimensions")
        shape = tuple(int(self._scalar("Q")) for _ in range(dimensions))
        return name, shape[::-1], int(self._scalar("I")), int(self._scalar("Q"))
