"""The runs of studies: what each of them measures, in words, and which ones belong to one study. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.run.infos import RunInfo
from engine.core.run.manifest import Purpose
from engine.core.run.plan import RunPlan
from engine.core.run.standing import is_comparison, is_whole, on_test_rows
from engine.core.task import MADE_FROM
from engine.metrics import wording as say
from engine.studies.context import PREFIX
from engine.studies.perturbations import WORDS


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """Runs that one study made: of one kind, on one task, with one model."""

    purpose: Purpose
    task_id: str
    """The task that the user chose; single runs may be on rows made from its."""
    model_id: str
    studied_run: str
    runs: tuple[RunInfo, ...]
    """Newest first."""

    @property
    def whole(self) -> int:
        """How many of its runs are done."""
        return sum(is_whole(run) for run in self.runs)


def original_task(task_id: str) -> str:
    """Return the task from which a study made a task; any other task's own id."""
    return task_id.partition(MADE_FROM)[0]


def studies_of(runs: Sequence[RunInfo]) -> tuple[Study, ...]:
    """Gather the runs that were not made to compare into studies, the study with the newest run first."""
    groups: dict[tuple[Purpose, str, str, str], list[RunInfo]] = {}
    for run in runs:
        if run.purpose is not Purpose.COMPARISON:
            groups.setdefault((run.purpose, original_task(run.task_id), run.model_id, run.studied_run), []).append(run)
    return tuple(
        Study(purpose=purpose, task_id=task_id, model_id=model_id, studied_run=studied_run, runs=tuple(found))
        for (purpose, task_id, model_id, studied_run), found in groups.items()
    )


def measured_in_words(purpose: Purpose, plan: RunPlan) -> str:
    """Say what one run of a study measures that its other runs do not."""
    made = plan.task_id.rpartition(MADE_FROM)[2] if MADE_FROM in plan.task_id else ""
    match purpose:
        case Purpose.CONTEXT if made.startswith(PREFIX):
            passages, _, place = made.removeprefix(PREFIX).partition("-")
            return f"supporting passage {place} of {passages}"
        case Purpose.CONTEXT:
            shown = plan.variants[0].retrieval.passages_k if plan.variants and plan.variants[0].retrieval else 0
            return f"{shown} passage{'s' * (shown != 1)}"
        case Purpose.DRIFT:
            return WORDS.get(made, made) if made else "drift rows"
        case Purpose.SEEDS:
            return f"seed {plan.seed}"
        case _:
            rows = len(plan.train_ids) if any(variant.facts.learns for variant in plan.variants) else 0
            return f"{say.number(rows)} training row{'s' * (rows != 1)}, seed {plan.seed}"


def aside_in_words(run: RunInfo) -> str:
    """Say why a run is not its task's comparison; empty if it is."""
    if is_comparison(run):
        return ""
    if MADE_FROM in run.task_id:
        return "Rows made for a study: not the task's test rows."
    if not on_test_rows(run):
        return f"{run.split.capitalize()} rows: not the task's test rows."
    return {
        Purpose.LEARNING_CURVE: "A run of a learning curve: one number of training rows, and quality alone.",
        Purpose.CONTEXT: "A run of a context study: one variant with one number of passages.",
        Purpose.DRIFT: "A run of a drift study: not the task's test rows.",
        Purpose.SEEDS: f"A run of a study of seeds: the comparison again, with seed {run.seed}.",
        Purpose.TUNING: "A run of a search for settings, not a comparison.",
    }.get(run.purpose, "")
