"""Runs simulations on all processors, and tells how far they are."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from benchmarks.claims.keeping import Kept
from benchmarks.claims.scenarios import Scenario, scenarios
from benchmarks.claims.simulation import Tally, simulate
from engine.metrics import wording as say

FEW_RUNS = 200
CHUNK = 25
NEW_SEEDS = 1_000_000
"""The worst scenarios are run again with seeds from here on."""


def runs_asked() -> int:
    """Return how many runs of each scenario are asked for."""
    return int(os.environ.get("ADAPTLAB_CLAIM_RUNS", str(FEW_RUNS)))


def simulate_all(kept: Kept, runs: int) -> dict[int, Tally]:
    """Run every scenario this often."""
    return _simulate(kept, scenarios(), runs, first_seed=0)


def simulate_worst(kept: Kept, numbers: Sequence[int], runs: int) -> dict[int, Tally]:
    """Run the scenarios with these numbers again, with other seeds."""
    return _simulate(kept, [scenarios()[number] for number in numbers], runs, first_seed=NEW_SEEDS)


def _simulate(kept: Kept, chosen: Sequence[Scenario], runs: int, *, first_seed: int) -> dict[int, Tally]:
    found = {}
    started = time.monotonic()
    todo = sum(kept.get(_name(scenario, runs, first_seed)) is None for scenario in chosen)
    done = 0
    with ProcessPoolExecutor() as pool:
        for scenario in chosen:
            name = _name(scenario, runs, first_seed)
            tally = kept.get(name)
            if tally is None:
                seeds = range(first_seed, first_seed + runs)
                tally = total(
                    pool.map(partial(_chunk, scenario), [seeds[at : at + CHUNK] for at in range(0, runs, CHUNK)])
                )
                kept.put(name, tally)
                done += 1
                left = (time.monotonic() - started) / done * (todo - done)
                print(f"  {done} of {todo}: {scenario.name}; {say.duration(left)} left", flush=True)
            found[scenario.number] = tally
    return found


def total(tallies: Iterable[Tally]) -> Tally:
    """Add tallies up."""
    found: Tally = Counter()
    for tally in tallies:
        found.update(tally)
    return found


def _chunk(scenario: Scenario, seeds: range) -> Tally:
    return total(simulate(scenario, seed) for seed in seeds)


def _name(scenario: Scenario, runs: int, first_seed: int) -> str:
    return f"{scenario.name}, {runs} runs from seed {first_seed}"


def spread_over(pool_task: Callable[[int], Tally], runs: int) -> Tally:
    """Run a task once per seed, on all processors."""
    with ProcessPoolExecutor() as pool:
        return total(pool.map(pool_task, range(runs), chunksize=CHUNK))
