"""The bootstrap and the intervals between order statistics, against other people's figures and known truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipy_bootstrap

from engine.metrics.bootstrap import (
    bca,
    macro_f1_interval,
    mean_intervals,
    quantile_interval,
    resample_count,
    row_weights,
)
from engine.metrics.intervals import macro_f1

LABELS = ("a", "b", "c", "d")
codes = st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=3, max_size=60)


def test_bca_of_a_mean_is_scipys() -> None:
    """On skewed values the interval is the one that scipy's BCa finds, up to the scatter of resampling."""
    values = np.random.default_rng(3).gamma(1.5, 1.0, 200)
    (found,) = mean_intervals(values[None, :], seed=1)
    known = scipy_bootstrap((values,), np.mean, n_resamples=10_000, rng=np.random.default_rng(2)).confidence_interval
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(known.low, abs=0.02)
    assert found.high == pytest.approx(known.high, abs=0.02)


def test_lines_share_their_draw() -> None:
    """The same values in two lines have the same interval, whatever stands in the others."""
    dice = np.random.default_rng(0)
    line = dice.random(80)
    both = mean_intervals(np.stack([line, dice.random(80), line]))
    assert both[0] == both[2]


@given(st.integers(1, 40), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_weights_are_resamples(rows: int, seed: int) -> None:
    """Each line of weights is as many rows drawn with replacement, and the same seed draws it again."""
    weights = row_weights(rows, seed=seed)
    assert weights.shape == (resample_count(rows), rows)
    assert np.allclose(weights.sum(axis=1), 1)
    counts = weights * rows
    assert np.allclose(counts, np.round(counts), atol=1e-4)
    assert np.array_equal(weights, row_weights(rows, seed=seed))


def test_values_that_are_alike_have_no_width() -> None:
    """Where nothing varies the interval is the one point, and no division by zero is met."""
    (found,) = mean_intervals(np.full((1, 30), 0.25))
    assert (found.low, found.value, found.high) == (0.25, 0.25, 0.25)
    assert bca(0.5, np.full(100, 0.5), 0.0).high == 0.5


def test_no_rows_are_no_knowledge() -> None:
    """Without rows the value is unknown and lies anywhere between 0 and 1."""
    (found,) = mean_intervals(np.empty((1, 0)))
    assert math.isnan(found.value)
    assert (found.low, found.high) == (0.0, 1.0)
    assert math.isnan(macro_f1_interval(np.array([], dtype=int), np.array([], dtype=int), 3).value)
    assert quantile_interval(np.array([np.nan]), 0.5) is None


@given(codes)
@settings(max_examples=60, deadline=None)
def test_macro_f1_is_the_engines(pairs: list[tuple[int, int]]) -> None:
    """From cell counts the value is what the rows give, and the interval lies within 0 to 1."""
    targets, answers = np.array([t for t, _ in pairs]), np.array([a for _, a in pairs])
    found = macro_f1_interval(targets, answers, len(LABELS))
    known = macro_f1([LABELS[t] for t in targets], [LABELS[a] if a >= 0 else None for a in answers], LABELS)
    assert found.value == pytest.approx(known)
    assert 0 <= found.low <= found.high <= 1


def test_quantiles_hold_the_truth_about_as_often_as_they_say() -> None:
    """Over 400 samples the p50's and p95's intervals hold the true quantile in roughly 95 of 100."""
    dice = np.random.default_rng(5)
    for share, true in ((0.5, 0.5), (0.95, 0.95)):
        found = [quantile_interval(dice.random(120), share) for _ in range(400)]
        held = sum(item is not None and item.low <= true <= item.high for item in found)
        assert 365 <= held <= 395


def test_few_rows_bound_no_p95_from_above() -> None:
    """Under 59 values the interval of a p95 ends at the largest value."""
    values = np.arange(20.0)
    found = quantile_interval(values, 0.95)
    assert found is not None
    assert found.high == 19.0


def test_more_rows_get_fewer_resamples() -> None:
    """10,000 resamples of up to 2,000 rows, never under 2,000."""
    assert [resample_count(rows) for rows in (1, 1000, 2000, 10_000, 10**6)] == [10_000, 10_000, 10_000, 2000, 2000]
