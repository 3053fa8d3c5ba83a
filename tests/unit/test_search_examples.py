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
from engine.running.search.choosing import choose, comparable, rows_in_common, shown_score
from tests.unit.test_search import RIGHT, ROWS, TASK, plan, ports
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


class LikesMany(Noting):
    """Is right where its prompt shows six examples or more, and on every third row where it does not."""

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer by the number of examples."""
        row, labels = _row(request.messages[-1].content), request.decoding.labels
        many = sum(message.role == "assistant" for message in request.messages) >= 6
        target = RIGHT.get(row, labels[0])
        label = target if many or ROWS.get(row, 0) % 3 == 0 else next(one for one in labels if one != target)
        for piece in super().generate(request, cancel=cancel):
            yield replace(piece, text=label)


def searched(
    folder: Path, task: Task, a_plan: RunPlan, model: Noting | None = None
) -> tuple[Search, list[list[Prompt]], list[list[str]], Noting]:
    """Carry out a plan; return its search, and what each trial showed and asked; then what the run did."""
    model = model or Noting()
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


def test_what_was_found_shows_in_the_run_what_its_trial_showed(tmp_path: Path) -> None:
    """The tuned variant answers with the very prompt that was judged, drawn examples and their order included."""
    task = with_validation(9)
    a_plan = plan(task, names=(Technique.FEW_SHOT,), trials={"all": 12})
    search, shown, _asked, model = searched(tmp_path, task, a_plan, LikesMany())
    assert search.chosen
    assert "nearest to the row" not in search.in_order[search.chosen].setting.values()
    (judged,) = set(shown[search.chosen])
    assert len(judged) >= 6
    assert judged in model.shown


def test_a_search_of_an_earlier_version_goes_on_as_it_began(tmp_path: Path) -> None:
    """Its plan does not name the rule: examples come from each fold, as in the trials that are kept."""
    task = with_validation(9)
    a_plan = plan(task, names=(Technique.FEW_SHOT,), trials={"all": 2})
    assert a_plan.effort is not None
    assert a_plan.effort.shown_as_run
    older = replace(a_plan, effort=replace(a_plan.effort, shown_as_run=False))
    search, shown, _asked, _model = searched(tmp_path, task, older)
    assert len(set(shown[0])) > 1
    assert all(None not in trial.row_scores for trial in search.in_order)


def test_settings_are_given_up_by_rows_that_the_default_answered_too(tmp_path: Path) -> None:
    """After each fold its mean is the default's with the gain on common rows, and not that of an easier remainder."""
    task = with_validation(9)
    a_plan = plan(task, names=(Technique.FEW_SHOT,), trials={"all": 9})
    search, _shown, _asked, _model = searched(tmp_path, task, a_plan)
    default, *others = search.in_order
    places = [len(task_fold) for task_fold in _folds(a_plan)]
    for trial in others:
        for folds, mean in enumerate(trial.fold_scores, start=1):
            rows = sum(places[:folds])
            both = [(own, its) for own, its in zip(trial.row_scores[:rows], default.row_scores[:rows], strict=True)
                    if own is not None and its is not None]  # fmt: skip
            gain = sum(own - its for own, its in both) / len(both)
            assert mean == pytest.approx(default.fold_scores[folds - 1] + gain, abs=0.02), trial.setting


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


def _folds(a_plan: RunPlan) -> list[tuple[str, ...]]:
    pool = a_plan.effort.pool_ids if a_plan.effort else ()
    return [pool[place::4] for place in range(4)]


def _in_folds(a_plan: RunPlan) -> list[str]:
    return [row_id for fold in _folds(a_plan) for row_id in fold]


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
    assert rows_in_common(default, other) == 4
    high = comparable(scored(1.0, 1.0, 0.0), scored(1.0, None, 1.0), np.ones(3))
    assert high.score == pytest.approx(2 / 3 + 1 / 2)
    assert shown_score(high) == 1.0
    nothing = scored(None, None, None, None, None, None, 1.0)
    assert choose([default, nothing], weights).chosen == 0
