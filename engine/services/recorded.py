"""A kept run read again: its manifest and predictions folded into what screens show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.analysis.progress import LiveRun
from engine.analysis.report import Report, assess
from engine.analysis.run_table import table_from_predictions
from engine.core.limits import Limits
from engine.core.run.events import LeaderClear, PredictionMade, RunEnded, RunStarted, VariantReady
from engine.core.run.plan import RunPlan, plan_from_dict
from engine.core.run.prediction import Prediction
from engine.core.task import Task

SAMPLE = "sample"
"""Names the recorded run that ships with the app where a run id is wanted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedRun:
    """A finished run as it was kept."""

    manifest: Mapping[str, Any]
    predictions: tuple[Prediction, ...]

    @property
    def plan(self) -> RunPlan:
        """What it computed."""
        return plan_from_dict(self.manifest["plan"])


def assessed(recorded: RecordedRun, task: Task, limits: Limits) -> Report:
    """Assess a recorded run under the user's limits, as the report does with a run of the store."""
    plan = recorded.plan
    table = table_from_predictions([variant.id for variant in plan.variants], plan.test_ids, recorded.predictions)
    return assess(plan, task, table, recorded.manifest, limits)


def fold(manifest: Mapping[str, Any], predictions: Sequence[Prediction]) -> LiveRun:
    """Fold a kept run's predictions again. A run that no process carries on counts as stopped."""
    plan = plan_from_dict(manifest["plan"])
    live = LiveRun(plan, cores=int(manifest.get("machine", {}).get("cores", 1)))
    live.apply(RunStarted(plan=plan, kept_rows=0))
    for variant_id, figures in manifest.get("prepared", {}).items():
        live.apply(VariantReady(variant_id=variant_id, **figures))
    for prediction in predictions:
        live.apply(PredictionMade(prediction=prediction, kept=True))
    if stopped := manifest.get("stopped_early"):
        live.apply(LeaderClear(variant_id=stopped["variant_id"], rows=stopped["rows"]))
    status = str(manifest["status"])
    if status in {"done", "cancelled", "failed"}:
        live.apply(RunEnded(status=status))
    else:
        live.apply(
            RunEnded(status="cancelled", message="This run was interrupted.", mend="Resume to go on where it stood.")
        )
    return live
