"""The rows of a run's lanes: earlier looks stay, nothing is copied, and what an ended run no longer needs is let go."""

from __future__ import annotations

import pytest

from engine.core.run.events import PredictionMade, RunEnded
from tests.unit.test_snapshot import IDS, folded, made


def test_an_earlier_look_stays_as_it_was() -> None:
    """A snapshot copies no row, and does not change as more come."""
    live = folded(*(PredictionMade(prediction=made(row)) for row in range(2)))
    early = live.snapshot().lanes[0]
    live.apply(PredictionMade(prediction=made(2, score=0.0)))
    assert (early.rows_done, len(early.outcomes), early.example_ids[-1]) == (2, 2, IDS[1])
    assert (list(early.outcomes), list(early.running_quality)) == (["right", "right"], [1.0, 1.0])
    assert [early.outcomes[at] for at in (-1, -2)] == ["right", "right"]
    with pytest.raises(IndexError):
        early.outcomes[2]
    assert list(live.snapshot().lanes[0].outcomes[1:]) == ["right", "wrong"]


def test_a_run_that_has_ended_keeps_its_figures_and_lets_go_of_its_rows() -> None:
    """What it shows stays as it is; the values of each answer are no longer held."""
    live = folded(
        *(PredictionMade(prediction=made(row, score=row % 2)) for row in range(4)), RunEnded(status="done", message="")
    )
    before = live.snapshot()
    live.release_rows()
    after = live.snapshot()
    assert [lane.figures for lane in after.lanes] == [lane.figures for lane in before.lanes]
    assert [list(lane.running_quality) for lane in after.lanes] == [list(lane.running_quality) for lane in before.lanes]
    assert (after.rows_done, after.lanes[0].rows_done) == (4, 4)
    assert [len(lane.columns) for lane in live._lanes.values()] == [0, 0]


def test_a_slow_reader_leaves_the_figures_of_newer_rows() -> None:
    """A tab that looked before the last row, and computes after the run's end, does not set its figures back."""
    live = folded(*(PredictionMade(prediction=made(row)) for row in range(3)))
    slow = live._lane(live._lanes["zero-shot"]), live._lanes["zero-shot"].columns, 0
    live.apply(PredictionMade(prediction=made(3)))
    live.release_rows()
    before = live._figures_of(*slow, may_lag=False)
    assert before is not None
    assert before.rows == 3
    last = live.snapshot().lanes[0].figures
    assert last is not None
    assert last.rows == 4
