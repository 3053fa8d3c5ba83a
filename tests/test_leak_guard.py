"""The leak guard on planted rows: what the benchmark plants is what it says, and the real embedder finds what is promised."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.retrieval.retriever import LanceRetriever
from adapters.storage.task_folder import read_task
from benchmarks.leaks.judging import PART, found_plants, is_about_the_same, is_one_change, judge_alarms, share
from benchmarks.leaks.mails import write_mail
from benchmarks.leaks.planting import CHANGES, EACH, PARAPHRASE, plant_rows, retell_rows
from benchmarks.leaks.sentences_a import REWORDED as SET_A
from benchmarks.leaks.sentences_b import REWORDED as SET_B
from benchmarks.leaks.world import World, mails_table, plant_world, read_table
from engine.ingest.leaks.meaning import find_meaning_leaks
from engine.ingest.leaks.pairs import LeakPair, Text
from engine.ingest.leaks.record import leak_sides
from engine.ingest.leaks.text_check import find_leaks

TASKS = Path(__file__).parents[1] / "data" / "tasks"
MULTILINGUAL = TASKS / "support-multilingual"
"""Looked at for false alarms alone: what is planted is English, and so is all that the embedder reads."""
PROMISED, PROMISED_PARAPHRASES = 0.95, 0.60
MAILS = 1000
"""Enough that a rewording can stand out among them."""
LINKING = re.compile(
    r"\b(an?|the|i|my|me|we|our|you|your|s?he|its?|they|them|this|that|these|those|is|are|was|were|be|been|am|do|does|"
    r"did|have|has|had|will|would|can|could|may|might|must|should|shall|to|of|in|on|at|for|from|by|with|and|or|but|if|"
    r"so|not|no|as|than|then|there|here|what|which|who|whom|whose|when|where|how|why|please|[smdt]|ll|ve|re)\b"
)
"""Words that carry no meaning of their own."""


def meaningful(text: str) -> list[str]:
    """Return the words that carry meaning, each once, in their order."""
    return list(dict.fromkeys(re.findall(r"[a-z0-9]+", LINKING.sub(" ", text.lower()))))


def is_paraphrase(one: str, other: str) -> bool:
    """Tell whether two thirds of the words that carry meaning are others, or what is said is in another order."""
    words, others = meaningful(one), meaningful(other)
    common = [word for word in words if word in others]
    return len(common) <= len(words) / 3 or common != [word for word in others if word in words]


@pytest.mark.parametrize("sentences", [SET_A, SET_B], ids=["a", "b"])
def test_rewordings_are_paraphrases(sentences: tuple[tuple[str, str, str], ...]) -> None:
    """Each rewording has other words or another order, and none is a change that the guard finds by words."""
    for base, close, free in sentences:
        assert is_paraphrase(base, close), base
        assert is_paraphrase(base, free), base
        assert not find_leaks([Text(id="base", text=base)], [Text(id="a", text=close), Text(id="b", text=free)])


def test_the_two_sets_have_no_sentence_in_common() -> None:
    """What was looked at while thresholds were set is not in the set that judges them."""
    bases = [{base for base, _close, _free in sentences} for sentences in (SET_A, SET_B)]
    assert not bases[0] & bases[1]
    assert len(bases[0]) == len(bases[1]) == 40
    planted = [{plant.base for plant in (*plant_rows(seed, []), *retell_rows(seed))} for seed in (1, 2)]
    assert not planted[0] & planted[1]


def test_mails_are_paraphrased_by_rule() -> None:
    """Every made-up mail has 6 to 40 words, and its other form has other words or begins with another part."""
    rng = random.Random(4)
    for _ in range(300):
        mail = write_mail(rng)
        assert 6 <= len(mail.text.split()) <= 40
        assert is_paraphrase(mail.text, mail.reworded) or meaningful(mail.text)[0] != meaningful(mail.reworded)[0]


@pytest.mark.parametrize("seed", [1, 2])
def test_planted_rows_are_changed_as_they_say(seed: int) -> None:
    """200 rows of 6 to 40 words, 25 of each kind; what is called one change is one, and changes something."""
    plants = plant_rows(seed, [write_mail(random.Random(n)).text for n in range(300)])
    assert Counter(plant.kind for plant in plants) == dict.fromkeys([*CHANGES, PARAPHRASE], EACH)
    for plant in plants:
        assert 6 <= len(plant.base.split()) <= 40
        assert (plant.base == plant.changed) is (plant.kind == "exact")
        assert is_one_change(plant.base, plant.changed) is (plant.kind != PARAPHRASE), plant


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanceRetriever]:
    """Open the real embedder."""
    opened = LanceRetriever(tmp_path_factory.mktemp("indexes"))
    yield opened
    opened.close()


@pytest.mark.model
@pytest.mark.timeout(300)
def test_among_the_tasks_that_ship_rewordings_are_found(retriever: LanceRetriever) -> None:
    """At least 60 % of sentences that were reworded; of all 960 test rows that ship, at most one is a false alarm."""
    found, alarms = 0, 0
    folders = sorted(TASKS.iterdir())
    english = [folder for folder in folders if folder != MULTILINGUAL]
    for folder in folders:
        task = read_task(folder)
        planted = SET_B[english.index(folder) :: len(english)] if folder in english else ()
        learn = [Text(id=e.id, text=e.input) for e in task.examples if e.split != "test"]
        test = [Text(id=e.id, text=e.input) for e in task.examples if e.split == "test"]
        learn += [Text(id=f"base {place}", text=base) for place, (base, _close, _free) in enumerate(planted)]
        test += [Text(id=f"said {place}", text=close) for place, (_base, close, _free) in enumerate(planted)]
        told = {(pair.test_id, pair.other_id) for pair in guarded(retriever, learn, test)}
        found += len(told & {(f"said {place}", f"base {place}") for place in range(len(planted))})
        alarms += sum(not one.startswith("said") and not other.startswith("base") for one, other in told)
    assert found >= PROMISED_PARAPHRASES * len(SET_B)
    assert alarms <= 1


def guarded(retriever: LanceRetriever, learn: list[Text], test: list[Text]) -> list[LeakPair]:
    """Compare by words and by meaning."""
    vectors = retriever.embed([item.text for item in (*learn, *test)]).vectors
    return find_leaks(learn, test) + find_meaning_leaks(learn, test, vectors[: len(learn)], vectors[len(learn) :])


def test_made_up_mails_are_about_the_same_if_half_of_their_parts_are() -> None:
    """Labels without parts have to be equal; of labels with parts, half of the longer one's have to be in both."""
    assert is_about_the_same("bill", "bill")
    assert not is_about_the_same("bill", "bills")
    assert is_about_the_same(PART.join("abcd"), PART.join("axyb"))
    assert is_about_the_same(PART.join("ab"), PART.join("abcd"))
    assert not is_about_the_same(PART.join("ab"), PART.join("axyz"))


