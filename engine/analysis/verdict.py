"""Which variant to choose under the user's limits, how sure that is, and what would change it. Pure functions.

A variant is called better only where Holm's correction over all pairs of the run lets it be called so: a verdict names
a false winner in at most 5 of 100 runs (measured in docs/statistics.md). Where the best cannot be told apart, the
simplest of them is taken, and what that may lose is said.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.analysis.figures import RunFigures, VariantFigures
from engine.analysis.tradeoff import pareto
from engine.analysis.verdict_text import headline, reasons, sureness, what_would_change
from engine.analysis.verdict_types import (
    NEGLIGIBLE_LOSS,
    Elimination,
    Outcome,
    Ruling,
    Sentence,
    Verdict,
    between,
    most_lost,
)
from engine.core.limits import Limits
from engine.metrics import wording as say
from engine.metrics.pairwise import Difference


def decide(run: RunFigures, limits: Limits) -> Verdict:
    """Come to a verdict."""
    eliminated = tuple(found for item in run.figures if (found := _eliminate(item, limits)) is not None)
    out = {item.variant_id for item in eliminated}
    kept = tuple(item for item in run.figures if item.variant.id not in out)
    leader = max(kept, key=lambda item: (item.quality.value, -_rank(item)), default=None)
    differences = run.differences
    tied = tuple(
        item for item in kept if leader is not None and (item is leader or not _apart(differences, leader, item))
    )
    pick = min(tied, key=lambda item: (_rank(item), item.cost.per_call_usd), default=None)
    ruling = Ruling(
        run=run,
        limits=limits,
        outcome=_outcome(kept, tied, pick, differences),
        pick=pick,
        leader=leader,
        kept=kept,
        tied=tied,
        eliminated=eliminated,
    )
    return Verdict(
        outcome=ruling.outcome,
        pick=pick.variant.id if pick else None,
        leader=leader.variant.id if leader else None,
        tied=tuple(item.variant.id for item in tied),
        eliminated=eliminated,
        pareto=pareto(run.figures),
        headline=headline(ruling),
        sureness=sureness(ruling),
        reasons=reasons(ruling),
        changes=what_would_change(ruling),
    )


def _rank(item: VariantFigures) -> int:
    return item.variant.facts.upkeep


def _apart(differences: Sequence[Difference], leader: VariantFigures, other: VariantFigures) -> bool:
    found = between(differences, leader.variant.id, other.variant.id)
    return found is not None and found.significant and found.seen_from(leader.variant.id).value > 0


def _outcome(
    kept: Sequence[VariantFigures],
    tied: Sequence[VariantFigures],
    pick: VariantFigures | None,
    differences: Sequence[Difference],
) -> Outcome:
    if pick is None:
        return Outcome.NONE
    if len(kept) == 1:
        return Outcome.ALONE
    if len(tied) == 1:
        return Outcome.WINNER
    lost = most_lost(differences, pick.variant.id, [item.variant.id for item in tied if item is not pick])
    return Outcome.TIED if lost is not None and lost[0] <= NEGLIGIBLE_LOSS else Outcome.OPEN


def _eliminate(item: VariantFigures, limits: Limits) -> Elimination | None:
    """Return the first limit that a variant breaks as measured, a broken one that is certain before others."""
    found = []
    if limits.least_quality is not None and item.quality.value < limits.least_quality:
        certain = item.quality.high < limits.least_quality
        text = f"{item.name} reaches {say.share_interval(item.quality)}, under your {say.share(limits.least_quality)}"
        text += "." if certain else f"; that it reaches {say.share(item.quality.high)} cannot be ruled out."
        figures = {"quality": item.quality.value, "low": item.quality.low, "high": item.quality.high}
        found.append((certain, Sentence(text=text, figures=figures)))
    if (
        limits.highest_p95_s is not None
        and item.total_p95_s is not None
        and item.total_p95_s.value > limits.highest_p95_s
    ):
        certain = item.total_p95_s.low > limits.highest_p95_s
        took, limit = say.seconds(item.total_p95_s.value), say.seconds(limits.highest_p95_s)
        text = f"{item.name} takes {took} at p95, over your {limit}"
        text += "." if certain else f"; that it takes {say.seconds(item.total_p95_s.low)} cannot be ruled out."
        figures = {"p95_s": item.total_p95_s.value, "low_s": item.total_p95_s.low, "high_s": item.total_p95_s.high}
        found.append((certain, Sentence(text=text, figures=figures)))
    cost, most, ends = item.cost_usd_per_1k, limits.highest_cost_usd_per_1k, item.cost_interval_usd_per_1k
    if most is not None and cost > most:
        estimated = "an estimated " if item.cost_estimated else ""
        text = f"{item.name} costs {estimated}{say.money(cost)} per 1,000 answers, over your {say.money(most)}."
        found.append((ends is not None and ends.low > most, Sentence(text=text, figures={"cost_usd_per_1k": cost})))
    if not found:
        return None
    certain, reason = max(found, key=lambda pair: pair[0])
    return Elimination(variant_id=item.variant.id, name=item.name, reason=reason, certain=certain)
