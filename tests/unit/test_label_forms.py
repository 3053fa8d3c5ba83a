"""Labels and rows that look the same but are stored in two ways are found and can be merged."""

from __future__ import annotations

import unicodedata

import pytest

from adapters.tabular.reader import read_table
from adapters.tabular.source import Source
from engine.core.task import AnswerKind
from engine.ingest.checks.examine import examine
from engine.ingest.columns import Roles
from engine.ingest.data_card import Examined, Fix

ROLES = Roles(inputs=("text",), target="label")
LABEL, APART = unicodedata.normalize("NFC", "Rückgabe"), unicodedata.normalize("NFD", "Rückgabe")


def examined(rows: list[tuple[str, str]], kind: AnswerKind = AnswerKind.LABEL, **fixes: Fix) -> Examined:
    """Examine rows of a text and a label."""
    data = "text,label\n" + "".join(f'"{text}","{label}"\n' for text, label in rows)
    return examine(read_table(Source(name="t.csv", data=data.encode())), ROLES, kind, fixes)


@pytest.mark.parametrize(
    "other", [APART, "Rück\u00adgabe", "Rückgabe\u200b", "\ufeffrückgabe", "RÜCKGABE", "Ｒückgabe", "Rückgabe "]
)
def test_labels_that_look_the_same_are_one(other: str) -> None:
    """Two ways of storing an accent, soft hyphens, blanks without a width: merged into the form of most rows."""
    rows = [(f"my parcel number {n} went back", LABEL) for n in range(5)] + [("it was broken", other), ("hello", "x")]
    found = {finding.id: finding for finding in examined(rows, spaces=Fix.KEEP).card.findings}
    assert found["label_forms"].lines == (7,)
    (sample,) = found["label_forms"].samples
    assert len(set(sample.split(" and "))) == 2
    merged = examined(rows, spaces=Fix.KEEP, label_forms=Fix.MERGE)
    assert {row.target for row in merged.rows} == {LABEL, "x"}


def test_blanks_hyphens_and_underscores_between_words_are_one() -> None:
    """As in answers, which are read for the label without telling them apart."""
    rows = [(f"number {n}", label) for n, label in enumerate(["card_lost", "card lost", "card-lost", "Card  lost"])]
    assert [f.lines for f in examined(rows).card.findings if f.id == "label_forms"] == [(3, 4, 5)]


@pytest.mark.parametrize("labels", [("1", "-1"), ("A", "A-"), ("C", "C++"), ("a b", "ab"), ("é", "e"), ("-", "_")])
def test_labels_that_differ_stay_apart(labels: tuple[str, str]) -> None:
    """A sign before or after a label, and an accent, make it another one."""
    card = examined([(f"number {n}", label) for n, label in enumerate(labels * 4)]).card
    assert "label_forms" not in {finding.id for finding in card.findings}


@pytest.mark.parametrize("kind", [AnswerKind.LABEL, AnswerKind.SHORT])
def test_rows_stored_in_two_ways_are_duplicates(kind: AnswerKind) -> None:
    """The same question and answer, with accents in one letter or two, stands there twice and is no conflict."""
    question = "Wie läuft die Rückgabe?"
    rows = [(unicodedata.normalize(form, question), unicodedata.normalize(form, LABEL)) for form in ("NFC", "NFD")]
    found = {f.id: f.lines for f in examined([*rows, ("Wo ist es?", "x")], kind).card.findings}
    assert found["duplicates"] == (3,)
    assert "conflicts" not in found
