"""The terminal front door: what it prints, writes and returns."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import polars as pl
import pytest

from adapters.tabular.export import SCHEMA
from tests.helpers import WriteCsv
from tests.terminal.reading import ROOT, Run, begin, wait_until
from wiring import open_lab

TASKS = ROOT / "data" / "tasks"
COLUMNS = [
    "variant_id", "technique", "example_id", "target", "text", "answer", "score", "failure", "prompt_tokens",
    "cached_prompt_tokens", "completion_tokens", "retrieval_s", "ttft_s", "total_s",
]  # fmt: skip
SUMMARY_KEYS = {"run_id", "task", "model", "seed", "machine", "variants"}
VARIANT_KEYS = {
    "variant", "technique", "n", "n_failed", "failures", "quality", "ttft_s", "total_s", "tokens", "tokens_per_s",
    "examples_per_s", "prepare_s", "peak_rss_bytes", "cost_usd_per_1k", "energy_wh_per_1k", "estimated",
}  # fmt: skip

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("command", [[], ["compare"], ["train"], ["tasks"], ["tasks", "check"], ["models"], ["bench"]])
def test_every_command_has_help(run: Run, command: list[str]) -> None:
    """`--help` explains each command and ends with 0."""
    code, out, _ = run(*command, "--help")
    assert code == 0
    assert "usage: python cli.py" in out.lower()
    assert len(out.splitlines()) > 3


def test_tasks_are_listed(run: Run) -> None:
    """All tasks that ship are listed with their rows."""
    code, out, _ = run("tasks")
    assert code == 0
    for folder in TASKS.iterdir():
        assert folder.name in out
    assert "test 150" in out


@pytest.mark.model
def test_models_are_listed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded model is listed, and a broken file of the user's folder comes with its reason."""
    (tmp_path / "broken.gguf").write_bytes(b"GGUFbroken")
    monkeypatch.setenv("ADAPTLAB_MODELS", str(tmp_path))
    code, out, _ = run("models")
    assert code == 0
    assert "smollm2-135m-instruct" in out
    assert "Q4_1" in out
    assert "broken.gguf" in out


def test_a_model_is_checked(run: Run) -> None:
    """Eight abilities with what was seen, for people and as JSON; an unknown model is a clear error."""
    code, out, err = run("models", "--check", "scripted")
    assert code == 0, err
    assert "one of the labels" in out
    assert "answered by a rule: no model" in out
    code, out, _ = run("models", "--check", "scripted", "--json")
    assert code == 0
    found = json.loads(out)
    assert len(found["findings"]) == 8
    assert {one["works"] for one in found["findings"]} <= {"yes", "no", "depends"}
    code, _, err = run("models", "--check", "scriptd")
    assert code == 2
    assert "Unknown model 'scriptd'" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--task", "suport-tickets"], ["Unknown task 'suport-tickets'", "support-tickets"]),
        pytest.param(
            ["--task", "support-tickets", "--model", "smollm2-135m-instuct"],
            ["Unknown model 'smollm2-135m-instuct'", "Did you mean smollm2-135m-instruct"],
            marks=pytest.mark.model,
        ),
        (["--task", "support-tickets", "--variants", "zero-shot,loora"], ["Unknown variant 'loora'", "lora"]),
        (["--task", "support-tickets", "--variants", "rag,rag"], ["twice"]),
        (["--task", "support-tickets", "--variants", ","], ["No variant"]),
        (["--task", "support-tickets", "--split", "exam"], ["'exam'"]),
        (["--task", "policy-qa", "--variants", "classifier"], ["classifier", "policy-qa"]),
        (["--task", "support-tickets", "--limit", "0"], ["at least 1"]),
        (["--task", "support-tickets", "--limit", "ten"], ["ten"]),
        (["--task", "support-tickets", "--decoding", "chioce"], ["chioce", "choice"]),
        (["--task", "support-tickets", "--model", "/nowhere/m.gguf"], ["/nowhere/m.gguf"]),
        (["--task", "support-tickets", "--out", "/proc/out"], ["/proc/out"]),
        (["--resume", "20200101-000000-abcd"], ["Unknown run '20200101-000000-abcd'"]),
        (["--resume", "latest", "--trials", "3"], ["A resumed run keeps", "--trials", "Leave it out"]),
        (["--resume", "latest", "--seed", "1"], ["--seed"]),
        (["--resume", "latest", "--watts", "30"], ["--watts"]),
        (["--resume", "latest", "--shots", "3"], ["--shots cannot change them"]),
        (["--resume", "latest", "--input-column", "text"], ["--input-column"]),
        (["--task", "support-tickets", "--model", "box/gone"], ["Unknown model 'box/gone'"]),
        (["--task", "/nowhere/x.csv"], ["/nowhere/x.csv"]),
        (["--task", "/nowhere/x.csv", "--input-column", "a", "--target-column", "b"], ["/nowhere/x.csv"]),
        (["--task", "/nowhere/folder"], ["/nowhere/folder"]),
        ([], ["Which task"]),
        (["--colour"], ["--colour"]),
    ],
    ids=lambda value: " ".join(map(str, value))[:60],
)
def test_wrong_usage_is_two_lines_and_exit_2(run: Run, arguments: list[str], words: list[str]) -> None:
    """A wrong name, value or option says what, with which value, and offers the nearest or the fix."""
    if "--model" not in arguments and "--resume" not in arguments:
        arguments = [*arguments, "--model", "scripted"]
    code, out, err = run("compare", *arguments)
    assert code == 2
    assert out == ""
    assert 1 <= len(err.strip().splitlines()) <= 2, err
    for word in words:
        assert word in err


