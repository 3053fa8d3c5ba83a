"""The grid of rows on the Report: which rows each filter leaves, counted from the predictions themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from components.rows import browser
from engine.analysis.row_filter import Show
from engine.analysis.row_grid import grid_data
from engine.analysis.run_table import RunTable
from engine.core.run.events import Event, PredictionMade, RunEnded
from engine.core.run.prediction import Failure, FailureKind, Prediction
from engine.core.techniques import Technique
from tests.memory_lab import MODEL, TASK, MemoryLab, memory_lab, script
from tests.pages.conftest import Opener
from tests.pages.test_decide import REPORT, grid, opened, told

Rows = dict[str, list[Prediction]]
"""By row, what the variants answered."""


def _finished(lab: MemoryLab) -> str:
    """Put a run there in which few-shot has no answer to every fifth row; return its id."""
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.ZERO_SHOT, Technique.FEW_SHOT], limit=40)
    broken = Failure(kind=FailureKind.BACKEND, message="The server broke off.")
    events: list[Event] = []
    for event in script(plan, lab.tasks.get(TASK)):
        made = event.prediction if isinstance(event, PredictionMade) else None
        if made is not None and made.variant_id == "few-shot" and made.example_id in plan.test_ids[::5]:
            made = replace(made, answer=None, score=None, scores={}, failure=broken)
        events.append(event if made is None else PredictionMade(prediction=made))
    return lab.play(plan, [*events, RunEnded(status="done")])


def _is_right(made: Prediction) -> bool:
    return (made.score or 0) >= 0.5


def _answers(lab: MemoryLab, run_id: str) -> Rows:
    found: Rows = defaultdict(list)
    for made in lab.results.predictions(run_id):
        found[made.example_id].append(made)
    return found


@pytest.mark.parametrize(
    ("show", "fits"),
    [
        (Show.ALL, lambda _made: True),
        (Show.DISAGREE, lambda made: len({_is_right(one) for one in made}) == 2),
        (Show.WRONG, lambda made: any(one.failure is None and not _is_right(one) for one in made)),
        (Show.FAILED, lambda made: any(one.failure is not None for one in made)),
    ],
    ids=list(Show),
)
def test_rows_are_chosen_by_how_answers_turned_out(
    open_app: Opener, show: Show, fits: Callable[[list[Prediction]], bool]
) -> None:
    """All, those on which variants disagree, any wrong, any failed: as many as there are."""
    lab = memory_lab()
    run_id = _finished(lab)
    rows = _answers(lab, run_id)
    wanted = sum(map(fits, rows.values()))
    assert wanted
    app = opened(open_app, lab, REPORT)
    app.segmented_control(key=f"report_rows_{run_id}_show").set_value(show).run()
    assert not app.exception
    assert len(grid(app)["rows"]) == wanted
    assert f"{wanted} of {len(rows)} rows" in told(app)


def test_rows_are_chosen_by_what_is_known_of_them(open_app: Opener) -> None:
    """By target, by kind of failure, and by a word of their input, in whatever case; each is told above the grid."""
    lab = memory_lab()
    run_id = _finished(lab)
    rows, examples = _answers(lab, run_id), {one.id: one for one in lab.tasks.get(TASK).examples}
    target = next(iter(rows.values()))[0].target
    word = max(examples[next(iter(rows))].input.split(), key=len)
    app = opened(open_app, lab, REPORT)
    app.segmented_control(key=f"report_rows_{run_id}_show").set_value(Show.ALL).run()

    app.multiselect(key=f"report_rows_{run_id}_Target").set_value([target]).run()
    assert len(grid(app)["rows"]) == sum(made[0].target == target for made in rows.values())
    assert f"Target: {target}" in told(app)
    app.multiselect(key=f"report_rows_{run_id}_Target").set_value([]).run()

    app.multiselect(key=f"report_rows_{run_id}_Failure").set_value(["backend"]).run()
    assert len(grid(app)["rows"]) == 8
    assert "Failure: backend" in told(app)
    app.multiselect(key=f"report_rows_{run_id}_Failure").set_value([]).run()

    app.text_input(key=f"report_rows_{run_id}_text").set_value(word.upper()).run()
    assert not app.exception
    texts = [
        " ".join([row, examples[row].input, made[0].target, *(one.answer or "" for one in made)])
        for row, made in rows.items()
    ]
    assert len(grid(app)["rows"]) == sum(word.casefold() in text.casefold() for text in texts)
    assert f"with '{word.upper()}'" in told(app)


def test_the_grid_is_written_once_for_each_choice_of_rows(open_app: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing it takes a large run's report longer than all else: another limit leaves it as it is."""
    lab = memory_lab()
    run_id = _finished(lab)
    written: list[int] = []

    def counted(table: RunTable, found: NDArray[np.int64], *more: Any) -> dict[str, Any]:
        written.append(len(found))
        return grid_data(table, found, *more)

    monkeypatch.setattr(browser, "grid_data", counted)
    app = opened(open_app, lab, REPORT)
    app.number_input(key="limit_least_quality").set_value(99.0).run()
    app.number_input(key="limit_least_quality").set_value(50.0).run()
    assert len(written) == 1
    app.segmented_control(key=f"report_rows_{run_id}_show").set_value(Show.ALL).run()
    assert written[1:] == [40]
    assert len(grid(app)["rows"]) == 40
