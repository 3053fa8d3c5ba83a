"""When a leader is clear: a test that may be checked after every row and still keeps its error rate.

A gambler bets on "the leader beats this rival" row by row, at odds that are fair if it does not. Under that null the
stake is a nonnegative supermartingale, so that the chance of it ever reaching 1/a is at most a (Ville's inequality),
however often it is checked. Source: I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by
betting", JRSS B 86 (2024), arXiv 2010.09686; the bets are a uniform mixture over the fraction that is staked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.core.interval import Floats
from engine.metrics.inference import WATCHED

RACE_MARGIN = 0.02
"""Whoever is at most this far behind the best may stay in a race to its end."""
RACE_ERROR = 0.05
"""Chance, at most, that a race loses a variant that is the best, or within the margin of it."""
FRACTIONS = (np.arange(100) + 0.5) / 100.0
"""Fractions of the stake, from cautious to bold. Below 1, so that no single row takes everything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClearLeader:
    """A leader that is clear after this many rows."""

    variant_id: str
    rows: int
    evidence: float
    """The smallest stake won against any rival; reaches 2 divided by the error that watching may spend."""


def evidence_against(
    leader: Sequence[float] | Floats, rival: Sequence[float] | Floats, *, margin: float = 0.0
) -> float:
    """Return the stake after betting that the leader is more than `margin` ahead, from 1, over paired scores of 0 to 1.

    Without a margin this is, for right and wrong, the mixture test of McNemar's table: rows on which both agree change
    nothing.
    """
    differences = np.asarray(leader, dtype=np.float64) - np.asarray(rival, dtype=np.float64) - margin
    differences = differences[differences != 0.0]
    if not differences.size:
        return 1.0
    # A row loses at most 1 + margin, so that this is the boldest stake that no row takes whole.
    logs = np.log1p(np.outer(FRACTIONS / (1 + margin), differences)).sum(axis=1)
    most = float(logs.max())
    return float(np.exp(min(most, 600.0)) * np.exp(logs - most).mean())


def race_threshold(began: int, going: int) -> float:
    """Return the stakes that all rivals together have to win against a variant before it leaves a race.

    The mean of a variant's stakes, one for each of the `began - 1` others, is a nonnegative supermartingale as long as
    the variant is the best or within `RACE_MARGIN` of it; rivals that have left count as 0. When a race first loses one
    of the best, all of them are still in it, so that there are at most `going`: each may spend its share of
    `RACE_ERROR`, as in S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6 (1979).
    """
    return going * (began - 1) / RACE_ERROR


def surely_behind(
    scores: Mapping[str, Sequence[float]], *, began: int | None = None, contending: Collection[str] | None = None
) -> tuple[str, ...]:
    """Return the variants that a race goes on without: another is surely more than `RACE_MARGIN` ahead of each.

    The margin keeps in whoever is nearly as good. The leader alone has to have the evidence of `clear_leader` against
    each, so that who is out is also behind by the verdict's own. `cli.py bench race` counts how often one of the best
    is lost.

    Args:
        scores: per variant that is in the race the scores, 0 to 1, of the same rows in the same order.
        began: with how many variants the race began; as many as have scores where that is left out.
        contending: who leaves only behind another of these; all where that is left out. The rest leave behind anyone.

    Raises:
        ValueError: the variants have different numbers of rows.
    """
    if _rows_of(scores) == 0:
        return ()
    contenders = set(scores if contending is None else contending)
    threshold = race_threshold(max(began or 0, len(scores)), len(scores))
    best_first = sorted(scores, key=lambda name: -sum(scores[name]))

    def stake(rival: str, name: str) -> float:
        return evidence_against(scores[rival], scores[name], margin=RACE_MARGIN)

    def is_behind(name: str) -> bool:
        rivals = (one for one in best_first if one != name and (one in contenders or name not in contenders))
        leader = next(rivals, None)
        if leader is None or stake(leader, name) < 2 / WATCHED:
            return False
        return sum(stake(other, name) for other in scores if other != name) >= threshold

    return tuple(name for name in scores if is_behind(name))


def _rows_of(scores: Mapping[str, Sequence[float]]) -> int:
    lengths = {len(values) for values in scores.values()}
    if len(lengths) > 1:
        message = f"variants must have answered the same rows, got {sorted(lengths)} rows"
        raise ValueError(message)
    return next(iter(lengths), 0)


def clear_leader(scores: Mapping[str, Sequence[float]], *, alpha: float = WATCHED) -> ClearLeader | None:
    """Return the variant that is better than every other one, once that is clear; None until then.

    An error is to name a variant that is not strictly the best. It has to beat every other one, also the truly best;
    the worst case is that two are equally good and the rest far behind, which is two chances of an error: the threshold
    is 2 / alpha, however many variants there are. `cli.py bench claims` counts how often it errs.
    Source of the argument: S. Gutmann, Z. Maymin, "Is the selected population the best?", Ann. Statist. 15 (1987).

    Args:
        scores: per variant the scores, 0 to 1, of the same rows in the same order; rows drawn at random.
        alpha: chance of an error, at most, over the whole run.

    Raises:
        ValueError: the variants have different numbers of rows.
    """
    rows = _rows_of(scores)
    if len(scores) < 2 or rows == 0:
        return None
    leader = max(scores, key=lambda name: sum(scores[name]))
    least = min(evidence_against(scores[leader], scores[name]) for name in scores if name != leader)
    if least < 2 / alpha:
        return None
    return ClearLeader(variant_id=leader, rows=rows, evidence=least)
