"""Report: limits are asked on the page, and where rows are too few a button runs more of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from engine.core.errors import ServerAbsentError
from engine.core.generation import ModelFacts
from engine.core.prices import TokenPrices
from engine.core.run.events import Event, PredictionMade, RunEnded
from engine.core.run.plan import RunPlan
from engine.core.task import AnswerKind, AnswerSpec
from engine.core.techniques import Technique
from tests.memory_lab import MODEL, TASK, MemoryLab, memory_lab, memory_task, script, until
from tests.pages.conftest import Opener

REPORT = "pages/decide/report.py"
PAIR = (Technique.ZERO_SHOT, Technique.FEW_SHOT)
PRICES = TokenPrices(source="test/one", input_usd=1.0, cached_input_usd=0.5, output_usd=2.0)


def close_run(lab: MemoryLab, *, rows: int = 40, prices: TokenPrices | None = None) -> str:
    """Put a run there in which few-shot, which is slower, is ahead by four rows of 40: too few to decide."""
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=PAIR, limit=rows, spending_limit_usd=1.0)
    plan = replace(plan, prices=prices)
    events = [_scored(event, plan) for event in script(plan, lab.tasks.get(TASK))]
    return lab.play(plan, [*events, RunEnded(status="done")])


def _scored(event: Event, plan: RunPlan) -> Event:
    if not isinstance(event, PredictionMade):
        return event
    made = event.prediction
    place, few = plan.test_ids.index(made.example_id), made.variant_id == "few-shot"
    right = (3 <= place < 31) if few else place < 24
    slow = replace(made.timing, total_s=0.4 if few else 0.1)
    score = float(right)
    return replace(event, prediction=replace(made, score=score, scores={"accuracy": score}, failure=None, timing=slow))


def opened(open_app: Opener, lab: MemoryLab) -> AppTest:
    """Open the report."""
    app = open_app(lab).run()
    app.switch_page(REPORT).run()
    assert not app.exception
    return app


def told(app: AppTest) -> str:
    """Return all Markdown and headings of a page, unescaped."""
    return " ".join(element.value for kind in (app.header, app.markdown) for element in kind).replace("\\", "")


def buttons(app: AppTest) -> dict[str, str]:
    """Return the labels of the buttons by key."""
    return {button.key: button.label for button in app.button}


def test_the_button_continues_the_run(open_app: Opener) -> None:
    """Too few rows: the three lines say so, and the button runs the missing ones in the same run, shown on the Run page."""
    lab = memory_lab(task=memory_task(rows=600), speed=500)
    run_id = close_run(lab)
    app = opened(open_app, lab)
    assert "Too few rows to decide: few-shot leads zero-shot by 10 points." in told(app)
    label = buttons(app)["more_rows"]
    rows = int(label.split()[1].replace(",", ""))
    assert label.startswith(f"Run {rows} more rows (about ")
    assert f"Next: test about {rows} more rows; that should settle it." in told(app)
    app.button(key="more_rows").click().run()
    assert not app.exception
    until(lambda: lab.runs.list()[0].status == "done")
    (info,) = lab.runs.list()
    assert info.run_id == run_id
    assert info.rows_done == info.rows_total == 2 * (40 + rows)
    plan = lab.results.plan(run_id)
    assert (len(plan.test_ids), plan.looks) == (40 + rows, 1)
    again = opened(open_app, lab)
    assert f"{40 + rows:,} test rows" in " ".join(caption.value for caption in again.caption).replace("\\", "")


def test_where_the_split_has_too_few_rows_it_says_how_many_are_missing(open_app: Opener) -> None:
    """No button that cannot help: the missing labelled rows are counted, and Upload is one click away."""
    lab = memory_lab(task=memory_task(rows=45))
    close_run(lab)
    app = opened(open_app, lab)
    assert "more_rows" not in buttons(app)
    assert "5 test rows are left: " in told(app)
    assert "more labelled rows needed." in told(app)
    assert any(link.proto.label == "Add labelled rows" for link in app.get("page_link"))


def test_a_priced_model_asks_first(open_app: Opener) -> None:
    """What more rows cost is told; the button waits for a spending limit that was agreed to."""
    lab = memory_lab(task=memory_task(rows=600), speed=500)
    run_id = close_run(lab, prices=PRICES)
    app = opened(open_app, lab)
    assert app.button(key="more_rows").disabled
    assert "test/one" in told(app)
    app.checkbox(key=f"more_rows_limit_{run_id}_agreed").check().run()
    limit = app.number_input(key=f"more_rows_limit_{run_id}").value
    assert not app.button(key="more_rows").disabled
    app.button(key="more_rows").click().run()
    assert not app.exception
    assert lab.results.plan(run_id).spending_limit_usd == limit


def test_what_is_agreed_to_for_one_run_holds_for_no_other(open_app: Opener) -> None:
    """Another run on the same page asks again, with a limit of its own."""
    lab = memory_lab(task=memory_task(rows=600))
    dear = replace(PRICES, input_usd=1000.0)
    first, second = close_run(lab, prices=dear), close_run(lab, prices=PRICES)
    app = opened(open_app, lab)
    app.selectbox(key="report_run").set_value(first).run()
    next(box for box in app.checkbox if box.label == "I agree to spend up to this limit").check().run()
    limit = next(field for field in app.number_input if field.label.startswith("Spending limit")).value
    assert not app.button(key="more_rows").disabled
    app.selectbox(key="report_run").set_value(second).run()
    assert not app.exception
    assert app.button(key="more_rows").disabled
    assert next(field for field in app.number_input if field.label.startswith("Spending limit")).value < limit


def test_limits_are_asked_and_never_assumed(open_app: Opener) -> None:
    """The report opens ranking, with three empty fields; "your" is written only once one is filled."""
    lab = memory_lab(task=memory_task(rows=600))
    close_run(lab)
    app = opened(open_app, lab)
    keys = ("limit_least_quality", "limit_highest_p95_s", "limit_highest_cost_usd_per_1k")
    assert [app.number_input(key=key).value for key in keys] == [None, None, None]
    assert "your" not in told(app).lower()
    assert "you plan" not in told(app)
    app.number_input(key="limit_highest_p95_s").set_value(0.2)
    app.run()
    assert "meets your limits" in app.header[0].value
    assert "over your 0.20 s" in told(app)
    app.number_input(key="limit_highest_p95_s").set_value(None)
    app.run()
    assert "your" not in told(app).lower()


def test_without_its_server_the_report_is_shown_and_offers_nothing(
    open_app: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the server answers again, the button is back, without a new start of the app."""
    lab = memory_lab(task=memory_task(rows=600), speed=500)
    close_run(lab)
    known = lab.memory.models.get

    def absent(model_id: str) -> ModelFacts:
        raise ServerAbsentError("Nothing answers at http://127.0.0.1:11434.", "Start the server.")

    monkeypatch.setattr(lab.memory.models, "get", absent)
    app = opened(open_app, lab)
    assert not any(label.startswith("Run ") for label in buttons(app).values())
    monkeypatch.setattr(lab.memory.models, "get", known)
    app.run()
    assert any(label.startswith("Run ") for label in buttons(app).values())


