"""Learning curve, drift and context, rendered by AppTest on made-up runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.models.scripted import CAPABILITIES as SCRIPTED
from engine.core.run.manifest import Purpose
from tests.memory_lab import marked_task, memory_lab, memory_model, memory_task, until
from tests.pages.conftest import Opener
from tests.pages.test_decide import opened, told


def test_a_learning_curve_is_measured_and_shown(open_app: Opener) -> None:
    """The button makes the runs in the background; then there is a point per technique and size, and an answer."""
    lab = memory_lab(speed=500)
    app = opened(open_app, lab, "pages/decide/learning_curve.py")
    assert "Nothing has been measured" in app.info[0].value
    app.number_input(key="curve_rows_tickets").set_value(6)
    app.number_input(key="curve_draws").set_value(2)
    app.run()
    app.button(key="series_start").click().run()
    assert not app.exception
    until(lambda: not lab.studies.state(Purpose.LEARNING_CURVE).is_running)
    assert len(lab.runs.list()) == 1 + 2 * 4  # one without training rows, and two draws of each number of them
    app.run()
    assert not app.exception
    frame = next(item.value for item in app.dataframe if "Each seed" in item.value)
    assert set(frame["Technique"]) == {"Zero-shot", "Few-shot", "RAG", "Classifier"}
    assert set(frame["Training rows"]) == {0, 5, 10, 25, 50}
    assert "training rows" in told(app)


def test_drift_shows_who_breaks(open_app: Opener) -> None:
    """Without runs on changed rows the page offers to make them; with them it names each kind."""
    lab = memory_lab(speed=500)
    lab.finished(rows=6)
    app = opened(open_app, lab, "pages/decide/drift.py")
    assert "Nothing has been measured" in app.info[0].value
    app.button(key="series_start").click().run()
    until(lambda: not lab.studies.state(Purpose.DRIFT).is_running)
    assert len(lab.runs.list()) == 4
    app.run()
    assert not app.exception
    assert "With typos" in told(app)
    frame = next(item.value for item in app.dataframe if "Degrades" in item.value)
    assert set(frame["Rows"]) == {f"{kind} (sim.)" for kind in ("typos", "changed case", "shuffled clauses")}
    assert set(frame["Compared"]) == {"same rows"}


def test_context_is_measured_and_shown(open_app: Opener) -> None:
    """Runs by number of passages and by place are made, and both answers are given."""
    lab = memory_lab(speed=500, task=marked_task(8))
    app = opened(open_app, lab, "pages/decide/context.py")
    app.number_input(key="context_rows_tickets").set_value(6)
    app.number_input(key="context_passages").set_value(4)
    app.run()
    app.button(key="series_start").click().run()
    until(lambda: not lab.studies.state(Purpose.CONTEXT).is_running)
    assert len(lab.runs.list()) == 7
    app.run()
    assert not app.exception
    assert "Quality is highest at" in told(app)
    assert "Among 4 passages" in told(app)
    assert {item.key for item in app.get("bidi_component")} >= {"context_quality", "context_latency", "context_place"}


def test_context_needs_documents(open_app: Opener) -> None:
    """A machine whose tasks have no documents is told what is needed."""
    lab = memory_lab(task=replace(memory_task(), documents=()))
    app = opened(open_app, lab, "pages/decide/context.py")
    assert "documents" in app.warning[0].value


def test_a_study_at_a_closed_api_is_agreed_to_first(open_app: Opener) -> None:
    """Its runs wait for a limit for all of them, share it by what they cost, and none can spend more than its part."""
    remote = memory_model(
        id="api/large", backend="openai", server="https://api.example.com/v1", price_ref="openai/gpt-4.1"
    )
    lab = memory_lab(models=[remote], speed=500)
    lab.memory.models.able[remote.id] = SCRIPTED
    app = opened(open_app, lab, "pages/decide/learning_curve.py")
    assert "api.example.com" in app.sidebar.caption[0].value.replace("\\", ""), "from the first look on"
    app.number_input(key="curve_rows_tickets").set_value(6)
    app.number_input(key="curve_draws").set_value(1)
    app.run()
    assert "api.example.com" in app.sidebar.caption[0].value.replace("\\", "")
    assert app.button(key="series_start").disabled
    assert any("runs to go cost about" in text.value for text in app.markdown)
    assert not app.warning, "the limit is asked for once, and not run by run"
    limit = app.number_input(key=f"setup_spending_limit_{Purpose.LEARNING_CURVE}_{remote.id}").value
    next(box for box in app.checkbox if box.label == "I agree to spend up to this limit").check().run()
    assert not app.warning
    app.button(key="series_start").click().run()
    assert not app.exception
    until(lambda: not lab.studies.state(Purpose.LEARNING_CURVE).is_running)
    parts = [lab.results.plan(info.run_id).spending_limit_usd for info in lab.runs.list()]
    assert len(parts) > 1
    assert all(part is not None and part > 0 for part in parts)
    assert sum(part or 0.0 for part in parts) == pytest.approx(limit)


def test_choices_of_a_study_hold_from_page_to_page(open_app: Opener) -> None:
    """Coming back to the curve shows the series that was chosen, and not the usual one."""
    lab = memory_lab(speed=500)
    app = open_app(lab).run()
    app.switch_page("pages/decide/learning_curve.py").run()
    app.number_input(key="curve_rows_tickets").set_value(7)
    app.number_input(key="curve_draws").set_value(2)
    app.run()
    app.switch_page("pages/decide/history.py").run()
    app.switch_page("pages/decide/learning_curve.py").run()
    assert app.number_input(key="curve_rows_tickets").value == 7
    assert app.number_input(key="curve_draws").value == 2


def test_a_run_with_another_limit_is_the_same_experiment() -> None:
    """What was measured, and paid for, is not measured again because more may be spent."""
    lab = memory_lab(speed=500)
    run_id = lab.finished(rows=6)
    plan = replace(lab.results.plan(run_id), spending_limit_usd=5.0)
    (found,) = lab.studies.kept([plan])
    assert found is not None
    assert found.run_id == run_id
