"""The memo's words: how it was measured, on what assumptions, and what identifies the run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict

from engine.analysis.break_even import price_table
from engine.analysis.memo import MemoContents
from engine.core.interval import Interval
from engine.core.safe_text import visible
from engine.metrics import wording as say

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


def span(interval: Interval) -> str:
    """Write the ends of a difference's interval in points."""
    return say.span(interval.low, interval.high)


def cell(value: object) -> str:
    """Write any cell of a table of figures."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def markdown(text: object) -> str:
    """Escape text for Markdown, also inside a table: it is shown, never interpreted."""
    return _MARKDOWN.sub(r"\\\1", visible(str(text)).replace("\n", " "))


FILTERS: Mapping[str, Callable[..., str]] = {
    "share": say.share,
    "ends": say.ends,
    "span": span,
    "latency": say.seconds,
    "latency_ends": say.seconds_ends,
    "duration": say.duration,
    "money": say.money,
    "energy": say.energy,
    "size": say.size,
    "number": say.number,
    "estimate": say.about,
    "signed_points": say.signed_points,
    "tokens": say.tokens,
    "p_value": say.probability,
    "cell": cell,
    "visible": visible,
    "markdown": markdown,
}
"""How a template writes what it shows."""


def method(contents: MemoContents) -> list[str]:
    """Say how the figures came about."""
    report, plan = contents.report, contents.report.plan
    tests = sorted({item.test for item in report.differences}) or ["no test"]
    order = (
        "Rows were answered in batches, so no latency of single rows is given."
        if plan.throughput
        else "The variants took turns row by row, so that every comparison is paired and a slow minute hit them all."
    )
    test, train = say.number(len(plan.test_ids)), say.number(len(plan.train_ids))
    rows = (
        f"{len(plan.variants)} variants answered {test} test rows, learning from at most {train} training rows, with "
        f"seed {plan.seed} and {plan.decoding.value} decoding. {order}"
    )
    pairs = (
        f"Pairs were tested on the same rows ({', '.join(tests)}) and corrected by Holm's method for "
        f"{len(report.differences)} pairs. Rows still needed are for 80 % power, if the observed gap is true."
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
        ("Calls", f"{say.number(limits.calls_per_month)} a month over {limits.months} months"),
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
        ("Started", manifest.started_at),
        ("State", manifest.status),
        ("Task digest (SHA-256)", manifest.task_digest),
        ("Task licence", contents.licence or "not stated"),
    ]
    parts = {"Model": asdict(manifest.model), "Machine": asdict(manifest.machine), "Versions": dict(manifest.versions)}
    for title, part in parts.items():
        found += [(f"{title}: {key}", str(value)) for key, value in part.items()]
    return found


def leaks(contents: MemoContents) -> list[str]:
    """Return what the leak guard found when the task was made."""
    return [contents.leak_guard or "The task has no leak guard result."]
