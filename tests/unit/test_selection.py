"""Which rows are drawn."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import UsageError
from engine.core.run.plan import TRAIN_ROWS
from engine.core.task import AnswerKind, AnswerSpec, Example, Task
from engine.running.sampling import (
    balanced_sample,
    choose_shots,
    choose_test_rows,
    draw_training_rows,
    training_row_count,
)
from tests.helpers import small_task

seeds = st.integers(0, 1000)
targets = st.lists(st.sampled_from("abcd"), max_size=40)
many_labels = st.lists(st.integers(0, 90).map(str), max_size=300)
"""Targets of a training split with up to 91 labels, some of them rare."""


def rows(labels: list[str]) -> list[Example]:
    """Turn labels into rows."""
    return [Example(id=str(n), input=f"row {n}", target=label, split="train") for n, label in enumerate(labels)]


def task_of(labels: list[str]) -> Task:
    """Build a task with these targets in its training split."""
    names = tuple(sorted(set(labels), key=int))
    return replace(small_task(), examples=tuple(rows(labels)), answer=AnswerSpec(kind=AnswerKind.LABEL, labels=names))


@given(many_labels, seeds)
def test_the_default_leaves_no_label_out(labels: list[str], seed: int) -> None:
    """50 rows, or as many as there are labels, and one of each label that the split has."""
    task = task_of(labels)
    drawn = draw_training_rows(task, seed=seed)
    assert len(drawn) == min(max(TRAIN_ROWS, len(set(labels))), len(labels))
    assert {row.target for row in drawn} == set(labels)


@given(many_labels, st.integers(1, 12), seeds)
def test_rows_per_label_are_so_many_of_each_label(labels: list[str], per_label: int, seed: int) -> None:
    """Each label has the number that was asked for, and all of its rows where it has fewer."""
    got = Counter(row.target for row in draw_training_rows(task_of(labels), per_label=per_label, seed=seed))
    assert got == {label: min(per_label, count) for label, count in Counter(labels).items()}


@given(many_labels, st.integers(1, 100), st.integers(1, 12), seeds)
def test_draws_of_any_kind_begin_alike(labels: list[str], count: int, per_label: int, seed: int) -> None:
    """Asked for by number, per label or not at all: the smaller draw is the beginning of the larger one."""
    task = task_of(labels)
    draws = [
        draw_training_rows(task, seed=seed),
        draw_training_rows(task, count, seed=seed),
        draw_training_rows(task, per_label=per_label, seed=seed),
    ]
    small, middle, large = sorted(draws, key=len)
    assert large[: len(middle)] == middle
    assert middle[: len(small)] == small


@given(many_labels, st.integers(1, 100), seeds)
def test_an_explicit_number_is_obeyed(labels: list[str], count: int, seed: int) -> None:
    """Ten rows for 77 labels are ten rows, of ten labels."""
    drawn = draw_training_rows(task_of(labels), count, seed=seed)
    assert len(drawn) == min(count, len(labels))
    assert len({row.target for row in drawn}) == min(count, len(set(labels)))


def test_only_one_number_and_only_for_labels() -> None:
    """Rows in all and rows per label contradict each other, and answers that are not labels have no rows per label."""
    with pytest.raises(UsageError, match="Both 10 training rows and 8 for each label"):
        training_row_count(small_task(), 10, per_label=8)
    with pytest.raises(UsageError, match="'small' are not labels"):
        training_row_count(small_task(kind=AnswerKind.SHORT), per_label=8)
    assert training_row_count(small_task(kind=AnswerKind.SHORT, train=200)) == TRAIN_ROWS


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