@pytest.mark.parametrize("page", [REPORT, "pages/compare/run.py"])
def test_a_run_whose_task_is_gone_says_so_and_shows_its_answers(open_app: Opener, page: str) -> None:
    """Gone before, or while the page was open with its figures computed: no page breaks."""
    lab = memory_lab(speed=500)
    run_id = lab.finished(rows=6)
    app = open_app(lab, page)
    app.query_params["run_id"] = run_id
    app.run()
    assert not app.exception
    lab.memory.tasks._kept.pop(TASK)
    app.run()
    assert not app.exception
    words = " ".join(item.value for kind in (app.warning, app.error) for item in kind)
    assert "gone" in words or "Unknown task" in words
    if page != REPORT:
        assert any(header.value == "Rows" for header in app.header)
        offered = {button.proto.label for button in app.get("download_button")}
        assert "predictions.csv" in offered
        assert "summary.json" not in offered, "there is none without the task"


def test_two_sums_in_a_line_are_no_formula(open_app: Opener) -> None:
    """Between two dollar signs Markdown would read LaTeX."""
    lab = memory_lab(task=memory_task(rows=600))
    close_run(lab, prices=replace(PRICES, input_usd=10_000.0))
    app = opened(open_app, lab)
    (line,) = (element.value for element in app.markdown if "this run has cost" in element.value)
    assert line.count("$") == line.count("\\$") == 2


def test_one_more_row_is_no_rows(monkeypatch: pytest.MonkeyPatch, open_app: Opener) -> None:
    """On the button and where its cost is told; one pair is no pairs, either."""
    lab = memory_lab(task=memory_task(rows=600))
    close_run(lab, prices=PRICES)
    offer = lab.more_rows.offer
    monkeypatch.setattr(lab.more_rows, "offer", lambda run_id, needed: offer(run_id, 1))
    app = opened(open_app, lab)
    assert buttons(app)["more_rows"].startswith("Run 1 more row (about ")
    assert "1 more row costs about" in told(app)
    app.session_state["report_tab"] = "Every pair"
    app.run()
    assert any("1 pair, Holm" in caption.value.replace("\\", "") for caption in app.caption)


@pytest.mark.parametrize("labels", [True, False])
def test_what_gives_a_probability_is_advised_only_where_it_is_offered(labels: bool, open_app: Opener) -> None:
    """A task without labels offers neither a choice among labels nor the classifier."""
    lab = memory_lab() if labels else memory_lab(task=memory_task(answer=AnswerSpec(kind=AnswerKind.SHORT)))
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=PAIR, limit=8)
    events = [
        replace(event, prediction=replace(event.prediction, probabilities={}))
        if isinstance(event, PredictionMade)
        else event
        for event in script(plan, lab.tasks.get(TASK))
    ]
    lab.play(plan, [*events, RunEnded(status="done")])
    app = open_app(lab).run()
    app.session_state["report_tab"] = "Confidence"
    app.switch_page(REPORT).run()
    assert not app.exception
    said = " ".join(caption.value for caption in app.caption)
    assert "No answer has a probability" in said
    assert ("choose 'Choice' decoding" in said, "are not labels" in said) == (labels, not labels)
