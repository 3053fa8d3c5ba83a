"""Does a race lose one of the best, and what does it save? On the simulated runs of `benchmarks.claims`.

    python -m benchmarks.race       # ADAPTLAB_RACE_RUNS=1000 for the figures of the docs

A variant is lost if it leaves the race although it is truly the best, or within 2 points of it. Prints the scenario in
which that happens most, and the median share of row evaluations where rivals are spread.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import median

import numpy as np

from benchmarks.claims.scenarios import Scenario, scenarios
from benchmarks.claims.world import draw, truth_of
from engine.metrics.early_stopping import RACE_MARGIN, surely_behind

RUNS = 100
CHECKS = 50
"""How often, spread evenly, a run is checked; the app checks after every row."""
MOST_LOST, MOST_EVALUATED = 0.05, 0.45
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


def main() -> int:
    """Race in every scenario and print the worst figures; fail where they are worse than promised."""
    runs = int(os.environ.get("ADAPTLAB_RACE_RUNS", RUNS))
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(_races, scenarios(), [runs] * len(scenarios())))
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
    return int(worst.lost > MOST_LOST or median(enough) > MOST_EVALUATED)


def _races(scenario: Scenario, runs: int) -> Raced:
    raced = [_race(scenario, seed) for seed in range(runs)]
    lost = sum(one for one, _share in raced) / runs
    return Raced(scenario=scenario, lost=lost, evaluated=tuple(share for _one, share in raced))


def _race(scenario: Scenario, seed: int) -> tuple[bool, float]:
    """Race once; return whether one of the best was lost, and the share of row evaluations."""
    dice = np.random.default_rng((seed, scenario.number))
    truth = truth_of(scenario, dice, beyond=False)
    scores = draw(scenario, truth, scenario.rows, dice).scores
    going, evaluated, before = list(range(scenario.variants)), 0, 0
    for rows in np.unique(np.linspace(scenario.rows / CHECKS, scenario.rows, CHECKS).astype(int)).tolist():
        evaluated += len(going) * (rows - before)
        before = rows
        behind = {int(name) for name in surely_behind({str(place): scores[place, :rows] for place in going})}
        if rows < scenario.rows:
            going = [place for place in going if place not in behind]
        if len(going) == 1:
            break
    best = float(truth.quality.max())
    kept = set(going)
    lost = any(truth.quality[place] >= best - RACE_MARGIN for place in range(scenario.variants) if place not in kept)
    return lost, evaluated / (scenario.variants * scenario.rows)


if __name__ == "__main__":
    sys.exit(main())
