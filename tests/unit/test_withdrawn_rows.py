"""Rows that a server left without an answer and that nobody will ask again: gone from the store as from the screen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.analysis.progress import LiveRun
from engine.core.errors import ServerError
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.run.events import PredictionMade, RowsWithdrawn, RunEnded
from engine.core.run.infos import info_of
from engine.core.run.manifest import Conditions
from engine.core.run.prediction import Failure, FailureKind, Prediction
from engine.running.runner import run
from engine.services.recorded import fold
from tests.racing import ROWS, TASK, Skilled, race_plan, race_ports


class Drops(Skilled):
    """Breaks off its first answers."""

    def __init__(self, lost: int) -> None:
        """Break off so many."""
        super().__init__()
        self._lost = lost

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer, if it is time."""
        if request.messages[-1].content in ROWS:
            self._lost -= 1
            if self._lost >= 0:
                raise ServerError("The server broke off.")
        yield from super().generate(request, cancel=cancel)


def test_what_is_withdrawn_is_gone_from_the_lanes_as_from_the_store(tmp_path: Path) -> None:
    """Rows that a server left without an answer, for one that is out of the race or when it ends, count nowhere."""
    a_plan = race_plan(names=("zero-shot", "few-shot", "lora"))
    here = replace(race_ports(tmp_path, a_plan), model=Drops(10))
    live = LiveRun(a_plan, Conditions())
    lost = withdrawn = 0
    for event in run(a_plan, TASK, here, threading.Event()):
        live.apply(event)
        if isinstance(event, RowsWithdrawn):
            withdrawn += len(event.places)
        if isinstance(event, PredictionMade):
            lost += event.prediction.failure is not None
            live.snapshot()
    assert withdrawn == lost > 3
    kept = here.store.predictions(a_plan.run_id)
    assert not [made for made in kept if made.failure]
    again = fold(here.store.manifest(a_plan.run_id), kept).snapshot()
    for one, other in zip(live.snapshot().lanes, again.lanes, strict=True):
        assert one.rows_done == other.rows_done == one.figures.rows  # type: ignore[union-attr]
        assert one.figures == other.figures
        assert list(one.running_quality) == list(other.running_quality)
        assert list(one.outcomes) == list(other.outcomes)


def test_a_slow_reader_leaves_no_figures_from_before_a_withdrawal() -> None:
    """Figures that were begun before rows were withdrawn, and are done after that, do not stay."""
    a_plan = race_plan(names=("zero-shot", "few-shot"))
    live = LiveRun(a_plan, Conditions())
    rows = a_plan.test_ids[:3]
    lost = Failure(kind=FailureKind.BACKEND, message="It broke off.", passing=True)
    for row, score, failure in zip(rows, (1.0, None, None), (None, lost, lost), strict=True):
        made = Prediction(
            run_id="r", variant_id="few-shot", technique="few-shot", example_id=row, target="a", score=score,
            failure=failure,
        )  # fmt: skip
        live.apply(PredictionMade(prediction=made))
    reading = live._figures_of

    def slowly(*given: Any, **options: Any) -> Any:
        live._figures_of = reading  # type: ignore[method-assign]
        live.apply(RowsWithdrawn(places=tuple(("few-shot", row) for row in rows[1:])))
        return reading(*given, **options)

    live._figures_of = slowly  # type: ignore[method-assign]
    live.snapshot()
    for _again in range(2):
        (lane,) = (one for one in live.snapshot().lanes if one.variant.id == "few-shot")
        assert lane.figures is not None
        assert (lane.rows_done, lane.figures.rows, lane.figures.failed, lane.quality.value) == (1, 1, 0, 1.0)
        assert lane.last is None, "its last row is gone"
        live.release_rows()


def test_a_raced_run_of_an_older_version_counts_its_rows_again(tmp_path: Path) -> None:
    """There rows without an answer stand in the count of who is out: resumed, the run is whole and takes more rows."""
    a_plan = race_plan(names=("zero-shot", "few-shot"))
    here = race_ports(tmp_path, a_plan)
    lost = Failure(kind=FailureKind.BACKEND, message="It broke off.", passing=True)
    for name, rows in (("zero-shot", 20), ("few-shot", 90)):
        here.store.add(
            [
                Prediction(
                    run_id="r", variant_id=name, technique=name, example_id=row, target="a",
                    score=None if name == "zero-shot" and place < 2 else float(name == "few-shot"),
                    failure=lost if name == "zero-shot" and place < 2 else None,
                )
                for place, row in enumerate(a_plan.test_ids[:rows])
            ]
        )  # fmt: skip
    here.store.update_run(a_plan.run_id, status="done", manifest={"out": {"zero-shot": 20}})
    assert list(run(a_plan, TASK, here, threading.Event()))[-1] == RunEnded(status="done")
    manifest, kept = here.store.manifest(a_plan.run_id), here.store.predictions(a_plan.run_id)
    assert manifest.out == {"zero-shot": 18}
    assert not [made for made in kept if made.failure]
    info = info_of(manifest, len(kept))
    assert info.rows_done == info.rows_total == 108
