"""Setting up a learning curve, finding its runs, and its points as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import streamlit as st

from components.ui import state
from components.ui.decoding import FITTING
from components.ui.palette import label
from components.ui.pickers import FIRST_TASK
from components.ui.text import visible
from engine.core.run.infos import RunInfo
from engine.core.run.plan import TEST_ROWS, RunPlan
from engine.core.task import AnswerKind
from engine.core.techniques import TECHNIQUES, Technique, able
from engine.core.variant import DecodingMode
from engine.metrics import wording as say
from engine.metrics.marks import cell
from engine.services.lab import Lab
from engine.studies.learning_curve import CURVE_TECHNIQUES, SEEDS, SIZES, CurvePoint

_MOST_DRAWS = 10


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
        """Name of the series, made of everything that defines it."""
        parts = (self.task_id, self.model_id, self.techniques, self.sizes, self.draws, self.test_rows, self.decoding)
        return ", ".join(map(str, parts))


def curve_setup(lab: Lab) -> CurveChoice | None:
    """Ask for task, model, techniques, numbers of rows and draws; None while something is missing."""
    tasks = {info.id: info for info in lab.tasks.list() if info.rows.get("train", 0) > 1 and info.rows.get("test")}
    models = {model.id: model for model in lab.models.list()}
    if not tasks or not models:
        st.warning("This needs a model, and a task with training and test rows.", icon=":material/checklist:")
        return None
    first, second, third, fourth = st.columns([3, 3, 1.2, 1.2], vertical_alignment="bottom")
    state.start_choice("curve_task", tasks, FIRST_TASK if FIRST_TASK in tasks else next(iter(tasks)))
    state.start_choice(state.CURVE_MODEL, models, next(iter(models)))
    task_id = first.selectbox(
        "Task",
        list(tasks),
        format_func=lambda item: visible(tasks[item].title),
        key="curve_task",
        persist_state="session",
    )
    model_id = second.selectbox(
        "Model",
        list(models),
        format_func=lambda item: visible(models[item].name),
        key=state.CURVE_MODEL,
        persist_state="session",
    )
    kind = lab.tasks.get(task_id).answer.kind
    most_rows = tasks[task_id].rows["test"]
    rows = third.number_input(
        "Test rows",
        min_value=1,
        max_value=most_rows,
        value=min(TEST_ROWS, most_rows),
        key=f"curve_rows_{task_id}",
        persist_state="session",
        help="The same rows for every point.",
    )
    draws = fourth.number_input(
        "Seeds",
        min_value=1,
        max_value=_MOST_DRAWS,
        value=SEEDS,
        key="curve_draws",
        persist_state="session",
        help="Each seed draws other training rows for each number of rows. Several seeds show how much quality varies "
        "from seed to seed.",
    )
    offered_techniques = [item for item in able(labels=kind is AnswerKind.LABEL) if item in CURVE_TECHNIQUES]
    most = tasks[task_id].rows["train"]
    offered = sorted({*(size for size in SIZES if size <= most), most})
    left, right = st.columns(2)
    techniques = left.pills(
        "Techniques",
        offered_techniques,
        selection_mode="multi",
        default=[item for item in offered_techniques if not TECHNIQUES[item].trains],
        format_func=label,
        key=f"curve_techniques_{kind.value}",
        persist_state="session",
        help="LoRA trains from scratch for every point, which takes most of the time.",
    )
    sizes = right.pills(
        "Training rows",
        offered,
        selection_mode="multi",
        default=[size for size in offered if size in SIZES],
        key=f"curve_sizes_{task_id}",
        persist_state="session",
        help="The numbers of training rows at which quality is measured; 0 is zero-shot.",
    )
    if not techniques or not sizes:
        st.info("Choose at least one technique and one number of rows.")
        return None
    return CurveChoice(
        task_id=task_id,
        model_id=model_id,
        techniques=tuple(item for item in offered_techniques if item in techniques),
        sizes=tuple(sorted(sizes)),
        draws=int(draws),
        test_rows=int(rows),
        decoding=FITTING[kind][0],
    )


def kept_runs(lab: Lab, plans: Sequence[RunPlan]) -> list[tuple[RunPlan, RunInfo]]:
    """Return the plans whose run is done, each with its run."""
    found = zip(plans, lab.studies.kept(plans), strict=True)
    return [(plan, info) for plan, info in found if info is not None and info.status == "done"]


def points_frame(points: Sequence[CurvePoint]) -> pl.DataFrame:
    """Return one row per technique and number of rows; the page heads the quality with the mark that all have."""
    marks = [point.mark for point in points]
    return pl.DataFrame(
        [
            {
                "Technique": label(point.technique),
                "Training rows": point.train_rows,
                "Quality": cell(say.share(point.quality), point.mark, marks),
                "95 %": say.ends(point.quality),
                "Each seed": ", ".join(f"{mean * 100:.0f}" for mean in point.means),
            }
            for point in points
        ]
    )
