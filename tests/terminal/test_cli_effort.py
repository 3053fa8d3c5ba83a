"""`compare --effort` and `--trials`: searched, told, made again, resumed after a kill, and ended by the user."""

from __future__ import annotations

import json
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from terminal.commands.compare import app as compare_app
from tests.helpers import SMOLLM2
from tests.terminal.reading import Run, begin, wait_until
from wiring import open_lab

TASK = ("--task", "support-tickets", "--limit", 8)
SCRIPTED = (*TASK, "--model", "scripted", "--variants", "zero-shot,few-shot", "--train-rows", 12)


def summary_of(folder: Path) -> dict[str, Any]:
    """Read what a run wrote."""
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return found


def choices_of(summary: dict[str, Any]) -> dict[str, list[tuple[dict[str, str], float | None]]]:
    """Return each technique's settings and scores in order, and the one that is used last."""
    return {
        name: [
            *(
                (search["trials"][str(n)]["setting"], search["trials"][str(n)]["score"])
                for n in range(len(search["trials"]))
            ),
            ({"chosen": str(search["chosen"])}, None),
        ]
        for name, search in summary["effort"]["searches"].items()
    }


def test_trials_are_told_and_made_again(run: Run, tmp_path: Path) -> None:
    """The run says what each search did; the numbers that it names make the same choices in another run."""
    code, _, err = run("compare", *SCRIPTED, "--trials", 4, "--out", tmp_path / "a")
    assert code == 0, err
    first = summary_of(tmp_path / "a")
    assert {name: len(one["trials"]) for name, one in first["effort"]["searches"].items()} == {
        "zero-shot-tuned": 4,
        "few-shot-tuned": 4,
    }
    assert first["effort"]["replay"] == "zero-shot=4,few-shot=4"
    for part in ("sentences", "curves", "gains"):
        assert all(sentence in err for sentence in first["effort"][part])
    assert len(first["effort"]["gains"]) == sum(one["tuned"] for one in first["variants"])
    assert "Settings were searched for: 4 trials for each technique." in err
    assert "The same trials again: --trials zero-shot=4,few-shot=4" in err
    code, _, err = run("compare", *SCRIPTED, "--trials", first["effort"]["replay"], "--out", tmp_path / "b")
    assert code == 0, err
    second = summary_of(tmp_path / "b")
    assert choices_of(second) == choices_of(first)
    assert [one["quality"] for one in second["variants"]] == [one["quality"] for one in first["variants"]]


def test_an_effort_in_seconds_is_spent_and_the_verdict_names_it(run: Run, tmp_path: Path) -> None:
    """Seconds of search are shown; tuned variants stand beside their defaults; verdict and memo say what it came to."""
    code, _, err = run("compare", *SCRIPTED, "--effort", 2, "--out", tmp_path)
    assert code == 0, err
    summary = summary_of(tmp_path)
    for search in summary["effort"]["searches"].values():
        assert search["ended"] in {"time", "exhausted"}
    tuned = [one["variant"] for one in summary["variants"] if one["tuned"]]
    changed = [name for name, search in summary["effort"]["searches"].items() if search["chosen"]]
    assert tuned == changed
    memo = tmp_path / "memo.md"
    code, _, err = run("report", summary["run_id"], "--out", memo)
    assert code == 0, err
    told = memo.read_text(encoding="utf-8").replace("\\", "")
    assert "Settings were searched for: 2 s of search for each technique." in told
    assert "sealed until the one pass at the end" in told
    page = tmp_path / "memo.html"
    code, _, err = run("report", summary["run_id"], "--out", page)
    assert code == 0, err
    for curve in ("What the search gained", "Expected best of n settings"):
        assert curve in page.read_text(encoding="utf-8")


def test_a_killed_search_goes_on(home: Path, tmp_path: Path) -> None:
    """Killed in the midst of a search and resumed, a run makes the choices that an unbroken one makes."""
    arguments = (*SCRIPTED, "--trials", 5)
    whole = begin("compare", *arguments, "--out", tmp_path / "whole")
    out, err = whole.communicate(timeout=240)
    assert whole.returncode == 0, (out, err)
    process = begin("compare", *arguments, "--out", tmp_path / "parted", pace_s=0.02)
    assert process.stderr is not None
    run_id = next(line for line in process.stderr if line.startswith("run ")).split()[1]

    def tried() -> int:
        lab = open_lab()
        if all(one.run_id != run_id for one in lab.runs.list()):
            return 0
        searches = lab.results.manifest(run_id).effort or {}
        return sum(len(search.trials) for search in searches.values())

    wait_until(lambda: tried() >= 3)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    process.stderr.close()
    before = tried()
    assert 3 <= before < 10
    again = begin("compare", "--resume", run_id, "--out", tmp_path / "parted")
    out, err = again.communicate(timeout=240)
    assert again.returncode == 0, (out, err)
    assert choices_of(summary_of(tmp_path / "parted")) == choices_of(summary_of(tmp_path / "whole"))


