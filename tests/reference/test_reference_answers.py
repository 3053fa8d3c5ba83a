"""Scores of answers: SQuAD's F1 and exact match, chrF, and the calibration of confidences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.core.task import AnswerKind, Example
from engine.metrics.calibration import calibration
from engine.metrics.scoring import SCORERS
from tests.helpers import small_task

EXACT = 1e-9

# Answer, accepted forms, exact match, F1. Elsewhere: the official evaluation script of SQuAD 1.1, and torchmetrics.
SQUAD = [
    ("10000", ("10,000",), 1.0, 1.0),
    ("3 5", ("3.5",), 0.0, 0.0),
    ("35", ("3.5",), 1.0, 1.0),
    ("the Guarded label.", ("Guarded label",), 1.0, 1.0),
    ("in the year 1999, on May 4th", ("May 4, 1999", "4 May 1999"), 0.0, 0.444444444444),
    ("five five five", ("five",), 0.0, 0.5),
    ("well known singer", ("a well-known singer",), 0.0, 0.4),
    ("The  Theatre, and an Anthem", ("theatre and anthem",), 1.0, 1.0),
    ("It's 5 o'clock", ("its 5 oclock", "5"), 1.0, 1.0),
    ("$1,000.50", ("100050", "1000.50 dollars"), 1.0, 1.0),
    ("Denver Broncos", ("Broncos", "the Broncos", "Denver Broncos"), 1.0, 1.0),
    ("gold anniversary logo", ("the 50th anniversary of the golden logo",), 0.0, 0.5),
    ("to to be or not to be", ("to be or not to be",), 0.0, 0.923076923077),
    ("nothing", ("everything",), 0.0, 0.0),
    ("A. B. C.", ("abc", "b c"), 1.0, 1.0),
    ("form G-2", ("G2", "the form G2"), 1.0, 1.0),
    ("an apple a day", ("apple day",), 1.0, 1.0),
    ("new\tYork\n city", ("New York City",), 1.0, 1.0),
    ("under_score", ("underscore",), 1.0, 1.0),
    ("É", ("é",), 1.0, 1.0),
]
SQUAD_MEANS = (0.65, 0.788376068376)

# No token is left of a side. The evaluation of SQuAD 2.0 gives F1 1 if both are empty; that of 1.1 would give 0.
SQUAD_EMPTY = [
    ("A", ("a",), 1.0, 1.0),
    ("the", ("...",), 1.0, 1.0),
    ("A", ("B",), 0.0, 0.0),
    ("!", ("five",), 0.0, 0.0),
]

# Locale, answer, target, exact match, F1. Elsewhere: the evaluation script of MLQA 1.0 (P. Lewis et al., 2020, arXiv
# 1910.07475), which takes tokens by characters in Chinese.
MLQA = [
    ("es", "los Broncos de Denver", "Broncos de Denver", 1.0, 1.0),
    ("es", "en 1.999", "1999", 0.0, 0.666666666667),
    ("es", "«la ciudad»", "ciudad", 1.0, 1.0),
    ("es", "el río Ebro, al norte", "río Ebro", 0.0, 0.666666666667),
    ("de", "der Kölner Dom", "Kölner Dom", 1.0, 1.0),
    ("de", "„zehn Tage“", "zehn Tage", 1.0, 1.0),
    ("de", "in den Alpen", "den Alpen", 0.0, 0.666666666667),
    ("de", "Die Mauer fiel 1989", "1989", 0.0, 0.5),
    ("vi", "những ngôi nhà", "ngôi nhà", 1.0, 1.0),
    ("vi", "thủ đô Hà Nội", "Hà Nội", 0.0, 0.666666666667),
    ("hi", "गंगा नदी।", "गंगा नदी", 1.0, 1.0),
    ("hi", "दिल्ली में", "दिल्ली", 0.0, 0.666666666667),
    ("zh", "北京市", "北京", 0.0, 0.8),
    ("zh", "《红楼梦》", "红楼梦", 1.0, 1.0),
    ("zh", "1999年，北京", "1999年", 0.0, 0.666666666667),
    ("zh", "使用iPhone 15手机", "iPhone 15", 0.0, 0.5),
    ("zh", "上海", "北京", 0.0, 0.0),
    ("ar", "عام 1999،", "1999", 0.0, 0.666666666667),
    ("ar", "مدينة القاهرة", "القاهرة", 0.0, 0.666666666667),
    ("ar", "الملك فيصل", "ملك فيصل", 1.0, 1.0),
    ("en", "the “Guarded” label…", "Guarded label", 1.0, 1.0),
    ("en", "a well–known singer", "wellknown singer", 1.0, 1.0),
]

# Answer, target, chrF2 of up to six characters. Elsewhere: exact fractions from the definition in M. Popović, "chrF:
# character n-gram F-score for automatic MT evaluation" (WMT 2015).
CHRF = [
    ("the cat sat on the mat", "the cat sat on a mat", 0.720848317308),
    ("blue lamps", "the blue lamp", 0.663940758564),
    ("xyz", "the blue lamp", 0.0),
    ("Added dark mode to the settings page.", "Adds a dark mode to the settings", 0.798104272407),
    ("täglich 24 Stunden", "tägliche 24 Stunden", 0.751238446482),
    ("refund within 14 days", "refunds are paid within 14 days of the return", 0.446345156393),
    ("a", "a", 1.0),
]

# Confidence of twenty answers and whether they are right; expected calibration error by bins of equal width. Elsewhere:
# scikit-learn, calibration_curve(strategy="uniform") weighted by rows, and torchmetrics (norm="l1").
CONFIDENCE = (
    0.95, 0.91, 0.98, 0.85, 0.83, 0.72, 0.77, 0.61, 0.66, 0.55, 0.52, 0.47, 0.38, 0.33, 0.21, 0.999, 0.05, 0.64, 0.88,
    0.93,
)  # fmt: skip
RIGHT = (1, 1, 1, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 1, 0)
CALIBRATION_ERROR = [(10, 0.14995), (5, 0.11995), (15, 0.26305)]

TASK = small_task(kind=AnswerKind.SHORT)


def scores_of(answer: str, accepted: tuple[str, ...], locale: str = "") -> tuple[float, float]:
    """Return exact match and F1 of an answer against all accepted forms."""
    task = replace(TASK, locale=locale)
    example = Example(id="r", input="?", target=accepted[0], split="test", metadata={"accept": list(accepted[1:])})
    return SCORERS["exact_match"](task, example, answer), SCORERS["token_f1"](task, example, answer)


@pytest.mark.parametrize(("answer", "accepted", "exact", "f1"), SQUAD + SQUAD_EMPTY)
def test_short_answers_are_scored_as_squad_does(
    answer: str, accepted: tuple[str, ...], exact: float, f1: float
) -> None:
    """Exact match and F1, in any order of the accepted forms."""
    for forms in (accepted, accepted[::-1]):
        assert scores_of(answer, forms) == pytest.approx((exact, f1), abs=EXACT)


@pytest.mark.parametrize(("locale", "answer", "target", "exact", "f1"), MLQA)
def test_a_task_with_a_locale_is_scored_as_mlqa_does(
    locale: str, answer: str, target: str, exact: float, f1: float
) -> None:
    """Punctuation of Unicode, articles of the language, characters as tokens of Chinese."""
    assert scores_of(answer, (target,), locale) == pytest.approx((exact, f1), abs=EXACT)


def test_a_set_of_answers_has_squads_means() -> None:
    """The two figures that the official script prints for all cases, as shares."""
    found = [scores_of(answer, accepted) for answer, accepted, _exact, _f1 in SQUAD]
    assert tuple(np.mean(found, axis=0)) == pytest.approx(SQUAD_MEANS, abs=EXACT)


@pytest.mark.parametrize(("answer", "target", "score"), CHRF)
def test_chrf_follows_its_definition(answer: str, target: str, score: float) -> None:
    """Blanks do not count, and lengths that a text is too short for are left out."""
    example = Example(id="r", input="?", target=target, split="test")
    assert SCORERS["chrf"](TASK, example, answer) == pytest.approx(score, abs=EXACT)


@pytest.mark.parametrize(("bins", "error"), CALIBRATION_ERROR)
def test_the_expected_calibration_error_is_scikit_learns(bins: int, error: float) -> None:
    """Distance between confidence and share right, weighted by the rows of each bin."""
    found = calibration(np.array(CONFIDENCE), np.array(RIGHT, dtype=bool), bins=bins)
    assert found is not None
    assert found.expected_error == pytest.approx(error, abs=EXACT)
    assert found.share_right == pytest.approx(0.55)
