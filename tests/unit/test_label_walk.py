"""A label chosen from listed tokens: exact where the tokens are listed, and never a label that was not asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models.remote.label_walk import LabelWalk
from engine.running.label_search import LabelSearch, build_trie

LABELS = ("delivery_order", "device_fault", "billing")


def logs(**shares: float) -> list[tuple[str, float]]:
    """Return tokens with the logarithms of their shares."""
    return [(text.replace("_", " ") if text == "_x" else text, math.log(share)) for text, share in shares.items()]


def test_distinct_first_tokens_decide_at_once() -> None:
    """One listing is enough where no two labels share a token; shares are those among the labels."""
    walk = LabelWalk(LABELS)
    assert walk.wanted() == ""
    walk.feed(logs(The=0.5, device=0.2, delivery=0.1, billing=0.1))
    assert walk.wanted() is None
    assert walk.contenders == ("device_fault",)
    assert walk.probabilities == pytest.approx({"delivery_order": 0.25, "device_fault": 0.5, "billing": 0.25})


def test_a_shared_token_is_followed_while_it_may_win() -> None:
    """Labels behind one token are told apart by what follows it, and only if they may still be the best."""
    walk = LabelWalk(LABELS)
    walk.feed(logs(de=0.6, billing=0.2))
    assert walk.wanted() == "de"
    walk.feed(logs(livery=0.3, vice=0.6))
    assert walk.wanted() is None
    assert walk.probabilities == pytest.approx({"billing": 0.25, "delivery_order": 0.25, "device_fault": 0.5})
    beaten = LabelWalk(LABELS)
    beaten.feed(logs(de=0.2, billing=0.6))
    assert beaten.wanted() is None
    assert beaten.contenders == ("billing",)
    every = LabelWalk(LABELS, every_label=True)
    every.feed(logs(de=0.2, billing=0.6))
    assert every.wanted() == "de"


def test_the_longest_token_is_the_labels_own() -> None:
    """A tokenizer writes the longest piece; shorter splits of the same letters are not counted."""
    walk = LabelWalk(LABELS)
    walk.feed(logs(d=0.3, de=0.2, device=0.2, billing=0.1, delivery=0.05))
    assert walk.probabilities == pytest.approx({"device_fault": 4 / 7, "billing": 2 / 7, "delivery_order": 1 / 7})


def test_own_tokens_are_taken_at_their_word() -> None:
    """Where the tokenizer is known only its own tokens count, also after a shared one, and for a label that ends."""
    own = {"access": ("acc", "ess"), "access_denied": ("acc", "ess", "_denied"), "billing": ("b", "illing")}
    walk = LabelWalk(tuple(own), own=own)
    walk.feed(logs(access=0.5, acc=0.2, billing=0.2, b=0.1))
    assert walk.wanted() == "acc"
    assert walk.probabilities == pytest.approx({"billing": 1 / 3})
    walk.feed(logs(essence=0.9, ess=0.1))
    assert walk.wanted() == "access"
    walk.feed([("_denied", math.log(0.2)), ("<|im_end|>", math.log(0.6)), ("_", math.log(0.1))])
    assert walk.contenders == ("access",)
    assert walk.probabilities == pytest.approx({"billing": 1 / 3, "access": 0.5, "access_denied": 1 / 6})


def test_a_blank_before_the_first_word_is_the_models_habit() -> None:
    """Models whose first token has a blank before it are read as such."""
    walk = LabelWalk(LABELS)
    walk.feed([(" device", math.log(0.4)), (" billing", math.log(0.1)), ("device", math.log(0.01))])
    assert walk.contenders == ("device_fault",)
    assert walk.probabilities["billing"] == pytest.approx(0.2)
    shared = LabelWalk(LABELS)
    shared.feed([(" de", math.log(0.4)), (" billing", math.log(0.1))])
    assert shared.wanted() == " de"
    shared.feed(logs(vice=0.5))
    assert shared.contenders == ("device_fault",)


def test_a_label_that_begins_another_ends_with_what_begins_none() -> None:
    """`access` ends where the most likely token that does not go on with `access_denied` stands."""
    walk = LabelWalk(("access", "access_denied"))
    walk.feed(logs(access=0.9))
    assert walk.wanted() == "access"
    walk.feed([("_denied", math.log(0.2)), ("<|im_end|>", math.log(0.6)), (".", math.log(0.1))])
    assert walk.contenders == ("access",)
    assert walk.probabilities == pytest.approx({"access": 0.75, "access_denied": 0.25})


def test_without_a_tokenizer_chance_letters_say_nothing() -> None:
    """Where hardly anything listed begins a label, the model is about to write something else; own tokens still count."""
    chance = logs(The=0.6, d=0.05, b=0.02)
    walk = LabelWalk(LABELS)
    walk.feed(chance)
    assert walk.contenders == LABELS
    own = {label: tuple(label) for label in LABELS}
    known = LabelWalk(LABELS, own=own)
    known.feed(chance)
    assert known.wanted() == "d"


def test_what_is_not_listed_stays_open() -> None:
    """Where no label is listed all of them may be the answer; at a later token those behind it, if they may win."""
    walk = LabelWalk(LABELS)
    walk.feed(logs(The=0.9))
    assert walk.wanted() is None
    assert walk.contenders == LABELS
    assert walk.probabilities == {}
    later = LabelWalk(LABELS)
    later.feed(logs(de=0.6, billing=0.2))
    later.feed(logs(The=0.9))
    assert later.contenders == ("delivery_order", "device_fault")
    assert later.probabilities == pytest.approx({"billing": 0.25})
    beaten = LabelWalk(LABELS, every_label=True)
    beaten.feed(logs(de=0.2, billing=0.6))
    beaten.feed([])
    assert beaten.contenders == ("billing",)


@given(
    st.lists(st.text("abc", min_size=1, max_size=4), min_size=2, max_size=6, unique=True),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_with_everything_listed_it_is_the_search_over_tokens(labels: list[str], seed: int, every_label: bool) -> None:
    """One character a token, all listed: label and probabilities are those of the search over token ids."""
    random = np.random.default_rng(seed)
    vocabulary = "abc$"
    walk = LabelWalk(labels, own={label: tuple(label) for label in labels}, every_label=every_label)
    search = LabelSearch(
        build_trie({label: [vocabulary.index(one) for one in label] for label in labels}, 3), every_label=every_label
    )
    # The end of an answer is the most likely of what begins no label.
    rows = {
        text: (random.normal(size=4) + (0, 0, 0, 6)).astype(np.float32)
        for text in {label[:n] for label in labels for n in range(5)}
    }
    while (text := walk.wanted()) is not None:
        walk.feed([(token, float(one)) for token, one in zip(vocabulary, rows[text], strict=True)])
    while (path := search.wanted()) is not None:
        search.feed(rows["".join(vocabulary[token] for token in path)])
    if every_label:
        assert walk.probabilities == pytest.approx(search.probabilities)
    (label,) = walk.contenders
    assert label == search.label or walk.probabilities[label] == pytest.approx(search.probabilities[search.label])
