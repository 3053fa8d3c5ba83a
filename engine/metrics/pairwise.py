"""Which differences between variants are significant: every pair on the same rows, corrected for multiple tests."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, ndtri, stdtr, stdtrit

from engine.core.interval import Floats, Interval
from engine.core.run.prediction import RIGHT_SCORE
from engine.metrics.early_stopping import evidence_against
from engine.metrics.inference import RUN_ERROR, WATCHED, level_of_look, over_all_looks

LEVEL = RUN_ERROR
"""A difference is significant when its p-value, corrected for the number of pairs, is below this."""
POWER = 0.8
MOST_ROWS_TO_SETTLE = 1_000_000
MCNEMAR = "McNemar, mid-p"
STUDENT = "Student's t on row differences"
BETTING = "betting, valid at every row"


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Two variants on the rows that both answered or failed on."""

    first: str
    """Variant id."""
    second: str
    rows: int
    effect: Interval
    """Mean score of the first minus that of the second, -1 to 1; agrees with `p_value` about 0."""
    only_first: int
    """Rows that only the first gets right (a score of at least 0.5)."""
    only_second: int
    p_value: float
    """Of this pair alone, over all looks at the run; compares with 5 %."""
    p_holm: float
    """Corrected for all pairs of the run by Holm's method."""
    test: str
    rows_to_settle: int | None
    """About how many further rows would make the difference significant among all pairs with 80 % power, if the
    observed gap is true.

    None where it is significant already, where no gap was observed, or where a million rows would not be enough.
    """
    spread: float = 0.0
    """Mean square of the rows' differences."""
    centre: float = 0.0
    """Of the adjusted Wald interval."""
    standard_error: float = 0.0
    level: float = LEVEL
    """The error that this look may spend."""
    next_level: float = LEVEL
    """The error that a look after more rows may spend."""
    binary: bool = True

    @property
    def significant(self) -> bool:
        """Tell whether the difference is significant at the 5 % level, over all pairs."""
        return self.p_holm < LEVEL

    @property
    def distinct(self) -> bool:
        """Tell whether the difference is significant at the 5 % level for this pair alone."""
        return self.p_value < LEVEL

    def seen_from(self, variant_id: str) -> Interval:
        """Return the effect as this variant's score minus the other's."""
        if variant_id == self.first:
            return self.effect
        return Interval(value=-self.effect.value, low=-self.effect.high, high=-self.effect.low)

    def at_worst(self, variant_id: str, rivals: int) -> float:
        """Return the most by which this variant may be behind the other: 0.04 is 4 points behind; negative is ahead.

        One-sided, and corrected for a choice among `rivals` + 1 variants, whichever of them is chosen: the bound holds
        against the best of them for every variant at once.
        Source: J. C. Hsu, "Simultaneous confidence intervals for all distances from the best", Ann. Statist. 9 (1981),
        with Bonferroni's inequality for the critical value.
        """
        if self.rows == 0:
            return 1.0
        sign = 1.0 if variant_id == self.first else -1.0
        tail = self.level / max(rivals, 1)
        critical = -_quantile(tail, None if self.binary else self.rows)
        bound = critical * self.standard_error - sign * self.centre
        if not self.distinct:  # what is not proven to be ahead may be behind
            bound = max(bound, 0.0)
        return float(min(1.0, max(bound, -sign * self.effect.value)))

    def range_from(self, variant_id: str, rivals: int, *, share: float = 1.0) -> tuple[float, float]:
        """Return between which ends this variant's lead lies, for all its `rivals` at once; below 0 it is behind.

        Args:
            variant_id: whose lead.
            rivals: to how many it is told.
            share: of the error that this look may spend.
        """
        sign = 1.0 if variant_id == self.first else -1.0
        half = (
            -_quantile(share * self.level / 2 / max(rivals, 1), None if self.binary else self.rows)
            * self.standard_error
        )
        lead = sign * self.effect.value
        return (
            max(-1.0, min(sign * self.centre - half, lead)),
            min(1.0, max(sign * self.centre + half, lead)),
        )

    def rows_to_show(self, *, power: float = POWER) -> int | None:
        """Return about how many further rows would show the difference for this pair alone, at the next look."""
        if self.rows == 0:
            return None
        needed = rows_for_power(self.spread, self.effect.value, level=self.next_level, power=power)
        return None if needed is None else max(needed - self.rows, 1)

    def rows_to_bound(self, variant_id: str, most: float, rivals: int, *, power: float = POWER) -> int | None:
        """Return about how many further rows would show that this variant is at most `most` behind the other.

        None where it was seen to be further behind, or where a million rows would not be enough.
        """
        if self.rows == 0:
            return None
        room = most + (1.0 if variant_id == self.first else -1.0) * self.effect.value
        if room <= 0:
            return None
        deviation = math.sqrt(max(self.spread - self.effect.value**2, 1 / max(self.rows, 1)))
        quantiles = -float(ndtri(self.next_level / max(rivals, 1))) + float(ndtri(power))
        needed = math.ceil((quantiles * deviation / room) ** 2)
        return max(needed - self.rows, 1) if needed <= MOST_ROWS_TO_SETTLE else None


