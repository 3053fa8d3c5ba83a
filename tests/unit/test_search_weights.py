"""A search of LoRA settings: no test row is trained on or judged by, and what was found is trained again for the run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from adapters.models.scripted import ScriptedModel
from engine.analysis.basis.efforts import effort_sentences
from engine.core.capabilities import Capabilities
from engine.core.errors import CancelledError
from engine.core.generation import Completion, GenerateRequest, LoraWeights, Message, TextPiece, TokenPair
from engine.core.run.events import RunEnded
from engine.core.steps import Progress
from engine.core.task import Task
from engine.core.techniques import Technique
from engine.core.variant import LoraSpec, PriorCorrection
from engine.running.runner import Ports, run
from engine.running.search.folds import FOLDS
from tests.memory_lab_models import CAPABILITIES
from tests.unit.test_search import RIGHT, ROWS, TASK, carried_out, found, plan, ports

BEST_EPOCH, BEST_RANK, TRAIN_S = 3, 4, 5_000.0
_NAMES = Technique.LORA, Technique.RAG_LORA


@dataclass(frozen=True)
class Training:
    """One training: its settings, and the tokens of its rows."""

    spec: LoraSpec
    pairs: tuple[TokenPair, ...]
    held_out: tuple[TokenPair, ...]


class Trainer:
    """Trains nothing, and remembers what it was given; its best epoch is always the same."""

    def __init__(self) -> None:
        """Begin without weights."""
        self.all: dict[str, Training] = {}
        self.kept: dict[str, LoraWeights] = {}

    def find(self, key: str) -> LoraWeights | None:
        """Return weights that were not forgotten."""
        return self.kept.get(key)

    def train(self, *, key: str, model: Any, pairs: Any, spec: LoraSpec, held_out: Any = (), **_others: Any) -> Any:
        """Remember, and return weights."""
        self.all[key] = Training(spec, tuple(pairs), tuple(held_out))
        yield Progress(stage="Training LoRA weights", fraction=1.0)
        self.kept[key] = LoraWeights(
            key=key,
            locator=key,
            base_digest=model.digest,
            template_digest=model.template_digest,
            best_epoch=BEST_EPOCH if held_out else spec.epochs,
            train_s=TRAIN_S,
            made_at=time.time(),
        )
        yield self.kept[key]

    def forget(self, key: str) -> None:
        """Forget weights."""
        self.kept.pop(key, None)

    def note(self, key: str, facts: Any) -> None:
        """Take nothing down."""


class Stopped(Trainer):
    """Is stopped in the training of this number, once."""

    def __init__(self, number: int) -> None:
        """Stop there."""
        super().__init__()
        self._left = number

    def train(self, **asked: Any) -> Any:
        """Train, but for the one that is stopped."""
        self._left -= 1
        if self._left == 0:
            raise CancelledError("The run was stopped.")
        yield from super().train(**asked)


class Trained(ScriptedModel):
    """Is right wherever its weights have the smallest rank, and on every third row else."""

    def __init__(self, trainer: Trainer) -> None:
        """Know the trainer's settings."""
        super().__init__()
        self._trainer = trainer
        self.read: set[str] = set()
        """Every text that was turned into tokens for a training."""

    @property
    def capabilities(self) -> Capabilities:
        """It takes weights."""
        return CAPABILITIES

    def served_lora(self) -> LoraWeights | None:
        """It holds none of its own."""
        return None

    def tokenize_pairs(self, pairs: Sequence[tuple[Sequence[Message], str]]) -> list[TokenPair]:
        """Turn words into numbers."""
        self.read |= {message.content for messages, _answer in pairs for message in messages}
        return [
            TokenPair(prompt_ids=tuple(messages[-1].content.encode()), answer_ids=tuple(answer.encode()))
            for messages, answer in pairs
        ]

    def knows(self, _request: GenerateRequest, weights: Training | None) -> bool:
        """Tell whether it is right on every row."""
        return weights is not None and weights.spec.rank == BEST_RANK

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer by the weights."""
        weights = self._trainer.all[request.lora.key or ""] if request.lora else None
        text = request.messages[-1].content.partition("\n")[0].removeprefix("Text: ")
        labels, target = request.decoding.labels, RIGHT.get(text, request.decoding.labels[0])
        skilled = self.knows(request, weights) or ROWS.get(text, 0) % 3 == 0
        label = target if skilled else next(one for one in labels if one != target)
        sure = 0.8 if weights is None else 0.9
        odds = {one: sure if one == label else (1 - sure) / (len(labels) - 1) for one in labels}
        for piece in super().generate(replace(request, lora=None), cancel=cancel):
            changed = replace(piece, text=label)
            yield replace(changed, probabilities=odds) if isinstance(changed, Completion) else changed


def _run(folder: Path, a_plan: Any, task: Any = TASK, trainer: Trainer | None = None) -> tuple[Ports, Trainer, Trained]:
    trainer = trainer or Trainer()
    model = Trained(trainer)
    here = replace(ports(folder, a_plan, model), trainer=trainer)  # type: ignore[arg-type]
    ended = carried_out(a_plan, here, task)[-1]
    assert ended == RunEnded(status="done"), ended
    return here, trainer, model


def test_choices_of_weights_do_not_depend_on_test_rows(tmp_path: Path) -> None:
    """With the test rows' inputs and labels permuted, trials and choices are the same to the last byte.

    No training reads a test row, neither for the run nor in a trial.
    """
    a_plan = plan(names=_NAMES)
    here, _trainer, model = _run(tmp_path / "a", a_plan)
    test = TASK.split("test")
    inputs, targets = [row.input for row in test][::-1], [row.target for row in test][1:] + [test[0].target]
    changed = iter([replace(row, input=i, target=t) for row, i, t in zip(test, inputs, targets, strict=True)])
    other = replace(TASK, examples=tuple(next(changed) if row.split == "test" else row for row in TASK.examples))
    there, _trainer, _model = _run(tmp_path / "b", plan(other, names=_NAMES), other)
    assert found(there) == found(here)
    assert not [text for text in model.read if any(row.input in text for row in test)]


@pytest.mark.parametrize("name", _NAMES)
def test_weights_that_were_found_are_trained_again_on_the_runs_rows(name: Technique, tmp_path: Path) -> None:
    """The refit has the rows and the schedule of the default, holds none back, and ends after the best epoch."""
    a_plan = plan(names=(name,), trials={"all": 12})
    here, trainer, _model = _run(tmp_path, a_plan)
    manifest = here.store.manifest("r")
    search = (manifest.effort or {})[f"{name}-tuned"]
    trial = search.in_order[search.chosen or 0]
    assert trial.setting["rank"] == str(BEST_RANK)
    assert trial.best_epoch == BEST_EPOCH
    default, tuned = manifest.plan.variants
    assert default.lora is not None
    assert tuned.lora is not None
    assert (tuned.lora.rank, tuned.lora.stop_after_epochs) == (BEST_RANK, BEST_EPOCH)
    kept = [trainer.all[key] for key in trainer.kept]
    assert len(kept) == 2, "the weights of trials are gone"
    by_rank = {one.spec.rank: one for one in kept}
    runs, refit = by_rank[default.lora.rank], by_rank[BEST_RANK]
    assert refit.held_out == runs.held_out == ()
    assert len(refit.pairs) == len(a_plan.train_ids)
    answers = sorted(row.target.encode() for row in TASK.examples if row.id in set(a_plan.train_ids))
    for one in (runs, refit):
        assert sorted(bytes(pair.answer_ids) for pair in one.pairs) == answers
    assert {pair.prompt_ids for pair in refit.pairs} == {pair.prompt_ids for pair in runs.pairs}
    tried = [one for key, one in trainer.all.items() if key not in trainer.kept]
    assert all(one.held_out for one in tried if one.spec.rank != default.lora.rank)


def test_weights_are_corrected_in_no_trial_where_the_run_cannot(tmp_path: Path) -> None:
    """On a run of validation rows no row is left to correct weights by: the rows of the pool are none of these."""
    rows = [replace(row, split="validation") if row.split == "test" else row for row in TASK.examples]
    task = replace(TASK, examples=tuple(rows))
    a_plan = plan(task, names=_NAMES[:1], test_split="validation", limit=6, prior_correction=PriorCorrection.ON)
    assert a_plan.effort is not None
    here, _trainer, _model = _run(tmp_path, a_plan, task)
    trials = (here.store.manifest("r").effort or {})["lora-tuned"].in_order
    assert [trial.corrected for trial in trials] == [None] * len(trials)
    assert len(trials) > 1


@pytest.mark.parametrize(
    ("names", "draws", "number"), [((Technique.RAG, Technique.RAG_LORA), 1, 1), ((Technique.LORA,), 2, 2)]
)
def test_what_a_stopped_run_made_is_not_from_before_it(
    names: tuple[Technique, ...], draws: int, number: int, tmp_path: Path
) -> None:
    """Resumed, it finds the index or the first of its weights, and has built them itself."""
    a_plan = plan(names=names, trials=None, draws=draws)
    trainer = Stopped(number)
    here = replace(ports(tmp_path, a_plan, Trained(trainer)), trainer=trainer)  # type: ignore[arg-type]
    ended = carried_out(a_plan, here)[-1]
    assert isinstance(ended, RunEnded)
    assert ended.status == "cancelled"
    assert carried_out(a_plan, here)[-1] == RunEnded(status="done")
    assert not [name for name, took in here.store.manifest("r").prepared.items() if took.reused]


@pytest.mark.parametrize("which", ["enough", "stop"])
def test_a_trial_that_was_ended_has_still_made_its_weights(which: str, tmp_path: Path) -> None:
    """Weights of a default's trial that was not finished stay, and the run made them."""
    task = _with_validation(9)
    a_plan = replace(plan(task, names=_NAMES[:1], trials={"all": 3}), batch_rows=1)
    pressed, never, trainer = threading.Event(), threading.Event(), Trainer()

    class Presses(Trained):
        """Has it pressed when weights have answered."""

        def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
            """Answer."""
            yield from super().generate(request, cancel=cancel)
            if request.lora is not None:
                pressed.set()

    here = replace(ports(tmp_path, a_plan, Presses(trainer)), trainer=trainer)  # type: ignore[arg-type]
    stop, enough = (never, pressed) if which == "enough" else (pressed, never)
    list(run(a_plan, task, here, stop, enough))
    if which == "stop":
        assert len(trainer.all) == 1
        assert here.store.manifest("r").status == "cancelled"
        assert carried_out(a_plan, here, task)[-1] == RunEnded(status="done")
        default = (here.store.manifest("r").effort or {})["lora-tuned"].in_order[0]
        assert (default.weights_s, default.found_s) == (TRAIN_S, 0), "they were trained before this trial began"
    manifest = here.store.manifest("r")
    assert manifest.status == "done"
    assert not manifest.prepared["lora"].reused


