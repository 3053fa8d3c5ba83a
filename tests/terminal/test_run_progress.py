"""What the terminal shows of a run: the same steps and the same time left as the Run page."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

import terminal.progress as shown_progress
from engine.analysis.progress import LiveRun
from engine.core.run.events import Event, ModelLoaded, PreparationProgress, RunStarted, VariantReady
from engine.core.run.manifest import Preparation
from engine.core.steps import Progress
from engine.core.techniques import Technique
from tests.memory_lab import MODEL, TASK, memory_lab, until


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_run_names_its_step_and_one_time_left(is_terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Minor 5, 6: in place on a terminal, and as a line elsewhere, stand the step with its count and one time left."""
    monkeypatch.setattr(shown_progress, "PLAIN_EVERY_S", 0.01)
    lab = memory_lab()
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.RAG, Technique.LORA], limit=5)
    live = LiveRun(plan, lab.plans.conditions(plan, resume=False), lab.plans.estimate(plan))
    training = Progress(stage="training", fraction=0.4, left_s=33.0, step=7, detail="step 7 of 18", loss=0.4)
    events: tuple[Event, ...] = (
        RunStarted(plan=plan),
        ModelLoaded(load_s=1.0, gpu=False),
        VariantReady(variant_id="rag", paid=Preparation(prepare_s=2.0)),
        PreparationProgress(variant_id="lora", progress=training),
    )
    for event in events:
        live.apply(event)
    console = Console(force_terminal=is_terminal, file=io.StringIO(), width=140)
    with shown_progress.progress_display(live, console):
        until(console.file.getvalue)  # type: ignore[attr-defined]
    screen = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue())  # type: ignore[attr-defined]
    headline = next(line for line in screen.splitlines() if line.startswith("preparing"))
    assert re.fullmatch(r"preparing: 0 of 10 answers, about [0-9a-z ]+ left · LoRA 7 of 18", headline.strip())
    if is_terminal:
        steps = next(line for line in screen.splitlines() if "Warm-up" in line)
        assert " ".join(steps.split()) == "✓ Model ✓ Index 2 s LoRA 7 of 18 Warm-up 5 rows"
        assert "33 s left" not in screen
