"""Perturbed rows, and who breaks on them."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from adapters.storage.task_folder import read_task, write_task
from engine.analysis.marks import HERE, Origin, origin_of
from engine.core.errors import UsageError
from engine.core.run.manifest import Conditions
from engine.core.techniques import Technique
from engine.running.planning import plan_run
from engine.studies.drift import drift_changes, drift_chart, drift_plans, independent_difference, who_breaks
from engine.studies.perturbations import (
    PERTURBATIONS,
    is_perturbed,
    other_case,
    perturbed_task,
    perturbed_text,
    shuffled_clauses,
    typos,
)
from tests.made_runs import answered
from tests.memory_lab import memory_model, memory_task

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=120)


@given(texts, st.integers(0, 5), st.sampled_from(sorted(PERTURBATIONS)))
def test_a_row_is_always_perturbed_the_same(text: str, seed: int, kind: str) -> None:
    """The same text, row and seed give the same perturbed text; any text at all can be perturbed."""
    assert perturbed_text(kind, text, "row-1", seed) == perturbed_text(kind, text, "row-1", seed)


@given(texts)
def test_shuffled_clauses_lose_no_word(text: str) -> None:
    """All words are still there, as often as before."""
    shuffled = shuffled_clauses(text, random.Random(1))
    assert sorted(shuffled.split()) == sorted(text.split())


@given(texts)
def test_other_case_is_the_same_but_for_case(text: str) -> None:
    """Nothing but case differs."""
    assert other_case(text, random.Random(0)).casefold() in {text.lower().casefold(), text.upper().casefold()}


def test_typos_change_some_longer_words() -> None:
    """A fifth of the longer words differ by one error; short words and signs stay."""
    text = "Where is my parcel? Order number 4711 should have come last Monday morning, they said."
    found = typos(text, random.Random(3))
    changed = [(a, b) for a, b in zip(text.split(), found.split(), strict=True) if a != b]
    assert 1 <= len(changed) <= 3
    assert all(abs(len(a) - len(b)) <= 1 and a[0] == b[0] for a, b in changed)
    assert typos("a b? 12!", random.Random(0)) == "a b? 12!"


def test_an_unknown_kind_is_told() -> None:
    """A wrong name offers the right ones."""
    with pytest.raises(UsageError, match="Did you mean typos"):
        perturbed_text("typo", "x", "row", 0)


def test_a_perturbed_task_keeps_all_but_its_test_inputs(tmp_path: Path) -> None:
    """Training rows, ids, targets and documents stay, and written to disk it is read back the same."""
    task = memory_task(rows=10)
    made = perturbed_task(task, "case")
    assert is_perturbed(made.id)
    assert not is_perturbed(task.id)
    assert made.split("train") == task.split("train")
    for before, after in zip(task.split("test"), made.split("test"), strict=True):
        assert (before.id, before.target) == (after.id, after.target)
        assert before.input != after.input
    write_task(made, tmp_path / made.id)
    read = read_task(tmp_path / made.id)
    assert (read.id, read.examples, read.documents) == (made.id, made.examples, made.documents)


def test_who_breaks_is_told_and_who_does_not() -> None:
    """A large loss on the same rows is real, none is not claimed; the drift rows are compared as others."""
    task = memory_task(rows=60)
    drift = tuple(replace(example, id=f"drift-{example.id}", split="drift") for example in task.split("test"))
    task = replace(task, examples=(*task.examples, *drift))
    base = plan_run(task, memory_model(), techniques=[Technique.LORA, Technique.CLASSIFIER], limit=60)
    found_plans = drift_plans(task, base)
    assert list(found_plans) == ["drift", "typos", "case", "clauses"]
    plans = {kind: plan for kind, (_task, plan) in found_plans.items()}
    tasks = {kind: changed for kind, (changed, _plan) in found_plans.items()}
    assert plans["typos"].test_ids == base.test_ids
    assert set(plans["drift"].test_ids).isdisjoint(base.test_ids)
    first = answered(base, task, {"lora": 0.9, "classifier": 0.9}), HERE
    changed = {
        kind: (answered(plans[kind], tasks[kind], shares), origin_of(plans[kind], Conditions()))
        for kind, shares in (
            ("drift", {"lora": 0.85, "classifier": 0.4}),
            ("typos", {"lora": 0.5, "classifier": 0.9}),
        )
    }
    changes = drift_changes(base, first, changed)
    found = {(change.kind, change.variant_id): change for change in changes}
    assert found["drift", "classifier"].breaks
    assert not found["drift", "classifier"].paired
    assert found["typos", "lora"].paired
    assert found["typos", "lora"].breaks
    assert found["typos", "lora"].change.value == pytest.approx(-0.4)
    assert not found["typos", "classifier"].breaks
    drift_words, typo_words = who_breaks(changes)
    assert "Classifier loses 50 points" in drift_words.text
    assert "No significant loss was found for LoRA" in drift_words.text
    assert "LoRA loses 40 points" in typo_words.text
    chart = drift_chart(base, changes)
    assert [row["rows"] for row in chart.table()][:3] == [
        "original",
        "the task's drift rows",
        "typing errors (sim.)",
    ]
    imported = drift_changes(base, (first[0], Origin(imported=True)), {"drift": (first[0], Origin(imported=True))})
    names = [row["rows"] for row in drift_chart(base, imported).table()][:2]
    assert names == ["original (imported)", "the task's drift rows (imported)"]
    assert "drift rows (imported)" in who_breaks(imported)[0].text


def test_independent_shares_have_the_published_interval() -> None:
    """56 of 70 against 48 of 80: Newcombe's method 10 gives 0.0524 to 0.3339, and the test is Fisher's."""
    first, second = np.array([1.0] * 56 + [0.0] * 14), np.array([1.0] * 48 + [0.0] * 32)
    found, p_value = independent_difference(first, second)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
    assert p_value == pytest.approx(fisher_exact([[56, 14], [48, 32]]).pvalue)
