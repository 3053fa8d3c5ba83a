"""Limits that make sense, and the variants that no other beats."""

from __future__ import annotations

import pytest

from engine.analysis.tradeoff import best_on_all, pareto
from engine.core.errors import UsageError
from engine.core.limits import Limits
from engine.core.techniques import Technique
from tests.unit.test_verdict import figures_of, right_on


def test_pareto_keeps_what_none_beats() -> None:
    """One that is slower, dearer and worse is not in the set; equals both are."""
    found = [
        figures_of(Technique.ZERO_SHOT, right_on(100), p95_s=0.1),
        figures_of(Technique.RAG, right_on(150), p95_s=0.5),
        figures_of(Technique.FEW_SHOT, right_on(90), p95_s=0.2),
        figures_of(Technique.LORA, right_on(150), p95_s=0.5),
    ]
    assert set(pareto(found)) == {"zero-shot", "rag", "lora"}


@pytest.mark.parametrize(
    "wrong", [{"least_quality": 1.2}, {"calls_per_month": 0}, {"months": 0}, {"labelling_usd_per_row": -1.0}]
)
def test_senseless_limits_are_refused(wrong: dict[str, float]) -> None:
    """A limit that makes no sense is an error with its fix."""
    with pytest.raises(UsageError):
        Limits(**wrong)


def test_best_on_all_three_is_beaten_on_none() -> None:
    """Level on one and better on the others is best; slower by a little is not."""
    best = figures_of(Technique.RAG, right_on(150), p95_s=0.1, usd=0.01)
    level = figures_of(Technique.LORA, right_on(150), p95_s=0.3, usd=0.01)
    faster = figures_of(Technique.CLASSIFIER, right_on(120), p95_s=0.05, usd=0.01)
    assert best_on_all(best, [best, level])
    assert not best_on_all(level, [best, level])
    assert not best_on_all(best, [best, faster])
