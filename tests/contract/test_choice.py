"""Choice decoding, whichever backend scores the labels: one of them, with probabilities that were computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from engine.core.capabilities import Support
from engine.core.generation import Completion
from engine.core.ports import LanguageModel
from tests.contract.test_language_model import LABELS, ask, on_server
from tests.helpers import complete

pytestmark = pytest.mark.timeout(300)


def check_shares(done: Completion, labels: Sequence[str]) -> None:
    """Probabilities are of labels, the answer among them; the labels without one have what is missing from 1."""
    assert done.text in done.probabilities
    assert set(done.probabilities) <= set(labels)
    assert all(0 <= share <= 1 + 1e-6 for share in done.probabilities.values())
    assert sum(done.probabilities.values()) <= 1 + 1e-6


def test_a_choice_is_a_label_with_its_probability(model: LanguageModel) -> None:
    """Choice decoding answers with one of the labels, and its probabilities are over these labels.

    A backend that reads them from what a server sends along may have none; one that scores labels has them all where
    the labels' first tokens differ.
    """
    done = complete(model, ask("The courier left my parcel in the rain"))
    assert done.text in LABELS
    assert done.finish == "stop"
    if done.probabilities or model.capabilities.choice_probabilities is Support.YES:
        check_shares(done, LABELS)
    if model.capabilities.choice_probabilities is Support.YES:
        assert done.text == max(done.probabilities, key=lambda label: done.probabilities[label])
        assert set(done.probabilities) == set(LABELS) or sum(done.probabilities.values()) < 1


def test_no_label_gets_a_share_that_was_not_computed(model: LanguageModel) -> None:
    """Labels behind a branch that was not opened have what is left together: never equal parts of it.

    What a server lists has its own test (tests/unit/test_label_odds.py), since it may list equal odds.
    """
    if model.capabilities.choice_probabilities is not Support.YES or model.facts.backend == "scripted":
        pytest.skip("this backend does not score labels along a model's tokens")
    labels = ("billing", "track my order", "track my parcel", "track my refund", "track my visit")
    for text in ("I was charged twice", "Where is my parcel?"):
        done = complete(model, ask(text, labels=labels, slot="branches"))
        check_shares(done, labels)
        shares = [share for share in done.probabilities.values() if share > 1e-9]
        assert len(set(shares)) == len(shares)


def test_every_label_gets_its_probability_where_that_is_asked_for(model: LanguageModel) -> None:
    """Asked for every label's probability, a backend that scores labels opens every branch, and answers as before."""
    labels = ("billing", "track my order", "track my parcel", "track my refund", "track my visit")
    request = ask("Where is my parcel?", labels=labels, slot="every")
    every = replace(request, decoding=replace(request.decoding, every_label=True))
    before, done = complete(model, request), complete(model, every)
    assert done.text in labels
    if model.capabilities.choice_probabilities is Support.YES:
        assert done.text == before.text
        assert set(done.probabilities) == set(labels)
        assert sum(done.probabilities.values()) == pytest.approx(1, abs=1e-5)
        (batched,) = model.generate_batch([every])
        assert isinstance(batched, Completion)
        assert set(batched.probabilities) == set(labels)
        for label, share in before.probabilities.items():
            assert done.probabilities[label] == pytest.approx(share, rel=1e-3, abs=1e-6)


WORDS = ("Rückerstattung", "退款", "استرداد المبلغ", "धनवापसी", "คืนเงิน")


@pytest.mark.parametrize("labels", [("a", "a b", "ab"), ("x y one", "x y two"), ("yes",), ("😀", "日本", "é"), WORDS])
def test_labels_may_begin_with_each_other(model: LanguageModel, labels: tuple[str, ...]) -> None:
    """Labels that are prefixes of each other, share all but their last word, stand alone or are no ASCII all work."""
    request = ask("Which one?", labels=labels, slot="labels")
    done = complete(model, request)
    assert done.text in labels
    (batched,) = model.generate_batch([request])
    assert isinstance(batched, Completion)
    assert batched.text == done.text
    if model.capabilities.choice_probabilities is not Support.YES:
        return
    if not done.probabilities:  # some servers list no odds of tokens that are no whole character
        assert on_server(model)
        assert not all(label.isascii() for label in labels)
        return
    check_shares(done, labels)
    assert (set(done.probabilities) == set(labels)) == math.isclose(sum(done.probabilities.values()), 1, abs_tol=1e-6)
    for label in done.probabilities.keys() & batched.probabilities.keys():
        assert batched.probabilities[label] == pytest.approx(done.probabilities[label], abs=0.05)
