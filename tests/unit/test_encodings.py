"""Encodings that nothing in a file tells: texts in 21 languages and scripts with known truth, read letter for letter."""

from __future__ import annotations

from collections import Counter

import pytest

from adapters.documents import read_document
from adapters.tabular.encodings import detect_encoding
from adapters.tabular.reader import first_look, read_table
from adapters.tabular.source import Source
from engine.core.errors import TableError, TaskError
from engine.ingest.options import ENCODINGS
from engine.ingest.table import ReadOptions
from tests.encoding_texts import CODECS, SECOND, files

WINDOWS = {"cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp932", "gb18030", "cp949"}
COUNT = 20
BEFORE = {("Polish", "iso8859-2"): 3, ("Czech", "iso8859-2"): 1}
"""Files read right, of 20, before cp1252 was tried first, where that was neither none nor all."""
NONE_BEFORE = {"cp850", "mac-roman"}


def _right(windows: bool) -> Counter[tuple[str, str]]:
    right: Counter[tuple[str, str]] = Counter()
    for language, codec, number, content in files(SECOND, COUNT):
        if (codec in WINDOWS) is not windows or (not windows and number % 5):
            continue
        data = content.encode(codec)
        right[language, codec] += data.decode(detect_encoding("x.csv", data).codec) == content
    return right


def test_what_excel_saves_is_read_letter_for_letter() -> None:
    """At least 19 of 20 small tables in each language, in the encoding of Windows there."""
    right = _right(windows=True)
    assert len(right) == 20
    assert {pair: count for pair, count in right.items() if count < 19} == {}


def test_other_encodings_are_read_no_worse_than_before() -> None:
    """Those of DOS, Macs, mail and the web: all right that were right."""
    right = _right(windows=False)
    assert set(CODECS) >= {language for language, _ in right}
    for (language, codec), count in right.items():
        before = 0 if codec in NONE_BEFORE else BEFORE.get((language, codec), COUNT)
        assert count * COUNT >= before * 4, (language, codec)


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Não sei;a", "cp1252"),
        ("Où;a", "cp1252"),
        ("kostar 10 €;a", "cp1252"),
        ("“quoted” – it’s;a", "cp1252"),
        ("Zażółć gęślą jaźń;a", "cp1250"),
        ("Привет;a", "cp1251"),
        ("привет, не пришёл заказ;a", "cp1251"),
        ("καλημέρα;a", "cp1253"),
        ("مرحبا، أين طلبي؟;a", "cp1256"),
        ("שלום, איפה ההזמנה שלי;a", "cp1255"),
        ("こんにちは、お元気ですか;a", "cp932"),
    ],
)
def test_one_short_line_is_enough(text: str, codec: str) -> None:
    """A table may have a single cell beyond ASCII; cp1252 is taken unless another reads clearly better."""
    look = first_look(Source(name="t.csv", data=f"text;label\n{text}\n".encode(codec)))
    assert look.rows[0][0] == text.removesuffix(";a")
    assert look.reading.guess


def test_a_guess_says_so_and_how_the_next_best_would_read() -> None:
    """The words are shown beside each other, so that a reader of the language sees which is right."""
    reading = first_look(Source(name="t.csv", data="text,label\nNão está,a\n".encode("cp1252"))).reading
    assert "cp1252, a guess" in reading.guess
    assert "Portuguese" in reading.guess
    assert reading.guess in reading.reasons
    sure = first_look(Source(name="t.csv", data="text,label\nNão está,a\n".encode())).reading
    assert not sure.guess
    chosen = read_table(Source(name="t.csv", data="a,b\nNão,x\n".encode("cp1252")), ReadOptions(encoding="cp1250"))
    assert not chosen.reading.guess
    assert list(chosen.column("a")) == ["Năo"]


GERMAN = ("text;label\n" + "Die größere Lieferung für Müller ist zurück;Rückgabe\n" * 400).encode()


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (GERMAN.replace("ü".encode(), b"\xfc", 1), 2),
        (GERMAN[:9_000] + GERMAN[9_000:].replace("ü".encode(), b"\xfc", 1), 154),
        (GERMAN[:-1] + b"\xfc", 401),
        (GERMAN.rstrip()[: GERMAN.rindex("ü".encode()) + 1], 401),
        ("text,label\nGrüße aus Köln,ü".encode()[:-1], 2),
        (("text,label\n" + "返金をお願いします,返金\n" * 99).encode() + b"\xe6\xb3,x\n", 101),
        (("text,label\n" + "it’s late,x\n" * 99).encode() + b"it\x92s late,x\n", 101),
    ],
    ids=["first", "middle", "last", "cut", "short and cut", "Japanese", "quotes"],
)
def test_a_broken_byte_does_not_make_a_file_another_encoding(data: bytes, line: int) -> None:
    """A file that is UTF-8 but for a few bytes, or was cut, is not read in wrong letters: its line and byte are told."""
    with pytest.raises(TableError, match=rf"t\.csv, line {line}: byte \d+ \(\w\w\) is not utf-8"):
        detect_encoding("t.csv", data)
    with pytest.raises(TableError, match=rf"t\.csv, line {line}: byte"):
        read_table(Source(name="t.csv", data=data))
    with pytest.raises(TaskError, match=rf"t\.txt, line {line}: byte"):
        read_document("t.txt", data)
    assert read_table(Source(name="t.csv", data=data), ReadOptions(encoding="latin-1")).rows


def test_two_encodings_in_one_file_are_still_a_guess() -> None:
    """Where as much is not UTF-8 as is, nothing tells what the file was meant to be."""
    mixed = "text;label\nGrüße;a\n".encode() + "Grüße aus Köln;a\n".encode("cp1252") * 3
    assert detect_encoding("t.csv", mixed).guessed


def test_what_is_offered_exists() -> None:
    """Each encoding on the screen can be chosen, and each that is guessed can be chosen back."""
    for codec in ENCODINGS:
        assert read_table(Source(name="t.csv", data="a,b\nx,y\n".encode(codec)), ReadOptions(encoding=codec)).rows == 1
