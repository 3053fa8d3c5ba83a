"""Tables that the browser can save as CSV: no text from a task, a model or an imported run is a formula there."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from components.playground.view import changes_frame
from components.report.tables import classes_frame
from components.rows.row_detail import answers_frame
from components.training.view import library_frame
from components.ui.run_list import runs_frame
from components.widgets.chart_card import table_frame
from engine.analysis.report_charts import confusion_grid
from engine.charts.chart import Grid
from engine.core.run.infos import RunInfo
from engine.core.run.prediction import Prediction
from engine.core.text.safe_text import FORMULA
from engine.core.variant import variant_names
from engine.metrics.confusion import class_figures, confusion
from engine.metrics.marks import Mark
from engine.services.playground import PlayLane, PlaySnapshot, Question
from tests.memory_lab import HOSTILE_LABELS, MODEL, memory_lab, memory_model, memory_task, memory_weights
from tests.pages.conftest import Opener

SUM = "=1+1"


def _formulas(frame: pl.DataFrame) -> list[str]:
    """Return the cells and titles that a spreadsheet would take for a formula."""
    texts = [*frame.columns, *(text for column in frame.select(pl.col(pl.String)) for text in column if text)]
    return [text for text in texts if re.match(FORMULA, text)]


def _answered(text: str) -> PlaySnapshot:
    """Return a question that one variant answered with this."""
    (variant, *_) = memory_lab().plans.make(task_id="tickets", model_id=MODEL, techniques=["zero-shot"]).variants
    made = Prediction(run_id="r", variant_id=variant.id, technique="zero-shot", example_id="e", target="t", text=text)
    lane = PlayLane(variant=variant, state="done", prediction=made)
    question = Question(task_id="t", model_id="m", text="x", variants=(variant,))
    return PlaySnapshot(question=question, status="done", message="", fix="", stage="", lanes=(lane,))


def test_what_a_model_writes_is_no_formula() -> None:
    """In the answers to one row, and in what changed between two questions."""
    snapshot = _answered(SUM)
    (lane,) = snapshot.lanes
    names = variant_names([lane.variant])
    frame = answers_frame([lane.prediction, replace(lane.prediction, answer="@SUM(A1)")], names)
    assert frame["Answer"].to_list() == [f"'{SUM}", "'@SUM(A1)"]
    changed = changes_frame(_answered("-1+1"), snapshot)
    assert changed.select("Before", "Now").row(0) == ("'-1+1", f"'{SUM}")
    assert not _formulas(frame) + _formulas(changed)


def test_what_came_with_a_run_is_no_formula() -> None:
    """A note, a task and a model of a run from another machine, and what weights say of themselves."""
    run = RunInfo(
        run_id="r",
        task_id="=t",
        model_id="@m",
        status="done",
        started_at="",
        rows_done=1,
        rows_total=1,
        note=f"\n{SUM}",
    )
    kept = replace(memory_weights(), task_id="=t", model_id="", base_name="+m")
    assert not _formulas(runs_frame([run], None)) + _formulas(library_frame([kept]))


def test_a_class_is_no_formula() -> None:
    """In the table of classes, and in that of the confusions, whose own figures stay as they are."""
    codes = np.arange(len(HOSTILE_LABELS))
    matrix = confusion(codes, codes, HOSTILE_LABELS)
    table = table_frame(confusion_grid(matrix, "Zero-shot", Mark.MEASURED))
    assert not _formulas(classes_frame(class_figures(matrix))) + _formulas(table)
    grid = Grid(
        title="", caption="", alt="", lines=("a",), columns=("b",), values=((0.05,),), texts=(("+5",),), line_title="t"
    )
    assert table_frame(grid)["b"].to_list() == ["+5"]


@pytest.mark.parametrize("page", ["pages/prepare/tasks.py", "pages/prepare/models.py"])
def test_no_page_shows_a_formula_in_a_table(page: str, open_app: Opener) -> None:
    """Labels, texts and the facts that a model's file gives of itself."""
    model = memory_model(name=SUM, architecture="+a", quantization="-q", licence="@l")
    lab = memory_lab(task=memory_task(HOSTILE_LABELS, text=SUM), models=[model])
    app = open_app(lab, page).run()
    assert not app.exception
    assert app.dataframe
    assert not [text for frame in app.dataframe for text in _formulas(pl.from_pandas(frame.value))]
