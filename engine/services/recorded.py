"""A kept run read again: its manifest and predictions folded into what screens show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.analysis.progress import LiveRun
from engine.analysis.run_table import RunTable, table_from_predictions
from engine.core.run.events import (
    LeaderClear,
    ModelLoaded,
    PredictionMade,
    RunEnded,
    RunStarted,
    Searched,
    VariantOut,
    VariantReady,
)
from engine.core.run.failed_rows import Outcomes, can_go_on, none_answered
from engine.core.run.manifest import Manifest
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Failure, Prediction

SAMPLE = "sample"
"""Names the recorded run that ships with the app where a run id is wanted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedRun:
    """A finished run as it was kept."""

    run_id: str
    manifest: Manifest
    predictions: tuple[Prediction, ...]

    @property
    def plan(self) -> RunPlan:
        """What it computed."""
        return self.manifest.plan

    @property
    def table(self) -> RunTable:
        """Its predictions as columns."""
        return table_from_predictions(
            [variant.id for variant in self.plan.variants], self.plan.test_ids, self.predictions
        )


def fold(manifest: Manifest, predictions: Sequence[Prediction]) -> LiveRun:
    """Fold a kept run's predictions again. One without an end, which no process carries out, is interrupted."""
    place = {example_id: number for number, example_id in enumerate(manifest.plan.test_ids)}
    return fold_in_order(manifest, sorted(predictions, key=lambda made: place.get(made.example_id, -1)))


def fold_in_order(manifest: Manifest, predictions: Iterable[Prediction]) -> LiveRun:
    """As `fold`, with the predictions in the order of the plan's test rows."""
    live = LiveRun(manifest.plan, manifest.conditions)
    failures: dict[tuple[str, str], Failure | None] = {}
    live.apply(RunStarted(plan=manifest.plan))
    for variant_id, search in (manifest.effort or {}).items():
        live.apply(Searched(variant_id=variant_id, search=search))
    for variant_id, paid in manifest.prepared.items():
        live.apply(VariantReady(variant_id=variant_id, paid=paid))
    live.apply(ModelLoaded(load_s=manifest.load_s or 0.0, gpu=manifest.gpu))
    for prediction in predictions:
        failures[prediction.variant_id, prediction.example_id] = prediction.failure
        live.apply(PredictionMade(prediction=prediction, kept=True))
    for variant_id, rows in manifest.out.items():
        live.apply(VariantOut(variant_id=variant_id, rows=rows))
    if manifest.stopped_early is not None:
        live.apply(LeaderClear(variant_id=manifest.stopped_early.variant_id, rows=manifest.stopped_early.rows))
    live.apply(_end_of(manifest, failures))
    return live


def _end_of(manifest: Manifest, failures: Outcomes) -> RunEnded:
    """Tell how a kept run ended, and whether resuming it can get further: one of another machine cannot."""
    if manifest.status not in {"done", "cancelled", "failed"}:
        what, fix = "This run was interrupted.", "" if manifest.imported else "Resume to continue where it ended."
        return RunEnded(status="interrupted", message=what, fix=fix, goes_on=not manifest.imported)
    what, fix = (manifest.status == "failed" and none_answered(failures)) or ("", "")
    goes_on = manifest.goes_on and not manifest.imported and can_go_on(failures)
    return RunEnded(status=manifest.status, message=what, fix="" if manifest.imported else fix, goes_on=goes_on)
