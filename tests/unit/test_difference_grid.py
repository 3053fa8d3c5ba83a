"""The grid of differences: small ones, and pairs that share no row."""

from __future__ import annotations

import math
from dataclasses import replace

from engine.analysis.report import Report, assess
from engine.analysis.report_charts import difference_grid
from engine.core.interval import Interval
from engine.core.limits import Limits
from engine.core.run.manifest import Manifest
from engine.core.techniques import Technique
from engine.running.planning import plan_run
from tests.made_runs import answered
from tests.memory_lab import memory_model, memory_task

TASK = memory_task(rows=20)


def _report(effect: float) -> Report:
    """Return a report on two variants that differ by so much."""
    techniques = [Technique.ZERO_SHOT, Technique.RAG]
    plan = plan_run(TASK, memory_model(), techniques=techniques, limit=20)
    report = assess(plan, TASK, answered(plan, TASK, 0.5), Manifest(plan=plan).conditions, Limits())
    (pair,) = report.differences
    return replace(report, differences=(replace(pair, effect=Interval(value=effect, low=-1.0, high=1.0)),))


def test_a_small_difference_is_no_signed_nothing() -> None:
    """What rounds to no point at all is written to a tenth, or as 0 without a sign."""
    grid = difference_grid(_report(0.004))
    assert (grid.texts[0][1], grid.texts[1][0]) == ("+0.4", "\N{MINUS SIGN}0.4")
    grid = difference_grid(_report(-0.0003))
    assert (grid.texts[0][1], grid.texts[1][0]) == ("0", "0")


def test_a_pair_without_a_common_row_has_a_blank_cell() -> None:
    """There is no difference to write and none to shade."""
    grid = difference_grid(_report(math.nan))
    assert grid.texts == (("", ""), ("", ""))
    assert [grid.weight(line, column) for line in (0, 1) for column in (0, 1)] == [0.0] * 4
