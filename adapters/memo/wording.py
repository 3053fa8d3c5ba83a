"""The memo's words: how it was measured, on what assumptions, and what identifies the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from engine.analysis.basis.choices import ABOUT as ABOUT_CHOICES
from engine.analysis.basis.choices import choice_sentences
from engine.analysis.basis.efforts import ABOUT as ABOUT_EFFORTS
from engine.analysis.basis.efforts import effort_sentences, replay_sentence, tuning_gains
from engine.analysis.costs.break_even import BreakEven, price_table
from engine.analysis.figures import VariantFigures
from engine.analysis.marks import CUT_PROBABILITIES, FigureName, mark_of, mark_of_item, price_marks
from engine.analysis.memo import MemoContents
from engine.analysis.report import Report
from engine.core.interval import Interval
from engine.core.text.safe_text import no_markdown, visible
from engine.core.variant import DecodingMode
from engine.metrics import wording as say
from engine.metrics.marks import Mark, heading, legend, marked
from engine.metrics.marks import cell as cell_with_mark

FAILURES_COUNT = "A row without an answer counts as wrong and is listed with its reason."
INTERVALS = (
    "Shares have Wilson's 95 % interval; other means and costs use Student's t corrected for skewness, macro F1 the "
    "BCa bootstrap, p50 and p95 order statistics."
)
SELECTED = "The best variant's interval is corrected for its selection as the best."
BETTER = (
    "The best is tested against its rivals alone, every other pair with Holm's correction over all pairs; p-values "
    "allow for every look at the run, and one below 0.05 counts. A variant is wrongly called better in at most 5 of "
    "100 runs, and wrongly called certain in at most 2.5."
)
DRAWS = "Another choice of training rows can shift a variant by some points; the intervals do not show that."


def span(interval: Interval) -> str:
    """Write the ends of a difference's interval in points."""
    return say.span(interval.low, interval.high)


def cell(value: object) -> str:
    """Write any cell of a table of figures."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def markdown(text: object) -> str:
    """Escape text for Markdown, also inside a table: it is shown, never interpreted."""
    return no_markdown(visible(str(text)))


def headed(title: str, report: Report, figure: str) -> str:
    """Write the heading of a column of a report's figures with the mark that they have in common."""
    return heading(title, report.marks(FigureName(figure)))


def marked_cell(text: str, report: Report, item: VariantFigures, figure: str) -> str:
    """Write a figure of a report, with its mark where the heading has none."""
    name = FigureName(figure)
    return cell_with_mark(text, mark_of_item(name, item, report.origin), report.marks(name))


def computed(text: str) -> str:
    """Write a sum of money, or where two of them meet, with its mark."""
    return marked(text, mark_of(FigureName.TOTAL_COST))


def from_volume(point: BreakEven) -> str:
    """Say from which volume a choice becomes the cheapest, as the start of a sentence."""
    return computed("At any volume" if point.at_any_volume else f"From {point.calls_in_words} a month")


def marked_by(text: str, marks: Sequence[Mark], place: int) -> str:
    """Write a figure with the mark in its place, where the heading has none."""
    return cell_with_mark(text, marks[place], marks)


def prices(contents: MemoContents) -> tuple[Mark, ...]:
    """Return the marks of the prices per call, in the order of the table of costs."""
    report = contents.report
    return price_marks(report.figures, report.origin, closed=len(contents.closed_costs))


def what_marks_mean(report: Report) -> str:
    """Say what the marks in the table of all figures mean."""
    return legend(mark for figure in _IN_TABLE for mark in report.marks(figure))


_IN_TABLE = (
    FigureName.QUALITY,
    FigureName.TTFT,
    FigureName.TOTAL,
    FigureName.TOKENS,
    FigureName.COST,
    FigureName.ENERGY,
    FigureName.PREPARE,
    FigureName.MEMORY,
)

FILTERS: Mapping[str, Callable[..., str]] = {
    "share": say.share,
    "ends": say.ends,
    "span": span,
    "latency": say.seconds,
    "p95_ends": lambda item: say.p95_ends(item.total_p95_s, item.timed_rows),
    "duration": say.duration,
    "money": say.money,
    "energy": say.energy,
    "size": say.size,
    "number": say.number,
    "counted": say.counted,
    "estimate": say.about,
    "signed_points": say.signed_points,
    "tokens": say.tokens,
    "p_value": say.probability,
    "cell": cell,
    "visible": visible,
    "markdown": markdown,
    "headed": headed,
    "headed_by": heading,
    "marked": marked_cell,
    "marked_by": marked_by,
    "computed": computed,
    "from_volume": from_volume,
}
"""How a template writes what it shows."""


