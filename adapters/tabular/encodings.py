"""Which encoding a text file has, detected from its bytes."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from adapters.tabular.encoding_guess import differing_word, guess
from engine.core.errors import TableError
from engine.ingest.options import ENCODINGS

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_STEP = 1 << 20
_SAMPLE_BYTES = 65_536
_FEW = 20
_SURELY = 10
"""So many characters in the form of UTF-8 for each byte that is not: no other encoding comes to that by chance."""
_WEST = frozenset({"Basic Latin", "Latin-1 Supplement", "General Punctuation", "Control character"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """An encoding by Python's name for it, and why it was chosen."""

    codec: str
    reason: str
    guessed: bool = False
    """Nothing in the file says so: it only reads best this way, and the user should look."""


def detect_encoding(name: str, data: bytes) -> Encoding:
    """Detect the encoding: by its mark, as UTF-8 if all of it is, by its zeros, or by which encoding reads best.

    Raises:
        TableError: it does not look like text, or is UTF-8 with a few broken bytes.
    """
    for mark, codec, title in _MARKS:
        if data.startswith(mark):
            return Encoding(codec=codec, reason=f"{title}: the file begins with its byte order mark.")
    wide = _wide(data[:_SAMPLE_BYTES])
    if wide is not None:
        return Encoding(codec=wide, reason="UTF-16 without a mark: every other byte is zero.")
    bad = _first_bad(data, "utf-8")
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


def _first_bad(data: bytes, codec: str) -> int | None:
    """Return the place of the first byte that the encoding lacks; None where it has them all."""
    decoder = codecs.getincrementaldecoder(codec)()
    view = memoryview(data)
    for start in range(0, len(data), _STEP):
        end = start + _STEP
        try:
            decoder.decode(view[start:end], final=end >= len(data))
        except UnicodeDecodeError as error:
            return max(start + error.start, 0)
    return None


def _is_broken_utf_8(data: bytes) -> bool:
    """Tell whether a text is UTF-8 but for a few bytes, or because it was cut within a character."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    view = memoryview(data)
    fitting = data.count("\ufffd".encode())  # the file itself may hold the character that stands for what is broken
    bad = -fitting
    for start in range(0, len(data), _STEP):
        text = decoder.decode(view[start : start + _STEP])
        replaced = text.count("\ufffd")
        fitting, bad = fitting + len(text) - len(text.encode("ascii", "ignore")) - replaced, bad + replaced
        if fitting + (len(data) - start) // 2 < _SURELY * bad:
            return False  # what is left is too little to change that
    return fitting >= max(_SURELY * bad, 1)


def _eight_bits(name: str, data: bytes, bad: int) -> Encoding:
    sample = _sample(data, bad)
    odd_characters = sum(byte < 9 or 13 < byte < 32 for byte in sample)
    if odd_characters > len(sample) * 0.02:
        raise TableError(
            f"{name} is not text: {odd_characters} of {len(sample)} bytes near byte {bad} are control characters.",
            "Give a CSV, XLSX, JSONL or Parquet file.",
        )
    if _is_broken_utf_8(data):
        raise undecodable(name, data, "utf-8")
    likely = [one for one in guess(sample) if _first_bad(data, one.codec) is None]
    if likely:
        best = likely[0]
        reason = f"{best.codec}, a guess: not UTF-8 (byte {bad}), and it reads as {best.language}."
        for other in likely[1:]:
            pair = differing_word(best.text, other.text)
            if pair is not None:
                reason += f" '{pair[0][:30]}' would be '{pair[1][:30]}' in {other.codec}."
                break
        return Encoding(codec=best.codec, reason=reason, guessed=True)
    return _by_statistics(sample, data, bad)


def _sample(data: bytes, bad: int) -> bytes:
    """Return whole lines from the first one that is not UTF-8 on, as far as they fit."""
    start = data.rfind(b"\n", max(bad - 2000, 0), bad) + 1 or max(bad - 2000, 0)
    end = start + _SAMPLE_BYTES
    return data[start : end if end >= len(data) else data.rfind(b"\n", start, end) + 1 or end]


def _by_statistics(sample: bytes, data: bytes, bad: int) -> Encoding:
    """Guess an encoding whose languages are not described here, by how often its characters stand side by side."""
    from charset_normalizer import from_bytes

    west = "cp1252" if _first_bad(data, "cp1252") is None else "latin-1"
    high = sum(byte > 127 for byte in sample)
    found = from_bytes(sample).best() if high >= _FEW else None
    if found is None or found.encoding == "ascii" or set(found.alphabets) <= _WEST:
        return Encoding(codec=west, reason=f"{west}, a guess: not UTF-8 (byte {bad}).", guessed=True)
    return Encoding(
        codec=found.encoding,
        reason=f"{found.encoding}, a guess: not UTF-8 (byte {bad}); {', '.join(found.alphabets[:3])} read well in it.",
        guessed=True,
    )


def chosen_encoding(name: str) -> Encoding:
    """Return an encoding that the user asked for.

    Raises:
        TableError: there is no such encoding, or it is not a text encoding.
    """
    try:
        codec = codecs.lookup(name)
        "".encode(codec.name)
    except (LookupError, ValueError, UnicodeError) as error:
        raise TableError(f"There is no encoding '{name}'.", f"Choose one of {', '.join(ENCODINGS)}.") from error
    return Encoding(
        codec="utf-8-sig" if codec.name == "utf-8" else codec.name, reason=f"{name}: you chose it.", guessed=False
    )


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
