"""`cli.py report`: from a kept run to a memo, and what it says when that cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cli
from engine.core.run.standing import NO_VERDICT
from tests.helpers import WriteCsv
from tests.terminal.reading import Run


def test_a_run_becomes_a_memo(run: Run, tmp_path: Path, write_csv: WriteCsv) -> None:
    """A scripted run becomes an HTML and a Markdown memo under the limits named, and its verdict is printed."""
    path = write_csv(tmp_path / "mail.csv")
    table = ["--task", path, "--input-column", "message", "--target-column", "desk", "--split-column", "split"]
    code, _out, error = run("compare", *table, "--model", "scripted", "--variants", "zero-shot,few-shot")
    assert code == 0, error
    for name in ("memo.html", "memo.md"):
        limits = ["--least-quality", "none", "--highest-p95", "none", "--calls-per-month", "777"]
        code, out, error = run("report", "latest", "--out", tmp_path / name, *limits)
        assert code == 0, error
        assert "zero-shot" in out or "few-shot" in out
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "777" in text
        assert "no limit" in text


def test_what_cannot_be_written_is_told(run: Run, tmp_path: Path) -> None:
    """No run yet, an unknown run, and a file of another kind are wrong usage with a fix."""
    code, _out, error = run("report", "latest", "--out", tmp_path / "memo.html")
    assert (code, "There are no saved runs yet" in error) == (cli.EXIT_USAGE, True)
    code, _out, error = run("report", "20200101-000000-dead", "--out", tmp_path / "memo.html")
    assert (code, "Unknown run" in error) == (cli.EXIT_USAGE, True)
    code, _out, error = run("report", "latest", "--out", tmp_path / "memo.pdf")
    assert (code, ".html or .md" in error) == (cli.EXIT_USAGE, True)
    code, _out, error = run("report", "latest", "--out", tmp_path / "memo.html", "--months", "0")
    assert code == cli.EXIT_USAGE


def test_the_verdict_is_printed_in_three_lines_with_why(run: Run, kept: str, tmp_path: Path) -> None:
    """Three lines, then why; "your" is said of a limit that was set, in the terminal and in the memo, and not before."""
    memo = tmp_path / "memo.md"
    code, out, error = run("report", kept, "--out", memo)
    assert code == 0, error
    lines = out.splitlines()
    assert lines[3:5] == ["", "Why:"]
    assert lines[2].startswith("Next: ")
    assert "p = " in out
    assert "your" not in (out + memo.read_text(encoding="utf-8")).lower()
    code, out, error = run("report", kept, "--out", memo, "--least-quality", "1")
    assert code == 0, error
    assert "your" in out
    assert "your" in memo.read_text(encoding="utf-8")


def test_a_verdict_is_read_by_programs(run: Run, kept: str, tmp_path: Path) -> None:
    """`--json` gives verdict, limits and figures as one object beside the memo; `latest` is the run just made."""
    memo = tmp_path / "memo.md"
    code, out, error = run("report", "latest", "--out", memo, "--least-quality", "none", "--json")
    assert code == 0, error
    found = json.loads(out)
    assert found["version"] == 1
    assert found["run_id"] == kept
    assert found["limits"]["least_quality"] is None
    assert found["verdict"]["headline"]
    assert [figures["technique"] for figures in found["summary"]["variants"]] == ["zero-shot", "few-shot"]
    assert memo.is_file()


def test_a_run_on_other_rows_has_figures_and_no_verdict(run: Run, tmp_path: Path) -> None:
    """What is no comparison on test rows is refused a verdict at its end, by `report`, in JSON and in the memo."""
    asked = ("--task", "support-tickets", "--model", "scripted", "--variants", "zero-shot,few-shot", "--limit", 4)
    code, _out, error = run("compare", *asked, "--split", "drift")
    assert code == 0, error
    run_id = error.split("run ", 1)[1].split()[0]
    assert NO_VERDICT in error
    assert "Next: " not in error
    memo = tmp_path / "memo.md"
    code, out, error = run("report", run_id, "--out", memo)
    assert code == 0, error
    assert NO_VERDICT in error
    assert "Drift rows: not the task's test rows." in error
    assert "Next: " not in out + error + memo.read_text(encoding="utf-8")
    assert "few-shot" in out.lower()
    code, out, error = run("report", run_id, "--out", memo, "--json")
    assert code == 0, error
    found = json.loads(out)
    assert found["verdict"] is None
    assert len(found["summary"]["variants"]) == 2


def test_a_limit_that_rules_out_the_best_corrects_the_next_in_both_places(
    run: Run, tmp_path: Path, write_csv: WriteCsv
) -> None:
    """The figures beside a verdict are those that it speaks of, their intervals too."""
    path = write_csv(tmp_path / "mail.csv", test_rows=9)
    table = ["--task", path, "--input-column", "message", "--target-column", "desk", "--split-column", "split"]
    code, _out, error = run("compare", *table, "--model", "scripted", "--variants", "zero-shot,few-shot,classifier")
    assert code == 0, error
    memo = tmp_path / "memo.md"
    limits = ["none"]
    while limits:
        code, out, error = run("report", "latest", "--out", memo, "--highest-p95", limits.pop(), "--json")
        assert code == 0, error
        found = json.loads(out)
        if found["limits"]["highest_p95_s"] is None:  # then a little under what each of them takes
            limits = [str(one["total_s"]["p95"] * 0.999) for one in found["summary"]["variants"]]
        told = {claim["who"]: (claim["low"], claim["high"])
                for claim in _claims(found["verdict"]) if claim["kind"] == "scores"}  # fmt: skip
        shown = {one["variant"]: (one["quality"]["ci_low"], one["quality"]["ci_high"])
                 for one in found["summary"]["variants"]}  # fmt: skip
        assert {who: shown[who] for who in told} == told


def _claims(verdict: Any) -> Iterator[dict[str, Any]]:
    if isinstance(verdict, dict):
        if "strength" in verdict:
            yield verdict
        for one in verdict.values():
            yield from _claims(one)
    elif isinstance(verdict, list):
        for one in verdict:
            yield from _claims(one)
