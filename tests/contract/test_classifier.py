"""The classifier on embeddings, in its real worker."""

from __future__ import annotations

import time

import pytest

from adapters.retrieval.retriever import LanceRetriever
from engine.core.errors import RetrievalError
from engine.core.steps import Progress
from tests.contract.test_retrieval import EXAMPLES, last, prepared

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]


def test_the_classifier_classifies(retriever: LanceRetriever) -> None:
    """It is right on plain rows, its probabilities are a distribution, and what it took is told."""
    classifier_id = last(retriever.fit_classifier(EXAMPLES, seed=0))
    for text, label in (("my card got rejected", "card"), ("give me a refund", "refund"), ("sign in fails", "login")):
        answer = retriever.classify(classifier_id, text)
        assert answer.label == label
        assert set(answer.probabilities) == {"card", "refund", "login"}
        assert sum(answer.probabilities.values()) == pytest.approx(1.0)
        assert answer.probabilities[label] == max(answer.probabilities.values())
        assert answer.total_s > 0
        assert answer.cpu_s > 0
        assert answer.tokens > 3
        assert answer.rss_bytes > 0
    asked_at = time.time()
    events = list(retriever.fit_classifier(EXAMPLES, seed=0))
    assert prepared(events).id == classifier_id
    assert prepared(events).made_at < asked_at
    assert "embedding" not in {event.stage for event in events if isinstance(event, Progress)}


def test_two_labels_and_few_rows_suffice(retriever: LanceRetriever) -> None:
    """Two classes take another path in scikit-learn, and one row per class leaves nothing to hold out."""
    both = last(retriever.fit_classifier(EXAMPLES[:8], seed=0))
    assert retriever.classify(both, "please refund me").label == "refund"
    assert retriever.classify(both, "my card is broken").label == "card"
    single_rows = last(retriever.fit_classifier([EXAMPLES[0], EXAMPLES[5], EXAMPLES[8]], seed=0))
    assert retriever.classify(single_rows, "forgotten password").label == "login"
    lopsided = last(retriever.fit_classifier([*EXAMPLES[:4], EXAMPLES[5]], seed=0))
    assert sum(retriever.classify(lopsided, "card").probabilities.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("count", [0, 4])
def test_one_label_is_refused(retriever: LanceRetriever, count: int) -> None:
    """A classifier of one class would be right by definition."""
    with pytest.raises(RetrievalError, match="at least two labels"):
        last(retriever.fit_classifier(EXAMPLES[:count], seed=0))
