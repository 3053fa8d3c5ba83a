"""No verdict on a recorded run holds two claims that deny each other, whatever the limits."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest

from benchmarks.claims.consistency import contradictions
from engine.analysis.report import assess
from engine.analysis.run_table import table_from_predictions
from engine.analysis.verdict.claims import Claim, ClaimKind, LimitKind, Strength
from engine.core.limits import Limits
from engine.services.recorded import SAMPLE
from tests.test_old_home import FROZEN, RUNS
from wiring import open_lab

QUALITIES = (None, 0.2, 0.45, 0.5, 0.65, 0.75, 0.8, 0.99)
SECONDS = (None, 0.05, 0.3, 2.0)
COSTS = (None, 0.005, 0.05)


@pytest.mark.parametrize("run_id", [SAMPLE, *RUNS])
def test_no_verdict_contradicts_itself(home: Path, monkeypatch: pytest.MonkeyPatch, run_id: str) -> None:
    """The run that ships, and every run of the frozen home, under a grid of limits."""
    monkeypatch.setenv("ADAPTLAB_SCRIPTED", "1")
    shutil.copytree(FROZEN, home)
    lab = open_lab()
    try:
        recorded = lab.results.recorded(run_id)
        plan, manifest, task = recorded.plan, recorded.manifest, lab.tasks.get(recorded.plan.task_id)
        variant_ids = [variant.id for variant in plan.variants]
        table = table_from_predictions(variant_ids, plan.test_ids, recorded.predictions)
        for quality, seconds, cost in itertools.product(QUALITIES, SECONDS, COSTS):
            limits = Limits(least_quality=quality, highest_p95_s=seconds, highest_cost_usd_per_1k=cost)
            verdict = assess(plan, task, table, manifest.conditions, limits).verdict
            assert not contradictions(verdict.claims), verdict.headline
            assert verdict.claims
    finally:
        lab.close()


def claim(kind: ClaimKind, who: str = "", *whom: str, strength: Strength = Strength.PROVEN, **more: object) -> Claim:
    """Write a claim in short."""
    return Claim(kind=kind, strength=strength, who=who, whom=whom, **more)  # type: ignore[arg-type]


DENIALS = [
    (claim(ClaimKind.BETTER, "a", "b", "c"), claim(ClaimKind.BETTER, "b", "a")),
    (claim(ClaimKind.CANNOT_BE_TOLD, "a", "b"), claim(ClaimKind.BETTER, "b", "a")),
    (claim(ClaimKind.BEST_MEASURED, "a", "b"), claim(ClaimKind.BETTER, "b", "a")),
    (claim(ClaimKind.LEAD, "a", "b", low=0.08, high=0.2), claim(ClaimKind.NO_RISK, "b", "a", value=0.05)),
    (
        claim(ClaimKind.MEETS, "a", limit=LimitKind.P95, strength=Strength.MEASURED),
        claim(ClaimKind.MISSES, "a", limit=LimitKind.P95),
    ),
    (claim(ClaimKind.MISSES, "a", strength=Strength.CERTAIN), claim(ClaimKind.MAY_MEET, "a")),
    (claim(ClaimKind.ONLY_MEETS, "a", "b", strength=Strength.CERTAIN), claim(ClaimKind.MAY_MEET, "b")),
    (claim(ClaimKind.NONE_MEETS, "", "a", "b"), claim(ClaimKind.ONLY_MEETS, "a", "b")),
    (claim(ClaimKind.SCORES, "a", value=0.8), claim(ClaimKind.SCORES, "a", value=0.7)),
    (claim(ClaimKind.ROWS_NEEDED, value=50.0), claim(ClaimKind.NO_RISK, "a", "b", value=0.01)),
]


@pytest.mark.parametrize("pair", DENIALS, ids=lambda pair: f"{pair[0].kind} / {pair[1].kind}")
def test_the_prover_sees_what_is_denied(pair: tuple[Claim, Claim]) -> None:
    """Each kind of contradiction is found in both orders, and a claim does not deny itself."""
    assert contradictions(pair) == [pair]
    assert contradictions(pair[::-1])
    assert not contradictions((pair[0], pair[0]))
