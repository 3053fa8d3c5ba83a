"""Does a race lose one of the best, and what does it save? On the simulated runs of `benchmarks.claims`.

    python -m benchmarks.race       # ADAPTLAB_RACE_RUNS=300 for the figures of the docs

A variant is lost if it leaves the race although it is truly the best, or within 2 points of it. Prints the scenario in
which that happens most, and the median share of row evaluations where rivals are spread. Then the same races with
`--spend-saved`: how often something is called better that is not, at either look, and how often the second look, at
rows that the race saved, tells who is the best of those still in it.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from benchmarks.claims.scenarios import Scenario, scenarios
from benchmarks.claims.world import draw, truth_of
from engine.core.interval import Floats
from engine.metrics.early_stopping import FRACTIONS, RACE_ERROR, RACE_MARGIN, race_threshold, surely_behind
from engine.metrics.inference import WATCHED
from engine.metrics.pairwise import Difference, compare_all

RUNS = 100
MOST_VARIANTS = 12
"""Six techniques, each with its default and its tuned settings; here all are rivals, so that more may leave."""
MOST_LOST, MOST_EVALUATED, MOST_FALSE = RACE_ERROR, 0.45, 0.05
LEAST_ROWS = 300
"""From which on the saving is promised: fewer rows than these seldom make anything sure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Raced:
    """The races of one scenario."""

    scenario: Scenario
    lost: float
    """Share of runs."""
    evaluated: tuple[float, ...]
    """Of each run: row evaluations over those of the full run."""
    false: float
    """Share of runs in which something was called better that is not."""
    false_and_spent: int
    """Runs in which that was so, and saved answers were given."""
    spent: int
    """Runs in which saved answers were given."""
    told: int
    """Those of them in which they told who is the best."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Once:
    """One race."""

    lost: bool
    evaluated: float
    false: bool = False
    spent: bool = False
    told: bool = False


def main() -> int:
    """Race in every scenario and print the worst figures; fail where they are worse than promised."""
    runs = int(os.environ.get("ADAPTLAB_RACE_RUNS", RUNS))
    with ProcessPoolExecutor() as pool:
        raced = [*scenarios(), *_many_equals()]
        found = list(pool.map(_races, raced, [runs] * len(raced)))
    worst = max(found, key=lambda item: item.lost)
    print(f"  {len(found)} scenarios with {runs} runs each")
    print(f"  one of the best is lost in {worst.lost:.1%} of runs at worst: {worst.scenario.name}")
    by_rows = defaultdict(list)
    for item in found:
        if item.scenario.shape.startswith("spread"):
            by_rows[item.scenario.rows] += item.evaluated
    for rows, shares in sorted(by_rows.items()):
        print(
            f"  spread rivals, {rows} rows: {median(shares):.0%} of the row evaluations (median of {len(shares)} runs)"
        )
    enough = [share for rows, shares in by_rows.items() if rows >= LEAST_ROWS for share in shares]
    print(f"  spread rivals, {LEAST_ROWS} rows and more: {median(enough):.0%}")
    wrong = max(found, key=lambda item: item.false)
    spent, told = sum(item.spent for item in found), sum(item.told for item in found)
    gave = [item for item in found if item.spent]
    print(f"  saved answers were given in {spent:,} of {len(found) * runs:,} races, in {len(gave)} scenarios")
    print(f"  they told the best of those still in it in {told / max(spent, 1):.0%} of these")
    print(f"  called better and not: {wrong.false:.1%} of runs at worst: {wrong.scenario.name}")
    most = max((item.false for item in gave), default=0.0)
    both = sum(item.false_and_spent for item in gave)
    print(f"  in scenarios with saved answers: {most:.1%} of runs at worst, and {both} of the {spent:,} that had some")
    return int(worst.lost > MOST_LOST or median(enough) > MOST_EVALUATED or wrong.false > MOST_FALSE)


def _races(scenario: Scenario, runs: int) -> Raced:
    raced = [_race(scenario, seed) for seed in range(runs)]
    return Raced(
        scenario=scenario,
        lost=sum(one.lost for one in raced) / runs,
        evaluated=tuple(one.evaluated for one in raced),
        false=sum(one.false for one in raced) / runs,
        false_and_spent=sum(one.false and one.spent for one in raced),
        spent=sum(one.spent for one in raced),
        told=sum(one.told for one in raced),
    )


def _race(scenario: Scenario, seed: int) -> _Once:
    """Race once, and spend what was saved."""
    generator = np.random.default_rng((seed, scenario.number))
    truth = truth_of(scenario, generator, beyond=False)
    scores = draw(scenario, truth, scenario.rows, generator).scores
    going, evaluated = list(range(scenario.variants)), 0
    made = np.ones(scores.shape, dtype=np.bool_)
    stakes = _Stakes(scenario.variants)
    for rows in range(1, scenario.rows + 1):
        evaluated += len(going)
        behind = stakes.behind(scores[:, :rows], going, is_last=rows == scenario.rows)
        if rows < scenario.rows:
            going = [place for place in going if place not in behind]
            made[sorted(behind), rows:] = False
        if len(going) == 1:
            break
    best = float(truth.quality.max())
    kept = set(going)
    lost = any(truth.quality[place] >= best - RACE_MARGIN for place in range(scenario.variants) if place not in kept)
    share = evaluated / (scenario.variants * scenario.rows)
    if len(going) == 1:
        return _Once(lost=lost, evaluated=share)
    first = compare_all(_names(scenario), scores, made, looks=0)
    false = _is_false(first, truth.quality)
    each = min((scenario.variants * scenario.rows - evaluated) // len(going), scenario.rows)
    if not each or _told(first, scores, going):
        return _Once(lost=lost, evaluated=share, false=false)
    more = draw(scenario, truth, each, generator).scores
    scores = np.concatenate([scores, more], axis=1)
    added = np.zeros(more.shape, dtype=np.bool_)
    added[going] = True
    second = compare_all(_names(scenario), scores, np.concatenate([made, added], axis=1), looks=1)
    false |= _is_false(second, truth.quality)
    return _Once(lost=lost, evaluated=share, false=false, spent=True, told=_told(second, scores, going))


class _Stakes:
    """The stakes of all pairs, row by row: a check after every row costs no more than the row."""

    def __init__(self, variants: int) -> None:
        """Begin with every stake at 1."""
        self._logs = np.zeros((variants, variants, len(FRACTIONS)))
        self._bets = FRACTIONS / (1 + RACE_MARGIN)
        self._began = variants

    def behind(self, scores: Floats, going: Sequence[int], *, is_last: bool) -> set[int]:
        """Take the last of these rows, shape (variants, rows), and return who leaves.

        It is held against what the app says whenever one leaves, and at the last row.
        """
        last = scores[:, -1]
        self._logs += np.log1p((last[:, None] - last[None, :] - RACE_MARGIN)[:, :, None] * self._bets)
        leader = max(going, key=lambda place: float(scores[place].sum()))
        own = np.exp(self._logs[leader]).mean(axis=-1)
        near = [place for place in going if place != leader and own[place] >= 2 / WATCHED]
        threshold = race_threshold(self._began, len(going))
        found = {place for place in near if self._won_against(place, going) >= threshold}
        if found or is_last:
            rows = {str(place): scores[place].tolist() for place in going}
            if found != {int(name) for name in surely_behind(rows, began=len(scores))}:
                message = f"{found} leave, and the app would let others go"
                raise AssertionError(message)
        return found

    def _won_against(self, place: int, going: Sequence[int]) -> float:
        """Return what all others in the race have won against one, together."""
        rivals = [rival for rival in going if rival != place]
        return float(np.exp(self._logs[rivals, place]).mean(axis=-1).sum())


def _many_equals() -> list[Scenario]:
    """Return scenarios of many equal variants whose rows are independent: the hardest to keep."""
    plain = next(one for one in scenarios() if one.limit == "none" and one.base == 0.6 and one.ending == "full")
    plain = replace(plain, shape="equal", difficulty="rasch 0", scores="right or wrong")
    return [
        replace(plain, number=len(scenarios()) + place, variants=variants, rows=rows)
        for place, (variants, rows) in enumerate(itertools.product((10, MOST_VARIANTS), (300, 1000)))
    ]


def _names(scenario: Scenario) -> list[str]:
    return [str(place) for place in range(scenario.variants)]


def _is_false(pairs: Sequence[Difference], quality: Floats) -> bool:
    """Tell whether one is called better than another that it does not beat."""
    found = [one for one in pairs if one.significant]
    return any(one.effect.value * (quality[int(one.first)] - quality[int(one.second)]) <= 0 for one in found)


def _told(pairs: Sequence[Difference], scores: Floats, going: Sequence[int]) -> bool:
    """Tell whether the best of those still in the race is better than each other one."""
    best = max(going, key=lambda place: float(scores[place].sum()))
    rivals = {str(place) for place in going}
    own = [one for one in pairs if str(best) in {one.first, one.second} and {one.first, one.second} <= rivals]
    return all(one.distinct for one in own)


if __name__ == "__main__":
    sys.exit(main())
