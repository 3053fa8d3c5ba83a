"""Costs, for one run after another."""

from __future__ import annotations

from dataclasses import replace

from engine.core.prices import CostAssumptions
from engine.core.run.events import Event, PredictionMade
from engine.core.run.prediction import Failure, FailureKind, Timing, Usage
from tests.memory_lab import TASK, memory_lab, script
from tests.pages.conftest import Opener
from tests.pages.test_decide import COSTS


def test_costs_of_another_run_begin_with_its_own_assumptions(open_app: Opener) -> None:
    """A machine's price that one run was made with is not that of the next one that is looked at."""
    lab = memory_lab()
    first = lab.finished()
    plan = replace(lab.results.plan(first), run_id="dear", costs=CostAssumptions(machine_usd_per_hour=5.0))
    lab.play(plan, script(plan, lab.tasks.get(TASK)))
    app = open_app(lab, COSTS)
    for run_id, price in ((first, 0.13), ("dear", 5.0), (first, 0.13)):
        app.query_params["run_id"] = run_id
        app.session_state["costs_run"] = run_id
        app.run()
        assert not app.exception
        assert next(field for field in app.number_input if "Machine" in field.label).value == price


def test_who_has_no_cost_is_named_and_left_out(open_app: Opener) -> None:
    """A variant of which no row was answered costs nothing that could be compared: table and export leave it out."""
    lab = memory_lab()
    plan = replace(lab.results.plan(lab.finished()), run_id="broken")
    lost = Failure(kind=FailureKind.CONTEXT_OVERFLOW, message="It does not fit.")

    def unanswered(event: Event) -> Event:
        if not isinstance(event, PredictionMade) or event.prediction.variant_id != "few-shot":
            return event
        made = replace(event.prediction, answer=None, score=None, failure=lost, timing=Timing(), usage=Usage())
        return replace(event, prediction=made)

    lab.play(plan, [unanswered(event) for event in script(plan, lab.tasks.get(TASK))])
    app = open_app(lab, COSTS)
    app.query_params["run_id"] = "broken"
    app.session_state["costs_run"] = "broken"
    app.run()
    assert not app.exception
    told = " ".join(one.value for one in app.caption).replace("\\", "")
    assert "Not every cost is known: few-shot answered no row." in told
    assert "another machine" not in told
