"""Training rows in the terminal: how many are drawn, and what is told of labels that have none."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from engine.services.recorded import fold
from terminal.options import USUAL_ROWS
from terminal.progress import progress_display
from tests.terminal.reading import Run
from wiring import open_lab

LABELS = tuple(f"desk {number:02}" for number in range(60))
COLUMNS = ("--input-column", "message", "--target-column", "desk", "--split-column", "split")
MODEL = ("--model", "scripted", "--variants", "few-shot,classifier", "--throughput")
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def desks(tmp_path: Path) -> list[object]:
    """Write a CSV of 60 labels with ten training rows and one test row each; return the options that name it."""
    path = tmp_path / "desks.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("message", "desk", "split"))
        for number in range(11):
            split = "test" if number == 10 else "train"
            writer.writerows((f"message {number} for the people of {label}", label, split) for label in LABELS)
    return ["--task", path, *COLUMNS]


def drawn(run_id: str = "") -> Counter[str]:
    """Return how many training rows the newest run drew of each label."""
    lab = open_lab()
    plan = lab.results.plan(run_id or lab.runs.list()[0].run_id)
    targets = {example.id: example.target for example in lab.tasks.get(plan.task_id).examples}
    return Counter(targets[example_id] for example_id in plan.train_ids)


@pytest.mark.model
def test_by_default_each_label_has_a_row_and_more_are_offered(run: Run, desks: list[object]) -> None:
    """60 labels draw 60 rows instead of 50, without a complaint, and eight a label come with their time."""
    code, _, err = run("compare", *desks, *MODEL, "--limit", 4)
    assert code == 0, err
    assert drawn() == dict.fromkeys(LABELS, 1)
    assert "no training row" not in err
    assert "With 8 training rows for each label (480 in all) the run would take about" in err
    assert "--rows-per-label 8" in err
    assert err.index("--rows-per-label 8") < err.index("run 2")


@pytest.mark.model
def test_rows_per_label_are_drawn(run: Run, desks: list[object]) -> None:
    """The option draws so many of each label, and nothing is left to offer."""
    code, _, err = run("compare", *desks, *MODEL, "--limit", 4, "--rows-per-label", 2)
    assert code == 0, err
    assert drawn() == dict.fromkeys(LABELS, 2)
    assert "With 8 training rows for each label" not in err


@pytest.mark.model
def test_an_explicit_number_is_obeyed_and_what_follows_is_told(run: Run, desks: list[object], tmp_path: Path) -> None:
    """Ten rows for 60 labels: told before the run and with its figures, counted in its summary."""
    out = tmp_path / "out"
    code, printed, err = run("compare", *desks, *MODEL, "--train-rows", 10, "--out", out)
    assert code == 0, err
    assert sum(drawn().values()) == len(drawn()) == 10
    note = (
        "50 of 60 test rows have such a label, so a variant that only knows labels it has seen gets at most 17 % right. "
        "With 60 training rows or more, each label has one."
    )
    before, after = err.split("run 2", 1)
    assert "50 of 60 labels have no training row: 'desk 0" in before
    assert note in before
    assert note in after
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["train_rows"], summary["test_rows"]) == (10, 60)
    assert len(summary["training"].pop("labels_without_rows")) == 50
    assert summary["training"] == {
        "rows": 10,
        "labels": 60,
        "labels_not_in_split": [],
        "test_rows_without": 50,
        "highest_reachable": pytest.approx(1 / 6),
    }
    found = {one["variant"]: one["quality"]["value"] for one in summary["variants"]}
    assert found["classifier"] <= 1 / 6
    code, printed, err = run("runs", "show", "latest")
    assert code == 0
    assert note in err
    assert note not in printed


def test_a_classifier_with_one_label_is_refused_before_the_run(run: Run, desks: list[object]) -> None:
    """What could not be fitted after everything else was prepared is said at once, with both ways out."""
    code, out, err = run("compare", *desks, *MODEL, "--train-rows", 1)
    assert (code, out) == (2, "")
    assert "The classifier has one label to learn" in err
    assert "(1 training row). Leave it out, or have training rows of at least two labels." in err
    assert "run 2" not in err


def test_two_numbers_of_training_rows_are_wrong_usage(run: Run, desks: list[object]) -> None:
    """Rows in all and rows for each label exclude each other, and answers without labels have only the first."""
    for command in (["compare", *desks, *MODEL], ["train", *desks, "--model", "scripted"]):
        code, _, err = run(*command, "--train-rows", 10, "--rows-per-label", 8)
        assert code == 2
        assert "Both 10 training rows and 8 for each label were asked for." in err
    code, _, err = run(
        "compare", "--task", "policy-qa", "--model", "scripted", "--variants", "rag", "--rows-per-label", 8
    )
    assert code == 2
    assert "The answers of 'policy-qa' are not labels" in err


@pytest.mark.parametrize("command", ["compare", "train"])
def test_help_tells_the_default(run: Run, command: str) -> None:
    """The rule behind the default stands where the option is described."""
    code, out, _ = run(command, "--help")
    assert code == 0
    assert USUAL_ROWS in " ".join(out.split())
    assert "--rows-per-label" in out


def test_a_run_in_progress_says_what_it_does_not_know(run: Run, kept: str) -> None:
    """On a terminal the note on labels without rows stays below the headline while the run is shown."""
    lab = open_lab()
    live = fold(lab.results.manifest(kept), lab.results.predictions(kept))
    console = Console(force_terminal=True, file=io.StringIO(), width=120)
    with progress_display(live, console, remark="27 of 77 labels have no training row."):
        pass
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert shown.index("8 of 8 answers") < shown.index("27 of 77 labels have no training row.") < shown.index("variant")
