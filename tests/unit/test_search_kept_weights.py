"""A search of RAG + LoRA: what is retrieved is tried with the default's weights, and takes no training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.analysis.basis.efforts import effort_sentences
from engine.core.generation import GenerateRequest
from engine.core.run.effort import Search, SearchEnd, Setting, Trial
from engine.core.run.events import PreparationProgress
from engine.core.run.plan import RunPlan
from engine.core.steps import Progress
from engine.core.task import Task
from engine.core.techniques import Technique
from engine.core.variant import LoraSpec, TrainingPrompts
from engine.running.defaults import default_variant
from engine.running.runner import Ports
from engine.running.search.folds import Fold, Ground
from engine.running.search.proposing import Proposer
from engine.running.search.seeker import Seeker
from engine.running.search.spaces import all_settings, is_sound, space_of, takes_training, turned
from tests.unit.test_search import TASK, carried_out, plan, ports
from tests.unit.test_search_weights import TRAIN_S, Trained, Trainer, Training
from tests.unit.test_seeker import LABELS, seeker, trained, whole

TRAIN, TEST = LABELS.split("train"), LABELS.split("test")
AS_THE_RUN = Ground(train=TRAIN, folds=(Fold(learned=TRAIN, held_out=TEST),), weights={})
NEW_WEIGHTS: Setting = {"rank": "4", "search": "vector"}
SAME_WEIGHTS: Setting = {"search": "vector"}
PROMPTS: Setting = {"training prompts": "served"}


def with_validation(count: int) -> Task:
    """Return the task with so many of its test rows as validation rows."""
    moved = {row.id for row in TASK.split("test")[:count]}
    return replace(
        TASK, examples=tuple(replace(row, split="validation") if row.id in moved else row for row in TASK.examples)
    )


def searched(
    folder: Path, task: Task, a_plan: RunPlan, model: type[Trained] = Trained
) -> tuple[Search, Trainer, Ports]:
    """Carry out a plan; return the search of RAG + LoRA and what was trained."""
    trainer = Trainer()
    here = replace(ports(folder, a_plan, model(trainer)), trainer=trainer)  # type: ignore[arg-type]
    carried_out(a_plan, here, task)
    return (here.store.manifest("r").effort or {})["rag+lora-tuned"], trainer, here


def turns(trial: Trial, a_plan: RunPlan, task: Task) -> bool:
    """Tell whether a trial had weights of its own."""
    return takes_training(space_of(a_plan.variants[0], task), trial.setting)


# ---- seconds ----


def weighing(budget_s: float, *proposed: Setting, ground: Ground = AS_THE_RUN) -> Seeker:
    """Return a search whose default trained for 90 s and answered for 30."""
    here = replace(seeker(Technique.RAG_LORA, budget_s=budget_s), ground=ground)
    left = iter(proposed)
    here.proposer.next = lambda: next(left, None)  # type: ignore[method-assign]
    here.trials.append(trained(90.0, answering_s=30.0))
    return here


@pytest.mark.parametrize(("setting", "seconds"), [(NEW_WEIGHTS, 135.0), (PROMPTS, 135.0), (SAME_WEIGHTS, 30.0)])
def test_only_answers_count_where_the_weights_are_there(setting: Setting, seconds: float) -> None:
    """A setting that changes what is retrieved alone takes no training; another also reads held-out rows, forward."""
    here = weighing(1.0, setting)
    assert here.next() is None
    assert here.next_s == pytest.approx(seconds)


def test_weights_that_the_run_needs_take_none_of_the_time() -> None:
    """The default answered for 30 s, and its 90 s of training are the run's: a training of 105 s fits into what is left."""
    here = weighing(155.0, NEW_WEIGHTS)
    here.trials[:] = [replace(whole(30.0), weights_s=90.0)]
    assert here.spent_s == 30.0
    assert here.next() == NEW_WEIGHTS
    here.trials.append(trained(105.0, answering_s=30.0, **NEW_WEIGHTS))
    here.proposer.next = lambda: {"epochs": "up to 10"}  # type: ignore[method-assign]
    assert here.next() is None
    assert here.next_s == pytest.approx(175.0 + 30.0)


def test_what_needs_no_training_is_tried_where_a_training_would_not_end() -> None:
    """Of 180 s 120 are gone: another training is passed over, and two settings answer with the default's weights."""
    here = weighing(180.0, NEW_WEIGHTS, SAME_WEIGHTS, PROMPTS, {"order": "nearest first"}, NEW_WEIGHTS)
    assert here.next() == SAME_WEIGHTS
    here.trials.append(whole(27.0, **SAME_WEIGHTS))
    assert here.next() == {"order": "nearest first"}
    assert here.passed == [1, 3]
    here.trials.append(whole(24.0, order="nearest first"))
    assert here.next() is None
    assert (here.ended, here.next_s) == (SearchEnd.TIME, pytest.approx(105.0 + 27.0))


