"""Which encoding a text file has, detected from its bytes."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from engine.core.errors import TableError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
OFFERED = (
    "utf-8",
    "utf-16",
    "cp1252",
    "latin-1",
    "cp1250",
    "cp1251",
    "iso8859-15",
    "mac-roman",
    "shift_jis",
    "gb18030",
)
"""What a user may choose from when the guess is wrong."""
_STEP = 1 << 20
_SAMPLE_BYTES = 65_536
_FEW = 20
_UNDEFINED_IN_CP1252 = bytes([0x81, 0x8D, 0x8F, 0x90, 0x9D])
_WEST = frozenset({"Basic Latin", "Latin-1 Supplement", "General Punctuation", "Control character"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """An encoding by Python's name for it, and why it was chosen."""

    codec: str
    reason: str


def detect_encoding(name: str, data: bytes) -> Encoding:
    """Detect the encoding: by its mark, as UTF-8 if all of it is, by its zeros, or by which encoding reads best.

    Raises:
        TableError: it does not look like text.
    """
    for mark, codec, title in _MARKS:
        if data.startswith(mark):
            return Encoding(codec=codec, reason=f"{title}: the file begins with its byte order mark.")
    wide = _wide(data[:_SAMPLE_BYTES])
    if wide is not None:
        return Encoding(codec=wide, reason="UTF-16 without a mark: every other byte is zero.")
    bad = _first_not_utf8(data)
    if bad is None:
        return Encoding(codec="utf-8", reason="UTF-8: every byte of the file fits.")
    return _eight_bits(name, data, bad)


def _wide(sample: bytes) -> str | None:
    pairs = len(sample) // 2
    if pairs < 2:
        return None
    even, odd = sample[0 : 2 * pairs : 2].count(0) / pairs, sample[1 : 2 * pairs : 2].count(0) / pairs
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.05 else None


def _first_not_utf8(data: bytes) -> int | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(data)
    for start in range(0, len(data), _STEP):
        end = start + _STEP
        try:
            decoder.decode(view[start:end], final=end >= len(data))
        except UnicodeDecodeError as error:
            return max(start + error.start, 0)
    return None


def _eight_bits(name: str, data: bytes, bad: int) -> Encoding:
    sample = data[max(bad - 2000, 0) : bad + _SAMPLE_BYTES]
    odd_signs = sum(byte < 9 or 13 < byte < 32 for byte in sample)
    if odd_signs > len(sample) * 0.02:
        raise TableError(
            f"{name} is not text: {odd_signs} of {len(sample)} bytes near byte {bad} are control characters.",
            "Give a CSV, XLSX, JSONL or Parquet file.",
        )
    high = sum(byte > 127 for byte in sample)
    west = "latin-1" if any(byte in sample for byte in _UNDEFINED_IN_CP1252) else "cp1252"
    if high < _FEW:
        return Encoding(
            codec=west, reason=f"{west}: not UTF-8 (byte {bad}), and {high} accented bytes are too few to tell more."
        )
    from charset_normalizer import from_bytes

    found = from_bytes(sample).best()
    if found is None or found.encoding == "ascii" or set(found.alphabets) <= _WEST:
        return Encoding(codec=west, reason=f"{west}: not UTF-8 (byte {bad}), and its accents are western ones.")
    return Encoding(
        codec=found.encoding,
        reason=f"{found.encoding}: not UTF-8 (byte {bad}); {', '.join(found.alphabets[:3])} read well in it.",
    )


def checked_codec(name: str) -> str:
    """Return Python's name of an encoding that the user asked for.

    Raises:
        TableError: there is no such encoding, or it is not a text encoding.
    """
    try:
        codec = codecs.lookup(name)
        "".encode(codec.name)
    except (LookupError, ValueError, UnicodeError) as error:
        raise TableError(f"There is no encoding '{name}'.", f"Choose one of {', '.join(OFFERED)}.") from error
    return "utf-8-sig" if codec.name == "utf-8" else codec.name


def undecodable(name: str, data: bytes, codec: str) -> TableError:
    """Build the error for bytes that the encoding does not have: it names byte and line."""
    title = codec.removesuffix("-sig")
    try:
        data.decode(codec)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(codec, "ignore")
        line = before.count("\n") + 1
        byte = error.object[error.start : error.start + 1].hex()
        return TableError(
            f"{name}, line {line}: byte {error.start} ({byte}) is not {title}.",
            "Choose another encoding, or save as UTF-8.",
        )
    return TableError(f"{name} is not {title}.", "Choose another encoding, or save as UTF-8.")
