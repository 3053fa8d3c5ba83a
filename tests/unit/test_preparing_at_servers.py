"""Making LoRA variants ready at servers: weights that the server holds, and a canary where there are no odds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from adapters.models.openai_compatible.dialects import VLLM
from adapters.models.scripted import ScriptedModel
from engine.core.capabilities import Capabilities
from engine.core.errors import CanaryError, UnsupportedError
from engine.core.generation import Completion, GenerateRequest, LoraWeights, ModelFacts, TextPiece
from engine.core.run.events import VariantReady
from engine.core.run.manifest import Preparation
from engine.core.run.plan import RunPlan
from engine.core.techniques import Technique
from engine.core.variant import LoraSpec, Variant
from engine.running.answering import ReadyVariant, RunContext
from engine.running.lora import run_canary
from engine.running.preparation.preparing import prepare
from tests.helpers import small_task

TASK = small_task()
LORA = Variant(id="lora", technique=Technique.LORA, lora=LoraSpec())


class AtServer(ScriptedModel):
    """A model at a server that holds LoRA weights and tells no odds; `changed` is what the weights add to its words."""

    def __init__(self, *, served: str | None = "tickets", changed: str = " tuned") -> None:
        """Say what the server holds and what it does."""
        super().__init__()
        self.served = served
        self.changed = changed

    @property
    def facts(self) -> ModelFacts:
        """Name the server."""
        return replace(super().facts, server="http://127.0.0.1:8000/v1")

    @property
    def capabilities(self) -> Capabilities:
        """Those of vLLM."""
        return VLLM.capabilities

    def served_lora(self) -> LoraWeights | None:
        """Return the weights, if there are any."""
        if self.served is None:
            message = "The server serves no LoRA weights."
            raise UnsupportedError(message, "Leave LoRA out.")
        return LoraWeights(key=None, locator=self.served)

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer without odds; with the weights, a little differently."""
        for item in super().generate(replace(request, lora=None), cancel=cancel):
            if isinstance(item, Completion):
                yield replace(item, text=item.text + (self.changed if request.lora else ""), probabilities={})


def context(model: ScriptedModel) -> RunContext:
    """Put together what a run of the LoRA variant alone needs."""
    plan = RunPlan(run_id="r", task_id="small", model_id="m", variants=(LORA,), test_ids=(), train_ids=())
    return RunContext(plan=plan, task=TASK, model=model, retriever=None, cancel=threading.Event(), began_at=1.0)  # type: ignore[arg-type]


def test_weights_of_the_server_are_taken_and_none_are_trained() -> None:
    """The variant uses the name that the server serves, costs no training, and the trainer is never asked."""
    ready: list[ReadyVariant] = []
    events = list(prepare(context(AtServer()), None, TASK.split("train"), ready.append))  # type: ignore[arg-type]
    assert ready[0].lora == LoraWeights(key=None, locator="tickets")
    assert events == [
        VariantReady(variant_id="lora", paid=Preparation(prepare_s=0.0, reused=True, weights_served=True))
    ]


def test_a_server_without_weights_stops_the_run_beforehand() -> None:
    """Nothing is faked: without weights the LoRA variant is not made ready."""
    with pytest.raises(UnsupportedError, match="no LoRA weights"):
        list(prepare(context(AtServer(served=None)), None, TASK.split("train"), lambda _ready: None))  # type: ignore[arg-type]


def test_the_canary_reads_words_where_there_are_no_odds() -> None:
    """Weights that change the words pass, and weights that change nothing are found out."""
    ready = ReadyVariant(variant=LORA, lora=LoraWeights(key=None, locator="tickets"))
    probe = TASK.split("train")[0]
    assert run_canary(context(AtServer()), None, ready, probe) == 1.0
    with pytest.raises(CanaryError, match="change nothing"):
        run_canary(context(AtServer(changed="")), None, ready, probe)


class Unsure(AtServer):
    """A model that gives some labels a probability: `base` without the weights, `tuned` with them."""

    def __init__(self, base: dict[str, float], tuned: dict[str, float]) -> None:
        """Take both."""
        super().__init__()
        self.odds = {False: base, True: tuned}

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer with the odds of the weights, or without."""
        for item in super().generate(request, cancel=cancel):
            if isinstance(item, Completion):
                yield replace(item, probabilities=self.odds[request.lora is not None])


@pytest.mark.parametrize(
    ("base", "tuned", "change"),
    [
        ({"a": 0.6, "b": 0.4}, {"a": 0.3, "b": 0.7}, 0.3),
        ({"a": 0.7}, {"b": 0.9}, 0.6),  # b had at most the 0.3 that was left without the weights
        ({"a": 0.5}, {"b": 0.5}, 0.0),  # nothing is certain of the amount, but another label was reached
    ],
)
def test_the_canary_takes_no_more_for_changed_than_is_known(
    base: dict[str, float], tuned: dict[str, float], change: float
) -> None:
    """Where only one side gives a label a probability, the other's is at most what its labels left over."""
    ready = ReadyVariant(variant=LORA, lora=LoraWeights(key=None, locator="tickets"))
    assert run_canary(context(Unsure(base, tuned)), None, ready, TASK.split("train")[0]) == pytest.approx(change)


def test_the_canary_finds_out_the_same_odds() -> None:
    """The same probabilities of the same labels are weights that change nothing."""
    ready = ReadyVariant(variant=LORA, lora=LoraWeights(key=None, locator="tickets"))
    with pytest.raises(CanaryError, match="change nothing"):
        run_canary(context(Unsure({"a": 0.7}, {"a": 0.7})), None, ready, TASK.split("train")[0])
