"""What is at work in this process: whatever holds the machine or waits for it, how far it is, and how to stop it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from engine.core.errors import AdaptLabError
from engine.core.run.manifest import Purpose
from engine.core.steps import Progress
from engine.metrics import wording as say
from engine.services.models import Models
from engine.services.runs import Runs
from engine.services.studies import Studies
from engine.services.tasks import Tasks
from engine.services.trainings import Trainings


class WorkKind(StrEnum):
    """A kind of work, in the words that screens show."""

    RUN = "Comparison"
    LEARNING_CURVE = "Learning curve"
    CONTEXT = "Context"
    DRIFT = "Drift"
    SEEDS = "Seeds"
    TRAINING = "Training"
    SPEED_TEST = "Speed test"
    CHECK = "Model check"
    PULL = "Download"


_STUDIES = {
    Purpose.LEARNING_CURVE: WorkKind.LEARNING_CURVE,
    Purpose.CONTEXT: WorkKind.CONTEXT,
    Purpose.DRIFT: WorkKind.DRIFT,
    Purpose.SEEDS: WorkKind.SEEDS,
}
_WAITING = "waiting for the machine"


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """One piece of work in progress."""

    kind: WorkKind
    id: str
    """Of the run, the training or the model; of a study the word for its kind."""
    name: str
    """What is worked on, as the user named it: untrusted text."""
    how_far: str
    fraction: float
    """0 to 1."""
    left_s: float | None
    """Estimated; None while unknown."""
    left_is_rough: bool
    """Whether it is best written in round figures."""
    stop: Callable[[], None]
    """Ask it to stop; what was done is kept."""


class AtWork:
    """Looks at all services at once. Safe to call from several threads."""

    def __init__(self, *, runs: Runs, studies: Studies, trainings: Trainings, models: Models, tasks: Tasks) -> None:
        """Look at these."""
        self._runs, self._studies = runs, studies
        self._trainings, self._models, self._tasks = trainings, models, tasks

    def now(self) -> tuple[Work, ...]:
        """Return what is at work; empty when the machine is free. Costs no figure and no look into the store."""
        studies, of_studies = self._running_studies()
        runs = [self._run(run_id) for run_id in self._runs.current_ids() if run_id not in of_studies]
        return (*studies, *(work for work in runs if work is not None), *self._training(), *self._with_models())

    def _running_studies(self) -> tuple[list[Work], set[str]]:
        found, run_ids = [], set()
        for purpose, kind in _STUDIES.items():
            state = self._studies.state(purpose)
            if not state.is_running:
                continue
            if state.run_id is not None:
                run_ids.add(state.run_id)
            rows = f", {_rows(state.rows_done, state.rows_total)}" if state.rows_done else ""
            found.append(
                Work(
                    kind=kind,
                    id=str(purpose),
                    name=state.now,
                    how_far=f"run {min(state.done + 1, state.total)} of {state.total}{rows}",
                    fraction=state.fraction,
                    left_s=state.estimated_left_s,
                    left_is_rough=state.left_is_rough,
                    stop=partial(self._studies.cancel, purpose),
                )
            )
        return found, run_ids

    def _run(self, run_id: str) -> Work | None:
        progress = self._runs.progress(run_id)
        if progress is None:
            return None
        rows = _rows(progress.rows_done, progress.rows_total)
        match progress.status:
            case "queued":
                how_far = _WAITING
            case "running":
                how_far = rows
            case "paused":
                how_far = f"{rows}, paused"
            case _:
                how_far = progress.step.words if progress.step is not None else "starting"
        return Work(
            kind=WorkKind.RUN,
            id=run_id,
            name=self._title(progress.task_id),
            how_far=how_far,
            fraction=progress.rows_done / max(progress.rows_total, 1),
            left_s=progress.estimated_left_s,
            left_is_rough=progress.left_is_rough,
            stop=partial(self._runs.cancel, run_id),
        )

    def _training(self) -> list[Work]:
        training_id = self._trainings.current_id()
        snapshot = self._trainings.snapshot(training_id) if training_id is not None else None
        if training_id is None or snapshot is None:
            return []
        stop = partial(self._trainings.cancel, training_id)
        step, name = snapshot.progress, self._title(snapshot.order.task_id)
        if snapshot.status == "waiting":
            return [_stepped(WorkKind.TRAINING, training_id, name, None, stop, begins=_WAITING)]
        return [_stepped(WorkKind.TRAINING, training_id, name, step, stop)]

    def _with_models(self) -> list[Work]:
        books = (
            (WorkKind.SPEED_TEST, self._models.speed_tests.running()),
            (WorkKind.CHECK, self._models.checks.running()),
            (WorkKind.PULL, self._models.pulls.running()),
        )
        return [
            _stepped(kind, model_id, model_id, job.progress, job.cancel)
            for kind, jobs in books
            for model_id, job in jobs
        ]

    def _title(self, task_id: str) -> str:
        with suppress(AdaptLabError):
            return self._tasks.get(task_id).title
        return task_id


def _stepped(
    kind: WorkKind,
    work_id: str,
    name: str,
    step: Progress | None,
    stop: Callable[[], None],
    *,
    begins: str = "starting",
) -> Work:
    stage = (step.stage[:1].lower() + step.stage[1:]) if step is not None else begins
    return Work(
        kind=kind,
        id=work_id,
        name=name,
        how_far=f"{stage}, {say.share(step.fraction)}" if step is not None and step.fraction else stage,
        fraction=step.fraction if step is not None else 0.0,
        left_s=step.left_s if step is not None else None,
        left_is_rough=False,
        stop=stop,
    )


def _rows(done: int, total: int) -> str:
    return f"{say.number(done)} of {say.number(total)} answers"
