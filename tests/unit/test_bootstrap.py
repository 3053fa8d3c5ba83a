"""The bootstrap and the intervals between order statistics, against other people's figures and known truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from engine.metrics.bootstrap import bca, macro_f1_interval, quantile_interval, quantile_joint, resample_count

CLASSES = 4
codes = st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=3, max_size=60)


def test_no_rows_are_no_knowledge() -> None:
    """Without rows the value is unknown and lies anywhere between 0 and 1."""
    assert math.isnan(macro_f1_interval(np.array([], dtype=int), np.array([], dtype=int), 3).value)
    assert quantile_interval(np.array([np.nan]), 0.5) is None


@given(codes)
@settings(max_examples=60)
def test_macro_f1_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    """From cell counts the value is what the rows give, and the interval lies within 0 to 1."""
    targets, answers = np.array([t for t, _ in pairs]), np.array([a for _, a in pairs])
    found = macro_f1_interval(targets, answers, CLASSES)
    present = sorted({*targets.tolist(), *answers.tolist()} - {-1})
    known = f1_score(targets, answers, labels=present, average="macro", zero_division=0)
    assert found.value == pytest.approx(known)
    assert 0 <= found.low <= found.high <= 1


def test_quantiles_hold_the_truth_about_as_often_as_they_say() -> None:
    """Over 400 samples the p50's and p95's intervals hold the true quantile in roughly 95 of 100."""
    generator = np.random.default_rng(5)
    for share, true in ((0.5, 0.5), (0.95, 0.95)):
        found = [quantile_interval(generator.random(120), share) for _ in range(400)]
        held = sum(item is not None and item.low <= true <= item.high for item in found)
        assert 365 <= held <= 395


def test_few_rows_bound_no_p95_from_above() -> None:
    """Under 72 values the interval of a p95 ends at the largest value."""
    values = np.arange(20.0)
    found = quantile_interval(values, 0.95)
    assert found is not None
    assert found.high == 19.0


def test_more_rows_get_fewer_resamples() -> None:
    """10,000 resamples of up to 2,000 rows, never under 2,000."""
    assert [resample_count(rows) for rows in (1, 1000, 2000, 10_000, 10**6)] == [10_000, 10_000, 10_000, 2000, 2000]


def test_bca_sees_replicates_that_tie_with_the_value() -> None:
    """Half of what equals the value counts as below it: a value amid ties is not called biased."""
    replicates = np.array([0.4] * 30 + [0.5] * 40 + [0.6] * 30)
    found = bca(0.5, replicates, 0.0)
    assert (found.low, found.high) == (0.4, 0.6)
    assert bca(0.5, np.full(100, 0.5), 0.0).high == 0.5


def test_the_joint_quantile_leaves_no_more_than_its_tail() -> None:
    """Over 2,000 samples the strict interval of a p95 misses at each end no more often than it says."""
    generator = np.random.default_rng(6)
    found = [quantile_joint(generator.random(200), 0.95, 0.01) for _ in range(2000)]
    assert np.mean([item is not None and item.low > 0.95 for item in found]) <= 0.015
    assert np.mean([item is not None and item.high < 0.95 for item in found]) <= 0.015
    few = quantile_joint(generator.random(20), 0.95, 0.01)
    assert few is not None
    assert few.high == math.inf
