"""What `compare` compares where no variants are named: all that the task and the model can do."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from engine.core.techniques import Technique
from tests.terminal.reading import Run
from wiring import open_lab


def test_a_task_without_labels_is_compared_without_the_classifier(run: Run, tmp_path: Path) -> None:
    """No technique is named that could not do it; the note says why those with LoRA are left out."""
    code, _, err = run(
        "compare", "--task", "order-extraction", "--model", "scripted", "--limit", 1, "--out", tmp_path
    )  # fmt: skip
    assert code == 0, err
    assert "a run trains no weights for this model. It has no weights to put LoRA on." in err
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert [figures["technique"] for figures in summary["variants"]] == ["zero-shot", "few-shot", "rag"]


def test_what_is_named_is_what_is_compared(run: Run) -> None:
    """Nothing is left out of what was asked for: what cannot be done is refused."""
    code, _, err = run("compare", "--task", "order-extraction", "--model", "scripted", "--variants", "zero-shot,lora")
    assert code == 2
    assert "cannot be given LoRA weights" in err
    assert "left out by default" not in err


@pytest.mark.model
def test_where_weights_can_be_trained_all_are_compared(run: Run) -> None:
    """The bundled model can do all six techniques on a task with labels."""
    assert run("tasks")[0] == 0
    with closing(open_lab()) as lab:
        usual = lab.plans.usual("support-tickets", "smollm2-135m-instruct")
    assert usual.techniques == tuple(Technique)
    assert usual.left_out == ""
