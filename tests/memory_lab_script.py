"""The events of a made-up run: what a run's screens are shown without carrying one out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from engine.core.run.events import (
    Event,
    Notice,
    PredictionMade,
    PredictionStarted,
    PreparationProgress,
    RunQueued,
    RunStarted,
    TextStreamed,
    VariantReady,
)
from engine.core.run.manifest import Preparation
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Failure, FailureKind, Passage, Prediction, Timing, Usage
from engine.core.steps import Progress
from engine.core.task import Example, Task
from engine.core.techniques import Technique
from engine.core.variant import Variant
from tests.memory_lab_models import RSS_BYTES, SKILL, UNREADABLE, UNREADABLE_SHARE
from tests.memory_lab_training import TRAIN_S


def script(plan: RunPlan, task: Task, kept: Sequence[Prediction] = (), text: str = "") -> list[Event]:
    """List the events of a whole run but for its end, with made-up seconds; `text` stands in the place of answers."""
    generator = random.Random(plan.seed)
    events: list[Event] = [RunStarted(plan=plan)]
    events.extend(PredictionMade(prediction=item, kept=True) for item in kept)
    loading = Progress(stage="Loading the model", fraction=0.5, left_s=1)
    events.append(PreparationProgress(variant_id="", progress=loading))
    for variant in plan.variants:
        if variant.lora:
            events.extend(
                PreparationProgress(variant_id=variant.id, progress=_training_step(step)) for step in range(0, 42, 2)
            )
        events.append(VariantReady(variant_id=variant.id, paid=Preparation(prepare_s=TRAIN_S if variant.lora else 0.0)))
    events.append(Notice(text="The machine was busy with other work at the start; medians may be a little high."))
    done = {(item.variant_id, item.example_id) for item in kept}
    examples = {example.id: example for example in task.examples}
    for example_id in plan.test_ids:
        for variant in plan.variants:
            if (variant.id, example_id) in done:
                continue
            made = prediction(plan, variant, examples[example_id], task, generator, text)
            events += [
                PredictionStarted(variant_id=variant.id, example_id=example_id, target=made.target),
                TextStreamed(variant_id=variant.id, example_id=example_id, text=made.text[: len(made.text) // 2]),
                PredictionMade(prediction=made),
            ]
    return events


def _training_step(step: int) -> Progress:
    return Progress(
        stage="Training LoRA weights", fraction=step / 42, left_s=(42 - step) * 1.9, step=step,
        loss=2.1 / (1 + step / 6), tokens_per_s=640.0,
    )  # fmt: skip


def prediction(
    plan: RunPlan, variant: Variant, example: Example, task: Task, generator: random.Random, text: str = ""
) -> Prediction:
    """Make up what a variant answers on a row."""
    skill, pace = SKILL[variant.technique]
    total = pace * generator.uniform(0.8, 1.6)
    base = Prediction(
        run_id=plan.run_id,
        variant_id=variant.id,
        technique=variant.technique.value,
        example_id=example.id,
        target=example.target,
        prompt=f"<|im_start|>system\n{task.instructions}<|im_end|>\n{example.input}" if variant.generates else "",
        usage=Usage(prompt_tokens=120, cached_prompt_tokens=80, completion_tokens=3 if variant.generates else 0),
        timing=Timing(ttft_s=total * 0.8, total_s=total, prefill_s=total * 0.6, decode_s=total * 0.3, cpu_s=total * 2),
        rss_bytes=RSS_BYTES,
    )
    if generator.random() < UNREADABLE_SHARE and variant.technique is Technique.ZERO_SHOT:
        failure = Failure(kind=FailureKind.UNPARSED, message="No label in the answer.")
        return replace(base, text=text or UNREADABLE, failure=failure)
    right = generator.random() < skill
    others = [
        name
        for name in task.answer.labels or ("billing_refund", "delivery_order", "device_fault")
        if name != example.target
    ]
    answer = example.target if right else generator.choice(others)
    passages: tuple[Passage, ...] = ()
    if variant.retrieval:
        passages = (
            Passage(id="train-001", kind="example", text=example.input, score=0.91, source="train-001", target=answer),
        )
    return replace(
        base,
        text=text or answer,
        answer=answer,
        score=float(right),
        scores={"accuracy": float(right)},
        passages=passages,
        probabilities={answer: 0.8, "other": 0.2},
    )


def queued(plan: RunPlan) -> list[Event]:
    """List the events of a run that waits."""
    return [RunQueued(run_id=plan.run_id, ahead="the run 20261124-190000-ab12, 40 of 600 predictions")]
