"""The Run page of a run that ended early: what it says, and whether it offers to go on."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace

import pytest

from engine.analysis.progress import LiveRun
from engine.core.errors import UntrainableError, WorkerDiedError
from engine.core.prices import TokenPrices
from engine.core.run.events import Event, PredictionMade, RunEnded, RunStarted
from engine.core.run.manifest import Manifest
from engine.core.run.prediction import Failure, FailureKind, Prediction
from engine.metrics import wording as say
from engine.running import runner
from engine.services.background import kept_runs
from engine.services.background.jobs import JobBook
from engine.services.recorded import fold_in_order
from tests.memory_lab import TASK, memory_lab, script, until
from tests.pages.conftest import Opener
from tests.pages.test_run_states import _buttons, _end, _lanes, _on_run_page, _plan, _shown


def test_failed_run_tells_what_happened_and_resumes(open_app: Opener) -> None:
    """A failed run shows its message and fix, keeps its table, and offers Resume."""
    lab = memory_lab(speed=50)
    plan = _plan(lab)
    events = [*script(plan, lab.tasks.get(TASK))[:80], _end("failed", "No space is left.", "Free 1 GB.")]
    app = _shown(lab, plan, events, open_app)
    assert "No space is left" in app.error[0].value.replace("\\", "")
    assert "Free 1 GB" in app.error[0].value.replace("\\", "")
    assert "Resume" in _buttons(app)
    assert app.dataframe
    app.button(key="resume").click().run()
    assert not app.exception
    assert "Resume" not in _buttons(app)


def test_a_run_that_has_reached_its_spending_limit_goes_on_with_a_higher_one(open_app: Opener) -> None:
    """With the old one it would stop again: what the rest costs is told, and a higher limit agreed to before it resumes."""
    lab = memory_lab(speed=500)
    prices = TokenPrices(source="test/one", input_usd=1000.0, cached_input_usd=500.0, output_usd=2000.0)
    plan = replace(_plan(lab), prices=prices, spending_limit_usd=0.01)
    events = [*script(plan, lab.tasks.get(TASK))[:80], _end("failed", "The run has cost $0.50; its limit is $0.01.")]
    app = _shown(lab, plan, events, open_app)
    told = " ".join(item.value for item in app.markdown).replace("\\", "")
    assert f"This run has reached its limit of {say.money(0.01)}: it has cost " in told
    assert "at test/one, and the rest costs about **$" in told
    (resume,) = [button for button in app.button if button.key == "resume"]
    assert resume.disabled
    limit = app.number_input(key=f"resume_limit_{plan.run_id}").value
    rest = lab.plans.rest_to_pay(plan.run_id)
    assert rest is not None
    assert limit > rest.spent_usd + rest.estimated_usd
    app.checkbox(key=f"resume_limit_{plan.run_id}_agreed").check().run()
    app.number_input(key=f"resume_limit_{plan.run_id}").set_value(rest.spent_usd / 2).run()
    assert app.button(key="resume").disabled, "less than was spent is no way on"
    app.number_input(key=f"resume_limit_{plan.run_id}").set_value(limit).run()
    app.button(key="resume").click().run()
    assert not app.exception
    until(lambda: lab.runs.list()[0].status == "done")
    assert lab.results.plan(plan.run_id).spending_limit_usd == limit
    assert lab.plans.rest_to_pay(plan.run_id) is None


def test_rows_that_a_server_left_without_an_answer_can_be_asked_again(open_app: Opener) -> None:
    """A finished run says how many rows a passing fault of the server has cost, and offers to ask for them again."""
    lab = memory_lab(speed=50)
    plan = _plan(lab)
    events: list[Event] = [*script(plan, lab.tasks.get(TASK)), _end("done")]
    broken = Failure(kind=FailureKind.BACKEND, message="The server broke off.", passing=True)
    place, made = next(
        (place, event.prediction) for place, event in enumerate(events) if isinstance(event, PredictionMade)
    )
    events[place] = PredictionMade(prediction=replace(made, answer=None, score=None, scores={}, failure=broken))
    app = _shown(lab, plan, events, open_app)
    assert "1 row failed because the server did not answer properly" in app.warning[0].value
    assert "Resume" in _buttons(app)


def test_a_kept_run_is_read_once_for_its_page(open_app: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folding the answers of a large run takes seconds: opening its page does that once, however many parts show it."""
    lab = memory_lab(speed=500)
    run_id = lab.finished(rows=6)
    lab.runs._jobs.forget(run_id)
    reads: list[str] = []

    def counted(manifest: Manifest, predictions: Iterable[Prediction]) -> LiveRun:
        reads.append(manifest.plan.run_id)
        return fold_in_order(manifest, predictions)

    monkeypatch.setattr(kept_runs, "fold_in_order", counted)
    _on_run_page(lab, lab.results.plan(run_id), open_app)
    assert reads == [run_id]


@pytest.mark.parametrize(
    ("fault", "offered"), [(UntrainableError("No such layers."), False), (WorkerDiedError("Gone."), True)]
)
def test_resume_is_offered_after_a_restart_as_it_was_before(
    fault: Exception, offered: bool, open_app: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that can never go on offers no way on, also where no process remembers it; nor does another machine's."""

    def fails(*_arguments: object, **_options: object) -> None:
        raise fault

    monkeypatch.setattr(runner, "prepare", fails)
    lab = memory_lab(speed=500)
    plan = _plan(lab)
    ended = list(lab.runs.carry_out(plan, threading.Event(), resume=False))[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.status, ended.goes_on) == ("failed", offered)
    assert lab.runs.snapshot(plan.run_id).goes_on is offered
    assert ("Resume" in _buttons(_on_run_page(lab, plan, open_app))) is offered
    lab.memory.store.update_run(plan.run_id, manifest={"imported": True})
    assert "Resume" not in _buttons(_on_run_page(lab, plan, open_app))


def test_cancelled_before_any_row(open_app: Opener) -> None:
    """A run cancelled at once has lanes without figures, no table, and a way on."""
    lab = memory_lab()
    plan = _plan(lab)
    app = _shown(lab, plan, [RunStarted(plan=plan), _end("cancelled")], open_app)
    assert app.warning
    assert not app.dataframe
    assert {lane["quality"] for lane in _lanes(app)} == {say.MISSING}


def test_a_run_whose_process_is_gone_is_interrupted(open_app: Opener) -> None:
    """What a kill left behind is not called stopped; its head, its message and the lists use one word, and it resumes."""
    lab = memory_lab()
    run_id = lab.finished(rows=6)
    lab.memory.store.update_run(run_id, status="running")
    lab.runs._jobs = JobBook(1)  # another process began it
    app = open_app(lab)
    app.query_params["run_id"] = run_id
    app.run()
    assert not app.exception
    assert any("Interrupted" in item.value for item in app.markdown)
    assert "interrupted" in app.warning[0].value
    assert "Resume" in _buttons(app)