@pytest.mark.parametrize("command", [["frobnicate"], ["tasks", "chek"], []])
def test_unknown_commands_are_wrong_usage(run: Run, command: list[str]) -> None:
    """A command that is not there ends with 2 and points at the help."""
    code, _, err = run(*command)
    if command or code:
        assert code == 2
        assert "--help" in err
        assert len(err.strip().splitlines()) <= 2


def test_a_wrong_column_offers_the_nearest(run: Run, table: list[object]) -> None:
    """A mistyped column of a CSV names the columns that are there."""
    table[3] = "mesage"
    code, _, err = run("compare", *table, "--model", "scripted")
    assert code == 2
    assert "Did you mean message?" in err


@pytest.mark.parametrize("size", [0, 3, 500])
def test_a_broken_model_file_is_two_lines(run: Run, tmp_path: Path, size: int) -> None:
    """A GGUF that is empty, cut short or noise is refused before anything starts."""
    path = tmp_path / "broken.gguf"
    path.write_bytes((b"GGUF" + os.urandom(500))[:size])
    code, out, err = run("compare", "--task", "support-tickets", "--model", path)
    assert code in {1, 2}
    assert out == ""
    assert "broken.gguf" in err
    assert len(err.strip().splitlines()) <= 2


def test_compare_writes_the_four_files(run: Run, table: list[object], tmp_path: Path) -> None:
    """A run leaves manifest, predictions twice and summary, with the columns and keys that were promised."""
    out = tmp_path / "deep" / "out"
    arguments = ["--model", "scripted", "--variants", "zero-shot,few-shot", "--limit", 4, "--seed", 3, "--out", out]
    code, printed, err = run("compare", *table, *arguments)
    assert code == 0, err
    assert "zero-shot" in printed.lower()
    assert "few-shot" in printed.lower()
    assert {path.name for path in out.iterdir()} == {
        "run.json",
        "predictions.parquet",
        "predictions.csv",
        "summary.json",
    }
    frame = pl.read_parquet(out / "predictions.parquet")
    assert frame.columns == list(SCHEMA)
    assert frame.columns[: len(COLUMNS)] == COLUMNS
    assert (out / "predictions.csv").read_text().splitlines()[0] == ",".join(SCHEMA)
    assert frame.group_by("variant_id").len().sort("variant_id").rows() == [("few-shot", 4), ("zero-shot", 4)]
    assert frame["score"].null_count() == 0
    summary = json.loads((out / "summary.json").read_text())
    assert set(summary) >= SUMMARY_KEYS
    assert summary["seed"] == 3
    for figures in summary["variants"]:
        assert set(figures) >= VARIANT_KEYS
        assert set(figures["quality"]) == {"metric", "value", "ci_low", "ci_high"}
        assert set(figures["ttft_s"]) == set(figures["total_s"]) == {"p50", "p95"}
        assert set(figures["tokens"]) == {
            "prompt_mean",
            "cached_prompt_mean",
            "completion_mean",
            "embedding_mean",
            "rows_estimated",
        }
        assert set(figures["tokens_per_s"]) == {"prefill", "decode"}
        rows = frame.filter(pl.col("variant_id") == figures["variant"])
        assert figures["quality"]["value"] == pytest.approx(rows["score"].mean())
        assert figures["total_s"]["p50"] == pytest.approx(rows["total_s"].median())
    manifest = json.loads((out / "run.json").read_text())
    assert manifest["run_id"] == summary["run_id"]
    assert manifest["status"] == "done"
    assert set(manifest) >= {"plan", "machine", "versions", "model", "task_digest"}
    assert manifest["plan"]["seed"] == 3
    assert len(manifest["model"]["digest"]) == 64


@pytest.mark.parametrize("decoding", ["choice", "json", "free"])
def test_every_decoding_and_throughput_give_every_row(
    run: Run, table: list[object], tmp_path: Path, decoding: str
) -> None:
    """Batches have rates and no latencies; an answer that cannot be read is a counted failure, not a missing row."""
    arguments = [
        "--model",
        "scripted",
        "--variants",
        "zero-shot",
        "--decoding",
        decoding,
        "--throughput",
        "--out",
        tmp_path,
    ]
    code, _, err = run("compare", *table, *arguments)
    assert code == 0, err
    (figures,) = json.loads((tmp_path / "summary.json").read_text())["variants"]
    assert figures["n"] == 6
    assert figures["examples_per_s"] > 0
    assert figures["total_s"] == {"p50": None, "p95": None}
    frame = pl.read_parquet(tmp_path / "predictions.parquet")
    assert frame["total_s"].null_count() == frame["ttft_s"].null_count() == 6
    assert frame["failure"].count() == figures["n_failed"]
    assert frame.filter(pl.col("failure").is_not_null())["score"].count() == 0


