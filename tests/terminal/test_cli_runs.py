"""`cli.py runs`: kept runs listed, shown, carried elsewhere, brought in, deleted."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import cli
from tests.terminal.reading import Run, begin, blocks
from wiring import open_lab


def test_kept_runs_are_listed(run: Run, kept: str) -> None:
    """`runs`, and `runs list`, give a row per run with its task, model, purpose and how it ended."""
    for arguments in (["runs"], ["runs", "list"]):
        code, out, _ = run(*arguments)
        assert code == 0
        ((row,),) = blocks(out)
        assert row["run"] == kept
        assert row["model"] == "scripted"
        assert row["for"] == "comparison"
        assert row["state"] == "done"
        assert row["answers"] == "8 of 8"
    code, out, _ = run("runs", "--json")
    found = json.loads(out)
    assert found["version"] == 1
    assert [(one["run_id"], one["status"], one["rows_done"]) for one in found["runs"]] == [(kept, "done", 8)]


def test_no_run_is_a_header_alone(run: Run) -> None:
    """Without runs a pipe gets the header, and JSON an empty list."""
    code, out, _ = run("runs")
    assert code == 0
    assert len(out.splitlines()) == 1
    assert json.loads(run("runs", "--json")[1])["runs"] == []


@pytest.mark.parametrize("name", ["kept", "latest"])
def test_a_run_is_shown_with_its_figures(run: Run, kept: str, name: str) -> None:
    """`runs show RUN` gives what it was made with and the results table; JSON the manifest and the summary."""
    asked = kept if name == "kept" else name
    code, out, _ = run("runs", "show", asked)
    assert code == 0
    facts, results = blocks(out)[:2]
    assert {"what": "run", "value": kept} in facts
    assert {"what": "measured", "value": "here"} in facts
    assert [row["variant"] for row in results] == ["Zero-shot", "Few-shot"]
    found = json.loads(run("runs", "show", asked, "--json")[1])
    assert found["run"]["run_id"] == found["summary"]["run_id"] == kept
    assert found["run"]["plan"]["seed"] == 0
    assert found["summary"]["variants"][0]["n"] == 4


def test_latest_is_the_newest_comparison(run: Run, kept: str) -> None:
    """Runs that a study made since are passed over, so that the same command means the same run again."""
    assert run("study", "seeds", kept, "--draws", 2)[0] == 0
    assert len(open_lab().runs.list()) == 2
    code, out, _ = run("runs", "show", "latest")
    assert code == 0
    assert {"what": "run", "value": kept} in blocks(out)[0]


def test_a_run_is_carried_elsewhere(
    run: Run, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `export` writes, `import` takes in at another home, where it is marked as measured elsewhere."""
    out = tmp_path / "deep" / "out"
    code, told, err = run("runs", "export", "latest", "--out", out)
    assert code == 0, err
    packed = out / f"run-{kept}.zip"
    assert {path.name for path in out.iterdir()} == {
        "run.json", "predictions.parquet", "predictions.csv", "summary.json", packed.name,
    }  # fmt: skip
    assert str(packed) in told
    code, _, err = run("runs", "import", packed)
    assert code == 2
    assert kept in err
    monkeypatch.setenv("ADAPTLAB_HOME", str(tmp_path / "other home"))
    code, told, err = run("runs", "import", packed)
    assert code == 0, err
    assert kept in told
    found = json.loads(run("runs", "--json")[1])["runs"]
    assert [(one["run_id"], one["imported"], one["rows_done"]) for one in found] == [(kept, True, 8)]
    code, told, err = run("runs", "show", kept)
    assert code == 0, err
    assert "Imported: measured on another machine" in " ".join(f"{told} {err}".split())
    memo = tmp_path / "memo.md"
    assert run("report", kept, "--out", memo)[0] == 0, "its task came along"
    assert "measured on another machine" in memo.read_text()
    code, _, err = run("compare", "--resume", kept)
    assert code == 2
    assert "was imported" in err


def test_a_run_is_deleted_for_good(run: Run, kept: str) -> None:
    """`--yes` deletes; where nobody can be asked and nothing was said, nothing is deleted."""
    code, _, err = run("runs", "delete", kept)
    assert code == 2
    assert "--yes" in err
    assert [one.run_id for one in open_lab().runs.list()] == [kept]
    code, out, _ = run("runs", "delete", kept, "--yes")
    assert code == 0
    assert kept in out
    assert open_lab().runs.list() == []


@pytest.mark.parametrize(("answer", "code", "left"), [("n\n", cli.EXIT_CANCELLED, 1), ("y\n", cli.EXIT_DONE, 0)])
def test_whoever_is_there_is_asked(
    run: Run, kept: str, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int
) -> None:
    """At a terminal the run is named and a yes is waited for; anything else keeps it."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdin, "readline", lambda: answer, raising=False)
    found, _, err = run("runs", "delete", "latest")
    assert found == code
    assert kept in err
    assert len(open_lab().runs.list()) == left


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "20200101-000000-dead"], ["Unknown run '20200101-000000-dead'"]),
        (["export", "20200101-000000-dead", "--out", "/tmp"], ["Unknown run"]),
        (["delete", "20200101-000000-dead", "--yes"], ["Unknown run"]),
        (["show", "latest"], ["There are no saved runs yet"]),
        (["show"], ["RUN is missing"]),
        (["shwo", "latest"], ["Unknown command 'shwo'", "Did you mean show"]),
        (["import", "/nowhere/run.zip"], ["/nowhere/run.zip"]),
        (["list", "all"], ["'all'"]),
        (["delete", "latest", "--sure"], ["--sure"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_wrong_names_are_two_lines_and_exit_2(run: Run, arguments: list[str], words: list[str]) -> None:
    """A wrong run, command, file or option says what, and offers the nearest or the fix."""
    code, out, err = run("runs", *arguments)
    assert (code, out) == (2, "")
    assert 1 <= len(err.strip().splitlines()) <= 2, err
    for word in words:
        assert word in err


def test_a_file_that_is_no_run_is_refused(run: Run, tmp_path: Path) -> None:
    """A file that was not exported here is told in two lines and leaves nothing."""
    path = tmp_path / "run.zip"
    path.write_bytes(b"not a zip")
    code, out, err = run("runs", "import", path)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) <= 2
    assert open_lab().runs.list() == []


def test_the_resumed_run_may_be_the_latest(run: Run, kept: str, tmp_path: Path) -> None:
    """`compare --resume latest` goes on with the newest comparison."""
    code, _, err = run("compare", "--resume", "latest", "--out", tmp_path / "out")
    assert code == 0, err
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["run_id"] == kept


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is told otherwise there")
def test_a_reader_that_has_seen_enough_breaks_nothing(home: Path, kept: str) -> None:
    """A pipe that is closed early, as by `| head`, ends quietly."""
    process = begin("runs")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(120) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_the_newest_of_one_second_is_the_latest(run: Run, table: list[object], tmp_path: Path) -> None:
    """Comparisons made one after the other in the same second are listed newest first, and `latest` is the last one."""
    made = []
    for number in range(6):
        out = tmp_path / str(number)
        code, _, err = run(
            "compare", *table, "--model", "scripted", "--variants", "zero-shot", "--limit", 1, "--prior-correction",
            "off", "--out", out,
        )  # fmt: skip
        assert code == 0, err
        made.append(json.loads((out / "run.json").read_text(encoding="utf-8"))["plan"]["run_id"])
    listed = [one["run_id"] for one in json.loads(run("runs", "list", "--json")[1])["runs"]]
    assert listed == made[::-1]
    assert made[-1] in run("runs", "show", "latest", "--json")[1]