def _with_validation(count: int) -> Task:
    """Return the task with so many of its test rows as validation rows."""
    moved = {row.id for row in TASK.split("test")[:count]}
    return replace(
        TASK, examples=tuple(replace(row, split="validation") if row.id in moved else row for row in TASK.examples)
    )


def test_weights_are_judged_on_validation_rows_and_trained_on_the_runs(tmp_path: Path) -> None:
    """Every setting learns from the run's training rows; the default's weights are those that the run answers with."""
    task = _with_validation(9)
    a_plan = plan(task, names=_NAMES[:1], trials={"all": 8}, prior_correction=PriorCorrection.AUTO)
    assert a_plan.effort is not None
    validation = {row.id: row for row in task.split("validation")}
    assert set(a_plan.effort.weights_ids) == set(validation)
    here, trainer, _model = _run(tmp_path, a_plan, task)
    manifest = here.store.manifest("r")
    trials = (manifest.effort or {})["lora-tuned"].in_order
    assert {len(trial.row_scores) for trial in trials} == {len(validation)}
    default_spec = a_plan.variants[0].lora
    assert default_spec is not None
    learned = {bytes(pair.prompt_ids) for one in trainer.all.values() for pair in one.pairs}
    rows = {row.id: row for row in task.examples}
    assert learned == {rows[row_id].input.encode() for row_id in a_plan.train_ids}
    held_out = {bytes(pair.prompt_ids) for one in trainer.all.values() for pair in one.held_out}
    assert held_out == {row.input.encode() for row in validation.values()}
    assert len([one for one in trainer.all.values() if not one.held_out and one.spec == default_spec]) == 1
    assert len(trainer.kept) == 1 + bool((manifest.effort or {})["lora-tuned"].chosen)
    (prior,) = manifest.prepared["lora"].priors
    assert prior.rows == len(validation)
    assert trials[0].corrected is prior.corrected


