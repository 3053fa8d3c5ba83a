"""The tables and the export of the Costs page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import polars as pl

from components.report.cost_forms import Extra
from components.ui.text import visible
from engine.analysis.costs.break_even import BreakEven, CostLine, price_table
from engine.analysis.marks import FigureName, mark_of
from engine.core.limits import Limits
from engine.core.prices import CostAssumptions
from engine.metrics import wording as say
from engine.metrics.marks import Mark, heading_of_numbers, marked


def lines_frame(lines: Sequence[CostLine], limits: Limits) -> pl.DataFrame:
    """Return one row per choice, as written on screen; `line_headings` says what the columns are called."""
    return pl.DataFrame(
        [
            {
                "Choice": visible(line.name),
                "Labelling": say.money(line.labelling_usd),
                "Preparing": say.money(line.preparing_usd),
                "Per 1,000": say.money(line.per_call_usd * 1000),
                "Total": say.money(line.total_usd(limits.calls_per_month, limits.months)),
                "Capacity, calls a month": say.MISSING
                if line.most_calls_per_month is None
                else say.about(line.most_calls_per_month),
                "Data leaves": "yes" if line.leaves_machine else "no",
                "Price": visible(line.source),
            }
            for line in lines
        ]
    )


def line_headings(prices: Sequence[Mark]) -> dict[str, str]:
    """Return the columns of figures by name, as they are headed, `prices` being the marks of the prices per call."""
    found = {name: marked(name, mark_of(FigureName.TOTAL_COST)) for name in ("Labelling", "Preparing", "Total")}
    capacity = "Capacity, calls a month"
    return found | {
        "Per 1,000": heading_of_numbers("Per 1,000", prices),
        capacity: marked(capacity, mark_of(FigureName.CAPACITY)),
    }


def break_even_frame(points: Sequence[BreakEven]) -> pl.DataFrame:
    """Return the volumes at which the cheapest choice changes, as written on screen."""
    names = ("From, calls a month", "Cheapest", "Instead of", "Total at that volume")
    rows = [
        (
            "any volume" if point.at_any_volume else say.about(point.calls_per_month),
            visible(point.dearer_at_first),
            visible(point.cheaper_at_first),
            say.money(point.total_usd),
        )
        for point in points
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def uncompared(able: Sequence[CostLine]) -> str:
    """Say why no choice is the cheapest of several; empty where there are several.

    Args:
        able: what can be chosen.
    """
    known = [line for line in able if line.is_known]
    if len(known) > 1:
        return ""
    if not known:
        return "No choice has a known cost: there is nothing to compare."
    return f"{known[0].name} is the only choice whose cost is known: there is nothing to compare it with."


def aside_in_words(own: Sequence[CostLine]) -> str:
    """Say which of the lines are no choice where data may not leave, and that the run's own stay one."""
    text = (
        "'Data may leave this machine' is off: closed APIs that answered no row of this run are shown only for "
        "comparison and are never the cheapest choice."
    )
    if any(line.leaves_machine for line in own):
        text += " Those of its own variants that send inputs away remain choices: they were measured there."
    return text


def assumptions_json(
    run_id: str,
    costs: CostAssumptions,
    limits: Limits,
    extra: Extra,
    lines: Sequence[CostLine],
    points: Sequence[BreakEven],
    prices: Sequence[Mark],
) -> bytes:
    """Return all assumptions and what follows from them as JSON, `prices` being the marks of the prices per call."""
    total = mark_of(FigureName.TOTAL_COST)
    held = {
        "run_id": run_id,
        "machine": asdict(costs),
        "use": {
            "calls_per_month": limits.calls_per_month,
            "months": limits.months,
            "labelling_usd_per_row": limits.labelling_usd_per_row,
            "data_may_leave": limits.data_may_leave,
        },
        "added_to_prompts": asdict(extra),
        "price_table": price_table(),
        "choices": [
            asdict(line) | {"total_usd": line.total_usd(limits.calls_per_month, limits.months)} for line in lines
        ],
        "break_even": [asdict(point) for point in points],
        "marks": {
            "choices": [
                dict.fromkeys(("labelling_usd", "preparing_usd", "total_usd", "most_calls_per_month"), str(total))
                | {"per_call_usd": str(price)}
                for price in prices
            ],
            "break_even": str(mark_of(FigureName.BREAK_EVEN)),
        },
    }
    return (json.dumps(held, indent=2, ensure_ascii=False) + "\n").encode()