def test_a_training_near_the_end_does_not_end_a_search_that_has_more_to_answer() -> None:
    """Within the last tenth it is passed over as long as there are settings without one; the first that is too long ends it."""
    here = weighing(600.0, NEW_WEIGHTS, SAME_WEIGHTS, NEW_WEIGHTS, {"order": "nearest first"}, NEW_WEIGHTS)
    here.trials.append(trained(400.0, answering_s=30.0, rank="16"))
    assert here.spent_s == 550.0
    assert here.next() == SAME_WEIGHTS
    here.trials.append(whole(80.0, **SAME_WEIGHTS))
    assert here.next() is None
    assert (here.passed, here.next_s) == ([2, 4], pytest.approx(140 / 3))


def test_trials_of_an_earlier_version_count_as_trainings() -> None:
    """They did not tell what training took, and each trained weights of its own."""
    here = weighing(1.0, {"epochs": "up to 2"})
    default, old = whole(120.0), whole(120.0, **SAME_WEIGHTS)
    here.trials[:] = [replace(default, trainings=1), replace(old, trainings=1)]
    assert here.next() is None
    assert here.next_s == pytest.approx(130.0 / 3)


def test_weights_of_a_fold_are_not_kept() -> None:
    """Where few validation rows make a fold judge them, that fold's weights are not the run's."""
    fold = Ground(train=TRAIN, folds=(Fold(learned=TRAIN[:18], held_out=TRAIN[18:]),), weights={})
    here = weighing(1.0, SAME_WEIGHTS, ground=fold)
    assert here.next() is None
    assert here.next_s == pytest.approx(130.0)
    assert here.seldom == []


# ---- what is proposed ----


def test_every_second_setting_leaves_the_weights_alone() -> None:
    """Where others are left; the same seed proposes the same."""
    variant = replace(default_variant(Technique.RAG_LORA, LABELS), tuned=True)
    space = space_of(variant, LABELS)
    seldom = [knob.name for knob in space if knob.trains]
    assert seldom == ["rank", "learning rate", "epochs", "training prompts"]

    def proposed(count: int) -> list[Setting]:
        proposer = Proposer(variant, space, seed=3, seldom=seldom)
        settings = []
        for number in range(count):
            setting = proposer.next()
            assert setting is not None
            proposer.end(setting, 0.5 + number / 100, whole=True)
            settings.append(setting)
        return settings

    settings = proposed(12)
    assert settings == proposed(12)
    assert settings[0] == {}
    assert not any(takes_training(space, one) for one in settings[1::2])
    assert sum(takes_training(space, one) for one in settings[2::2]) >= 4
    assert len({tuple(sorted(one.items())) for one in settings}) == 12
    again = Proposer(variant, space, seed=3, seldom=seldom)
    for number, setting in enumerate(settings[:7]):
        again.replay(replace(whole(1.0), setting=setting, score=0.5 + number / 100))
    assert again.next() == settings[7], "a search that was stopped goes on in turn"


def test_the_turns_last_as_long_as_there_are_settings() -> None:
    """Where every training is passed over, all settings without one come, each once."""
    variant = replace(default_variant(Technique.RAG_LORA, LABELS), tuned=True)
    space = space_of(variant, LABELS)
    proposer = Proposer(variant, space, seed=0, seldom=[knob.name for knob in space if knob.trains])
    quick = [one for one in all_settings(space) if not takes_training(space, one)]
    sound = {tuple(sorted(one.items())) for one in quick if is_sound(turned(variant, space, one))}
    came: set[tuple[tuple[str, str], ...]] = set()
    for number in range(2 * len(sound)):
        setting = proposer.next()
        assert setting is not None
        trains = takes_training(space, setting)
        assert not trains or number % 2 == 0 or came == sound
        proposer.end(setting, None if trains else 0.5, whole=not trains)
        came |= set() if trains else {tuple(sorted(setting.items()))}
    assert came == sound


def test_weights_trained_on_what_is_retrieved_change_with_it() -> None:
    """Then every knob takes a training."""
    variant = default_variant(Technique.RAG_LORA, LABELS)
    served = replace(variant, lora=LoraSpec(prompts=TrainingPrompts.SERVED))
    assert all(knob.trains for knob in space_of(served, LABELS))
    assert not all(knob.trains for knob in space_of(variant, LABELS))


# ---- in a run ----