def test_few_validation_rows_do_not_judge_weights(tmp_path: Path) -> None:
    """Fewer than a fold has would tell less than a fold."""
    task = _with_validation(5)
    a_plan = plan(task, names=_NAMES[:1], trials={"all": 2})
    assert a_plan.effort is not None
    assert a_plan.effort.weights_ids == ()
    here, trainer, _model = _run(tmp_path, a_plan, task)
    default = (here.store.manifest("r").effort or {})["lora-tuned"].in_order[0]
    assert len(default.row_scores) == len(a_plan.effort.pool_ids[::FOLDS])
    assert all(len(one.pairs) <= len(a_plan.train_ids) for one in trainer.all.values())


def test_weights_that_the_run_needs_do_not_count_and_are_told(tmp_path: Path) -> None:
    """A search gets the same time where the default's weights are on the disk; those that it trained itself are new."""
    task = _with_validation(9)
    a_plan = plan(task, names=_NAMES[:1], trials={"all": 1})
    here, trainer, _model = _run(tmp_path / "first", a_plan, task)
    first = here.store.manifest("r")
    assert not first.prepared["lora"].reused, "they were trained in the search of this run"
    default = (first.effort or {})["lora-tuned"].in_order[0]
    assert 0 <= default.seconds < TRAIN_S
    assert (default.found_s, default.trainings, default.weights_s) == (0, 0, TRAIN_S)
    there, _trainer, _model = _run(tmp_path / "second", a_plan, task, trainer)
    second = there.store.manifest("r")
    assert second.prepared["lora"].reused
    default = (second.effort or {})["lora-tuned"].in_order[0]
    assert default.seconds < TRAIN_S
    assert (default.found_s, default.trainings, default.weights_s) == (0, 0, TRAIN_S)
    (told,) = effort_sentences(second.effort or {})
    assert "(without 1 h 23 min for the default's weights, which the run needs anyway)" in told
    assert "training" not in told.partition(", 9 answers")[2]
    assert len(trainer.all) == 1


def test_an_index_that_another_variant_of_the_run_built_is_not_from_before(tmp_path: Path) -> None:
    """RAG + LoRA finds the index of RAG: its weights are new, and it says how long they took."""
    a_plan = plan(names=(Technique.RAG, Technique.RAG_LORA), trials=None)
    here, trainer, _model = _run(tmp_path, a_plan)
    prepared = here.store.manifest("r").prepared
    assert not prepared["rag+lora"].reused
    assert prepared["rag+lora"].prepare_s >= TRAIN_S
    assert len(trainer.all) == 1