def rows_for_power(spread: float, difference: float, *, level: float = LEVEL, power: float = POWER) -> int | None:
    """Rows at which a paired difference of this size is found with this power; None if a million is not enough.

    `spread` is the mean square of the rows' differences: for right and wrong, the share of rows that one alone gets
    right. Source: R. Connor, "Sample size for testing differences in proportions for the paired-sample design",
    Biometrics 43 (1987); for other scores this is the usual formula for a paired mean.
    """
    if difference == 0 or spread <= 0:
        return None
    over = -float(ndtri(level / 2)) * math.sqrt(spread)
    over += float(ndtri(power)) * math.sqrt(max(spread - difference**2, 0.0))
    rows = math.ceil((over / difference) ** 2)
    return rows if rows <= MOST_ROWS_TO_SETTLE else None


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of a family so that the chance of any false finding among them stays at the chosen level.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6 (1979).
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def compare_all(
    variant_ids: Sequence[str], scores: Floats, made: NDArray[np.bool_], *, looks: int | None = None
) -> tuple[Difference, ...]:
    """Compare every pair of variants on the rows that both have, and correct for the number of pairs.

    Args:
        variant_ids: one per line.
        scores: primary scores of shape (variants, rows), a failure being 0.
        made: same shape; whether a prediction is there.
        looks: how often the run was complete and judged before rows were added. A pair that lacks rows is then judged
            by evidence that may be looked at after every row. None for a comparison that is looked at once.
    """
    pairs = list(itertools.combinations(range(len(variant_ids)), 2))
    if not pairs:
        return ()
    found = [_compare(variant_ids, scores, made, pair, looks) for pair in pairs]
    found = _with_p_values(found, pairs, scores, made)
    adjusted = holm([difference.p_value for difference in found])
    unsettled = max(sum(p >= LEVEL for p in adjusted), 1)
    return tuple(
        replace(difference, p_holm=p, rows_to_settle=_rows_to_settle(difference, unsettled) if p >= LEVEL else None)
        for difference, p in zip(found, adjusted, strict=True)
    )


def _compare(
    variant_ids: Sequence[str], scores: Floats, made: NDArray[np.bool_], pair: tuple[int, int], looks: int | None
) -> Difference:
    """Compute all but the p-value."""
    first, second = pair
    both = made[first] & made[second]
    left, right = scores[first, both], scores[second, both]
    gaps, rows = left - right, len(left)
    binary = bool((((gaps == 0) | (np.abs(gaps) == 1)) & ((left == 0) | (left == 1))).all())
    whole = looks is None or rows == scores.shape[1]
    level = LEVEL if looks is None else level_of_look(looks) if whole else WATCHED
    following = LEVEL if looks is None else level_of_look(looks + 1) if whole else level_of_look(looks)
    total, square = float(gaps.sum()), float((gaps**2).sum())
    largest = 1.0 if binary or square == 0 else float(np.abs(gaps).max())
    centre, error = adjusted_wald(total, square, largest, rows)
    value = total / rows if rows else math.nan
    good_left, good_right = left >= RIGHT_SCORE, right >= RIGHT_SCORE
    return Difference(
        first=variant_ids[first],
        second=variant_ids[second],
        rows=rows,
        effect=_wald_interval(value, centre, error, level, None if binary else rows),
        only_first=int(np.sum(good_left & ~good_right)),
        only_second=int(np.sum(good_right & ~good_left)),
        p_value=1.0,
        p_holm=1.0,
        test=BETTING if not whole else MCNEMAR if binary else STUDENT,
        rows_to_settle=None,
        spread=square / rows if rows else 0.0,
        centre=centre,
        standard_error=error,
        level=level,
        next_level=following,
        binary=binary,
    )


