"""`train`: train LoRA weights for a task, or find existing ones."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from cyclopts import App
from rich.console import Console

from engine.metrics import wording as say
from engine.running.sampling import training_row_count
from engine.services.trainings import TrainingOrder
from terminal.exits import EXIT_DONE
from terminal.options import DEFAULT_DRAW, DEFAULT_LORA, DEFAULT_TASK, OPTIONS, DrawOptions, Lora, TaskOptions
from terminal.output import answer
from terminal.progress import show_training
from terminal.running import stoppable
from terminal.sources import task_id
from wiring import open_lab

app = App(group_parameters=OPTIONS, name="train")


@app.default
def train(
    *,
    data: TaskOptions = DEFAULT_TASK,
    draw: DrawOptions = DEFAULT_DRAW,
    lora: Lora = DEFAULT_LORA,
) -> int:
    """Train LoRA weights for a task, or find existing ones that match."""
    with closing(open_lab()) as lab:
        task = task_id(data, lab, seed=draw.seed)
        order = TrainingOrder(
            task_id=task,
            model_id=data.model,
            spec=replace(lora, seed=draw.seed),
            train_rows=training_row_count(lab.tasks.get(task), draw.train_rows, per_label=draw.rows_per_label),
        )
        with stoppable() as cancel:
            weights, reused = show_training(lab.lora.train(order, cancel), Console(stderr=True))
    answer(f"{'Found' if reused else 'Trained'} {weights.key} ({say.duration(weights.train_s)}): {weights.folder}")
    return EXIT_DONE
