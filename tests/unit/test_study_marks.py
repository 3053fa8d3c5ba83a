"""What the figures of studies and of runs side by side are: imported, simulated or estimated, wherever they are shown."""

from __future__ import annotations

from dataclasses import replace

from components.studies.curve import points_frame
from engine.analysis.figures import VariantFigures
from engine.analysis.marks import HERE, Origin
from engine.analysis.progress import LiveRun
from engine.analysis.report import assess
from engine.analysis.run_comparison import matrix
from engine.charts.plotly_form import to_plotly
from engine.core.generation import SCRIPTED
from engine.core.limits import Limits
from engine.core.run.manifest import Conditions
from engine.core.techniques import Technique
from engine.metrics.marks import Mark
from engine.running.planning import plan_run
from engine.studies.curve_charts import learning_chart
from engine.studies.drift import drift_changes
from engine.studies.learning_curve import curve_points
from terminal.listings.studies import curve_listing, drift_listing, passages_listing, places_listing
from terminal.output import Listing
from tests.made_runs import answered
from tests.memory_lab import MODEL, TASK, memory_lab, memory_model, memory_task
from tests.unit.test_learning_curve import small_curve

TICKETS = memory_task()
IMPORTED, SIMULATED = Origin(imported=True), Origin(simulated=True)


def headings(listing: Listing) -> list[str]:
    """Return how the columns of a listing are headed."""
    return [column.heading for column in listing.columns]


def measured() -> VariantFigures:
    """Return the figures of a variant."""
    plan = plan_run(TICKETS, memory_model(), techniques=[Technique.RAG], limit=20)
    return assess(plan, TICKETS, answered(plan, TICKETS, 0.5), Conditions(), Limits()).figures[0]


def test_a_learning_curve_says_which_points_were_imported() -> None:
    """All imported: said once, on the axis, under the pointer and above the column; some: beside each of them."""
    runs = [(plan, answered(plan, TICKETS, 0.5)) for plan in small_curve()]
    points = curve_points([(*run, IMPORTED) for run in runs])
    chart = learning_chart(points, [Technique.RAG])
    assert chart.y.title == "quality (imported)"
    assert "quality (imported): " in to_plotly(chart)["data"][0]["hovertemplate"]
    assert "quality (imported)" in headings(curve_listing(points))
    assert not any("imported" in text for text in points_frame(points)["Quality"])
    plain = curve_points([(*run, HERE) for run in runs])
    assert learning_chart(plain, [Technique.RAG]).y.title == "quality"
    # The second draw of the largest size was imported: its points are means of both draws.
    mixed = curve_points([*((*run, HERE) for run in runs[:-1]), (*runs[-1], IMPORTED)])
    assert [point.mark for point in mixed if point.train_rows == 20] == [Mark.IMPORTED] * 2
    assert learning_chart(mixed, [Technique.RAG]).y.title == "quality (partly imported)"
    shown = points_frame(mixed)
    assert ["imported" in text for text in shown["Quality"]] == [rows == 20 for rows in shown["Training rows"]]
    assert sum("imported" in row[2] for row in curve_listing(mixed).rows) == 2


def test_the_context_listings_say_what_each_column_is() -> None:
    """Costs are estimates whatever else; quality and seconds are those of the runs, told apart where they differ."""
    item = measured()
    listing = passages_listing({2: (item, IMPORTED), 1: (item, IMPORTED)})
    assert headings(listing) == [
        "passages", "quality (imported)", "95 %", "p50 (imported)", "p50 95 %", "tokens in / out (imported)",
        "per 1,000 (est.)",
    ]  # fmt: skip
    assert [row[0] for row in listing.rows] == ["1", "2"]
    mixed = passages_listing({2: (item, IMPORTED), 1: (item, HERE)})
    assert headings(mixed)[1::2] == ["quality", "p50", "tokens in / out"]
    assert [row[1].endswith("(imported)") for row in mixed.rows] == [False, True]
    places = places_listing({"last": (item, SIMULATED), "first": (item, SIMULATED)}, [], 4)
    assert headings(places)[1] == "quality (sim.)"
    assert [row[0] for row in places.rows] == ["first", "last"]


def test_drift_says_what_it_was_compared_with() -> None:
    """The original rows of an imported run are imported, the changed ones were measured here."""
    plan = plan_run(TICKETS, memory_model(), techniques=[Technique.RAG], limit=20)
    table = answered(plan, TICKETS, 0.5)
    listing = drift_listing(drift_changes(plan, (table, IMPORTED), {"drift": (table, HERE)}))
    assert "before (imported)" in headings(listing)
    assert listing.rows[0][1] == "the task's drift rows"


def test_models_side_by_side_have_their_marks() -> None:
    """A cell of the matrix is what the summary says of its quality."""
    variants = [
        {"variant": "rag", "technique": "rag", "quality": {"metric": "accuracy", "value": 0.5, "ci_low": 0.4, "ci_high": 0.6},
         "marks": {"quality": "simulated"}}
    ]  # fmt: skip
    table = matrix([{"task": "t", "model": "a", "variants": variants, "out": {}}])
    assert table.cells[Technique.RAG, "a"].mark is Mark.SIMULATED


def test_a_run_knows_where_its_figures_come_from_before_it_is_kept() -> None:
    """The live table of a run by the scripted model says simulated from its first row on, as its report does."""
    lab = memory_lab(models=[memory_model(backend=SCRIPTED)])
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.RAG], limit=3)
    begun = LiveRun(plan, lab.plans.conditions(plan, resume=False)).snapshot()
    assert begun.origin == SIMULATED
    run_id = lab.finished(rows=3)
    assert lab.results.origin(run_id) == SIMULATED
    assert lab.plans.conditions(replace(plan, run_id=run_id), resume=True) == lab.results.manifest(run_id).conditions
    (first, *_others) = lab.results.summary(run_id)["variants"]
    assert {first["marks"][name] for name in ("quality", "total_s", "tokens")} == {"simulated"}
    assert (first["marks"]["cost_usd_per_1k"], first["marks"]["peak_rss_bytes"]) == ("estimated", "shared")
