"""Which variant to choose under the user's limits, how sure that is, and what would change it. Pure functions.

A variant is called better only where Holm's correction over all pairs of the run lets it be called so: a verdict names
a false winner in at most 5 of 100 runs (measured in docs/statistics.md). Where the best cannot be told apart, the
simplest of them is taken, and what that may lose is said.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.analysis.verdict_text import headline, reasons, sureness, what_would_change
from engine.analysis.verdict_types import (
    LITTLE,
    SIMPLEST_FIRST,
    Candidate,
    Elimination,
    Scene,
    Sentence,
    Standing,
    Verdict,
    between,
    most_lost,
)
from engine.core.limits import Limits
from engine.metrics import wording as say
from engine.metrics.pairwise import Difference


def decide(
    candidates: Sequence[Candidate], differences: Sequence[Difference], limits: Limits, *, is_share: bool = True
) -> Verdict:
    """Come to a verdict. `is_share` tells that quality is a share of rows answered right, and not a mean score."""
    eliminated = tuple(found for item in candidates if (found := _eliminate(item, limits)) is not None)
    out = {item.variant_id for item in eliminated}
    kept = [item for item in candidates if item.variant.id not in out]
    leader = max(kept, key=lambda item: (item.quality.value, -_rank(item)), default=None)
    tied = [item for item in kept if leader is not None and (item is leader or not _apart(differences, leader, item))]
    pick = min(tied, key=lambda item: (_rank(item), item.cost.per_call_usd), default=None)
    standing = _standing(kept, tied, pick, differences)
    scene = Scene(
        candidates=tuple(candidates),
        kept=tuple(kept),
        tied=tuple(tied),
        pick=pick,
        leader=leader,
        standing=standing,
        eliminated=eliminated,
        differences=tuple(differences),
        limits=limits,
        is_share=is_share,
    )
    return Verdict(
        standing=standing,
        pick=pick.variant.id if pick else None,
        leader=leader.variant.id if leader else None,
        tied=tuple(item.variant.id for item in tied),
        eliminated=eliminated,
        pareto=pareto(candidates),
        headline=headline(scene),
        sureness=sureness(scene),
        reasons=reasons(scene),
        changes=what_would_change(scene),
    )


def pareto(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Return the variants that no other beats: at least as good in all of quality, p95 and cost, and better in one."""
    measures = {
        item.variant.id: (
            -item.quality.value,
            item.p95_s.value if item.p95_s else item.busy_s_per_call,
            item.cost_usd_per_1k.value,
        )
        for item in candidates
    }
    return tuple(
        name
        for name, mine in measures.items()
        if not any(
            other != mine and all(theirs <= own for theirs, own in zip(other, mine, strict=True))
            for other in measures.values()
        )
    )


def _rank(item: Candidate) -> int:
    return SIMPLEST_FIRST.index(item.variant.technique)


def _apart(differences: Sequence[Difference], leader: Candidate, other: Candidate) -> bool:
    found = between(differences, leader.variant.id, other.variant.id)
    return found is not None and found.told_apart and found.seen_from(leader.variant.id).value > 0


def _standing(
    kept: Sequence[Candidate], tied: Sequence[Candidate], pick: Candidate | None, differences: Sequence[Difference]
) -> Standing:
    if pick is None:
        return Standing.NONE
    if len(kept) == 1:
        return Standing.ALONE
    if len(tied) == 1:
        return Standing.WINNER
    lost = most_lost(differences, pick.variant.id, [item.variant.id for item in tied if item is not pick])
    return Standing.TIED if lost is not None and lost[0] <= LITTLE else Standing.OPEN


def _eliminate(item: Candidate, limits: Limits) -> Elimination | None:
    """Return the first limit that a variant breaks as measured, a broken one that is certain before others."""
    found = []
    if limits.least_quality is not None and item.quality.value < limits.least_quality:
        certain = item.quality.high < limits.least_quality
        text = f"{item.name} reaches {say.share_interval(item.quality)}, under your {say.share(limits.least_quality)}"
        text += "." if certain else f"; that it reaches {say.share(item.quality.high)} cannot be ruled out."
        figures = {"quality": item.quality.value, "low": item.quality.low, "high": item.quality.high}
        found.append((certain, Sentence(text=text, figures=figures)))
    if limits.highest_p95_s is not None and item.p95_s is not None and item.p95_s.value > limits.highest_p95_s:
        certain = item.p95_s.low > limits.highest_p95_s
        text = (
            f"{item.name} takes {say.seconds(item.p95_s.value)} at p95, over your {say.seconds(limits.highest_p95_s)}"
        )
        text += "." if certain else f"; that it takes {say.seconds(item.p95_s.low)} cannot be ruled out."
        figures = {"p95_s": item.p95_s.value, "low_s": item.p95_s.low, "high_s": item.p95_s.high}
        found.append((certain, Sentence(text=text, figures=figures)))
    cost, most = item.cost_usd_per_1k, limits.highest_cost_usd_per_1k
    if most is not None and cost.value > most:
        text = f"{item.name} costs an estimated {say.money(cost.value)} per 1,000 answers, over your {say.money(most)}."
        found.append((cost.low > most, Sentence(text=text, figures={"cost_usd_per_1k": cost.value})))
    if not found:
        return None
    certain, reason = max(found, key=lambda pair: pair[0])
    return Elimination(variant_id=item.variant.id, name=item.name, reason=reason, certain=certain)