def test_a_csv_is_read_again_as_the_same_task(run: Run, table: list[object], home: Path) -> None:
    """The same CSV twice is one kept task, so that runs on it can be compared."""
    for _ in range(2):
        assert run("compare", *table, "--model", "scripted", "--variants", "zero-shot", "--limit", 1)[0] == 0
    assert [path.name for path in (home / "tasks").iterdir()] == ["desk-mail"]


def test_a_done_run_may_be_resumed(run: Run, table: list[object], tmp_path: Path) -> None:
    """Resuming a run that is whole writes its files again and answers nothing again."""
    assert run("compare", *table, "--model", "scripted", "--variants", "zero-shot", "--out", tmp_path / "a")[0] == 0
    run_id = json.loads((tmp_path / "a" / "summary.json").read_text())["run_id"]
    code, _, err = run("compare", "--resume", run_id, "--out", tmp_path / "b")
    assert code == 0, err
    for name in ("predictions.csv", "summary.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("task", "before", "after"),
    [
        ("support-tickets", "service fee", "service charge"),
        ("policy-qa", '"accept": ["the Guarded', '"accept": ["Guarded'),
    ],
    ids=["an input", "an answer that is accepted"],
)
def test_a_changed_task_is_not_resumed(run: Run, tmp_path: Path, task: str, before: str, after: str) -> None:
    """A run is only gone on with on the very rows it began with, and by the same scores."""
    folder = shutil.copytree(TASKS / task, tmp_path / "mine")
    options = [
        "--task",
        folder,
        "--model",
        "scripted",
        "--variants",
        "zero-shot",
        "--limit",
        2,
        "--out",
        tmp_path / "o",
    ]
    assert run("compare", *options)[0] == 0
    rows = (folder / "examples.jsonl").read_text()
    assert before in rows
    (folder / "examples.jsonl").write_text(rows.replace(before, after, 1))
    run_id = json.loads((tmp_path / "o" / "summary.json").read_text())["run_id"]
    code, _, err = run("compare", "--resume", run_id)
    assert code == 2
    assert "has changed" in err


@pytest.mark.skipif(sys.platform == "win32", reason="signals are a Unix matter")
def test_ctrl_c_keeps_the_run_and_says_how_to_go_on(home: Path, table: list[object], tmp_path: Path) -> None:
    """SIGINT ends with 3 and names the command that resumes, which then ends with 0 and all rows."""
    arguments = ["--model", "scripted", "--variants", "zero-shot", "--out", tmp_path]
    process = begin("compare", *arguments, *table, pace_s=0.5)
    assert process.stderr is not None
    named = next(line for line in process.stderr if line.startswith("run "))
    run_id = named.split()[1]
    wait_until(lambda: any(one.run_id == run_id and one.rows_done for one in open_lab().runs.list()))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 3, (out, err)
    assert "Traceback" not in err
    assert f"python cli.py compare --resume {run_id}" in err
    again = begin("compare", "--resume", run_id, "--out", tmp_path)
    out, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    assert pl.read_parquet(tmp_path / "predictions.parquet")["example_id"].n_unique() == 6


@pytest.mark.parametrize("name", sorted(path.name for path in TASKS.iterdir()))
def test_the_tasks_that_ship_have_no_faults(run: Run, name: str) -> None:
    """`tasks check` passes what we ship ourselves."""
    code, out, _ = run("tasks", "check", TASKS / name)
    assert code == 0
    assert "No errors" in out


def test_a_broken_task_folder_is_named(run: Run, tmp_path: Path) -> None:
    """`tasks check` gives file, line, field, value and fix in two lines, and ends with 1."""
    folder = shutil.copytree(TASKS / "support-tickets", tmp_path / "mine")
    lines = (folder / "examples.jsonl").read_text().splitlines()
    lines[6] = lines[6].replace('"target": "', '"target": "x')
    (folder / "examples.jsonl").write_text("\n".join(lines))
    code, out, err = run("tasks", "check", folder)
    assert code == 1
    assert out == ""
    assert "examples.jsonl, line 7: field 'target': 'x" in err
    assert len(err.strip().splitlines()) == 2
    code, _, err = run("tasks", "check", tmp_path / "nowhere")
    assert code == 1
    assert "nowhere/task.toml is missing" in err


def test_text_of_others_is_no_markup(run: Run, tmp_path: Path, write_csv: WriteCsv) -> None:
    """Square brackets and escape sequences in cells, names and paths print as text and break nothing."""
    path = write_csv(tmp_path / "[bold]x.csv", extra=[("[red]hello[/red] \x1b[31m", "billing", "test")])
    options = ["--input-column", "message", "--target-column", "desk", "--split-column", "split", "--model", "scripted"]
    assert run("compare", "--task", path, *options, "--variants", "zero-shot")[0] == 0
    code, _, err = run("compare", "--task", "[/nope]", "--model", "scripted")
    assert code == 2
    assert "[/nope]" in err
