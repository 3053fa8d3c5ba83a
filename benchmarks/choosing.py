"""When should a search replace the default? Rules compared on simulated searches, whose true gains are known.

    python -m benchmarks.choosing [SEARCHES]        # 300 of each kind by default; some seconds

Labelled rows are answered by a default and by some settings whose true gains are normal around a mean; answers to the
same row are alike. Prints for each rule the mean true gain of what is used, in points, how often it is truly more than
2 points worse than the default, and how often the default is replaced.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from scipy.stats import norm

from engine.core.interval import Floats
from engine.metrics.pairwise import adjusted_wald
from engine.running.search.choosing import LEAST_GAIN, shrunken

SEARCHES = 300
DEFAULT_RIGHT, ALIKE = 0.4, 0.6
"""The default's true share of right answers, and how alike settings answer the same row (correlation)."""
KINDS = (
    (80, 10, 0.00, 0.00),
    (80, 10, -0.05, 0.05),
    (80, 10, 0.00, 0.08),
    (80, 10, -0.05, 0.10),
    (80, 10, 0.10, 0.00),
    (20, 1, -0.03, 0.06),
    (20, 2, -0.05, 0.06),
    (20, 2, 0.00, 0.10),
)
"""Labelled rows, settings tried, and mean and spread of their true gains."""
WORSE = -0.02

Rule = Callable[[Floats, Floats], int | None]
"""Takes gains and their errors; returns the place of the setting that is used, None for the default."""


def _errors(number: float) -> Rule:
    def rule(gains: Floats, errors: Floats) -> int | None:
        sure = gains - number * errors
        return int(sure.argmax()) if sure.max() > 0 else None

    return rule


def _luck(gains: Floats, errors: Floats) -> int | None:
    return _errors(max(1.0, float(np.sqrt(2 * np.log(len(gains))))))(gains, errors)


def _shrunken(gains: Floats, errors: Floats) -> int | None:
    expected = shrunken(gains, errors)
    return int(expected.argmax()) if expected.max() > LEAST_GAIN else None


RULES: dict[str, Rule] = {
    "any gain": _errors(0.0),
    "one standard error": _errors(1.0),
    "√(2 ln n) errors": _luck,
    "shrunken (the app's)": _shrunken,
}


def main() -> int:
    """Simulate and print the table."""
    searches = int(sys.argv[1]) if len(sys.argv) > 1 else SEARCHES
    print("| rows, settings, true gains | " + " | ".join(RULES) + " |\n|---" + "|---" * len(RULES) + "|")
    for rows, tried, mean, spread in KINDS:
        cells = [_cell(rule, searches, rows, tried, mean, spread) for rule in RULES.values()]
        print(f"| {rows}, {tried}, {100 * mean:+.0f} ± {100 * spread:.0f} | " + " | ".join(cells) + " |")
    return 0


def _cell(rule: Rule, searches: int, rows: int, tried: int, mean: float, spread: float) -> str:
    generator, reached = np.random.default_rng(0), []
    for _ in range(searches):
        true = np.clip(DEFAULT_RIGHT + generator.normal(mean, spread, tried), 0.02, 0.98)
        common = generator.normal(size=rows)
        default = (common < norm.ppf(DEFAULT_RIGHT)).astype(float)
        own = ALIKE * common + np.sqrt(1 - ALIKE**2) * generator.normal(size=(tried, rows))
        differences = (own < norm.ppf(true)[:, None]) - default
        measured = [adjusted_wald(float(one.sum()), float((one**2).sum()), 1.0, rows) for one in differences]
        used = rule(*np.array(measured).T)
        reached.append(None if used is None else float(true[used]) - DEFAULT_RIGHT)
    gains = np.array([gain or 0.0 for gain in reached])
    changed = np.mean([gain is not None for gain in reached])
    return f"{100 * gains.mean():+.1f}, {np.mean(gains < WORSE):.0%} worse, {changed:.0%} replaced"


if __name__ == "__main__":
    sys.exit(main())
