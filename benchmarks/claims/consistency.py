"""Which claims deny each other: a small prover over the claims of one verdict. Pure functions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from engine.analysis.verdict.claims import Claim, ClaimKind, Strength

_SAYS_BETTER = {ClaimKind.BETTER, ClaimKind.LEAD}
_MARGIN = 1e-9


def contradictions(claims: Sequence[Claim]) -> list[tuple[Claim, Claim]]:
    """Return every pair of claims that cannot both be true, or of which one takes back what the other says."""
    return [(one, two) for one, two in itertools.combinations(claims, 2) if _denies(one, two) or _denies(two, one)]


def _denies(one: Claim, two: Claim) -> bool:
    return _order(one, two) or _measured(one, two) or _limits(one, two) or _figures(one, two)


def _order(one: Claim, two: Claim) -> bool:
    """Better against better the other way round, against "cannot be told", and against a bound on the loss."""
    if one.kind not in _SAYS_BETTER:
        return False
    if two.kind in _SAYS_BETTER:
        return two.who in one.whom and one.who in two.whom
    if two.kind is ClaimKind.CANNOT_BE_TOLD:
        return (two.who == one.who and bool(set(two.whom) & set(one.whom))) or (
            two.who in one.whom and one.who in two.whom
        )
    if two.kind is ClaimKind.BEST_MEASURED:  # one that is proven to be better is better as measured too
        return two.who in one.whom
    if two.kind in {ClaimKind.AT_WORST, ClaimKind.NO_RISK} and two.who in one.whom and one.who in two.whom:
        # "A is better than B by 8 to 20 points" beside "B is at most 5 points behind A".
        least = one.low if one.kind is ClaimKind.LEAD and one.low is not None else 0.0
        return two.value is not None and two.value < least - _MARGIN
    return False


def _measured(one: Claim, two: Claim) -> bool:
    """Ahead as measured against ahead the other way round, and a bound that proves a lead against "cannot be told"."""
    crossed = two.who in one.whom and one.who in two.whom
    if one.kind is ClaimKind.AHEAD and (one.value or 0.0) > 0:
        if two.kind is ClaimKind.AHEAD:
            return crossed and (two.value or 0.0) > 0
        return two.kind is ClaimKind.BEST_MEASURED and two.who in one.whom
    if one.kind in {ClaimKind.AT_WORST, ClaimKind.NO_RISK} and (one.value or 0.0) < -_MARGIN:
        told = two.kind is ClaimKind.CANNOT_BE_TOLD
        return told and (crossed or (one.who == two.who and bool(set(one.whom) & set(two.whom))))
    if one.kind is ClaimKind.LEAD and two.kind is ClaimKind.LEAD and (one.who, one.whom) == (two.who, two.whom):
        return (one.low or 0.0) > (two.high or 1.0) or (two.low or 0.0) > (one.high or 1.0)
    return False


def _limits(one: Claim, two: Claim) -> bool:
    """A limit met against the same limit missed, and "none" or "only" against one that may still meet."""
    same, certain, within = one.who == two.who, one.strength is Strength.CERTAIN, two.who in one.whom
    denied = {
        (ClaimKind.MISSES, ClaimKind.MEETS): same and one.limit == two.limit,
        (ClaimKind.MISSES, ClaimKind.MAY_MEET): same and certain,
        (ClaimKind.MISSES, ClaimKind.ONLY_MEETS): same,
        (ClaimKind.NONE_MEETS, ClaimKind.ONLY_MEETS): True,
        (ClaimKind.NONE_MEETS, ClaimKind.MAY_MEET): certain and within,
        (ClaimKind.ONLY_MEETS, ClaimKind.ONLY_MEETS): not same,
        (ClaimKind.ONLY_MEETS, ClaimKind.MAY_MEET): certain and within,
    }
    return denied.get((one.kind, two.kind), False)


def _figures(one: Claim, two: Claim) -> bool:
    """One figure twice: two scores of a variant that differ, a score outside what is said of the limit."""
    same = {ClaimKind.SCORES, ClaimKind.TRAINED_ON, ClaimKind.ROWS_NEEDED, ClaimKind.LOOKS}
    if one.kind is two.kind and one.kind in same and one.who == two.who:
        return (one.value, one.low, one.high) != (two.value, two.low, two.high)
    bounds = {ClaimKind.AT_WORST, ClaimKind.NO_RISK}
    if one.kind in bounds and two.kind in bounds and one.who == two.who:
        return one.value != two.value
    if one.kind is ClaimKind.ROWS_NEEDED:  # rows are asked for where nothing is decided
        return two.kind in {ClaimKind.ONLY_MEETS, ClaimKind.NO_RISK, ClaimKind.BEST_MEASURED}
    return False
