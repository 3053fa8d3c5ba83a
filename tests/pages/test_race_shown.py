"""A race on screen: who left it with a few rows, which may have been easier, leads nothing."""

from __future__ import annotations

from dataclasses import replace

from components.ui.bests import bests
from components.widgets.charts import quality_so_far
from engine.analysis.snapshot import Lane
from engine.core.run.events import RunEnded
from engine.core.techniques import Technique
from tests.memory_lab import memory_lab, script
from tests.pages.conftest import Opener

ASIDE = "variants that left the race do not count"


def _raced() -> list[Lane]:
    """Return three lanes, of which the best so far is out after four rows."""
    lab = memory_lab()
    techniques = [Technique.ZERO_SHOT, Technique.FEW_SHOT, Technique.RAG]
    lanes = lab.runs.snapshot(lab.finished(rows=20, techniques=techniques)).lanes
    first = replace(lanes[0].figures, quality=replace(lanes[0].figures.quality, value=1.0, high=1.0))
    return [replace(lanes[0], is_out=True, running_quality=(1.0,) * 4, figures=first), *lanes[1:]]


def test_who_left_a_race_leads_no_chart() -> None:
    """The band and the thick line are those of the best one still in it; of no other where all are out."""
    lanes = _raced()
    best = max(lanes[1:], key=lambda lane: lane.running_quality[-1])
    band, *lines = quality_so_far(lanes, 20)["data"]
    assert max(band["x"]) == len(best.running_quality)
    assert [line["name"] for line in lines if line["line"]["width"] > 2] == [best.name]
    assert all(trace["line"]["width"] for trace in quality_so_far(lanes[:1], 20)["data"])


def test_who_left_a_race_is_best_at_nothing_and_that_is_said() -> None:
    """The help of each best says whom it does not count; without a race there is nothing to say."""
    lanes = _raced()
    assert all(lanes[0] not in best.lanes and best.detail.endswith(f"; {ASIDE}") for best in bests(lanes))
    assert not [best for best in bests(lanes[1:]) if ASIDE in best.detail]


def test_a_run_of_one_answer_is_counted_as_one(open_app: Opener) -> None:
    """Its state reads "1 answer"."""
    lab = memory_lab()
    plan = lab.plans.make(task_id="tickets", model_id="memory-135m", techniques=[Technique.RAG], limit=1)
    lab.play(plan, [*script(plan, lab.tasks.get("tickets")), RunEnded(status="done")])
    app = open_app(lab)
    app.query_params["run_id"] = plan.run_id
    app.run()
    assert not app.exception
    told = " ".join(element.value for element in app.markdown)
    assert "Done · 1 answer" in told
    assert "1 answers" not in told