def method(contents: MemoContents) -> list[str]:
    """Say how the figures came about."""
    report = contents.report
    choices = choice_sentences(report.figures)
    decided = [" ".join([ABOUT_CHOICES, *choices])] if choices else []
    searched = (
        [
            " ".join([ABOUT_EFFORTS, *effort_sentences(report.searches)]),
            *tuning_gains(report),
            f"{replay_sentence(report.searches)}.",
        ]
        if report.searches
        else []
    )
    cut = [CUT_PROBABILITIES] if report.origin.probabilities_cut and contents.decoding is DecodingMode.CHOICE else []
    intervals, compared = INTERVALS, []
    if report.differences:
        intervals, compared = f"{INTERVALS} {SELECTED}", [_pairs(report), BETTER]
    drawn = [DRAWS] if any(item.learns for item in report.figures) else []
    return [_rows(contents), *searched, *decided, *cut, FAILURES_COUNT, intervals, *compared, *drawn]


def _rows(contents: MemoContents) -> str:
    """Say who answered what, in which order."""
    report, plan = contents.report, contents.report.plan
    row = "row" if contents.aside else "test row"
    most = "up to " if len({item.rows for item in report.figures}) > 1 else ""
    trained = len(plan.train_ids) if any(item.learns for item in report.figures) else 0
    learning = f"learning from at most {say.counted(trained, 'training row')}" if trained else "without training rows"
    told = (
        f"{say.counted(len(plan.variants), 'variant')} answered {most}{say.counted(len(plan.test_ids), row)}, "
        f"{learning}, with seed {plan.seed} and {contents.decoding} decoding. {_order(contents)}"
    )
    return told.strip()


def _order(contents: MemoContents) -> str:
    """Say in which order rows were answered; nothing of turns where one variant ran alone."""
    plan, blocks = contents.report.plan, contents.manifest.block_rows
    if plan.throughput:
        return "Rows were answered in batches, so no latency of single rows is given."
    if len(plan.variants) == 1:
        return ""
    turns = (
        "row by row"
        if blocks == 1
        else f"in blocks of {blocks} rows, as the server holds one model or one prompt at a time"
    )
    return f"The variants took turns {turns}, so that every comparison is paired and a slow minute hit them all."


def _pairs(report: Report) -> str:
    """Say how the pairs were tested."""
    tests = sorted({item.test for item in report.differences})
    return (
        f"Pairs were tested on the same rows ({', '.join(tests)}) and corrected by Holm's method for "
        f'{say.counted(len(report.differences), "pair")}. "Rows still needed" assumes 80 % power and that the measured '
        "gap is real."
    )


def assumptions(contents: MemoContents) -> list[tuple[str, str]]:
    """List what was assumed and not measured."""
    limits, costs = contents.report.limits, contents.report.plan.costs
    least, slowest, dearest = limits.least_quality, limits.highest_p95_s, limits.highest_cost_usd_per_1k
    return [
        ("Minimum quality", "no limit" if least is None else say.share(least)),
        ("Maximum p95", "no limit" if slowest is None else say.seconds(slowest)),
        ("Maximum cost per 1,000 answers", "no limit" if dearest is None else say.money(dearest)),
        ("Calls", f"{say.number(limits.calls_per_month)} a month over {say.counted(limits.months, 'month')}"),
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
        ("Started", say.when(manifest.started_at)),
        ("State", contents.answers),
        ("Task digest (SHA-256)", manifest.task_digest),
        ("Task licence", contents.licence or "not stated"),
        *([("Embedder", manifest.embedder)] if manifest.embedder else []),
    ]
    parts = {"Model": asdict(manifest.model), "Machine": asdict(manifest.machine), "Versions": dict(manifest.versions)}
    for title, part in parts.items():
        found += [(f"{title}: {key}", str(value)) for key, value in part.items()]
    return found


def leaks(contents: MemoContents) -> list[str]:
    """Return what the leak check searched and found when the task was made, or that none was run."""
    return [contents.leak_guard or "No leak check was run."]
