"""A search judges the prompt that the run would show: with the run's examples, on rows that are none of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.models.scripted import ScriptedModel
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.run.effort import Search, Trial, TrialOutcome
from engine.core.run.events import Searched
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.core.techniques import Technique
from engine.core.variant import ShotChoice
from engine.running.runner import run
from engine.running.search.choosing import choose, comparable
from tests.unit.test_search import TASK, plan, ports
from tests.unit.test_search_kept_weights import with_validation

Prompt = tuple[str, ...]


class Noting(ScriptedModel):
    """Notes what each prompt shows, and what it asks."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.shown: list[Prompt] = []
        self.asked: list[str] = []

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer by chance."""
        turns = [_row(message.content) for message in request.messages if message.role == "user"]
        self.shown.append(tuple(turns[:-1]))
        self.asked.append(turns[-1])
        return super().generate(request, cancel=cancel)


def _row(turn: str) -> str:
    return turn.partition("\n")[0].removeprefix("Text: ")


def searched(folder: Path, task: Task, a_plan: RunPlan) -> tuple[Search, list[list[Prompt]], list[list[str]], Noting]:
    """Carry out a plan; return its search, and what each trial showed and asked; then what the run did."""
    model = Noting()
    here = ports(folder, a_plan, model)
    shown: list[list[Prompt]] = []
    asked: list[list[str]] = []
    for event in run(a_plan, task, here, threading.Event()):
        if isinstance(event, Searched) and len(event.search.trials) > len(shown):
            shown.append(list(model.shown))
            asked.append(list(model.asked))
            model.shown.clear()
            model.asked.clear()
    return (here.store.manifest("r").effort or {})["few-shot-tuned"], shown, asked, model


@pytest.mark.parametrize("choice", [ShotChoice.COVERING, ShotChoice.DRAWN])
def test_a_trial_shows_the_examples_of_the_run(choice: ShotChoice, tmp_path: Path) -> None:
    """Every trial with the same examples in all prompts shows one set of them, the default's that of the run."""
    task = with_validation(9)
    a_plan = plan(task, names=(Technique.FEW_SHOT,), trials={"all": 8}, shot_choice=choice)
    search, shown, asked, model = searched(tmp_path, task, a_plan)
    assert len(shown) == len(search.trials) == 8
    fixed = [place for place, trial in search.trials.items() if "nearest to the row" not in trial.setting.values()]
    assert len(fixed) > 4
    for place in map(int, fixed):
        (examples,) = set(shown[place])
        assert not set(examples) & set(asked[place]), "a row that is shown is not judged"
    assert set(shown[0]) <= set(model.shown)
    train = {row.input for row in task.examples if row.id in set(a_plan.train_ids)}
    assert set(shown[0][0]) <= train


def test_a_row_that_is_shown_has_no_score(tmp_path: Path) -> None:
    """Places stay those of the folds, so that each row is compared with itself."""
    task = with_validation(9)
    a_plan = plan(task, names=(Technique.FEW_SHOT,), trials={"all": 2})
    search, shown, _asked, _model = searched(tmp_path, task, a_plan)
    assert a_plan.effort is not None
    default = search.in_order[0]
    inputs = {row.id: row.input for row in task.examples}
    hidden = [inputs[row_id] not in shown[0][0] for row_id in _in_folds(a_plan)]
    assert [score is not None for score in default.row_scores] == hidden
    assert default.rows == sum(hidden) < len(a_plan.effort.pool_ids)


def _in_folds(a_plan: RunPlan) -> list[str]:
    pool = a_plan.effort.pool_ids if a_plan.effort else ()
    return [row_id for place in range(4) for row_id in pool[place::4]]


def test_without_rows_beside_the_training_rows_examples_come_from_each_fold(tmp_path: Path) -> None:
    """Else too few rows would be left to judge by: each fold then shows rows of the others, and all are judged."""
    a_plan = plan(TASK, names=(Technique.FEW_SHOT,), trials={"all": 1})
    search, shown, _asked, _model = searched(tmp_path, TASK, a_plan)
    assert len(set(shown[0])) > 1
    assert None not in search.in_order[0].row_scores


def scored(*scores: float | None) -> Trial:
    """Return a whole trial with these rows."""
    told = [score for score in scores if score is not None]
    return Trial(setting={}, standing=TrialOutcome.WHOLE, score=sum(told) / len(told), row_scores=scores)


def test_only_rows_that_both_answered_compare_two_prompts() -> None:
    """Each shows other rows: the gain is that of the rest, whatever the shown ones would have been."""
    import numpy as np

    weights = np.ones(6)
    default, other = scored(None, 0.0, 0.0, 1.0, 0.0, 0.0), scored(1.0, None, 1.0, 1.0, 0.0, 1.0)
    assert comparable(default, other, weights).score == pytest.approx(0.2 + 2 / 4)
    same = replace(default, row_scores=(None, 1.0, 0.0, 1.0, 0.0, 0.0), score=0.4)
    assert comparable(default, same, weights).score == 0.4
    assert choose([default, other], weights).best == 1
    nothing = scored(None, None, None, None, None, None, 1.0)
    assert choose([default, nothing], weights).chosen == 0