def test_a_search_trains_for_every_second_setting_alone(tmp_path: Path) -> None:
    """The others answer the validation rows with the weights that the run's default answers with."""
    task = with_validation(9)
    a_plan = plan(task, names=(Technique.RAG_LORA,), trials={"all": 9})
    search, trainer, _here = searched(tmp_path, task, a_plan)
    default, *others = search.in_order
    own = [trial for trial in others if turns(trial, a_plan, task)]
    same = [trial for trial in others if not turns(trial, a_plan, task)]
    assert len(same) >= 4
    assert own
    assert search.trainings == len(own)
    assert {(trial.trainings, trial.found_s, trial.trained_s, trial.best_epoch) for trial in same} == {
        (0, 0.0, 0.0, None)
    }
    assert default.weights_s > default.trained_s == 0
    assert all(trial.trained_s > trial.weights_s == 0 for trial in own)
    assert {len(trial.row_scores) for trial in same} <= {9}
    assert len(trainer.kept) == 1 + (bool(search.chosen) and turns(search.in_order[search.chosen or 0], a_plan, task))


def test_both_techniques_are_trained_once_and_their_defaults_weights_stay(tmp_path: Path) -> None:
    """LoRA and RAG + LoRA answer with the same ones, which the run needs and neither search pays for."""
    task = with_validation(9)
    a_plan = plan(task, names=(Technique.LORA, Technique.RAG_LORA), trials={"all": 4})
    first, trainer, here = searched(tmp_path / "first", task, a_plan)
    lora = (here.store.manifest("r").effort or {})["lora-tuned"]
    assert (lora.in_order[0].trainings, lora.in_order[0].weights_s) == (0, TRAIN_S)
    default, same, own, again = first.in_order
    assert (default.trainings, default.found_s, default.trained_s, default.weights_s) == (0, 0.0, 0.0, TRAIN_S)
    assert [(one.trainings, one.found_s, one.trained_s) for one in (same, again)] == [(0, 0.0, 0.0)] * 2
    assert (own.trainings, own.found_s, own.trained_s) == (1, 0.0, TRAIN_S)
    spec = next(variant.lora for variant in a_plan.variants if variant.id == "lora")
    assert sum(one.spec == spec for one in trainer.all.values()) == 1
    assert spec in [trainer.all[key].spec for key in trainer.kept]


class Forgetful(Trainer):
    """Keeps what it should forget, as a trial does that was killed after its training."""

    def forget(self, key: str) -> None:
        """Keep them."""


def test_a_settings_weights_that_were_there_before_count_and_are_told(tmp_path: Path) -> None:
    """A trial that was killed after its training gives its technique no more time."""
    task, trainer = with_validation(9), Forgetful()
    a_plan = plan(task, names=(Technique.LORA,), trials={"all": 2})
    for folder in ("killed", "again"):
        here = replace(ports(tmp_path / folder, a_plan, Trained(trainer)), trainer=trainer)  # type: ignore[arg-type]
        carried_out(a_plan, here, task)
    searches = here.store.manifest("r").effort or {}
    setting = searches["lora-tuned"].in_order[1]
    assert setting.seconds > setting.found_s == setting.trained_s == TRAIN_S
    assert (setting.trainings, setting.weights_s) == (0, 0.0)
    assert "counting 1 h 23 min that its weights had taken before" in effort_sentences(searches)[0]


class OneShown(Trained):
    """Is right on every row where its prompt shows one example."""

    def knows(self, request: GenerateRequest, weights: Training | None) -> bool:
        """Count the answers that are shown."""
        return weights is not None and sum(message.role == "assistant" for message in request.messages) == 1


def test_what_was_found_is_answered_with_the_defaults_weights(tmp_path: Path) -> None:
    """Nothing is trained for it, neither in the search nor for the run."""
    task = with_validation(9)
    a_plan = plan(task, names=(Technique.RAG_LORA,), trials={"all": 24})
    search, trainer, here = searched(tmp_path, task, a_plan, OneShown)
    assert search.in_order[search.chosen or 0].setting["examples"] == "1"
    default, tuned = here.store.manifest("r").plan.variants
    assert (tuned.retrieval and tuned.retrieval.examples_k, tuned.lora) == (1, default.lora)
    assert len(trainer.kept) == 1
    scores = [made.score for made in here.store.predictions("r") if made.variant_id == tuned.id]
    assert scores == [1.0] * len(task.split("test"))


def test_time_left_of_a_search_stands_while_the_runs_own_weights_are_trained(tmp_path: Path) -> None:
    """What the default's trial prepares for the run comes on top of the seconds of search."""

    class Told(Trainer):
        """Says how long a training will take."""

        def train(self, **order: Any) -> Any:
            """Train for 60 s more, and then be done."""
            yield Progress(stage="Training LoRA weights", fraction=0.5, left_s=60.0)
            yield from super().train(**order)

    task, trainer = with_validation(9), Told()
    a_plan = replace(plan(task, names=(Technique.LORA,)), effort=replace(plan(task).effort, seconds=180.0, trials={}))
    here = replace(ports(tmp_path, a_plan, Trained(trainer)), trainer=trainer)  # type: ignore[arg-type]
    told = [
        event.progress.left_s
        for event in carried_out(a_plan, here, task)
        if isinstance(event, PreparationProgress) and "training lora" in event.progress.detail
    ]
    assert told[:2] == [240.0, 180.0]
