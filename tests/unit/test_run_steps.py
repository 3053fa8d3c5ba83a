"""The named steps of a run: what is done, the one in progress with its count, what comes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.analysis.course.run_steps import RunStep, StepState
from engine.analysis.progress import LiveRun
from engine.core.run.events import (
    Event,
    ModelLoaded,
    PredictionStarted,
    PreparationProgress,
    RunEnded,
    RunPaused,
    RunQueued,
    RunStarted,
    VariantReady,
)
from engine.core.run.manifest import Conditions, Preparation
from engine.core.run.plan import RunPlan
from engine.core.steps import Progress
from engine.core.techniques import Technique
from tests.memory_lab import MODEL, TASK, memory_lab, script

LAB = memory_lab()
PLAN: RunPlan = LAB.plans.make(task_id=TASK, model_id=MODEL, techniques=list(Technique), limit=10)
EVENTS = [*script(PLAN, LAB.tasks.get(TASK)), RunEnded(status="done")]


def steps(*events: Event) -> tuple[RunStep, ...]:
    """Fold events; return the steps."""
    live = LiveRun(PLAN, Conditions())
    for event in events:
        live.apply(event)
    return live.snapshot().steps


def now(found: Sequence[RunStep]) -> str:
    """Return the words of the step in progress."""
    (words,) = [step.words for step in found if step.state is StepState.NOW]
    return words


def part(variant_id: str, stage: str, fraction: float, detail: str = "", step: int | None = None) -> Event:
    """Report a preparation."""
    progress = Progress(stage=stage, fraction=fraction, detail=detail, step=step)
    return PreparationProgress(variant_id=variant_id, progress=progress)


BEGUN: tuple[Event, ...] = (RunStarted(plan=PLAN), ModelLoaded(load_s=1.0, gpu=False))
READY = tuple(VariantReady(variant_id=one.id, paid=Preparation(prepare_s=2.0)) for one in PLAN.variants)


def test_the_steps_come_in_the_order_of_the_run() -> None:
    """Model, what each variant needs, warm-up and rows, all of them known from the first moment."""
    assert [step.name for step in steps(RunStarted(plan=PLAN))] == [
        "Model", "Zero-shot", "Few-shot", "Index", "LoRA", "RAG + LoRA", "Classifier", "Warm-up", "10 rows"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ((RunStarted(plan=PLAN),), "Model"),
        (BEGUN, "Zero-shot"),
        ((*BEGUN, *READY[:2], part("rag", "embedding", 0.4)), "Index (embedding, 40 %)"),
        ((*BEGUN, *READY[:3], part("lora", "training", 0.5, "step 7 of 18", 7)), "LoRA 7 of 18"),
        ((*BEGUN, *READY[:3], part("lora", "saving the weights", 0.9)), "LoRA (saving the weights, 90 %)"),
        ((*BEGUN, *READY, part("rag", "Warming up", 0.4)), "Warm-up of RAG, 3 of 6"),
        ((*BEGUN, *READY, PredictionStarted(variant_id="rag", example_id="x", target="y")), "Row 1 of 10"),
        ((*BEGUN, *READY, PredictionStarted(variant_id="rag", example_id="x", target="y"), RunPaused()), "Row 1 of 10 · paused"),
    ],
)  # fmt: skip
def test_the_step_in_progress_has_its_count(events: tuple[Event, ...], words: str) -> None:
    """Minor 6: what is under way is named with how far it is: the step of all, the variant being warmed up, the row."""
    assert now(steps(*events)) == words


def test_what_is_done_says_what_it_took() -> None:
    """A finished preparation shows its seconds, and one that existed before says so."""
    reused = VariantReady(variant_id="lora", paid=Preparation(prepare_s=81.0, reused=True))
    words = {step.name: step.words for step in steps(*BEGUN, *READY[:3], reused)}
    assert (words["Index"], words["LoRA"]) == ("Index 2 s", "LoRA reused")


@given(some.integers(1, len(EVENTS)))
def test_there_is_always_one_step_in_progress_until_the_end(count: int) -> None:
    """Minor 6: at no event of a run does the screen have nothing to name; what is done comes before what is next."""
    found = steps(*EVENTS[:count])
    order = [list(StepState).index(step.state) for step in found]
    assert order == sorted(order)
    assert order.count(1) == (0 if count == len(EVENTS) else 1)
    if count == len(EVENTS):
        assert {step.state for step in found} == {StepState.DONE}


def test_a_waiting_or_stopped_run_has_nothing_in_progress() -> None:
    """In the queue all is ahead; stopped in the middle, what was done stays ticked and the rest is not under way."""
    waiting = steps(RunQueued(run_id="r", ahead="another run"))
    assert {step.state for step in waiting} == {StepState.NEXT}
    stopped = steps(*BEGUN, *READY[:3], RunEnded(status="cancelled"))
    assert [step.state for step in stopped[:5]] == [StepState.DONE] * 4 + [StepState.NEXT]
    assert StepState.NOW not in {step.state for step in stopped}
