"""Confusion matrix, classes in figures, calibration, coverage, draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from engine.metrics.calibration import calibration, coverage_curve, most_kept_at
from engine.metrics.confusion import class_figures, confusion
from engine.studies.seed_variation import seed_variation

pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 2)), min_size=1, max_size=80)


@given(pairs)
@settings(max_examples=60)
def test_classes_are_scikit_learns(rows: list[tuple[int, int]]) -> None:
    """Counts, precision, recall and F1 are scikit-learn's; a failure is a column of its own."""
    targets, answers = np.array([t for t, _ in rows]), np.array([a for _, a in rows])
    matrix = confusion(targets, answers, ("a", "b", "c"))
    known = confusion_matrix(targets, np.where(answers < 0, 3, answers), labels=[0, 1, 2, 3])
    assert [list(line) for line in matrix.counts] == known[:3].tolist()
    precision, recall, f1, support = precision_recall_fscore_support(
        targets, answers, labels=[0, 1, 2], zero_division=0
    )
    for index, found in enumerate(class_figures(matrix)):
        assert found.rows == support[index]
        assert (found.precision.value if found.precision else 0) == pytest.approx(precision[index])
        assert (found.recall.value if found.recall else 0) == pytest.approx(recall[index])
        assert (found.f1.value if found.f1 else 0) == pytest.approx(f1[index])
        if found.f1:
            assert found.f1.low <= found.f1.value <= found.f1.high


def test_never_answered_is_not_zero_precision() -> None:
    """A class that was never answered has no precision; one that never was found still has a wide interval of F1."""
    first, second = class_figures(confusion(np.array([0, 0, 1]), np.array([1, 1, 1]), ("a", "b")))
    assert first.precision is None
    assert first.f1 is not None
    assert first.f1.value == 0
    assert first.f1.high > 0.2
    assert second.recall is not None
    assert second.recall.value == 1


def test_mistakes_are_named_most_frequent_first() -> None:
    """The confusion matrix names its largest mistakes and no right answer."""
    matrix = confusion(np.array([0, 0, 0, 1, 2]), np.array([1, 1, 0, 2, 2]), ("a", "b", "c"))
    assert matrix.worst() == [("a", "b", 2), ("b", "c", 1)]


def test_a_perfectly_calibrated_variant_has_no_error() -> None:
    """75 % sure and right on three of four is perfect; always sure and always wrong is the worst."""
    found = calibration(np.full(4, 0.75), np.array([True, True, True, False]))
    assert found is not None
    assert found.expected_error == pytest.approx(0)
    worst = calibration(np.ones(10), np.zeros(10, dtype=bool))
    assert worst is not None
    assert worst.expected_error == pytest.approx(1)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_bins_hold_every_row_once(rows: list[tuple[float, bool]]) -> None:
    """No row is lost or counted twice, and each bin's mean confidence lies in it."""
    found = calibration(np.array([c for c, _ in rows]), np.array([r for _, r in rows]))
    assert found is not None
    assert sum(item.rows for item in found.bins) == len(rows)
    assert all(item.low - 1e-9 <= item.confidence <= item.high + 1e-9 for item in found.bins)


def test_coverage_hands_over_the_least_sure_first() -> None:
    """The surest rows are kept; rows without a probability go first; all rows are the last point."""
    confidence = np.array([0.9, 0.2, np.nan, 0.8])
    right = np.array([True, False, False, True])
    curve = coverage_curve(confidence, right, points=4)
    assert [point.right.value for point in curve] == [1.0, 1.0, pytest.approx(2 / 3), 0.5]
    kept = most_kept_at(curve, 0.9)
    assert kept is not None
    assert (kept.rows_kept, kept.least_confidence) == (2, 0.8)


def test_no_probabilities_are_no_curve() -> None:
    """Free text has no probability and gets neither a calibration nor a curve."""
    nothing = np.array([np.nan, np.nan])
    assert calibration(nothing, np.array([True, False])) is None
    assert coverage_curve(nothing, np.array([True, False])) == ()


def test_draws_beside_rows() -> None:
    """The scatter of draws is told apart from what rows alone would give, and a lucky draw is called one."""
    scores = {0: [1.0] * 90 + [0.0] * 10, 1: [1.0] * 70 + [0.0] * 30, 2: [1.0] * 70 + [0.0] * 30}
    found = seed_variation(scores)
    assert found is not None
    assert found.quality.value == pytest.approx(23 / 30)
    assert found.deviation_over_seeds == pytest.approx(0.2 / math.sqrt(3))
    assert found.side(0) == "above average"
    assert found.side(1) != "above average"
    assert 0 < found.by_draw < found.deviation_over_seeds
    assert seed_variation({0: [1.0]}) is None
