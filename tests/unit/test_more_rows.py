"""More rows for a finished run: which come next, which runs may get them, and how the verdict on them is judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.core.embedder import RemoteEmbedder
from engine.core.errors import UsageError
from engine.core.limits import Limits
from engine.core.prices import TokenPrices
from engine.core.run.events import PredictionMade, RunEnded
from engine.core.run.manifest import Purpose
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Usage
from engine.core.task import Task
from engine.core.techniques import Technique
from engine.metrics.inference import level_of_look
from engine.running.planning import plan_run
from engine.running.preflight.more_rows import rows_left, with_more_rows
from engine.running.search.folds import seal_of
from tests.memory_lab import MODEL, TASK, MemoryLab, memory_lab, memory_model, memory_task, script, until

PAIR = (Technique.ZERO_SHOT, Technique.CLASSIFIER)


def planned(task: Task, limit: int, **choices: object) -> RunPlan:
    """Plan two variants on so many rows."""
    return plan_run(task, memory_model(), techniques=PAIR, limit=limit, seed=3, **choices)  # type: ignore[misc]


def test_the_next_rows_are_those_of_a_larger_limit() -> None:
    """Answered rows keep their order, and what follows is what a larger limit would have taken: same rows, same turns."""
    task = memory_task(rows=60)
    more = with_more_rows(planned(task, 10), task, 15)
    assert more.test_ids == planned(task, 25).test_ids
    assert more.looks == 1
    again = with_more_rows(more, task, 35)
    assert again.test_ids == planned(task, 60).test_ids
    assert again.looks == 2
    assert rows_left(again, task) == ()


def test_too_many_rows_are_refused_with_how_many_are_missing() -> None:
    """A split with too few rows left is an error that says how many labelled rows are missing; none is no addition."""
    task = memory_task(rows=60)
    plan = planned(task, 50)
    with pytest.raises(UsageError, match="can take 10 more rows, not 25: 15 labelled rows are missing") as told:
        with_more_rows(plan, task, 25)
    assert "10 or fewer" in told.value.fix
    with pytest.raises(UsageError):
        with_more_rows(plan, task, 0)


def test_rows_that_a_search_has_seen_are_never_added() -> None:
    """Of a tuned run only rows that no setting was judged on may be added, and the seal then covers them too."""
    task = memory_task(rows=60)
    rows = task.split("train")
    validation = tuple(replace(row, id=f"v-{row.id}", split="validation") for row in rows)
    task = replace(task, examples=(*task.examples, *validation))
    plan = planned(task, 10, test_split="validation", trials={"all": 2}, train_rows=10)
    assert plan.effort is not None
    seen = set(plan.effort.pool_ids)
    assert seen & {row.id for row in validation}, "some validation rows are judged on"
    left = rows_left(plan, task)
    assert left
    assert not set(left) & (seen | set(plan.train_ids) | set(plan.test_ids))
    more = with_more_rows(plan, task, len(left))
    assert more.effort is not None
    by_id = {row.id: row for row in task.examples}
    assert more.effort.sealed == seal_of([by_id[row_id] for row_id in more.test_ids]) != plan.effort.sealed


def finished(lab: MemoryLab, rows: int = 10) -> str:
    """Put a finished run of two variants there."""
    return lab.finished(rows=rows, techniques=PAIR)


def test_a_run_continues_and_is_judged_as_a_second_look() -> None:
    """Added rows are answered by all variants after those that were there; pairs spend what additions may spend."""
    lab = memory_lab(speed=500)
    run_id = finished(lab)
    before = lab.results.predictions(run_id)
    first = lab.results.figures(run_id).differences[0]
    lab.more_rows.add(run_id, 20)
    assert lab.runs.list()[0].status == "planned"
    half_way = lab.results.figures(run_id).differences[0]
    assert half_way.test.startswith("betting"), "until the new rows are answered, the evidence is that of a watched run"
    lab.runs.resume(run_id)
    until(lambda: lab.runs.list()[0].status == "done")
    after = lab.results.predictions(run_id)
    assert after[: len(before)] == before
    answered = [(made.variant_id, made.example_id) for made in after]
    assert len(answered) == len(set(answered)) == 2 * 30
    second = lab.results.figures(run_id).differences[0]
    assert (first.level, second.level) == (level_of_look(0), level_of_look(1))
    assert second.rows == 30
    why = " ".join(lab.results.report(run_id, Limits()).verdict.why)
    assert "Rows were added once after a verdict on fewer" in why
    assert lab.results.behind(run_id).looks.number == 1, "a continued run is one look at its rows"
    lab.close()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"status": "cancelled"}, "still has rows to answer"),
        ({"manifest": {"purpose": str(Purpose.LEARNING_CURVE)}}, "part of a study"),
        ({"manifest": {"imported": True}}, "was imported"),
        ({"manifest": {"stopped_early": {"variant_id": "zero-shot", "rows": 5, "evidence": 400.0}}}, "ended early"),
    ],
)
def test_only_a_whole_comparison_takes_more_rows(state: dict[str, object], words: str) -> None:
    """A run that was stopped, ended early, came from elsewhere or belongs to a study is refused, and is offered none."""
    lab = memory_lab()
    run_id = finished(lab)
    lab.memory.store.update_run(run_id, **state)  # type: ignore[arg-type]
    assert lab.more_rows.offer(run_id, 5) is None
    with pytest.raises(UsageError, match=words):
        lab.more_rows.add(run_id, 5)
    assert len(lab.results.plan(run_id).test_ids) == 10


def test_rows_are_added_once() -> None:
    """A second press while the new rows wait adds nothing: the run is no longer whole."""
    lab = memory_lab()
    run_id = finished(lab)
    lab.more_rows.add(run_id, 5)
    with pytest.raises(UsageError, match="still has rows to answer"):
        lab.more_rows.add(run_id, 5)
    assert lab.results.plan(run_id).looks == 1


def test_what_more_rows_take_is_estimated_from_the_run() -> None:
    """Seconds come from what the run measured; the rows that the split lacks are counted."""
    lab = memory_lab()
    run_id = finished(lab)
    few, many = lab.more_rows.offer(run_id, 10), lab.more_rows.offer(run_id, 80)
    assert few is not None
    assert many is not None
    assert 0 < few.estimated_s < many.estimated_s
    assert (few.missing, many.left, many.missing) == (0, 50, 30)
    assert not few.source


def test_rows_that_cost_money_are_agreed_to_anew() -> None:
    """At a closed API nothing is added without a limit over what was spent, and the estimate is told."""
    lab = memory_lab()
    task = lab.tasks.get(TASK)
    asked = (Technique.ZERO_SHOT, Technique.FEW_SHOT)
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=asked, limit=10, spending_limit_usd=1.0)
    plan = replace(plan, prices=TokenPrices(source="test/one", input_usd=1.0, cached_input_usd=0.5, output_usd=2.0))
    run_id = lab.play(plan, [*script(plan, task), RunEnded(status="done")])
    offer = lab.more_rows.offer(run_id, 10)
    assert offer is not None
    assert offer.source == "test/one"
    assert offer.estimated_usd == pytest.approx(offer.spent_usd)
    for limit_usd in (None, offer.spent_usd / 2):
        with pytest.raises(UsageError, match="10 more rows cost about") as told:
            lab.more_rows.add(run_id, 10, spending_limit_usd=limit_usd)
        assert "--spending-limit" in told.value.fix
        assert float(told.value.fix.rpartition(" ")[2].rstrip(".)")) > offer.spent_usd
    assert lab.more_rows.add(run_id, 10, spending_limit_usd=0.5).spending_limit_usd == 0.5


def test_rows_that_are_embedded_elsewhere_are_agreed_to_anew() -> None:
    """What an embedder on another machine costs is told and limited, too, whichever model answers."""
    lab = memory_lab()
    task = lab.tasks.get(TASK)
    asked = (Technique.ZERO_SHOT, Technique.CLASSIFIER)
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=asked, limit=10)
    prices = TokenPrices(source="far/small", input_usd=1.0, cached_input_usd=1.0, output_usd=0.0)
    plan = replace(
        plan,
        remote_embedders=(RemoteEmbedder(id="far/small@1", host="far.example", prices=prices),),
        variants=tuple(replace(one, embedder="far/small@1") if one.facts.fits else one for one in plan.variants),
        rows_to="far.example",
    )
    rows = [
        replace(event, prediction=replace(event.prediction, usage=Usage(embedding_tokens=400_000)))
        if isinstance(event, PredictionMade) and event.prediction.variant_id == str(Technique.CLASSIFIER)
        else event
        for event in script(plan, task)
    ]
    run_id = lab.play(plan, [*rows, RunEnded(status="done")])
    offer = lab.more_rows.offer(run_id, 5)
    assert offer is not None
    assert (offer.source, offer.spent_usd, offer.estimated_usd) == ("far/small", pytest.approx(4.0), pytest.approx(2.0))
    with pytest.raises(UsageError, match="5 more rows cost about") as told:
        lab.more_rows.add(run_id, 5)
    limit_usd = float(told.value.fix.rpartition(" ")[2].rstrip(".)"))
    assert lab.more_rows.add(run_id, 5, spending_limit_usd=limit_usd).spending_limit_usd == limit_usd
