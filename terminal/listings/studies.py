"""Studies as tables: the figures behind the charts of the pages Learning curve, Drift and Context, and the seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from engine.analysis.figures import VariantFigures
from engine.analysis.marks import FigureName, marks_over_runs
from engine.core.techniques import label
from engine.metrics import wording as say
from engine.metrics.marks import Mark, cell, heading
from engine.studies.context import PLACES, Found, PlaceGap
from engine.studies.drift import DriftChange, before_in_words, rows_in_words
from engine.studies.learning_curve import CurvePoint
from engine.studies.seed_variation import SeedVariation
from terminal.output import Column, Listing


def curve_listing(points: Sequence[CurvePoint]) -> Listing:
    """Return one row per technique and number of training rows."""
    marks = [point.mark for point in points]
    return Listing(
        columns=(
            Column(heading="technique"),
            Column(heading="training rows", figures=True),
            Column(heading=heading("quality", marks), figures=True),
            Column(heading="95 %", figures=True),
            Column(heading="each seed", wraps=True),
        ),
        rows=[
            [
                label(point.technique),
                say.number(point.train_rows),
                cell(say.share(point.quality), point.mark, marks),
                say.ends(point.quality),
                ", ".join(say.share(mean) for mean in point.means),
            ]
            for point in points
        ],
    )


def drift_listing(changes: Sequence[DriftChange]) -> Listing:
    """Return one row per kind of changed rows and variant."""
    return Listing(
        columns=(
            Column(heading="variant"),
            Column(heading="rows", wraps=True),
            Column(heading=before_in_words("before", changes), figures=True),
            Column(heading="after", figures=True),
            Column(heading="points", figures=True),
            Column(heading="95 %", figures=True),
            Column(heading="degrades"),
            Column(heading="p (Holm)", figures=True, spare=True),
            Column(heading="number", figures=True, spare=True),
            Column(heading="compared", spare=True),
        ),
        rows=[
            [
                change.name,
                rows_in_words(change),
                say.share(change.before),
                say.share(change.after),
                say.signed_points(change.change.value),
                say.span(change.change.low, change.change.high),
                "yes" if change.breaks else "",
                f"{change.p_holm:.4f}",
                say.number(change.rows),
                "same rows" if change.paired else "other rows",
            ]
            for change in changes
        ],
    )


_PASSAGES: tuple[tuple[str, FigureName | None, Callable[[VariantFigures], str]], ...] = (
    ("quality", FigureName.QUALITY, lambda item: say.share(item.quality)),
    ("95 %", None, lambda item: say.ends(item.quality)),
    ("p50", FigureName.TOTAL, lambda item: say.seconds(item.total_p50_s)),
    ("p50 95 %", None, lambda item: say.seconds_ends(item.total_p50_s)),
    ("tokens in / out", FigureName.TOKENS, lambda item: say.tokens(item.prompt_tokens, item.completion_tokens)),
    ("per 1,000", FigureName.COST, lambda item: say.money(item.cost_usd_per_1k)),
)
"""Heading, whose mark it carries, and how it is written."""


def passages_listing(found: Mapping[int, Found]) -> Listing:
    """Return quality, latency and cost by number of passages."""
    sizes = sorted(found)
    measured = [found[size] for size in sizes]
    headings, columns = [], []
    for title, figure, write in _PASSAGES:
        marks = marks_over_runs(figure, measured) if figure else (Mark.MEASURED,) * len(measured)
        headings.append(heading(title, marks))
        columns.append([cell(write(item), mark, marks) for (item, _from), mark in zip(measured, marks, strict=True)])
    return Listing(
        title="numbers of passages",
        columns=(
            Column(heading="passages", figures=True),
            *(Column(heading=name, figures=True) for name in headings),
        ),
        rows=[[say.number(size), *line] for size, *line in zip(sizes, *columns, strict=True)],
    )


def places_listing(found: Mapping[str, Found], gaps: Sequence[PlaceGap], passages: int) -> Listing:
    """Return quality by position of the supporting passage, and how far each position is behind the best."""
    behind = {gap.place: gap for gap in gaps}
    marks = dict(zip(found, marks_over_runs(FigureName.QUALITY, found.values()), strict=True))
    quality = heading("quality", [*marks.values()])
    return Listing(
        title=f"the supporting passage among {passages}",
        about={"passages": str(passages)},
        columns=(
            Column(heading="place"),
            *(Column(heading=name, figures=True) for name in (quality, "95 %", "points behind the best", "p (Holm)")),
        ),
        rows=[
            [
                place,
                cell(say.share(found[place][0].quality), marks[place], [*marks.values()]),
                say.ends(found[place][0].quality),
                say.signed_points(behind[place].effect.value) if place in behind else "",
                f"{behind[place].p_holm:.4f}" if place in behind else "",
            ]
            for place in PLACES
            if place in found
        ],
    )


def draws_listing(found: Mapping[str, SeedVariation], seed: int) -> Listing:
    """Return each variant over several seeds, and whether this seed is above average."""
    headings = ("this seed", "mean over seeds", "95 %", "SD across seeds", "SD from sampling rows", "SD from the seed")
    return Listing(
        columns=(
            Column(heading="variant"),
            *(Column(heading=heading, figures=True) for heading in headings),
            Column(heading="above or below average"),
        ),
        rows=[
            [
                name,
                say.share(draws.means[draws.seeds.index(seed)] if seed in draws.seeds else None),
                say.share(draws.quality),
                say.ends(draws.quality),
                *(
                    f"{part * 100:.1f}"
                    for part in (draws.deviation_over_seeds, draws.deviation_over_rows, draws.by_draw)
                ),
                draws.side(seed),
            ]
            for name, draws in found.items()
        ],
    )