@pytest.fixture(scope="module")
def among_mails() -> World:
    """Plant with the seed that judges, among made-up mails, which need no file that the project does not hold."""
    return plant_world(2, mails_table(MAILS), test_rows=500)


def test_planted_among_mails_changed_rows_are_found(among_mails: World) -> None:
    """Among 1,000 made-up mails, by words alone: at least 95 %, and no false alarm."""
    pairs = find_leaks(*leak_sides(list(among_mails.rows.values()), among_mails.splits))
    plants = [plant for _, plant in among_mails.plants.values()]
    assert share(found_plants(among_mails.plants, pairs), plants, kinds=CHANGES) >= PROMISED
    assert not judge_alarms(among_mails.rows, among_mails.planted, pairs).false


@pytest.mark.model
@pytest.mark.timeout(300)
def test_planted_among_mails_paraphrases_are_found(retriever: LanceRetriever, among_mails: World) -> None:
    """By words and meaning: at least 95 % of what was changed and 60 % of what was reworded, and no false alarm."""
    pairs = guarded(retriever, *leak_sides(list(among_mails.rows.values()), among_mails.splits))
    plants = [plant for _, plant in among_mails.plants.values()]
    found = found_plants(among_mails.plants, pairs)
    assert share(found, plants, kinds=CHANGES) >= PROMISED
    assert share(found, plants, kinds=[PARAPHRASE]) >= PROMISED_PARAPHRASES
    assert not judge_alarms(among_mails.rows, among_mails.planted, pairs).false


def test_planted_among_real_requests_changed_rows_are_found() -> None:
    """Among 18,000 requests of 150 intents, by words alone: at least 95 %, at most one false alarm in 500 test rows."""
    table = read_table()
    if not table.labelled:
        pytest.skip("clinc150-full.csv is not here (ADAPTLAB_DATA names its folder)")
    world = plant_world(2, table, test_rows=500)
    pairs = find_leaks(*leak_sides(list(world.rows.values()), world.splits))
    plants = [plant for _, plant in world.plants.values()]
    assert share(found_plants(world.plants, pairs), plants, kinds=CHANGES) >= PROMISED
    assert len(judge_alarms(world.rows, world.planted, pairs).false) <= 1
