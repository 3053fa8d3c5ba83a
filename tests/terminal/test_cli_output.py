"""What the terminal prints: tables that fit, tab-separated values in a pipe, harmless text, and light help."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.run import NAMES
from engine.core.text.safe_text import visible
from tests.helpers import WriteCsv
from tests.terminal.reading import ROOT, Run, blocks, command, environment

ESCAPES = "\x1b[31m\x9b5m\u202eevil\u2066"
"""Colours, a one-byte control sequence introducer, and two changes of direction."""


def at_a_terminal(columns: int, *arguments: object) -> str:
    """Run a command in a process whose output is a terminal of this width; return what it shows, without styles."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*arguments), cwd=ROOT, env={**environment(), "COLUMNS": str(columns), "TERM": "xterm"},
        stdout=theirs, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux: the other end was closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait(120) == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode().replace("\r\n", "\n"))


def test_nothing_is_cut_or_broken_in_a_pipe(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """However narrow a terminal would be, a pipe gets each row whole on its line, cells apart by tabs."""
    monkeypatch.setenv("COLUMNS", "40")
    code, out, _ = run("tasks")
    assert code == 0
    (rows,) = blocks(out)
    assert {row["task"] for row in rows} == {path.name for path in (ROOT / "data" / "tasks").iterdir()}
    assert all(row["what"].endswith(".") for row in rows)
    found = json.loads(run("tasks", "--json")[1])
    assert found["version"] == 1
    assert [task["id"] for task in found["tasks"]] == [row["task"] for row in rows]
    assert [task["summary"] for task in found["tasks"]] == [row["what"] for row in rows]


@pytest.mark.model
def test_models_are_read_by_programs(run: Run) -> None:
    """`models --json` gives models with whole digests, and all that the remarks say."""
    code, out, _ = run("models", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["version"] == 1
    assert {"smollm2-135m-instruct", "scripted"} <= {model["id"] for model in found["models"]}
    assert all(len(model["digest"]) == 64 for model in found["models"])
    assert (found["offers"], found["refused"], found["servers"]) == ([], [], [])
    models = blocks(run("models")[1])[0]
    assert [model["model"] for model in models] == [model["id"] for model in found["models"]]


def test_a_comparison_is_read_by_programs(run: Run, table: list[object]) -> None:
    """`compare --json` prints one object and nothing else on stdout: a summary per run."""
    code, out, err = run("compare", *table, "--model", "scripted", "--variants", "zero-shot", "--limit", 3, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["version"] == 1
    (summary,) = found["runs"]
    assert f"run {summary['run_id']}" in err
    assert summary["variants"][0]["n"] == 3


@pytest.mark.model
def test_models_side_by_side_are_read_by_programs(run: Run, table: list[object]) -> None:
    """With several models `compare --json` has what the table of models and its sentences say."""
    both = ["compare", *table, "--model", "scripted,smollm2-135m-instruct", "--limit", 3]
    options = ["--variants", "zero-shot,few-shot,classifier", "--prior-correction", "off", "--json"]
    code, out, _ = run(*both, *options)
    assert code == 0
    found = json.loads(out)
    cells = {(one["technique"], one["model"]): one["value"] for one in found["matrix"]["cells"]}
    assert cells == {
        (figures["technique"], summary["model"]): figures["quality"]["value"]
        for summary in found["runs"]
        for figures in summary["variants"]
    }
    assert len(cells) == 6
    assert found["matrix"]["metric"] == "accuracy"
    assert len(found["matrix"]["in_words"]) >= 2


def test_benchmarks_are_read_by_programs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """`bench --json` prints one object with each table; what a benchmark says meanwhile goes to stderr."""
    monkeypatch.setitem(NAMES, "printed", "tests.terminal.printed_benchmark")
    code, out, err = run("bench", "printed", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["version"], found["machine"]["cores"] > 0) == (1, True)
    (one,) = found["benchmarks"]
    assert one["name"] == "printed"
    assert one["lines"] == ["a line", "another"]
    assert one["tables"] == [
        {"columns": ["rows", "seconds"], "rows": [["10", "0.1"], ["20", "-"]]},
        {"columns": ["one"], "rows": [["2"]]},
    ]
    assert "| 10 | 0.1 |" in err
    plain = run("bench", "printed")[1]
    assert "| 20 | - |" in plain


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are a Unix matter")
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_tables_fit_the_terminal_that_is_there(home: Path, kept: str, columns: int) -> None:
    """No line is longer than the terminal, and the figures that decide are there whole at 80 columns."""
    for arguments in (["runs"], ["tasks"], ["runs", "show", kept]):
        shown = at_a_terminal(columns, *arguments)
        assert max(map(len, shown.splitlines())) <= columns
    if columns >= 80:
        assert kept in at_a_terminal(columns, "runs")
        for heading in ("accuracy", "95 %", "p95", "per 1,000", "(est.)", "failed"):
            assert heading in shown
    assert ("rows/s" in shown) == (columns == 200)


def test_text_of_others_steers_no_terminal(run: Run, tmp_path: Path, write_csv: WriteCsv) -> None:
    """Escape sequences and changes of direction in a table's cells, name and columns come out as visible signs."""
    path = write_csv(tmp_path / f"x{ESCAPES}.csv", extra=[(f"hello {ESCAPES}", "billing", "test")])
    columns = ["--input-column", "message", "--target-column", "desk", "--split-column", "split"]
    out = tmp_path / f"made{ESCAPES}"
    shown = "".join(run("import-csv", path, *columns, "--out", out)[1:])
    asked = ["--model", "scripted", "--variants", "zero-shot", "--limit", 2]
    code, told, err = run("compare", "--task", out, *asked)
    assert code == 0, err
    shown += told + err
    for arguments in (["tasks"], ["tasks", "check", out], ["runs"], ["runs", "show", "latest"], ["runs", "--json"]):
        shown += "".join(run(*arguments)[1:])
    shown += "".join(run("compare", "--task", ESCAPES, "--model", ESCAPES)[1:])
    shown += "".join(run(ESCAPES)[1:])
    shown += "".join(run("compare", f"--{ESCAPES}")[1:])
    assert not set(shown) & {"\x1b", "\x9b", "\u202e", "\u2066"}
    assert visible("\x1b") in shown


@pytest.mark.parametrize("arguments", [["--help"], ["frobnicate"], []])
def test_help_and_wrong_commands_import_nothing_heavy(home: Path, arguments: list[str]) -> None:
    """The first thing that anyone types answers at once: no numerics, no web server, no adapters."""
    heavy = ["torch", "streamlit", "scipy", "polars", "lancedb", "transformers", "adapters", "wiring"]
    code = f"import sys, cli; cli.main({arguments!r}); print([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("arguments", [["tasks"], ["runs"], ["lora"], ["compare", "--help"]])
def test_no_command_begins_with_torch_or_the_web(home: Path, arguments: list[str]) -> None:
    """What computes lives in processes of its own: the terminal's own never imports it."""
    heavy = ["torch", "streamlit", "transformers", "sentence_transformers", "peft", "llama_cpp", "lancedb"]
    heavy += ["scipy.stats", "rfc3987_syntax"]  # half a second each, for one study and for checks that are not made
    code = f"import sys, cli; cli.main({arguments!r}); print([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_all_of_the_terminal_reaches_adapters_through_wiring_alone() -> None:
    """Every module behind the door, in every folder, imports the engine, the terminal and wiring only."""
    ours = {"adapters", "app", "benchmarks", "cli", "components", "engine", "pages", "terminal", "wiring"}
    for path in (ROOT / "terminal").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
        }
        names |= {
            alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
        }
        assert names & ours <= {"engine", "terminal", "wiring"}, path
