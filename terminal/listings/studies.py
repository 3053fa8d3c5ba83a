"""Studies as tables: the figures behind the charts of the pages Learning curve, Drift and Context, and the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.analysis.figures import VariantFigures
from engine.analysis.marks import FigureName, Origin, column_marks, mark_of
from engine.core.techniques import label
from engine.metrics import wording as say
from engine.metrics.marks import heading, marked
from engine.studies.context import PLACES, PlaceGap
from engine.studies.drift import DriftChange, rows_in_words
from engine.studies.learning_curve import CurvePoint
from engine.studies.seed_variation import SeedVariation
from terminal.output import Column, Listing


def curve_listing(points: Sequence[CurvePoint]) -> Listing:
    """Return one row per technique and number of training rows."""
    return Listing(
        columns=(
            Column(heading="technique"),
            Column(heading="training rows", figures=True),
            Column(heading="quality", figures=True),
            Column(heading="95 %", figures=True),
            Column(heading="each draw", wraps=True),
        ),
        rows=[
            [
                label(point.technique),
                say.number(point.train_rows),
                say.share(point.quality),
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
            Column(heading="before", figures=True),
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
                rows_in_words(change.kind),
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


def passages_listing(found: Mapping[int, VariantFigures], origin: Origin) -> Listing:
    """Return quality, latency and cost by number of passages; `origin` is that of the runs."""

    def headed(title: str, figure: FigureName) -> str:
        return heading(title, column_marks(figure, found.values(), origin))

    return Listing(
        title="numbers of passages",
        columns=(
            Column(heading="passages", figures=True),
            *(
                Column(heading=title, figures=True)
                for title in (
                    headed("quality", FigureName.QUALITY),
                    "95 %",
                    headed("p50", FigureName.TOTAL),
                    "p50 95 %",
                    headed("tokens in / out", FigureName.TOKENS),
                    headed("per 1,000", FigureName.COST),
                )
            ),
        ),
        rows=[
            [
                say.number(size),
                say.share(figures.quality),
                say.ends(figures.quality),
                say.seconds(figures.total_p50_s),
                say.seconds_ends(figures.total_p50_s),
                say.tokens(figures.prompt_tokens, figures.completion_tokens),
                say.money(figures.cost_usd_per_1k),
            ]
            for size, figures in sorted(found.items())
        ],
    )


def places_listing(found: Mapping[str, VariantFigures], gaps: Sequence[PlaceGap], passages: int) -> Listing:
    """Return quality by position of the supporting passage, and how far each position is behind the best."""
    behind = {gap.place: gap for gap in gaps}
    quality = marked("quality", mark_of(FigureName.QUALITY, origin=Origin(made_rows=True)))
    return Listing(
        title=f"the supporting passage among {passages}",
        about={"passages": str(passages)},
        columns=(
            Column(heading="place"),
            *(Column(heading=name, figures=True) for name in (quality, "95 %", "points to the best", "p (Holm)")),
        ),
        rows=[
            [
                place,
                say.share(found[place].quality),
                say.ends(found[place].quality),
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
                "above average" if draws.is_lucky(seed) else "",
            ]
            for name, draws in found.items()
        ],
    )
