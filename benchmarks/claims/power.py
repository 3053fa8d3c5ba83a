"""How often a true lead is found, and whether as many rows as a verdict asks for are enough."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import partial

import numpy as np

from benchmarks.claims.keeping import Kept
from benchmarks.claims.running import spread_over
from benchmarks.claims.scenarios import FACTORS, Scenario
from benchmarks.claims.simulation import Tally, judged_once
from engine.analysis.verdict.ruling import Outcome
from engine.metrics.inference import level_of_look
from engine.metrics.pairwise import LEVEL, compare_all, rows_for_power

WANTED = (("spread 10", 100, 0.60), ("equals 20", 100, 0.78), ("spread 20", 100, None), ("spread 10", 300, None))
"""Shape, rows and the share that is wanted, with six variants, averaged over all difficulties and bases."""
GAPS = (0.05, 0.1, 0.2)
SPREAD = 0.3
"""Share of rows on which one alone is right, in the check of the rows that a verdict asks for."""


def power_table(kept: Kept, runs: int) -> str:
    """Write the table of leads that are found: right or wrong, no limits, averaged over difficulties and bases."""
    lines = ["| lead of the best of six | rows | found | wanted |", "|---|---|---|---|"]
    for shape, rows, wanted in WANTED:
        name = f"found: {shape}, {rows} rows, {runs} runs"
        tally = kept.get(name)
        if tally is None:
            tally = spread_over(partial(_found, shape, rows), max(runs // 25, 20))
            kept.put(name, tally)
        points, others = shape.split()[1], "equals" if shape.startswith("equals") else "rivals 0 to 30 points lower"
        goal = "" if wanted is None else f"{wanted:.0%}".replace("%", " %")
        lines.append(f"| {points} points over {others} | {rows} | {_percent(tally['found'], tally['runs'])} | {goal} |")
    return "\n".join(lines)


def missed_goals(kept: Kept, runs: int) -> list[str]:
    """Return a line for each share of found leads under its goal, and for rows asked for that are too few."""
    wrong = []
    for shape, rows, wanted in WANTED:
        tally = kept.get(f"found: {shape}, {rows} rows, {runs} runs") or Counter(runs=1)
        if wanted is not None and tally["found"] < (wanted - 0.02) * tally["runs"]:
            wrong.append(f"  found: {shape} at {rows} rows in {_percent(tally['found'], tally['runs'])} of runs")
    for gap, looks in itertools.product(GAPS, (0, 1)):
        tally = kept.get(f"settled: {gap}, look {looks}, {runs} runs") or Counter(runs=1)
        if not 0.7 <= tally["found"] / tally["runs"] <= 0.92:
            wrong.append(f"  rows to settle {gap:.2f}: found in {_percent(tally['found'], tally['runs'])} of runs")
    return wrong


def _found(shape: str, rows: int, seed: int) -> Tally:
    """Run each difficulty and base once."""
    tally: Tally = Counter()
    for number, (difficulty, base) in enumerate(itertools.product(FACTORS["difficulty"], FACTORS["base"])):
        scenario = Scenario(
            number=1000 + number,
            difficulty=str(difficulty),
            shape=shape,
            limit="none",
            base=float(base),
            variants=6,
            rows=rows,
            ending="full",
            scores="right or wrong",
        )
        truth, verdict = judged_once(scenario, seed)
        tally["runs"] += 1
        best = verdict.pick is not None and truth.quality[int(verdict.pick[1:])] == truth.quality.max()
        tally["found"] += verdict.outcome is Outcome.WINNER and bool(best)
    return tally


def settle_table(kept: Kept, runs: int) -> str:
    """Write how often as many rows as are asked for show a true gap of that size, at the look that judges them."""
    lines = [
        "| true gap | rows for the first look | found | rows where rows were added | found |",
        "|---|---|---|---|---|",
    ]
    for gap in GAPS:
        cells = []
        for looks in (0, 1):
            rows = rows_for_power(SPREAD, gap, level=level_of_look(looks)) or 0
            name = f"settled: {gap}, look {looks}, {runs} runs"
            tally = kept.get(name)
            if tally is None:
                tally = spread_over(partial(_settled, gap, rows, looks), max(runs, 200))
                kept.put(name, tally)
            cells += [f"{rows:,}", _percent(tally["found"], tally["runs"])]
        lines.append(f"| {gap * 100:.0f} points | {' | '.join(cells)} |")
    return "\n".join(lines)


def _settled(gap: float, rows: int, looks: int, seed: int) -> Tally:
    generator = np.random.default_rng((seed, looks))
    kinds = generator.choice(3, size=rows, p=[(SPREAD + gap) / 2, (SPREAD - gap) / 2, 1 - SPREAD])
    scores = np.stack([kinds == 0, kinds == 1]).astype(np.float64)
    (found,) = compare_all(["a", "b"], scores, np.ones(scores.shape, dtype=np.bool_), looks=looks)
    return Counter(runs=1, found=int(found.p_value < LEVEL and found.effect.value > 0))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"
