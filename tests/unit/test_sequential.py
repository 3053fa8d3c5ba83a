"""Stopping when the leader is clear: error rate under peeking, and that it does stop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.metrics.early_stopping import clear_leader, evidence_against
from engine.metrics.inference import WATCHED

SCORES = some.lists(some.tuples(some.floats(0, 1), some.floats(0, 1)), min_size=1, max_size=60)


def _named(rng: np.random.Generator, shares: tuple[float, ...], rows: int) -> tuple[str, int] | None:
    """Draw a run row by row, look after each row, and return the first leader named with its row."""
    draws = (rng.random((rows, len(shares))) < np.asarray(shares)).astype(float)
    names = [f"v{place}" for place in range(len(shares))]
    for seen in range(5, rows + 1, 5):
        leader = clear_leader({name: draws[:seen, place].tolist() for place, name in enumerate(names)})
        if leader is not None:
            return leader.variant_id, seen
    return None


@pytest.mark.parametrize("shares", [(0.8, 0.8), (0.7, 0.7, 0.7, 0.4)])
def test_equal_variants_are_rarely_told_apart(shares: tuple[float, ...]) -> None:
    """With no best variant, looking again and again names one in at most its share of the runs (and some noise)."""
    rng = np.random.default_rng(1)
    wrong = sum(_named(rng, shares, 120) is not None for _ in range(300))
    assert wrong / 300 <= WATCHED + 3 * np.sqrt(WATCHED * (1 - WATCHED) / 300)


def test_a_false_leader_is_rarely_named() -> None:
    """Where one is best by little, another one is named in at most its share of the runs."""
    rng = np.random.default_rng(2)
    named = [_named(rng, (0.72, 0.70, 0.70), 120) for _ in range(300)]
    assert sum(found is not None and found[0] != "v0" for found in named) / 300 <= WATCHED


def test_a_clear_leader_is_found_early() -> None:
    """A lead of 40 points is seen long before the end."""
    rng = np.random.default_rng(3)
    named = [_named(rng, (0.95, 0.55, 0.5), 100) for _ in range(40)]
    assert all(found is not None and found[0] == "v0" for found in named)
    assert np.median([found[1] for found in named if found]) <= 50


@given(SCORES)
def test_only_one_side_can_win(pairs: list[tuple[float, float]]) -> None:
    """Whatever the scores, evidence is positive and both directions are never strong at once."""
    left, right = [a for a, _ in pairs], [b for _, b in pairs]
    forward, backward = evidence_against(left, right), evidence_against(right, left)
    assert forward > 0 < backward
    assert min(forward, backward) <= 1 + 1e-9


def test_rows_on_which_all_agree_change_nothing() -> None:
    """Rows that both get right or both get wrong are no evidence."""
    assert evidence_against([1, 1, 0, 1], [1, 1, 0, 0]) == evidence_against([1], [0])
    assert evidence_against([1, 0], [1, 0]) == 1.0


def test_one_variant_or_no_row_has_no_leader() -> None:
    """A race of one, or one that has not begun, is not won."""
    assert clear_leader({"only": [1.0] * 50}) is None
    assert clear_leader({"one": [], "other": []}) is None


def test_unlike_rows_are_refused() -> None:
    """Scores of different numbers of rows cannot be paired."""
    with pytest.raises(ValueError, match="same rows"):
        clear_leader({"one": [1.0], "other": [1.0, 0.0]})