def test_a_resumed_search_can_be_ended(home: Path, tmp_path: Path) -> None:
    """Ctrl-C stops a search; with --end-search the run goes on with the best so far."""
    process = begin("compare", *SCRIPTED, "--trials", 200, "--out", tmp_path, pace_s=0.02)
    assert process.stderr is not None
    run_id = next(line for line in process.stderr if line.startswith("run ")).split()[1]

    def tried() -> int:
        lab = open_lab()
        known = any(one.run_id == run_id for one in lab.runs.list())
        searches = (lab.results.manifest(run_id).effort or {}) if known else {}
        return sum(len(search.trials) for search in searches.values())

    wait_until(lambda: tried() >= 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 3, (out, err)
    assert "With --end-search it goes on with the best settings found so far." in err
    again = begin("compare", "--resume", run_id, "--end-search", "--out", tmp_path)
    out, err = again.communicate(timeout=120)
    assert again.returncode == 0, (out, err)
    summary = summary_of(tmp_path)
    assert {search["ended"] for search in summary["effort"]["searches"].values()} == {"stopped"}
    assert all(one["n"] == 8 for one in summary["variants"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--effort", 60, "--trials", 3), "Both a search time and a number of trials"),
        (("--effort", 0), "A search of 0 seconds is too short"),
        (("--trials", "many"), "--trials got 'many'"),
        (("--trials", "few=3"), "few-shot"),
        (("--trials", 0), "given 0 trials"),
        (("--trials", "3x5"), "that many parts"),
        (("--trials", "3x"), "--trials got '3x'"),
    ],
)
def test_an_effort_that_makes_no_sense_is_refused(run: Run, arguments: tuple[object, ...], told: str) -> None:
    """Said in a sentence, with what to write instead; nothing is started."""
    code, _, err = run("compare", *SCRIPTED, *arguments)
    assert code == 2
    assert told in err


def test_help_names_the_options() -> None:
    """Both are among the options of `compare`."""
    names = {name for argument in compare_app.assemble_argument_collection() for name in argument.names}
    assert {"--effort", "--trials", "--end-search"} <= names


@pytest.mark.model
@pytest.mark.timeout(600)
def test_settings_are_searched_with_the_real_parts(run: Run, tmp_path: Path) -> None:
    """A real model answers, a real index retrieves, LoRA weights and an encoder are trained in trials; none stays."""
    arguments = ("--task", "support-tickets", "--model", SMOLLM2, "--variants", "rag,lora,classifier", "--limit", 2)
    small = ("--train-rows", 10, "--epochs", 2, "--prior-correction", "off", "--trials", "rag=2x1,lora=2,classifier=9")
    code, _, err = run("compare", *arguments, *small, "--out", tmp_path)
    assert code == 0, err
    summary = summary_of(tmp_path)
    searches = {search["technique"]: search for search in summary["effort"]["searches"].values()}
    assert {name: len(search["trials"]) for name, search in searches.items()} == {"rag": 2, "lora": 2, "classifier": 9}
    trials = [trial for search in searches.values() for trial in search["trials"].values()]
    assert all(trial["standing"] != "failed" and trial["seconds"] > 0 for trial in trials), trials
    assert {len(trial["fold_scores"]) for trial in searches["rag"]["trials"].values()} == {1}
    default, other = (searches["lora"]["trials"][number] for number in "01")
    assert (default["trainings"], other["trainings"]) == (0, 1), "the default's weights are the run's"
    assert default["weights_s"] > 0
    assert default["best_epoch"] is None, "the default trains all its epochs, as in the run"
    assert other["best_epoch"] in range(1, 11)
    assert any("encoder trained whole" in str(trial["setting"]) for trial in searches["classifier"]["trials"].values())
    with closing(open_lab()) as lab:
        assert len(lab.lora.library.weights()) == 1, "the default's; those of the trial are gone"
