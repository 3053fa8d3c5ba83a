"""The memo's words: how figures are written, how it was measured, on what assumptions, and what identifies the run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from engine.analysis.break_even import price_table
from engine.analysis.memo import MemoContents
from engine.core.interval import Interval
from engine.core.safe_text import visible
from engine.metrics import wording as say

MISSING = "\N{EN DASH}"
FAILURES_COUNT = "A row without an answer counts as wrong and is listed with its reason."
INTERVALS = (
    "Shares have Wilson's 95 % interval; other means, costs and macro F1 that of the BCa bootstrap; p50 and p95 one "
    "between order statistics."
)
BETTER = (
    "A variant is called better only where the corrected p-value lies under 0.05. What cannot be told apart is called "
    "so, and the simplest is taken."
)
DRAWS = (
    "One seed is one draw of training rows: another draw may move a variant by some points, which the intervals do "
    "not show."
)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])")


def share(value: Interval | float | None) -> str:
    """Write a share or an interval's value in percent."""
    if value is None:
        return MISSING
    return say.share(value.value if isinstance(value, Interval) else value)


def ends(value: Interval | None) -> str:
    """Write an interval's ends in percent."""
    return MISSING if value is None else f"{value.low * 100:.0f} to {value.high * 100:.0f}"


def latency(value: Interval | float | None) -> str:
    """Write seconds."""
    if value is None:
        return MISSING
    return say.seconds(value.value if isinstance(value, Interval) else value)


def latency_ends(value: Interval | None) -> str:
    """Write an interval's ends in seconds."""
    return MISSING if value is None else f"{say.seconds(value.low)} to {say.seconds(value.high)}"


def money(value: Interval | float | None) -> str:
    """Write a sum."""
    if value is None:
        return MISSING
    return say.money(value.value if isinstance(value, Interval) else value)


def megabytes(value: int | None) -> str:
    """Write bytes in MB (powers of 1000)."""
    return MISSING if value is None else f"{value / 1e6:,.0f} MB"


def cell(value: object) -> str:
    """Write any cell of a table of figures."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def markdown(text: object) -> str:
    """Escape text for Markdown, also inside a table: it is shown, never interpreted."""
    return _MARKDOWN.sub(r"\\\1", visible(str(text)).replace("\n", " "))


FILTERS: Mapping[str, Callable[..., str]] = {
    "share": share,
    "ends": ends,
    "latency": latency,
    "latency_ends": latency_ends,
    "money": money,
    "megabytes": megabytes,
    "cell": cell,
    "visible": visible,
    "markdown": markdown,
    "p_value": say.probability,
}


def method(contents: MemoContents) -> list[str]:
    """Say how the figures came about."""
    report, plan = contents.report, contents.report.plan
    tests = sorted({item.test for item in report.differences}) or ["no test"]
    order = (
        "Rows were answered in batches, so no latency of single rows is given."
        if plan.throughput
        else "The variants took turns row by row, so that every comparison is paired and a slow minute hit all alike."
    )
    rows = (
        f"{len(plan.variants)} variants answered {len(plan.test_ids):,} test rows, learning from at most "
        f"{len(plan.train_ids):,} training rows, with seed {plan.seed} and {plan.decoding.value} decoding. {order}"
    )
    pairs = (
        f"Pairs were tested on the same rows ({', '.join(tests)}) and corrected by Holm's method for "
        f"{len(report.differences)} pairs. Rows still needed are for 80 % power, were the gap seen the true one."
    )
    return [rows, FAILURES_COUNT, INTERVALS, pairs, BETTER, DRAWS]


def assumptions(contents: MemoContents) -> list[tuple[str, str]]:
    """List what was assumed and not measured."""
    limits, costs = contents.report.limits, contents.report.plan.costs
    least, slowest, dearest = limits.least_quality, limits.highest_p95_s, limits.highest_cost_usd_per_1k
    return [
        ("Least quality", "no limit" if least is None else say.share(least)),
        ("Highest p95", "no limit" if slowest is None else say.seconds(slowest)),
        ("Highest cost per 1,000 answers", "no limit" if dearest is None else say.money(dearest)),
        ("Calls", f"{limits.calls_per_month:,} a month over {limits.months} months"),
        ("Labelling", f"{say.money(limits.labelling_usd_per_row)} a row"),
        ("Data may leave the machine", "yes" if limits.data_may_leave else "no"),
        ("Machine", f"{say.money(costs.machine_usd_per_hour)} an hour of work"),
        ("Power under load", f"{costs.watts:g} W"),
        ("Electricity", f"{say.money(costs.electricity_usd_per_kwh)} a kWh"),
        ("Closed APIs", f"list prices of {price_table()}, same tokens, nothing cached; their quality was not measured"),
    ]


def identity(contents: MemoContents) -> list[tuple[str, str]]:
    """List what identifies the run: machine, versions, digests."""
    manifest = contents.manifest
    found = [
        ("Run", contents.run_id),
        ("Started", str(manifest.get("started_at", ""))),
        ("State", str(manifest.get("status", ""))),
        ("Task digest (SHA-256)", str(manifest.get("task_digest", ""))),
        ("Task licence", contents.licence or "not stated"),
    ]
    for title in ("model", "machine", "versions"):
        part: Any = manifest.get(title, {})
        found += [(f"{title.capitalize()}: {key}", str(value)) for key, value in dict(part).items()]
    return found


def leaks(contents: MemoContents) -> list[str]:
    """Return what the leak guard found when the task was made."""
    return [contents.leak_guard or "The task carries no finding of a leak guard."]
