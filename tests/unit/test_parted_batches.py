"""Batches at a server that goes away, or that the user stops: what was answered is kept, and the run ends as unbroken."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.models.remote.reading import answer_all
from adapters.models.scripted import FACTS
from engine.core.errors import AdaptLabError, CancelledError, ServerAbsentError
from engine.core.generation import Completion, Decoding, GenerateRequest, Message
from engine.core.prices import TokenPrices
from engine.core.run.events import RunEnded
from engine.core.run.prediction import Usage
from engine.core.variant import DecodingMode
from engine.metrics.budget import Budget
from engine.running.paid.model import PaidModel
from engine.running.runner import run
from tests.racing import TASK, Skilled, race_plan, race_ports

PRICES = TokenPrices(source="maker/model", input_usd=1.0, cached_input_usd=0.1, output_usd=10.0)
ASKED = [
    GenerateRequest(messages=(Message(role="user", content=str(number)),), decoding=Decoding(mode=DecodingMode.FREE))
    for number in range(8)
]


class Parts(Skilled):
    """Answers so many requests of batches, and has an error in the place of each further one."""

    def __init__(self, answers: int, error: AdaptLabError) -> None:
        """Stand in for a server."""
        super().__init__(replace(FACTS, server="http://127.0.0.1:9"))
        self._left, self._error = answers, error

    def generate_batch(
        self, requests: Sequence[GenerateRequest], *, cancel: Any = None
    ) -> list[Completion | Exception]:
        """Answer as many as are left."""
        now = requests[: self._left]
        self._left -= len(now)
        answers: list[Completion | Exception] = list(super().generate_batch(now, cancel=cancel))
        return [*answers, *[self._error] * (len(requests) - len(now))]


GONE = ServerAbsentError("Nothing answers.", "Start it again.")


@pytest.mark.parametrize("answers", [3, 20, 29, 43, 55, 61])
@pytest.mark.parametrize("race", [False, True], ids=["early end", "race"])
def test_a_run_that_breaks_within_a_batch_ends_as_an_unbroken_one(race: bool, answers: int, tmp_path: Path) -> None:
    """It is judged at the same rows: who leaves, when a lead is clear, and what was answered are the same."""
    names = ("zero-shot", "few-shot", "lora")
    a_plan = race_plan(names=names, race=race, throughput=True, stop_when_clear=not race)
    whole, parted = (race_ports(tmp_path / name, a_plan) for name in ("whole", "parted"))
    list(run(a_plan, TASK, replace(whole, model=Parts(10**6, GONE)), threading.Event()))
    list(run(a_plan, TASK, replace(parted, model=Parts(answers, GONE)), threading.Event()))
    kept = parted.store.predictions(a_plan.run_id)
    assert len(kept) == answers
    assert not [made for made in kept if made.failure]
    list(run(a_plan, TASK, replace(parted, model=Parts(10**6, GONE)), threading.Event()))
    one, other = (here.store.manifest(a_plan.run_id) for here in (whole, parted))
    assert one.status == other.status == "done"
    assert one.stopped_early is not None
    assert (one.out, one.stopped_early) == (other.out, other.stopped_early)
    places = [
        {(made.variant_id, made.example_id, made.answer) for made in here.store.predictions(a_plan.run_id)}
        for here in (whole, parted)
    ]
    assert places[0] == places[1]


def test_what_was_answered_before_a_stop_is_kept(tmp_path: Path) -> None:
    """The user stops amid a batch: five answers are there, and so they stay."""
    a_plan = race_plan(race=False, throughput=True)
    here = replace(race_ports(tmp_path, a_plan), model=Parts(5, CancelledError("Stopped.")))
    ended = list(run(a_plan, TASK, here, threading.Event()))[-1]
    assert isinstance(ended, RunEnded)
    assert ended.status == "cancelled"
    assert len(here.store.predictions(a_plan.run_id)) == 5


def test_a_server_returns_what_it_answered_before_a_stop() -> None:
    """Requests that were not answered have the stop in their place."""
    answered = Completion(text="a", usage=Usage(), prefill_s=0.0, decode_s=0.0, ttft_s=0.0)

    def one(request: GenerateRequest) -> Any:
        if int(request.messages[0].content) >= 5:
            raise CancelledError("Stopped.")
        yield answered

    found = answer_all(one, ASKED, at_once=2)
    assert found[:5] == [answered] * 5
    assert all(isinstance(item, CancelledError) for item in found[5:])


def test_a_server_that_is_gone_is_not_asked_again_for_what_must_be_paid() -> None:
    """Before anything was paid for rows go one by one; the first that finds nobody there ends it."""
    model = Parts(0, GONE)
    asked = []
    answer = model.generate_batch
    model.generate_batch = lambda requests, cancel=None: asked.append(1) or answer(requests)  # type: ignore[assignment,func-returns-value,misc]
    paid = PaidModel(model, Budget(PRICES, 1.0), lambda: None)
    assert paid.generate_batch(ASKED) == [GONE] * len(ASKED)
    assert len(asked) == 1


def test_an_answer_without_tokens_is_no_price_of_one() -> None:
    """A page in an answer's place costs nothing, and says nothing of what the next one costs."""
    budget = Budget(PRICES, 3.0)
    assert budget.at_once(8) == 1
    budget.pay_usage(Usage())
    assert budget.at_once(8) == 1
    budget.pay_usage(Usage(prompt_tokens=1_000_000))
    assert budget.at_once(8) == 2
    assert budget.at_once(0) == 0
    assert Budget(PRICES, None).at_once(8) == 8
    assert Budget(TokenPrices(source="free", input_usd=0.0, cached_input_usd=0.0, output_usd=0.0), 1.0).at_once(8) == 8
