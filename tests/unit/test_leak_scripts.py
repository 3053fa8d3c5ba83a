"""The leak guard's check by words in seven scripts: planted copies are found, and unlike rows are not."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from benchmarks.leaks.judging import found_plants, judge_alarms, share
from benchmarks.leaks.phrases import PHRASES
from benchmarks.leaks.planting import PARAPHRASE
from benchmarks.leaks.scripts import PARAPHRASES, PLANTED, changes_of, plant_world, write_mail
from engine.core.text.languages import tell_languages
from engine.ingest.leaks.record import leak_sides
from engine.ingest.leaks.text_check import find_leaks
from engine.ingest.leaks.text_forms import normalize_text

PROMISED = 0.95
MAILS = 400


@pytest.mark.parametrize("code", PHRASES)
def test_planted_copies_are_found_in_every_script(code):
    """200 planted rows: 95 % of those that are no paraphrases, and at most one false alarm."""
    world = plant_world(code, 3, mails=MAILS)
    pairs = find_leaks(*leak_sides(list(world.rows.values()), world.splits))
    plants = [plant for _, plant in world.plants.values()]
    kinds = Counter(plant.kind for plant in plants)
    assert kinds.total() == PLANTED
    assert kinds[PARAPHRASE] == PARAPHRASES
    assert ("case" in kinds) == (code == "ru")
    assert share(found_plants(world.plants, pairs), plants, kinds=kinds.keys() - {PARAPHRASE}) >= PROMISED
    planted = frozenset(world.plants) | {base for base, _ in world.plants.values()}
    assert len(judge_alarms(world.rows, planted, pairs).false) <= 1


@pytest.mark.parametrize("code", PHRASES)
def test_what_is_planted_is_what_it_says(code):
    """Mails are in their language, and each change but the first changes the text."""
    rng = random.Random(0)
    mails = [write_mail(PHRASES[code], rng) for _ in range(60)]
    assert tell_languages([mail.text for mail in mails]).code == code
    for kind, change in changes_of(PHRASES[code]).items():
        changed = [change(mail.text, rng) for mail in mails]
        same = sum(one == mail.text for one, mail in zip(changed, mails, strict=True))
        assert same == (len(mails) if kind == "exact" else 0) or kind == "a typing error"
        assert same < len(mails) or kind == "exact"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("我的账单，显示错误！", "我的账单显示错误"),
        ("पासवर्ड, कैसे बदलें?", "पासवर्ड कैसे बदलें"),
        ("مَبلَغًا خاطئـــًا", "مبلغا خاطئا"),
        ("שָׁלוֹם", "שלום"),
        ("İSTANBUL IŞIK", "istanbul ışık"),
        ("ΚΑΛΗΜΈΡΑ ΣΑΣ", "καλημέρα σας"),
        ("ｷｬﾝｾﾙ", "キャンセル"),
    ],
)
def test_what_a_script_may_leave_out_makes_no_other_text(one, other):
    """Punctuation, vowel points, case with its letters, and widths."""
    assert normalize_text(one) == normalize_text(other)


def test_marks_belong_to_their_letters():
    """A Hindi word is one word, not one for each vowel sign."""
    assert normalize_text("पासवर्ड बदलें").split() == ["पासवर्ड", "बदलें"]
    assert normalize_text("\u2764\ufe0f ok") == "ok"