def _with_p_values(
    found: Sequence[Difference], pairs: Sequence[tuple[int, int]], scores: Floats, made: NDArray[np.bool_]
) -> list[Difference]:
    exact = _mcnemar(np.array([d.only_first for d in found]), np.array([d.only_second for d in found]))
    done = []
    for difference, (first, second), mid_p in zip(found, pairs, exact, strict=True):
        if difference.test == MCNEMAR:
            raw = float(mid_p)
        elif difference.test == STUDENT:
            raw = _student_p(difference)
        else:
            both = made[first] & made[second]
            raw = _betting_p(scores[first, both], scores[second, both])
        p_value = over_all_looks(raw, difference.level)
        done.append(replace(difference, p_value=p_value, effect=_agreeing(difference.effect, p_value, difference.rows)))
    return done


def _mcnemar(only_first: NDArray[np.int64], only_second: NDArray[np.int64]) -> Floats:
    """Two-sided McNemar test with the mid-p-value: rows that only one gets right are like throws of a fair coin.

    Equal counts give 1, where the published mid-p-value is a little lower.
    Sources: Q. McNemar, Psychometrika 12 (1947); the mid-p-value, which does not exceed its level in any of 9,595
    settings that were tried: M. Fagerland, S. Lydersen, P. Laake, BMC Med. Res. Methodol. 13:91 (2013).
    """
    throws, fewer = only_first + only_second, np.minimum(only_first, only_second)
    at_most, fewer_still = bdtr(fewer, throws, 0.5), np.where(fewer > 0, bdtr(fewer - 1, throws, 0.5), 0.0)
    p_values = at_most + fewer_still  # twice the half-counted chance: 2 P(X < k) + P(X = k)
    result: Floats = np.where(only_first == only_second, 1.0, np.minimum(p_values, 1.0))
    return result


def _student_p(difference: Difference) -> float:
    if difference.rows < 2 or difference.standard_error == 0 or difference.spread == 0:
        return 1.0
    return float(2 * stdtr(difference.rows - 1, -abs(difference.centre) / difference.standard_error))


def _betting_p(left: Floats, right: Floats) -> float:
    """Twice the chance, at most, that a stake on the one ahead ever grows as far (Ville's inequality)."""
    if len(left) == 0:
        return 1.0
    ahead, behind = (left, right) if left.sum() >= right.sum() else (right, left)
    return min(1.0, 2 / max(evidence_against(ahead, behind), 1.0))


def adjusted_wald(total: float, square: float, largest: float, rows: int) -> tuple[float, float]:
    """Return centre and standard error of a mean difference, with one row added in favour of each side.

    For right and wrong this is Bonett and Price's interval; for other scores the two rows differ by as much as any row
    does, which keeps few differing rows from looking certain. Source: D. Bonett, R. Price, "Adjusted Wald confidence
    interval for a difference of binomial proportions based on paired data", J. Educ. Behav. Stat. 37 (2012).

    Args:
        total: sum of the rows' differences.
        square: sum of their squares.
        largest: by how much the two added rows differ.
        rows: how many.
    """
    count = rows + 2
    centre = total / count
    variance = max((square + 2 * largest**2) / count - centre**2, 0.0)
    return centre, math.sqrt(variance / count)


def _wald_interval(value: float, centre: float, error: float, level: float, student_rows: int | None) -> Interval:
    if math.isnan(value):
        return Interval(value=value, low=-1.0, high=1.0)
    half = -_quantile(level / 2, student_rows) * error
    return Interval(value=value, low=max(-1.0, min(centre - half, value)), high=min(1.0, max(centre + half, value)))


def _quantile(tail: float, student_rows: int | None) -> float:
    """Return the normal quantile; Student's where the number of rows is given."""
    return float(ndtri(tail)) if student_rows is None else float(stdtrit(max(student_rows - 1, 1), tail))


def _agreeing(effect: Interval, p_value: float, rows: int) -> Interval:
    """Let the interval hold 0 exactly where the p-value leaves the sign open; the two come from different formulas."""
    if math.isnan(effect.value):
        return effect
    if p_value >= LEVEL:
        return replace(effect, low=min(effect.low, 0.0), high=max(effect.high, 0.0))
    return without_zero(effect, rows)


def without_zero(effect: Interval, rows: int) -> Interval:
    """Let the interval of a significant difference leave out 0: by half a row, or by all of a smaller difference."""
    least = min(0.5 / max(rows, 1), abs(effect.value))
    if effect.value > 0:
        return replace(effect, low=max(effect.low, least))
    return replace(effect, high=min(effect.high, -least))


def _rows_to_settle(difference: Difference, unsettled: int) -> int | None:
    """Further rows, at the level that Holm's order leaves for the pairs that are not yet significant."""
    if difference.rows == 0:
        return None
    needed = rows_for_power(difference.spread, difference.effect.value, level=difference.next_level / unsettled)
    return None if needed is None else max(needed - difference.rows, 1)
