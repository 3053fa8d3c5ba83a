"""Prior correction: what is subtracted, what it is decided by, and where it is left off."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.basis.choices import prior_sentence
from engine.core.run.label_prior import LabelPrior
from engine.metrics.label_prior import Gain, likeliest, log_prior, outcomes, paired_gain, without_prior

LABELS = ("account", "billing", "delivery")
shares = st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3).map(
    lambda found: {label: value / sum(found) for label, value in zip(LABELS, found, strict=True)}
)


def biased(truths: Sequence[str], lean: float, seed: int = 0) -> list[dict[str, float]]:
    """Make rows of a model that knows the truth a little and likes the first label `lean` too much."""
    generator = np.random.default_rng(seed)
    rows = []
    for truth in truths:
        logits = {label: 1.5 * (label == truth) + lean * (label == LABELS[0]) for label in LABELS}
        logits = {label: value + generator.normal(scale=0.3) for label, value in logits.items()}
        total = sum(math.exp(value) for value in logits.values())
        rows.append({label: math.exp(value) / total for label, value in logits.items()})
    return rows


def gain_of_correction(rows: list[dict[str, float]], truths: Sequence[str], frequencies: Mapping[str, float]) -> Gain:
    """Judge correction on these rows."""
    return paired_gain(*outcomes(rows, truths), truths, frequencies)


@given(rows=st.lists(shares, min_size=1, max_size=8))
def test_a_prior_says_nothing_of_all_labels_together(rows: list[dict[str, float]]) -> None:
    """Its mean over labels is 0, and the order of rows does not matter."""
    prior = log_prior(rows)
    assert sum(prior.values()) == pytest.approx(0, abs=1e-9)
    assert log_prior(rows[::-1]) == pytest.approx(prior, abs=1e-9)


@given(row=shares, prior_of=shares, times=st.floats(-2, 2))
def test_correction_is_a_subtraction_of_logarithms(
    row: dict[str, float], prior_of: dict[str, float], times: float
) -> None:
    """The result adds up to 1, can be undone, and does not depend on what all labels have in common."""
    prior = log_prior([prior_of])
    found = without_prior(row, prior)
    assert sum(found.values()) == pytest.approx(1)
    assert list(found) == list(row)
    assert without_prior(found, {label: -value for label, value in prior.items()}) == pytest.approx(row, rel=1e-6)
    assert without_prior(row, {label: value + times for label, value in prior.items()}) == pytest.approx(found)


def test_a_row_that_is_the_prior_is_undecided() -> None:
    """What a model says of any input tells nothing: all labels are then alike, and the first in the alphabet is taken."""
    row = {"billing": 0.2, "account": 0.7, "delivery": 0.1}
    found = without_prior(row, log_prior([row]))
    assert found == pytest.approx(dict.fromkeys(row, 1 / 3))
    assert likeliest(dict.fromkeys(row, 1 / 3)) == "account"


def test_a_label_of_no_probability_is_no_error() -> None:
    """A probability of 0 counts as a very small one."""
    found = without_prior({"a": 0.0, "b": 1.0}, log_prior([{"a": 0.0, "b": 1.0}, {"a": 0.5, "b": 0.5}]))
    assert all(math.isfinite(value) for value in found.values())


def test_a_lean_towards_one_label_is_found_and_worth_correcting() -> None:
    """A model that answers nearly always the first label is right far more often without its lean."""
    truths = [LABELS[place % 3] for place in range(48)]
    gain = gain_of_correction(biased(truths, lean=2.0), truths, Counter(truths))
    assert gain.right_without < 0.6
    assert gain.right_with > 0.9
    assert gain.worth_it


def test_without_a_lean_it_is_left_off() -> None:
    """Nothing is gained, so nothing is changed."""
    truths = [LABELS[place % 3] for place in range(48)]
    assert not gain_of_correction(biased(truths, lean=0.0), truths, Counter(truths)).worth_it


def test_rows_count_as_often_as_their_label_occurs() -> None:
    """Rows are drawn evenly over labels. Where nine of ten rows have the favoured label, its lean is of use: left off."""
    truths = [LABELS[place % 3] for place in range(48)]
    rows = biased(truths, lean=1.4)
    even = gain_of_correction(rows, truths, Counter(truths))
    skewed = gain_of_correction(rows, truths, {LABELS[0]: 90, LABELS[1]: 5, LABELS[2]: 5})
    assert even.worth_it
    assert not skewed.worth_it
    assert skewed.right_without > even.right_without


def test_a_row_is_not_judged_by_its_own_part_of_the_prior() -> None:
    """Two rows that are each other's prior: each is judged by the other alone."""
    rows = [{"a": 0.8, "b": 0.2}, {"a": 0.6, "b": 0.4}]
    gain = gain_of_correction(rows, ["a", "b"], {"a": 1, "b": 1})
    assert gain.right_without == 0.5
    assert gain.right_with == 1.0
    assert not gain.worth_it, "two rows are never enough"


@pytest.mark.parametrize("rows", [2, 4, 8])
def test_one_row_won_is_not_enough(rows: int) -> None:
    """One row that is right with correction and none that is lost: within a standard error."""
    truths = ["a"] * (rows - 1) + ["b"]
    found = [{"a": 0.9, "b": 0.1}] * (rows - 1) + [{"a": 0.6, "b": 0.4}]
    gain = gain_of_correction(found, truths, Counter(truths))
    assert gain.right_with > gain.right_without
    assert not gain.worth_it


def test_it_is_said_with_both_figures() -> None:
    """On or off, both figures stand there; where nothing was measured, why; several draws one by one."""
    prior = LabelPrior(
        corrected=True, split="train", rows=40, right_without=0.31, right_with=0.44, log_prior={"a": 0.1, "b": -0.1}
    )
    said = "prior correction on; 44 % right with it, 31 % without, on 40 training rows that it was not shown."
    assert prior_sentence("Few-shot", [prior]) == f"Few-shot: {said}"
    assert prior_sentence("Few-shot", [prior, prior]) == f"Few-shot, draw 1: {said} Few-shot, draw 2: {said}"
    measured = said.replace("not shown.", "not shown, measured in 8 s.")
    assert prior_sentence("Few-shot", [replace(prior, measure_s=8.2)]) == f"Few-shot: {measured}"
    assert prior_sentence("Few-shot", [replace(prior, measure_s=0.04)]) == f"Few-shot: {said}"
    silent = LabelPrior(corrected=False, reason="the task has no validation rows")
    assert prior_sentence("LoRA", [silent]) == "LoRA: no prior correction; the task has no validation rows."
