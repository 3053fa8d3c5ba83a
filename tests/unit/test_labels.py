"""The trie over labels' tokens and the search over it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.running.label_search import LabelSearch, build_trie

VOCABULARY = 7
END = 6

sequences = st.lists(
    st.lists(st.integers(0, VOCABULARY - 2), min_size=1, max_size=4).map(tuple), min_size=1, max_size=6, unique=True
)


def logits_after(path: tuple[int, ...], seed: int) -> np.ndarray:
    """Make a model out of nothing: logits that depend on the path alone."""
    return np.random.default_rng([seed, *path]).normal(scale=3.0, size=VOCABULARY).astype(np.float32)


def brute_force(labels: dict[str, tuple[int, ...]], seed: int) -> dict[str, float]:
    """Each label's probability as the product of restricted softmaxes along its own path."""
    closed = {label: (*tokens, END) for label, tokens in labels.items()}
    result = {}
    for label, tokens in closed.items():
        log_mass = 0.0
        for place, token in enumerate(tokens):
            allowed = sorted({t[place] for t in closed.values() if len(t) > place and t[:place] == tokens[:place]})
            scores = logits_after(tokens[:place], seed)[allowed].astype(np.float64)
            log_mass += float(scores[allowed.index(token)] - np.logaddexp.reduce(scores))
        result[label] = math.exp(log_mass)
    return result


def searched(labels: dict[str, tuple[int, ...]], seed: int) -> tuple[LabelSearch, int]:
    """Search to the decision; return the search and how often the model was asked."""
    search = LabelSearch(build_trie(labels, END))
    asked = 0
    while (path := search.wanted()) is not None:
        search.feed(logits_after(path, seed))
        asked += 1
    return search, asked


@given(paths=sequences, seed=st.integers(0, 10_000))
@settings(max_examples=300)
def test_the_decision_is_that_of_a_full_search(paths: list[tuple[int, ...]], seed: int) -> None:
    """Stopping early never changes the label: it is the argmax over all labels, with its exact probability."""
    labels = {f"label {n}": path for n, path in enumerate(paths)}
    exact = brute_force(labels, seed)
    search, _ = searched(labels, seed)
    assert exact[search.label] == pytest.approx(max(exact.values()), rel=1e-9)
    assert search.probabilities[search.label] == pytest.approx(exact[search.label], rel=1e-6)


@given(paths=sequences, seed=st.integers(0, 10_000))
@settings(max_examples=300)
def test_a_probability_is_computed_or_not_given(paths: list[tuple[int, ...]], seed: int) -> None:
    """Each probability is the label's exact one; labels below an unopened branch have none, and share the rest."""
    labels = {f"label {n}": path for n, path in enumerate(paths)}
    exact = brute_force(labels, seed)
    search, _ = searched(labels, seed)
    found = search.probabilities
    assert list(found) == [label for label in labels if label in found]
    assert found == pytest.approx({label: exact[label] for label in found}, rel=1e-6)
    others = sum(share for label, share in exact.items() if label not in found)
    assert 1 - sum(found.values()) == pytest.approx(others, abs=1e-9)
    assert found[search.label] == max(found.values())


@given(paths=sequences, seed=st.integers(0, 10_000))
@settings(max_examples=300)
def test_every_label_has_its_probability_where_that_is_asked_for(paths: list[tuple[int, ...]], seed: int) -> None:
    """A search for every label opens all branches, and decides as the one that stops early does."""
    labels = {f"label {n}": path for n, path in enumerate(paths)}
    search = LabelSearch(build_trie(labels, END), every_label=True)
    while (path := search.wanted()) is not None:
        search.feed(logits_after(path, seed))
    assert search.probabilities == pytest.approx(brute_force(labels, seed), rel=1e-6)
    assert search.label == searched(labels, seed)[0].label


def test_an_unopened_branch_gives_its_labels_no_number() -> None:
    """Two labels behind one unlikely token are not decided between: neither gets a share that nobody computed."""
    search = LabelSearch(build_trie({"a": (1,), "b c": (2, 3), "b d": (2, 4)}, END))
    logits = np.zeros(VOCABULARY, dtype=np.float32)
    logits[1] = 2.0
    search.feed(logits)
    assert search.wanted() is None
    assert search.probabilities == pytest.approx({"a": math.e**2 / (math.e**2 + 1)})


def test_a_single_label_is_decided_without_the_model() -> None:
    """One label leaves nothing to decide: the model is not asked, and the probability is 1."""
    search, asked = searched({"only": (1, 2, 3)}, 0)
    assert asked == 0
    assert search.label == "only"
    assert search.probabilities == {"only": 1.0}


def test_a_shared_beginning_is_passed_over() -> None:
    """Labels that all begin alike are decided where they part: one evaluation, after the shared tokens."""
    search = LabelSearch(build_trie({"a": (1, 2, 3), "b": (1, 2, 4)}, END))
    assert search.wanted() == (1, 2)
    search.feed(logits_after((1, 2), 0))
    assert search.wanted() is None


def test_a_label_may_begin_with_another() -> None:
    """The end token tells `a` from `a b`, so the shorter label can win, and so can the longer one."""
    for seed in range(20):
        labels = {"a": (1,), "a b": (1, 2), "ab": (3,)}
        exact = brute_force(labels, seed)
        search, _ = searched(labels, seed)
        assert search.label == max(exact, key=lambda label: exact[label])


def test_a_tie_goes_to_the_first_in_the_alphabet() -> None:
    """Equal labels are decided the same way every time, whatever their order."""
    for order in (("b", "a"), ("a", "b")):
        search = LabelSearch(build_trie({label: (ord(label) - 96,) for label in order}, END))
        search.feed(np.zeros(VOCABULARY, dtype=np.float32))
        assert search.label == "a"


@pytest.mark.parametrize("labels", [{}, {"a": ()}, {"a": (1,), "b": (1,)}])
def test_labels_that_cannot_be_told_apart_are_refused(labels: dict[str, tuple[int, ...]]) -> None:
    """No labels, an empty one, or two with the same tokens are an error, not a wrong answer."""
    with pytest.raises(ValueError, match="label"):
        build_trie(labels, END)


def test_extreme_logits_stay_finite() -> None:
    """Logits of minus infinity or 1e30 give a decision and finite probabilities."""
    search = LabelSearch(build_trie({"a": (1,), "b": (2,), "c": (3,)}, END))
    logits = np.zeros(VOCABULARY, dtype=np.float32)
    logits[1], logits[2] = -np.inf, 1e30
    search.feed(logits)
    assert search.label == "b"
    assert sum(search.probabilities.values()) == pytest.approx(1.0)
