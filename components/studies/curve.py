"""Setting up a learning curve, finding its runs, and its points as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import streamlit as st

from components.ui.palette import label
from components.ui.text import percent, visible
from engine.core.run.infos import RunInfo
from engine.core.run.plan import RunPlan
from engine.core.task import AnswerKind
from engine.core.variant import DecodingMode, Technique
from engine.services.lab import Laboratory
from engine.services.run_series import find_all_kept
from engine.studies.learning_curve import SIZES, TECHNIQUES, CurvePoint

_FITTING = {
    AnswerKind.LABEL: DecodingMode.CHOICE,
    AnswerKind.JSON: DecodingMode.JSON,
    AnswerKind.SHORT: DecodingMode.FREE,
    AnswerKind.TEXT: DecodingMode.FREE,
}
_FIRST_TASK = "support-tickets"
_MOST_DRAWS = 10
_DEFAULT_DRAWS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class CurveChoice:
    """What the user chose."""

    task_id: str
    model_id: str
    techniques: tuple[Technique, ...]
    sizes: tuple[int, ...]
    draws: int
    test_rows: int
    decoding: DecodingMode

    @property
    def name(self) -> str:
        """Name the series by all that decides it."""
        return f"{self.task_id}, {self.model_id}, {self.techniques}, {self.sizes}, {self.draws}, {self.test_rows}"


def curve_setup(lab: Laboratory) -> CurveChoice | None:
    """Ask for task, model, techniques, numbers of rows and draws; None while something is missing."""
    tasks = {info.id: info for info in lab.tasks() if info.rows.get("train", 0) > 1 and info.rows.get("test")}
    models = {model.id: model for model in lab.models()}
    if not tasks or not models:
        st.warning("A model and a task with training and test rows are needed.", icon=":material/checklist:")
        return None
    first, second, third, fourth = st.columns([3, 3, 1.2, 1.2], vertical_alignment="bottom")
    task_id = first.selectbox(
        "Task",
        list(tasks),
        index=list(tasks).index(_FIRST_TASK) if _FIRST_TASK in tasks else 0,
        format_func=lambda item: visible(tasks[item].title),
        key="curve_task",
    )
    model_id = second.selectbox(
        "Model", list(models), format_func=lambda item: visible(models[item].name), key="curve_model"
    )
    kind = lab.task(task_id).answer.kind
    most_rows = tasks[task_id].rows["test"]
    rows = third.number_input(
        "Test rows",
        min_value=1,
        max_value=most_rows,
        value=min(100, most_rows),
        key=f"curve_rows_{task_id}",
        help="The same rows for every point.",
    )
    draws = fourth.number_input(
        "Draws",
        min_value=1,
        max_value=_MOST_DRAWS,
        value=_DEFAULT_DRAWS,
        key="curve_draws",
        help="How often training rows are drawn anew at each number. Several show how much a draw alone moves quality.",
    )
    able = [item for item in TECHNIQUES if item is not Technique.CLASSIFIER or kind is AnswerKind.LABEL]
    most = tasks[task_id].rows["train"]
    offered = sorted({*(size for size in SIZES if size <= most), most})
    left, right = st.columns(2)
    techniques = left.pills(
        "Techniques",
        able,
        selection_mode="multi",
        default=[item for item in able if item is not Technique.LORA],
        format_func=label,
        key=f"curve_techniques_{kind.value}",
        help="LoRA trains anew for every point, which takes most of the time.",
    )
    sizes = right.pills(
        "Training rows",
        offered,
        selection_mode="multi",
        default=[size for size in offered if size in SIZES],
        key=f"curve_sizes_{task_id}",
        help="At how many training rows quality is measured; 0 is the bare prompt.",
    )
    if not techniques or not sizes:
        st.info("Choose at least one technique and one number of rows.")
        return None
    return CurveChoice(
        task_id=task_id,
        model_id=model_id,
        techniques=tuple(item for item in able if item in techniques),
        sizes=tuple(sorted(sizes)),
        draws=int(draws),
        test_rows=int(rows),
        decoding=_FITTING[kind],
    )


def kept_runs(lab: Laboratory, plans: Sequence[RunPlan]) -> list[tuple[RunPlan, RunInfo]]:
    """Return those plans whose run is done, each with it."""
    found = zip(plans, find_all_kept(lab, plans), strict=True)
    return [(plan, info) for plan, info in found if info is not None and info.status == "done"]


def points_frame(points: Sequence[CurvePoint]) -> pl.DataFrame:
    """Return one row per technique and number of rows."""
    return pl.DataFrame(
        [
            {
                "Technique": label(point.technique),
                "Training rows": point.train_rows,
                "Quality": percent(point.quality.value),
                "95 %": f"{point.quality.low * 100:.0f} to {point.quality.high * 100:.0f}",
                "Each draw": ", ".join(f"{mean * 100:.0f}" for mean in point.means),
            }
            for point in points
        ]
    )
