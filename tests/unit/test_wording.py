"""How numbers are written: one rule per quantity, the same on screens, in the terminal, in memos and in sentences."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.core.interval import Interval
from engine.metrics import wording as say

NINETY = Interval(value=0.893, low=0.824, high=0.941)
OPTIONAL = [say.share, say.seconds, say.duration, say.money, say.size, say.number, say.short]
BETWEEN = [say.ends, say.share_ends, say.seconds_ends, say.money_ends]


@pytest.mark.parametrize("write", [*OPTIONAL, *BETWEEN, say.loss])
def test_what_was_not_measured_is_no_zero(write: Callable[..., str]) -> None:
    """A figure that is not there is an en dash, or what the caller wants in its place."""
    assert write(None) == say.MISSING == "\N{EN DASH}"
    assert write(None, missing="") == ""


@pytest.mark.parametrize("write", OPTIONAL)
def test_a_figure_with_its_interval_is_written_by_its_value(write: Callable[..., str]) -> None:
    """Callers need not take a figure out of its interval, and NaN is taken for not measured."""
    assert write(NINETY) == write(NINETY.value)
    assert write(float("nan")) == say.MISSING


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0 s"), (0.0002, "< 0.001 s"), (0.0052, "0.005 s"), (0.0096, "0.01 s"), (0.284, "0.28 s"),
        (7.5, "7.50 s"), (9.96, "10 s"), (18.2, "18 s"), (1234.5, "1,234 s"),
    ],
)  # fmt: skip
def test_seconds(value: float, shown: str) -> None:
    """Latencies keep two or three figures and their unit."""
    assert say.seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0 s"), (0.04, "0 s"), (0.6, "0.6 s"), (0.97, "1 s"), (48.4, "48 s"), (59.7, "1 min"), (60, "1 min"),
        (212, "3 min 32 s"), (3599.8, "1 h"), (7500, "2 h 5 min"),
    ],
)  # fmt: skip
def test_duration(value: float, shown: str) -> None:
    """Waits are written as one would say them, also where rounding carries over to the next unit."""
    assert say.duration(value) == shown


@given(some.floats(min_value=0, max_value=1e6))
def test_no_duration_counts_past_its_unit(value: float) -> None:
    """No wait is written with 60 seconds or 60 minutes."""
    assert not re.search(r"\b60 (s|min)", say.duration(value))


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (0, "$0"), (0.00002, "< 0.01 ¢"), (0.0003, "0.03 ¢"), (0.031, "3.1 ¢"), (0.994, "99.4 ¢"), (0.996, "$1.00"),
        (1.2, "$1.20"), (12400, "$12,400"),
    ],
)  # fmt: skip
def test_money(usd: float, shown: str) -> None:
    """Sums below a dollar are cents, and what costs something is never written as nothing."""
    assert say.money(usd) == shown


@pytest.mark.parametrize(
    ("count_of_bytes", "shown"),
    [
        (0, "0 MB"), (640, "640 bytes"), (12_300, "12 kB"), (3_700_000, "3.7 MB"), (410e6, "410 MB"),
        (999.7e6, "1.0 GB"), (1_234_000_000, "1.2 GB"),
    ],
)  # fmt: skip
def test_size(count_of_bytes: float, shown: str) -> None:
    """Small files and large memories get a unit in which they are read at a glance."""
    assert say.size(count_of_bytes) == shown


def test_shares_and_their_intervals() -> None:
    """A share is whole percent; its interval is written with the unit where none stands beside it."""
    assert say.share(NINETY) == "89 %"
    assert say.share_interval(NINETY) == "89 % (82 to 94)"
    assert say.ends(NINETY) == "82 to 94"
    assert say.share_ends(NINETY) == "82 % to 94 %"
    assert say.seconds_ends(NINETY) == "0.82 s to 0.94 s"
    assert say.money_ends(NINETY) == "82.4 ¢ to 94.1 ¢"


def test_few_rows_bound_no_p95_from_above() -> None:
    """From 72 rows on the largest value lies above the true p95 in 97.5 % of samples; below, no end is written."""
    assert 0.95**72 <= 0.025 < 0.95**71
    assert say.p95_ends(NINETY, 72) == "0.82 s to 0.94 s"
    assert say.p95_ends(NINETY, 71) == "0.82 s or more"
    assert say.p95_ends(None, 71) == say.MISSING


def test_an_interval_that_leaves_out_zero_is_not_rounded_to_it() -> None:
    """What is significant never reads "0 to 12"."""
    assert say.span(0.004, 0.12) == "0.4 to 12.0"
    assert say.span(-0.12, -0.004) == "\N{MINUS SIGN}12.0 to \N{MINUS SIGN}0.4"


def test_differences_are_points() -> None:
    """Small differences keep a tenth, one is singular, and what is below zero has a minus sign."""
    assert [say.points(value) for value in (0, 0.004, 0.01, -0.12)] == [
        "0 points", "0.4 points", "1 point", "12 points",
    ]  # fmt: skip
    assert say.points(0.0004) == say.bound("up to", 0.0004) == "less than 0.1 points"
    assert say.bound("at most", 0.12) == "at most 12 points"
    assert say.span(-0.031, 0.12) == "\N{MINUS SIGN}3 to 12"
    assert say.span(-0.001, 0.12) == "0 to 12"
    assert [say.signed_points(value) for value in (0.032, -0.032)] == ["+3.2", "\N{MINUS SIGN}3.2"]
    assert [say.signed_short_points(value) for value in (0.12, -0.12, 0.004, -0.004, 0.0004, -0.0004, 0)] == [
        "+12", "\N{MINUS SIGN}12", "+0.4", "\N{MINUS SIGN}0.4", "0", "0", "0",
    ]  # fmt: skip


def test_numbers_of_things() -> None:
    """What was counted is written exactly, what was estimated with two figures, what has little room in few signs."""
    assert say.number(12_345) == "12,345"
    assert [say.about(value) for value in (99.4, 1234, 12_345)] == ["99", "1,200", "12,000"]
    assert [say.short(value) for value in (3.14, 168.2, 1130, 12_345)] == ["3.1", "168", "1.1k", "12k"]
    assert say.tokens(134.2, 4.52) == "134 / 4.5"
    assert say.loss(0.41237) == "0.412"


def test_words_around_figures() -> None:
    """Names, p-values, ratios and time stamps read as one would say them."""
    assert [say.listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert [say.probability(value) for value in (0.0004, 0.0042, 0.31)] == ["p < 0.001", "p = 0.004", "p = 0.31"]
    assert [say.times(*pair) for pair in ((8.1, 70.2), (2.0, 2.01))] == ["8.1 to 70 times", "2.0 times"]
    assert say.when("2026-11-24T20:05:59+00:00") == "2026-11-24 20:05 UTC"
    assert say.when("") == say.MISSING


def test_estimated_times_are_round() -> None:
    """An estimate is told in tens of seconds, from a minute and a half on in minutes."""
    told = {seconds: say.about_duration(seconds) for seconds in (0.2, 8, 44, 81, 95, 130, 7400)}
    assert list(told.values()) == ["10 s", "10 s", "40 s", "1 min 20 s", "2 min", "2 min", "2 h 3 min"]
