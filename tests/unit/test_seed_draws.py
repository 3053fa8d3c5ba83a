"""Which runs are draws of one experiment, what their scatter says, and what a study asks for again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.core.errors import UsageError
from engine.core.run.events import PredictionMade, RunEnded
from engine.core.run.manifest import Purpose, plan_fields
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Failure, FailureKind
from engine.core.run.standing import asks_once_more
from engine.core.techniques import Technique
from engine.running.planning import plan_run
from engine.studies.seed_variation import MOST_DRAWS, same_but_for_seed, seed_variation, variations
from tests.made_runs import predictions_of, table_of
from tests.memory_lab import MODEL, TASK, MemoryLab, memory_lab, memory_model, memory_task, script, until

TICKETS = memory_task()
PAIR = (Technique.ZERO_SHOT, Technique.FEW_SHOT)


def drawn(seed: int, *, limit: int | None = None) -> RunPlan:
    """Plan one draw."""
    return plan_run(TICKETS, memory_model(), techniques=PAIR, limit=limit, seed=seed)


def test_on_the_same_rows_all_scatter_is_the_seeds() -> None:
    """Luck with the rows is common to all draws and explains no difference; with other rows each time it explains some."""
    random = np.random.default_rng(1)
    rows = (random.random(100) < 0.84).astype(float)
    scores = {}
    for seed in range(3):
        flipped = rows.copy()
        flipped[seed * 4 : seed * 4 + 3 * seed] = 0.0
        scores[seed] = flipped.tolist()
    same, others = seed_variation(scores, same_rows=True), seed_variation(scores)
    assert same is not None
    assert others is not None
    assert same.by_draw == same.deviation_over_seeds > others.by_draw
    plans = [replace(drawn(seed), test_ids=drawn(0, limit=20).test_ids) for seed in range(2)]
    tables = {plan.seed: table_of(plan, predictions_of(plan, TICKETS)) for plan in plans}
    assert all(one.same_rows for one in variations(tables, plans[0].variants).values())
    other = drawn(1, limit=20)
    tables[1] = table_of(other, predictions_of(other, TICKETS))
    assert not any(one.same_rows for one in variations(tables, plans[0].variants).values())


def test_a_draw_counts_for_who_answered_all_its_rows() -> None:
    """Who left a race early did so just when it looked bad: its few rows are no draw of its quality."""
    plans = [replace(drawn(seed), test_ids=drawn(0, limit=20).test_ids) for seed in range(3)]
    tables = {}
    for plan in plans:
        made = predictions_of(plan, TICKETS)
        left = set(plan.test_ids[:6]) if plan.seed == 1 else set(plan.test_ids)
        kept = [one for one in made if one.variant_id == "zero-shot" or one.example_id in left]
        tables[plan.seed] = table_of(plan, kept)
    found = variations(tables, plans[0].variants)
    assert found["zero-shot"].seeds == (0, 1, 2)
    assert found["few-shot"].seeds == (0, 2)


@pytest.mark.parametrize("changes", [{"context_tokens": 512}, {"draws": 3}])
def test_other_settings_are_another_experiment(changes: dict[str, int]) -> None:
    """Whether it was a race is not one of them: a draw counts where all rows were answered."""
    assert same_but_for_seed(drawn(0), drawn(1))
    assert same_but_for_seed(drawn(0), replace(drawn(1), race=True))
    assert not same_but_for_seed(drawn(0), replace(drawn(1), **changes))  # type: ignore[arg-type]


def finished(lab: MemoryLab, plan: RunPlan, purpose: Purpose = Purpose.COMPARISON, split: str = "test") -> str:
    """Put a finished run there."""
    run_id = lab.play(plan, [*script(plan, lab.tasks.get(TASK)), RunEnded(status="done")], purpose)
    lab.memory.store.update_run(run_id, manifest={"split": split})
    return run_id


def seeds_of(lab: MemoryLab, run_id: str) -> list[int]:
    """Return the seeds that count as draws of a run's experiment."""
    info = next(info for info in lab.runs.list() if info.run_id == run_id)
    return sorted(lab.studies.draws_of(info))


