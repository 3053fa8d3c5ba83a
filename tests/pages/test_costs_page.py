"""Costs, for one run after another."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from components.report.cost_tables import uncompared
from components.ui import state
from engine.analysis.costs.break_even import own_line
from engine.core.limits import Limits
from engine.core.prices import CostAssumptions, TokenPrices
from engine.core.run.events import Event, PredictionMade, RunEnded
from engine.core.run.prediction import Failure, FailureKind, Timing, Usage
from engine.core.techniques import Technique
from tests.memory_lab import MODEL, TASK, MemoryLab, memory_lab, script
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


def _captions(app: AppTest) -> str:
    return " ".join(one.value for one in app.caption).replace("\\", "")


def _opened(open_app: Opener, lab: MemoryLab, run_id: str) -> AppTest:
    app = open_app(lab, COSTS)
    app.query_params["run_id"] = run_id
    app.session_state["costs_run"] = run_id
    app.run()
    assert not app.exception
    return app


@pytest.mark.parametrize(
    ("techniques", "told"),
    [
        ([Technique.CLASSIFIER], "Classifier is the only choice whose cost is known"),
        ([Technique.CLASSIFIER, Technique.ZERO_SHOT], "The same choice is cheapest at every volume."),
    ],
)
def test_one_choice_is_no_cheapest_of_several(techniques: list[Technique], told: str, open_app: Opener) -> None:
    """With a single choice the page says that there is nothing to compare it with."""
    lab = memory_lab()
    run_id = lab.finished(techniques=techniques)
    app = open_app(lab, COSTS)
    app.session_state[state.LABELLING_USD] = 0.0
    app.query_params["run_id"] = run_id
    app.run()
    assert told in _captions(app)
    assert ("cheapest at every volume" in _captions(app)) == (len(techniques) > 1)


def test_without_a_known_cost_nothing_is_cheapest() -> None:
    """Neither where there is no line, nor where none has a price."""
    plan = memory_lab().plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.ZERO_SHOT])
    unknown = own_line(
        plan.variants[0], plan, name="x", prepared=None, cost_usd_per_call=math.nan, busy_s_per_call=1.0, away=True
    )
    for able in ([], [unknown, unknown]):
        assert uncompared(able) == "No choice has a known cost: there is nothing to compare."


@pytest.mark.parametrize("priced", [True, False])
def test_a_run_at_a_priced_api_stays_a_choice_and_that_is_said(priced: bool, open_app: Opener) -> None:
    """The table and the note agree on what leaves the machine, and nobody is told to have said what was the default."""
    lab = memory_lab()
    plan = replace(lab.results.plan(lab.finished(techniques=[Technique.ZERO_SHOT])), run_id="priced")
    prices = TokenPrices(source="openai/gpt-5-nano", input_usd=1.0, cached_input_usd=0.1, output_usd=2.0)
    plan = replace(plan, prices=prices if priced else None)
    lab.play(plan, [*script(plan, lab.tasks.get(TASK)), RunEnded(status="done")])
    app = _opened(open_app, lab, "priced")
    lines = next(frame.value for frame in app.dataframe if "Data leaves" in frame.value)
    assert (lines.set_index("Choice")["Data leaves"]["Zero-shot"] == "yes") is priced
    told = _captions(app)
    assert "You said" not in told
    assert "closed APIs that answered no row of this run are shown only for comparison" in told
    assert ("remain choices" in told) is priced


def test_what_is_added_to_prompts_is_kept_while_another_page_is_open(open_app: Opener) -> None:
    """As the fields beside it are; another run without the variant whose tokens are priced begins with its own first."""
    lab = memory_lab()
    other = lab.finished(techniques=[Technique.RAG], rows=8)
    app = _opened(open_app, lab, lab.finished())
    app.number_input(key="costs_context").set_value(1500)
    app.number_input(key="costs_images").set_value(2)
    app.selectbox(key="costs_image_size").set_value("512 x 512")
    app.selectbox(key="costs_tokens_of").set_value("lora").run()
    app.switch_page("pages/decide/report.py").run()
    app.switch_page(COSTS).run()
    assert not app.exception
    assert [app.number_input(key=f"costs_{name}").value for name in ("context", "images")] == [1500, 2]
    assert [app.selectbox(key=f"costs_{name}").value for name in ("image_size", "tokens_of")] == ["512 x 512", "lora"]
    app.query_params["run_id"] = other
    app.session_state["costs_run"] = other
    app.run()
    assert not app.exception
    assert app.selectbox(key="costs_tokens_of").value == "rag"


def test_one_month_is_no_months(open_app: Opener) -> None:
    """In the chart, in the verdict and in the memo."""
    lab = memory_lab()
    run_id, limits = lab.finished(), Limits(months=1)
    app = open_app(lab, COSTS)
    app.session_state[state.MONTHS] = 1
    app.query_params["run_id"] = run_id
    app.run()
    assert "over 1 month, one-off" in _captions(app)
    for form in ("html", "md"):
        memo = lab.exports.memo(run_id, limits, form=form).decode()
        assert "over 1 month" in memo
        assert "1 months" not in memo
