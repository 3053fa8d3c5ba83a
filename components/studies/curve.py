"""Setting up a learning curve, and its points as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import streamlit as st

from components.ui import state
from components.ui.decoding import FITTING
from components.ui.pickers import choose_model, choose_task, choose_test_rows
from engine.core.run.plan import TEST_ROWS
from engine.core.task import AnswerKind
from engine.core.techniques import TECHNIQUES, Technique, able, label
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
    tasks = [info for info in lab.tasks.list() if info.rows.get("train", 0) > 1 and info.rows.get("test")]
    models = lab.models.list()
    if not tasks or not models:
        st.warning("This needs a model, and a task with training and test rows.", icon=":material/checklist:")
        return None
    first, second, third, fourth = st.columns([3, 3, 1.2, 1.2], vertical_alignment="bottom")
    task = choose_task(first, tasks, key="curve_task")
    model = choose_model(second, models, key=state.CURVE_MODEL)
    kind = lab.tasks.get(task.id).answer.kind
    key = f"curve_rows_{task.id}"
    rows = choose_test_rows(third, task, key=key, usual=TEST_ROWS, help_text="The same rows for every point.")
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
    most = task.rows["train"]
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
        key=f"curve_sizes_{task.id}",
        persist_state="session",
        help="The numbers of training rows at which quality is measured; 0 is zero-shot.",
    )
    if not techniques or not sizes:
        st.info("Choose at least one technique and one number of rows.")
        return None
    return CurveChoice(
        task_id=task.id,
        model_id=model.id,
        techniques=tuple(item for item in offered_techniques if item in techniques),
        sizes=tuple(sorted(sizes)),
        draws=int(draws),
        test_rows=rows,
        decoding=FITTING[kind][0],
    )


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
                "Each seed": ", ".join(say.share(mean) for mean in point.means),
            }
            for point in points
        ]
    )