def test_only_draws_of_the_same_rows_and_model_count() -> None:
    """Not a run on drift or validation rows, not a study of another kind, and none with another file of the model."""
    lab = memory_lab()

    def planned(seed: int) -> RunPlan:
        return lab.plans.make(task_id=TASK, model_id=MODEL, techniques=PAIR, limit=6, seed=seed)

    base = finished(lab, planned(0))
    finished(lab, planned(1), Purpose.DRIFT)
    finished(lab, planned(2), split="validation")
    changed = finished(lab, planned(3))
    lab.memory.store.update_run(changed, manifest={"model": {"digest": "another"}})
    assert seeds_of(lab, base) == [0]
    finished(lab, planned(4), Purpose.SEEDS)
    finished(lab, planned(5))
    assert seeds_of(lab, base) == [0, 4, 5]


def test_draws_of_a_race_are_no_races_and_not_more_than_are_compared() -> None:
    """Every variant answers every row of a draw."""
    lab = memory_lab()
    plan = replace(lab.plans.make(task_id=TASK, model_id=MODEL, techniques=PAIR, limit=6), race=True)
    finished(lab, plan)
    (other,) = lab.studies.seeds(plan, [1])
    assert (other.race, other.stop_when_clear, other.test_ids) == (False, False, plan.test_ids)
    with pytest.raises(UsageError, match=f"At most {MOST_DRAWS} seeds are compared"):
        lab.studies.seeds(plan, range(1, MOST_DRAWS + 1))


def test_a_run_of_another_file_of_the_model_counts_for_no_study() -> None:
    """It is made again, also where it was stopped and could not go on."""
    lab = memory_lab(speed=500)
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=PAIR, limit=6)
    for status in ("done", "cancelled"):
        run_id = finished(lab, replace(plan, run_id=f"old-{status}"), Purpose.SEEDS)
        assert lab.studies.kept([plan]) != [None]
        changes = {"model": {"digest": "another"}}
        lab.memory.store.update_run(run_id, status=status, manifest=changes)
        assert lab.models.has_changed(lab.results.manifest(run_id))
        assert lab.studies.kept([plan]) == [None]
    lab.studies.start(Purpose.SEEDS, "seeds", [plan])
    until(lambda: not lab.studies.state(Purpose.SEEDS).is_running)
    assert lab.studies.state(Purpose.SEEDS).failed == ()
    assert len(lab.studies.done([plan])) == 1


def test_a_study_asks_once_more_for_rows_that_a_server_lost() -> None:
    """A fault that hit one of its runs alone would look like what is studied."""
    lab = memory_lab(speed=500)
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=PAIR, limit=6)
    events = script(plan, lab.tasks.get(TASK))
    place, made = next((at, one.prediction) for at, one in enumerate(events) if isinstance(one, PredictionMade))
    busy = Failure(kind=FailureKind.BACKEND, message="The server is busy.", passing=True)
    events[place] = PredictionMade(prediction=replace(made, answer=None, score=None, scores={}, failure=busy))
    run_id = lab.play(plan, [*events, RunEnded(status="done")], Purpose.SEEDS)
    lab.memory.store.update_run(run_id, manifest={"unanswered": 1, "plan": plan_fields(plan)})
    (info,) = lab.runs.list()
    assert asks_once_more(info)
    assert lab.studies.done([plan]) == []
    lab.studies.start(Purpose.SEEDS, "seeds", [plan])
    until(lambda: not lab.studies.state(Purpose.SEEDS).is_running)
    assert lab.studies.state(Purpose.SEEDS).failed == ()
    assert not any(one.failure and one.failure.passing for one in lab.results.predictions(run_id))
    ((_plan, run),) = lab.studies.done([plan])
    assert (run.run_id, run.unanswered, run.asked_again) == (run_id, 0, 1)
