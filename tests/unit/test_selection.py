"""Which rows are drawn."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from engine.core.task import Example
from engine.running.sampling import balanced_sample, choose_shots, choose_test_rows

seeds = st.integers(0, 1000)
targets = st.lists(st.sampled_from("abcd"), max_size=40)


def rows(labels: list[str]) -> list[Example]:
    """Turn labels into rows."""
    return [Example(id=str(n), input=f"row {n}", target=label, split="train") for n, label in enumerate(labels)]


@given(targets, st.integers(0, 50), seeds)
def test_a_sample_is_as_balanced_as_the_rows_allow(labels: list[str], count: int, seed: int) -> None:
    """No class gets a second more row than another one that still had some, and no row comes twice."""
    drawn = balanced_sample(rows(labels), count, seed=seed)
    assert len(drawn) == min(count, len(labels)) == len({row.id for row in drawn})
    have, got = Counter(labels), Counter(row.target for row in drawn)
    for one in have:
        for other in have:
            assert got[other] - got[one] <= 1 or got[one] == have[one]


@given(targets, st.integers(0, 50), st.integers(0, 50), seeds)
def test_a_smaller_sample_is_the_beginning_of_a_larger_one(labels: list[str], one: int, two: int, seed: int) -> None:
    """A learning curve adds rows and swaps none."""
    small, large = sorted((one, two))
    assert balanced_sample(rows(labels), large, seed=seed)[:small] == balanced_sample(rows(labels), small, seed=seed)
    assert choose_test_rows(rows(labels), large, seed=seed)[:small] == choose_test_rows(rows(labels), small, seed=seed)


@given(targets, seeds)
def test_the_seed_decides(labels: list[str], seed: int) -> None:
    """The same seed draws the same rows in the same order."""
    for _ in range(2):
        assert choose_shots(rows(labels), 5, seed=seed, by_target=True) == choose_shots(
            rows(labels), 5, seed=seed, by_target=True
        )


def test_another_seed_draws_other_rows() -> None:
    """Seeds are not ignored."""
    many = rows(list("abcd") * 20)
    assert balanced_sample(many, 8, seed=0) != balanced_sample(many, 8, seed=1)
    assert choose_test_rows(many, 8, seed=0) != choose_test_rows(many, 8, seed=1)


def test_without_targets_all_rows_are_one_group() -> None:
    """Free answers are all different: drawing balanced over them would sort by text."""
    many = rows([f"answer {n:02}" for n in range(40)])
    drawn = balanced_sample(many, 10, seed=0, by_target=False)
    assert len(drawn) == 10
    assert [row.target for row in drawn] != sorted(row.target for row in drawn)


def test_all_rows_are_kept_in_a_shuffled_order() -> None:
    """No limit answers every row once, and not in the file's order."""
    many = rows(list("abcd") * 5)
    drawn = choose_test_rows(many, None, seed=3)
    assert drawn != many
    assert sorted(row.id for row in drawn) == sorted(row.id for row in many)
