"""The handbooks that retrieval is measured on: whole, alike in every language, and not copied into their questions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from adapters.retrieval.chunking import chunk_document
from benchmarks.handbook_search import LANGUAGES, SECTIONS, Question, read_handbook, read_questions, wanted_in
from benchmarks.section_search import REFERENCE, WHOLE, Section, compared, sections

LEAST_WORDS, MOST_WORDS = 45, 90
MOST_SHARED_WORDS, MOST_SHARED_CHARACTERS = 4, 8
ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|es|s)$")
CLOCK = {"zh": "{0}:{1}", "ja": "{0}時{1}分", "th": "{0}.{1}", "ar": "{0}:{1}", "hi": "{0}:{1}"}
SCRIPTS = {"zh": "CJK UNIFIED", "ja": "HIRAGANA", "th": "THAI", "ar": "ARABIC", "hi": "DEVANAGARI"}
SPACED = ("en", "ar", "hi")
"""Languages with blanks between words."""

HANDBOOKS = {language: sections(read_handbook(language)) for language in LANGUAGES}
QUESTIONS = read_questions()
PAIRS = list(zip(HANDBOOKS[REFERENCE], QUESTIONS, strict=True))


def words(text: str) -> list[str]:
    """Split a text at blanks and punctuation into its words, without case."""
    return re.findall(r"[\w\u0900-\u0963']+", text.casefold())


def characters(text: str) -> list[str]:
    """Return letters and digits; the marks above and below Thai letters do not count."""
    composed = unicodedata.normalize("NFC", text)
    return [sign for sign in composed if unicodedata.category(sign)[0] in "LN"]


def longest_shared_run(first: Sequence[str], second: Sequence[str]) -> int:
    """Count the units of the longest run that stands in both."""
    longest, ends = 0, [0] * (len(second) + 1)
    for unit in first:
        ends = [0, *(ends[place] + 1 if unit == other else 0 for place, other in enumerate(second))]
        longest = max(longest, *ends)
    return longest


def content_words(text: str) -> set[str]:
    """Return the words that are not common ones, without their endings."""
    return {ENDING.sub("", word) for word in words(text) if word not in ENGLISH_STOP_WORDS and len(word) > 2}


def about(section: Section) -> str:
    """Return all that is searched of a section."""
    return f"{section.heading}\n{section.body}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_handbook_has_its_sections(language: str) -> None:
    """There are 100 or 60, numbered in order, each with a heading and a body of its own, and nothing else."""
    found, count = HANDBOOKS[language], SECTIONS[language]
    assert [section.id for section in found] == list(range(1, count + 1))
    assert len({section.heading for section in found}) == count
    assert len({section.body for section in found}) == count
    assert len(sections(read_handbook(language, count - 1))) == count - 1
    assert all("\n" not in section.body and section.body for section in found)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_section_is_one_chunk(language: str) -> None:
    """At the size for whole sections every section is one chunk, so that each language has the same ones to find."""
    handbook = read_handbook(language)
    chunks = chunk_document(handbook, size_words=WHOLE)
    assert [chunk.body for chunk in chunks] == [section.body for section in HANDBOOKS[language]]
    places = zip(chunks, HANDBOOKS[language], strict=True)
    assert all(chunk.start in range(section.start, section.end) for chunk, section in places)


def test_sections_are_of_a_size() -> None:
    """An English section has 45 to 90 words."""
    sizes = {section.id: len(section.body.split()) for section in HANDBOOKS[REFERENCE]}
    assert not {place: size for place, size in sizes.items() if not LEAST_WORDS <= size <= MOST_WORDS}


@pytest.mark.parametrize("language", CLOCK)
def test_the_order_is_the_same(language: str) -> None:
    """Each clock time of an English section stands in the same section of the translation."""
    missing = []
    for section, translated in zip(HANDBOOKS[REFERENCE], HANDBOOKS[language], strict=False):
        for hours, minutes in re.findall(r"\b(\d{1,2}):(\d\d)\b", section.body):
            written = CLOCK[language].format(hours, minutes).replace("時00分", "時")
            if written not in translated.body:
                missing.append((section.heading, written))
    assert not missing


@pytest.mark.parametrize("language", SCRIPTS)
def test_a_translation_is_in_its_script(language: str) -> None:
    """No section and no question was left in English."""
    texts = [section.body for section in HANDBOOKS[language]]
    texts += [section.heading for section in HANDBOOKS[language]] if language != "ja" else []
    texts += [one.row for one in wanted_in(read_handbook(language), language)]
    assert not [text for text in texts if not any(SCRIPTS[language] in unicodedata.name(sign, "") for sign in text)]


def test_each_section_has_its_question() -> None:
    """There is one question per section, in every language that has it, and none is asked twice."""
    assert [question.section for question in QUESTIONS] == list(range(1, SECTIONS[REFERENCE] + 1))
    for language, count in SECTIONS.items():
        assert len({question.wording.get(language, "").strip() for question in QUESTIONS} - {""}) == count
        assert all(language in question.wording for question in QUESTIONS[:count])


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_question_is_copied(language: str) -> None:
    """A question and its section share no run of more than 4 words; of 8 characters where words are not spaced."""
    spaced = language in SPACED
    units, most = (words, MOST_SHARED_WORDS) if spaced else (characters, MOST_SHARED_CHARACTERS)
    copied = [
        question.wording[language]
        for section, question in zip(HANDBOOKS[language], QUESTIONS, strict=False)
        if longest_shared_run(units(question.wording[language]), units(about(section))) > most
    ]
    assert not copied


@pytest.mark.parametrize(("section", "question"), PAIRS, ids=[section.heading for section, _ in PAIRS])
def test_a_question_uses_other_words(section: Section, question: Question) -> None:
    """An English question has at most one content word of its section."""
    assert len(content_words(question.wording[REFERENCE]) & content_words(about(section))) <= 1


def test_the_longest_shared_run() -> None:
    """A run is counted where it stands in both, wherever it begins."""
    assert longest_shared_run(words("The guard waits here."), words("Ask the GUARD who waits there")) == 2
    assert longest_shared_run(list("ab"), list("cd")) == 0
    assert longest_shared_run(characters("ตู้ล็อก"), characters("ที่ ตู้.ล็อก")) == 4


def test_a_difference_is_that_to_the_reference() -> None:
    """Whoever finds less than the reference is below zero, whoever finds the same questions is at zero."""
    reference = np.array([True] * 60 + [False] * 40)
    assert compared(reference & (np.arange(100) >= 30), reference).startswith("\N{MINUS SIGN}30.0 (")
    assert compared(reference, reference).startswith("+0.0 (")
