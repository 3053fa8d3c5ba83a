"""Rows that a busy server or a dead worker leaves without an answer while something is decided by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from engine.core.errors import ServerBusyError, WorkerDiedError
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.techniques import Technique
from tests.unit.test_priors_of_variants import TASK, Leaning, prepared, variant


class Sparing(Leaning):
    """Is too busy for some rows, or its worker dies at them; each as often as is asked."""

    def __init__(self, error: Exception, inputs: Sequence[str], times: int = 10**6) -> None:
        """Fail at these inputs."""
        super().__init__()
        self.error, self.left = error, dict.fromkeys(inputs, times)

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer, or fail."""
        for text in self.left:
            if text in request.messages[-1].content and self.left[text]:
                self.left[text] -= 1
                raise self.error
        yield from super().generate(request, cancel=cancel)


BUSY, DEAD = ServerBusyError("The server is busy.", "Wait."), WorkerDiedError("The worker ended.", "Try again.")
INPUTS = [row.input for row in TASK.split("train")]


def test_a_server_that_is_busy_once_costs_no_prior() -> None:
    """The rows are asked again, and the prior is what it is without."""
    (calm,), (busy,) = (
        prepared(variant(Technique.ZERO_SHOT), model)[2].priors for model in (Leaning(), Sparing(BUSY, INPUTS, times=1))
    )
    assert replace(busy, measure_s=0.0) == replace(calm, measure_s=0.0)


def test_a_few_rows_that_stay_lost_are_left_out() -> None:
    """Four of 24 are a sixth."""
    assert prepared(variant(Technique.ZERO_SHOT), Sparing(BUSY, INPUTS[:4]))[2].priors[0].rows == 20


@pytest.mark.parametrize("error", [BUSY, DEAD], ids=["busy", "dead"])
def test_many_lost_rows_stop_the_run_instead_of_deciding(error: Exception) -> None:
    """Five of 24 are more than a fifth: no prior is kept, so that a resumed run measures it."""
    with pytest.raises(type(error)):
        prepared(variant(Technique.ZERO_SHOT), Sparing(error, INPUTS[:5]))


def test_a_worker_that_always_dies_is_found_out_at_once() -> None:
    """Not after all batches: three rows of the first one, asked alone, say so."""
    model = Sparing(DEAD, INPUTS)
    with pytest.raises(WorkerDiedError):
        prepared(variant(Technique.ZERO_SHOT), model)
    asked = sum(10**6 - left for left in model.left.values())
    assert asked == 2 * (2 + 3 * 2), "one batch and three rows, each twice, and all of that twice"


def test_a_row_at_which_the_worker_dies_takes_no_other_with_it() -> None:
    """Its batch dies, and is asked again row by row."""
    assert prepared(variant(Technique.ZERO_SHOT), Sparing(DEAD, INPUTS[:1]))[2].priors[0].rows == 23
