"""The tables of docs/statistics.md: how often each kind of claim is made and how often it is false, at worst."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.claims.scenarios import scenarios
from benchmarks.claims.simulation import Tally

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "statistics.md"
MOST_FALSE = {
    "better": 0.05,
    "only one meets the limits": 0.05,
    "no risk": 0.05,
    "at worst behind by": 0.05,
    "cannot be told": 0.05,
    "lead": 0.05,
    "certain": 0.025,
    "contradiction": 0.0,
    "ahead as measured": 0.0,
}
"""Share of runs, at most, in which the claim is made and false, in every scenario."""
MEANING = {
    "better": "better than another",
    "lead": "leads with their intervals, all together",
    "only one meets the limits": "the only one that meets the limits",
    "no risk": "at most 5 points behind any other",
    "at worst behind by": "at worst so far behind",
    "cannot be told": "no clear difference, with the range",
    "certain": "certainly meets or misses a limit",
    "contradiction": "two claims that deny each other",
    "ahead as measured": "a lead that these rows do not show",
}
LEAST_HELD = 0.94
MOST_WIDER = 1.10
LEAST_TOLD = 0.9
AGAIN = 10
"""Scenarios that are run again."""


def worst(tallies: Mapping[int, Tally]) -> list[int]:
    """Return the numbers of the scenarios that come nearest to what is allowed, or lie beyond it, worst first."""
    return sorted(tallies, key=lambda number: -_strain(tallies[number]))[:AGAIN]


def _strain(tally: Tally) -> float:
    """The largest share of what is allowed that any claim uses up."""
    runs = tally["runs"]
    used = [tally[f"{name}: false"] / runs / most for name, most in MOST_FALSE.items() if most > 0]
    used.append((1 - tally["leader: held"] / runs) / (1 - LEAST_HELD))
    used.append(float(tally["contradiction: false"]))
    return max(used)


def claims_table(tallies: Mapping[int, Tally], checked: Mapping[int, Tally]) -> str:
    """Write the table of claims: worst rates over all scenarios; those that were run again count by that run."""
    rates = {**tallies, **checked}
    runs = next(iter(tallies.values()))["runs"]
    more = f"; the {len(checked)} worst again with {next(iter(checked.values()))['runs']:,}" if checked else ""
    lines = [
        f"{len(tallies)} scenarios with {runs:,} runs each{more}.",
        "",
        "| claim | made, of all runs | made and false, worst scenario | allowed | false of those made, there | which |",
        "|---|---|---|---|---|---|",
    ]
    for name, most in MOST_FALSE.items():
        number = max(rates, key=lambda one: (rates[one][f"{name}: false"] / rates[one]["runs"], -one))
        tally = rates[number]
        made = _percent(sum(one[f"{name}: made"] for one in tallies.values()), runs * len(tallies))
        false, of_made = tally[f"{name}: false"], max(tally[f"{name}: made"], tally[f"{name}: false"])
        if most == 0:
            made, of_made = "", 0
        lines.append(
            f"| {MEANING[name]} | {made} | {_percent(false, tally['runs'])} | {100 * most:g} % | "
            f"{_percent(false, of_made) if of_made else ''} | {scenarios()[number].name if false else ''} |"
        )
    lines.append(_measured_only(tallies))
    return "\n".join([*lines, "", *_leader(rates), "", *_told(rates)])


def _measured_only(tallies: Mapping[int, Tally]) -> str:
    """Write the line of what is said of this test alone, which nothing bounds: it shows why it is said so."""
    name, runs = "only one, in this test", next(iter(tallies.values()))["runs"]
    number = max(tallies, key=lambda one: (tallies[one][f"{name}: false"], -one))
    tally = tallies[number]
    made = _percent(sum(one[f"{name}: made"] for one in tallies.values()), runs * len(tallies))
    false, of_made = tally[f"{name}: false"], tally[f"{name}: made"]
    return (
        f"| in this test the only one that meets the limits | {made} | {_percent(false, runs)} | said as measured | "
        f"{_percent(false, of_made)} | {scenarios()[number].name} |"
    )


def _leader(rates: Mapping[int, Tally]) -> list[str]:
    least = min(rates, key=lambda one: rates[one]["leader: held"] / rates[one]["runs"])
    equal = [number for number in rates if scenarios()[number].shape == "equal"]
    least_equal = min(equal, key=lambda one: rates[one]["leader: held"] / rates[one]["runs"])
    width = max(_width(tally) for tally in rates.values())
    spoken = min((number for number in rates if rates[number]["scores: looks"]), key=lambda one: _spoken(rates[one]))
    held_spoken = f"{100 * _spoken(rates[spoken]):.1f} %"
    held, held_equal = (_percent(rates[one]["leader: held"], rates[one]["runs"]) for one in (least, least_equal))
    return [
        "| the best one's interval | worst scenario | allowed | which |",
        "|---|---|---|---|",
        f"| holds the truth | {held} | 94 % | {scenarios()[least].name} |",
        f"| holds the truth where all are equal | {held_equal} | 94 % | {scenarios()[least_equal].name} |",
        f"| of those that a verdict names, at each look | {held_spoken} | | {scenarios()[spoken].name} |",
        f"| width over the plain one's, where it leads by more than 20 points | {width:.2f} | 1.10 | |",
    ]


def _spoken(tally: Tally) -> float:
    """Share of the intervals named in a verdict that hold; where few are named, one stands for nothing."""
    looks = tally["scores: looks"]
    return tally["scores: held"] / looks if looks >= tally["runs"] / 20 else 1.0


def _width(tally: Tally) -> float:
    """Mean ratio of widths; a scenario in which few runs lead by so much says little."""
    far = tally["leader: far ahead"]
    return tally["leader: width in thousandths"] / far / 1000 if far >= tally["runs"] / 50 else 1.0


def _told(rates: Mapping[int, Tally]) -> list[str]:
    lines = ["| what is clearly true | said, worst scenario | wanted |", "|---|---|---|"]
    for name in sorted({key[:-7] for tally in rates.values() for key in tally if key.endswith(": asked")}):
        shares = [
            tally[f"{name}: told"] / tally[f"{name}: asked"] for tally in rates.values() if tally[f"{name}: asked"]
        ]
        lines.append(f"| {name} | {100 * min(shares):.1f} % | 90 % |")
    return lines


def failures(rates: Mapping[int, Tally]) -> list[str]:
    """Return a line for each scenario beyond what is allowed, by more than chance explains."""
    found = []
    for number, tally in rates.items():
        for name, most in MOST_FALSE.items():
            if _beyond(tally[f"{name}: false"], tally["runs"], most):
                share = _percent(tally[f"{name}: false"], tally["runs"])
                found.append(f"  {name}: false in {share} of runs: {scenarios()[number].name}")
        if _beyond(tally["runs"] - tally["leader: held"], tally["runs"], 1 - LEAST_HELD):
            share = _percent(tally["leader: held"], tally["runs"])
            found.append(f"  the best one's interval holds in {share} of runs: {scenarios()[number].name}")
        if _width(tally) > MOST_WIDER + 0.005:
            found.append(f"  the best one's interval is {_width(tally):.3f} times as wide: {scenarios()[number].name}")
        found += [
            f"  {name}: not said where it ought to be: {scenarios()[number].name}"
            for name in (key[:-7] for key in tally if key.endswith(": asked"))
            if tally[f"{name}: told"] < LEAST_TOLD * tally[f"{name}: asked"]
        ]
    return found


def _beyond(false: int, runs: int, most: float) -> bool:
    """Tell whether so many are more than two standard errors above what is allowed."""
    return false / runs > most + 2 * (most * (1 - most) / runs) ** 0.5


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"


def write_docs(*tables: str) -> None:
    """Put the tables between the marks of docs/statistics.md."""
    text = DOCS.read_text(encoding="utf-8")
    marks = r"(<!-- claims -->\n).*?(<!-- end of claims -->)"
    body = "\n\n".join(tables)
    DOCS.write_text(re.sub(marks, lambda found: f"{found[1]}\n{body}\n\n{found[2]}", text, flags=re.DOTALL), "utf-8")
