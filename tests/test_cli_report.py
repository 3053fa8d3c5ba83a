"""`cli.py report`: from a kept run to a memo, and what it says when that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import cli
from tests.helpers import WriteCsv

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process, with the scripted model at hand; return exit code, output and errors."""
    monkeypatch.setenv("ADAPTLAB_SCRIPTED", "1")
    monkeypatch.setenv("COLUMNS", "200")

    def ran(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return ran


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
        assert "Zero-shot" in out or "Few-shot" in out
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "777" in text
        assert "no limit" in text


def test_what_cannot_be_written_is_told(run: Run, tmp_path: Path) -> None:
    """No run yet, an unknown run, and a file of another kind are wrong usage with a mend."""
    code, _out, error = run("report", "latest", "--out", tmp_path / "memo.html")
    assert (code, "No run is kept yet" in error) == (cli.EXIT_USAGE, True)
    code, _out, error = run("report", "20200101-000000-dead", "--out", tmp_path / "memo.html")
    assert (code, "Unknown run" in error) == (cli.EXIT_USAGE, True)
    code, _out, error = run("report", "latest", "--out", tmp_path / "memo.pdf")
    assert (code, ".html or .md" in error) == (cli.EXIT_USAGE, True)
    code, _out, error = run("report", "latest", "--out", tmp_path / "memo.html", "--months", "0")
    assert code == cli.EXIT_USAGE
