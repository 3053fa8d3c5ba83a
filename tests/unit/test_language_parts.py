"""What a run goes without in the language of its rows: one function finds it, and the verdict says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from engine.analysis.basis.language_parts import LanguageParts, MissingPart, language_parts
from engine.core.embedder import EmbedderHandicap
from engine.core.run.plan import RunPlan
from engine.core.task import AnswerKind, Document, Example, Task
from engine.core.techniques import Technique
from engine.core.text import coverage
from engine.core.text.keyboards import neighbours
from engine.core.text.languages import NAMES, tell_languages
from engine.core.text.prompt_template import TEMPLATES
from engine.core.text.scripts import main_script
from engine.core.text.segments import sentence_spans
from engine.core.variant import RetrievalSpec, SearchMode, Variant
from engine.ingest.checks.personal_data import _IDENTITY
from tests.helpers import small_task
from tests.unit.test_languages import ROWS

ZERO = Variant(id="zero-shot", technique=Technique.ZERO_SHOT)
RAG = Variant(id="rag", technique=Technique.RAG, retrieval=RetrievalSpec(passages_k=2, mode=SearchMode.HYBRID))
CLASSIFIER = Variant(id="classifier", technique=Technique.CLASSIFIER, embedder="multilingual-e5-small@1")
GUARDED: Mapping[str, Any] = {"findings": [], "leak_guard": {"meanings": True}}


def task_in(*codes: str, **changes: Any) -> Task:
    """Build a task with test rows in these languages."""
    rows = [Example(id=f"{code}{n}", input=text, target="delivery", split="test") for code in codes
            for n, text in enumerate(ROWS[code])]  # fmt: skip
    return replace(small_task(), examples=tuple(rows), **changes)


def plan_of(*variants: Variant, **changes: Any) -> RunPlan:
    """Plan these variants."""
    return RunPlan(
        run_id="r", task_id="small", model_id="m", variants=variants, test_ids=("1",), train_ids=(), **changes
    )


def found(task: Task, *variants: Variant, **changes: Any) -> LanguageParts:
    """Find what a run goes without."""
    languages = tell_languages([example.input for example in task.examples])
    return language_parts(plan_of(*variants, **changes), task, languages)


def parts(told: LanguageParts) -> list[str]:
    """Return what is missing."""
    return [missing.part for missing in told.missing]


def test_english_rows_go_without_nothing() -> None:
    """Nothing is said of a task in English, whatever its run does."""
    told = found(task_in("en", source=GUARDED, documents=(Document(name="a.md", text="A"),)), ZERO, RAG, CLASSIFIER)
    assert told == LanguageParts()
    assert not told.sentence()


def test_full_text_tells_what_it_compares_in_place_of_stems() -> None:
    """Chinese and Hindi are searched by runs, Ukrainian by whole words, German by stems; vector search needs none."""
    for code, instead in (("zh", "runs of characters"), ("hi", "runs of characters"), ("uk", "whole words")):
        stems = f"stems in full-text search, which compares {instead}"
        assert stems in parts(found(task_in(code), RAG))
        vector = replace(RAG, retrieval=RetrievalSpec(examples_k=2, mode=SearchMode.VECTOR))
        assert stems not in parts(found(task_in(code), vector))
    assert not any("stems" in part for part in parts(found(task_in("de"), RAG)))
    mixed = found(task_in("en", "de"), RAG)
    assert any(one.part.startswith("stems") and one.languages == ("de",) for one in mixed.missing)


def test_documents_are_cut_without_abbreviations_where_none_are_listed() -> None:
    """Only where a run cuts documents, and sentences end with a full stop."""
    part = "abbreviations that do not end a sentence when documents are cut"
    documents = (Document(name="a.md", text="A"),)
    for code, missing in (("uk", True), ("de", False), ("hi", False), ("zh", False)):
        assert (part in parts(found(task_in(code, documents=documents), RAG))) == missing
    assert part not in parts(found(task_in("uk"), RAG))
    assert part not in parts(found(task_in("uk", documents=documents), ZERO))


def test_answers_are_compared_by_a_locale_and_its_articles() -> None:
    """A task of short answers without a locale is compared as English; labels are compared as they are."""
    kind = small_task(kind=AnswerKind.SHORT)
    short = {"answer": kind.answer, "scorers": kind.scorers}
    part = "a locale, so that answers are compared as in English"
    assert part in parts(found(task_in("de", **short), ZERO))
    assert part not in parts(found(task_in("de", locale="de", **short), ZERO))
    assert part not in parts(found(task_in("de"), ZERO))
    articles = "leaving out articles when answers are compared"
    assert articles in parts(found(task_in("he", locale="he", **short), ZERO))
    assert articles not in parts(found(task_in("de", locale="de", **short), ZERO))


def test_the_drift_study_goes_without_keys_or_case() -> None:
    """Korean has no neighbouring keys and no case; German needs its locale, and Italian has the US keyboard."""
    korean = parts(found(task_in("ko"), ZERO))
    assert "neighbouring keys in the typos of the drift study" in korean
    assert "changed case in the drift study" in korean
    own = "the language's own keyboard in the drift study"
    assert own in parts(found(task_in("de"), ZERO))
    assert own not in parts(found(task_in("de", locale="de"), ZERO))
    assert own not in parts(found(task_in("hi"), ZERO))
    assert own in parts(found(task_in("it", locale="it"), ZERO))


def test_an_import_tells_what_it_could_not_look_for() -> None:
    """Identity numbers of unknown countries, and meanings: not compared, or by an embedder that does not read them."""
    numbers = "the countries' identity numbers in the search for personal data"
    assert numbers in parts(found(task_in("de", source=GUARDED), ZERO))
    assert numbers not in parts(found(task_in("zh", source=GUARDED), ZERO))
    assert numbers not in parts(found(task_in("de"), ZERO))
    words = {"findings": [], "leak_guard": {"meanings": False}}
    assert "a leak check by meaning" in parts(found(task_in("zh", source=words), ZERO))
    blind = EmbedderHandicap(embedder="all-MiniLM-L6-v2", languages=("zh",), full_text=True)
    told = parts(found(task_in("zh", source=GUARDED), ZERO, handicaps=(blind,)))
    assert "a leak check by meaning with an embedder of the language" in told


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"instructions": "Sort the message into one of the desks of the company. Answer with its name."}, True),
        ({"instructions": "Ordne die Nachricht einer Abteilung der Firma zu. Antworte nur mit ihrem Namen."}, False),
        ({"template": TEMPLATES["de"]}, False),
    ],
)
def test_instructions_in_another_language_are_said(changes: dict[str, Any], missing: bool) -> None:
    """By what is written, or by the language that was chosen; a classifier reads no instructions."""
    part = "instructions in the language of the rows"
    assert (part in parts(found(task_in("de", **changes), ZERO))) == missing
    assert part not in parts(found(task_in("de", **changes), CLASSIFIER))


def test_the_sentence_names_embedders_and_languages() -> None:
    """A part that is missing for some of the languages names them."""
    told = LanguageParts(
        languages=("en", "de", "zh"),
        embedders=("multilingual-e5-small",),
        missing=(MissingPart(part="keys", languages=("zh",)), MissingPart(part="instructions", languages=("de", "zh"))),
    )
    assert told.sentence() == (
        "Rows are in English, German and Chinese; the embedder is multilingual-e5-small. Missing for German and "
        "Chinese: keys (Chinese) and instructions."
    )
    assert found(task_in("de"), ZERO, CLASSIFIER).embedders == ("multilingual-e5-small",)


def test_what_is_said_of_languages_is_what_the_parts_know() -> None:
    """The lists agree with keyboards, identity numbers and abbreviations themselves."""
    scripts = {code: main_script("".join(ROWS[code])) for code in ROWS}
    for code in ROWS:
        assert bool(neighbours(code, scripts[code])) == (code not in coverage.NO_KEYBOARD), code
    assert all(neighbours(code, "") for code in coverage.KEYBOARD_BY_LOCALE)
    countries = {"cn": "zh", "in": "hi", "kr": "ko", "it": "it", "fr": "fr", "br": "pt"}
    assert {countries[name.split(".")[0].rstrip("_")] for name in _IDENTITY} == coverage.IDENTIFIED
    kept = {"de": "Das ist Dr. Roth.", "en": "Here is Mr. Roth.", "es": "Es el Sr. Roth.", "fr": "Voici M. Roth.",
            "it": "Ecco il Sig. Roth.", "pt": "É o Dr. Roth.", "ru": "Вот проф. Иванов."}  # fmt: skip
    assert all(len(list(sentence_spans(text, code))) == 1 for code, text in kept.items())
    assert kept.keys() == coverage.ABBREVIATED
    for name in ("STEMMED", "ABBREVIATED", "WITHOUT_FULL_STOP", "OTHER_ARTICLES", "IDENTIFIED", "NO_KEYBOARD"):
        assert getattr(coverage, name) <= NAMES.keys()
