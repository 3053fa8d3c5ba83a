"""Which claims of a verdict are false, given the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from benchmarks.claims.consistency import contradictions
from benchmarks.claims.scenarios import Scenario
from benchmarks.claims.world import Truth
from engine.analysis.figures import RunFigures
from engine.analysis.verdict.claims import Claim, ClaimKind, Strength
from engine.analysis.verdict.ruling import Outcome, Verdict, between
from engine.core.interval import Interval

Tally = Counter[str]
_TINY = 1e-12
WIDE_LEAD = 0.2
CLEAR_ROWS, MANY_ROWS = 300, 1000


def _place(variant_id: str) -> int:
    return int(variant_id[1:])


def _lead(claim: Claim, truth: Truth) -> float:
    """How far the one spoken of is truly ahead of the best of the others."""
    return float(truth.quality[_place(claim.who)] - max(truth.quality[_place(one)] for one in claim.whom))


def _outside(value: float, claim: Claim) -> bool:
    low, high = claim.low, claim.high
    return (low is not None and value < low - _TINY) or (high is not None and value > high + _TINY)


def _only_meets(claim: Claim, truth: Truth) -> bool:
    return not truth.meets(_place(claim.who)) or any(truth.meets(_place(one)) for one in claim.whom)


FALSE: Mapping[ClaimKind, Callable[[Claim, Truth], bool]] = {
    ClaimKind.BETTER: lambda claim, truth: _lead(claim, truth) <= 0,
    ClaimKind.LEAD: lambda claim, truth: _outside(_lead(claim, truth), claim),
    ClaimKind.ONLY_MEETS: _only_meets,
    ClaimKind.NONE_MEETS: lambda claim, truth: any(truth.meets(_place(one)) for one in claim.whom),
    ClaimKind.MEETS: lambda claim, truth: not truth.meets_each(_place(claim.who))[str(claim.limit)],
    ClaimKind.MISSES: lambda claim, truth: truth.meets_each(_place(claim.who))[str(claim.limit)],
    ClaimKind.AT_WORST: lambda claim, truth: -_lead(claim, truth) > (claim.value or 0.0) + _TINY,
    ClaimKind.NO_RISK: lambda claim, truth: -_lead(claim, truth) > (claim.value or 0.0) + _TINY,
    ClaimKind.CANNOT_BE_TOLD: lambda claim, truth: _outside(_lead(claim, truth), claim),
    ClaimKind.SCORES: lambda claim, truth: _outside(float(truth.quality[_place(claim.who)]), claim),
}
"""Says of each kind that can be false whether it is. What is measured or estimated is true of these rows."""
JUDGED = {Strength.CERTAIN, Strength.PROVEN}


def judge(
    seen: Sequence[tuple[RunFigures, Verdict]], truth: Truth, scenario: Scenario, plain: Mapping[str, Interval]
) -> Tally:
    """Count, per run, which kinds of claims were made and which were false at least once; at any look.

    Args:
        seen: the run at each look, with its verdict.
        truth: true values.
        scenario: which says what is clear enough to be told.
        plain: each variant's interval without a correction for the choice, at the first look.
    """
    made: set[str] = set()
    false: set[str] = set()
    tally: Tally = Counter(runs=1)
    for run, verdict in seen:
        for claim in verdict.claims:
            names = _names(claim)
            made |= names
            if names and FALSE[claim.kind](claim, truth):
                false |= names
            if claim.kind is ClaimKind.SCORES:
                tally["scores: looks"] += 1
                tally["scores: held"] += not FALSE[claim.kind](claim, truth)
            if claim.kind is ClaimKind.AHEAD and _misread(claim, run):
                false.add("ahead as measured")
        made.add(f"outcome {verdict.outcome}")
        if contradictions(verdict.claims):
            false.add("contradiction")
    for name in made:
        tally[f"{name}: made"] += 1
    for name in false:
        tally[f"{name}: false"] += 1
    _leader(seen[0][0], truth, plain, tally)
    for name, told in _clear(seen[-1][1], truth, scenario).items():
        tally[f"{name}: asked"] += 1
        tally[f"{name}: told"] += told
    return tally


def _names(claim: Claim) -> set[str]:
    if claim.kind not in FALSE:
        return set()
    if claim.kind is ClaimKind.ONLY_MEETS and claim.strength is Strength.MEASURED:
        return {"only one, in this test"}
    if claim.strength not in JUDGED or claim.kind is ClaimKind.SCORES:
        return set()
    return {str(claim.kind), "certain"} if claim.strength is Strength.CERTAIN else {str(claim.kind)}


def _misread(claim: Claim, run: RunFigures) -> bool:
    """Whether what is said of these rows is not what they show."""
    found = between(run.differences, claim.who, claim.whom[0])
    return found is None or abs(found.seen_from(claim.who).value - (claim.value or 0.0)) > _TINY


def _leader(run: RunFigures, truth: Truth, plain: Mapping[str, Interval], tally: Tally) -> None:
    """Whether the interval of the best one holds the truth, and how much wider it is where it leads by far."""
    ordered = sorted(run.figures, key=lambda item: (-item.quality.value, item.variant.facts.upkeep))
    best, name = ordered[0].quality, ordered[0].variant.id
    true = float(truth.quality[_place(name)])
    tally["leader: held"] += best.low - _TINY <= true <= best.high + _TINY
    if best.value - ordered[1].quality.value > WIDE_LEAD:
        width = plain[name].high - plain[name].low
        tally["leader: far ahead"] += 1
        tally["leader: width in thousandths"] += round(1000 * (best.high - best.low) / width) if width else 1000


def _clear(verdict: Verdict, truth: Truth, scenario: Scenario) -> dict[str, bool]:
    """What is clear enough in this run that the verdict ought to say it, and whether it does."""
    if scenario.rows < CLEAR_ROWS or scenario.scores == "sparse" or scenario.ending in {"stopped", "raced"}:
        return {}  # a run that ends early has fewer rows than its scenario says
    found: dict[str, bool] = {}
    everywhere = scenario.limit == "none"
    if scenario.lead >= WIDE_LEAD and everywhere and not scenario.shape.startswith("tied"):
        found["clear lead of 20 points"] = verdict.outcome is Outcome.WINNER
    certain = {
        (_place(claim.who), str(claim.limit))
        for claim in verdict.claims
        if claim.kind is ClaimKind.MISSES and claim.strength is Strength.CERTAIN
    }
    if scenario.limit == "quality clear" and truth.limits.least_quality is not None:
        far = [place for place, value in enumerate(truth.quality) if value <= truth.limits.least_quality - 0.15 + _TINY]
        found["limit missed by 15 points"] = all((place, "quality") in certain for place in far)
    if scenario.limit in {"p95 clear", "cost clear"}:
        kind = scenario.limit.split()[0]
        far = [place for place in range(len(truth.quality)) if not truth.meets(place)]
        found[f"{kind} limit clearly missed"] = all((place, kind) in certain for place in far)
        found["only one meets, clearly"] = any(
            claim.kind is ClaimKind.ONLY_MEETS and claim.strength is Strength.CERTAIN for claim in verdict.claims
        )
    if scenario.shape == "equal" and everywhere and scenario.rows >= MANY_ROWS and scenario.difficulty == "copula 0.9":
        found["equals, clearly"] = verdict.pick is not None
    return found
