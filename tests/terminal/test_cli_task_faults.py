"""Faulty task folders in the terminal: set aside with the reason; nothing in them steers the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from terminal.output import Column, Listing, show
from tests.terminal.conftest import Run
from tests.unit.test_task_folder import JSON_TOML, TOML, line, write


def test_a_folder_that_cannot_be_read_is_listed_with_its_reason(run: Run, home: Path) -> None:
    """The other tasks are listed, and the exit code is 0."""
    write(home / "tasks" / "desk")
    write(home / "tasks" / "bad", JSON_TOML, [line(target={"n": 1})], schema_json='{"$ref":"http://127.0.0.1:9/x"}')
    code, out, _ = run("tasks")
    assert code == 0
    assert "support-tickets" in out
    assert "desk" in out
    assert "bad\tschema.json: the '$ref' 'http://127.0.0.1:9/x' leads out of the file; nothing is fetched." in out
    code, out, _ = run("tasks", "--json")
    assert code == 0
    assert [faulty["id"] for faulty in json.loads(out)["set_aside"]] == ["bad"]


def test_titles_and_names_do_not_steer_the_terminal(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Escapes in a title, a summary, a folder's name and a heading come out as visible signs, piped and on a terminal."""
    escape, link = "\\u001b[2J\\u0007\\u202e", "\\u001b]8;;http://x\\u001b\\\\\\\\"
    write(home / "tasks" / "desk", TOML.replace('"Desk"', f'"Desk {escape}"') + "")
    text = (home / "tasks" / "desk" / "task.toml").read_text().replace('title = "', f'summary = "{link}"\ntitle = "', 1)
    (home / "tasks" / "desk" / "task.toml").write_text(text)
    write(home / "tasks" / "x\x1b[31my", "")
    for terminal in (False, True):
        if terminal:
            monkeypatch.setattr(Console, "is_terminal", True)
            monkeypatch.setenv("NO_COLOR", "1")
        _, out, err = run("tasks")
        assert "Desk" in out
        for sign in ("\x1b[2J", "\x07", "\u202e", "\x1b]8", "\x1b[31my"):
            assert sign not in out + err
    show(
        Listing(
            title="a\x1b[2Jb",
            columns=(Column(heading="c\x1b[2Jd"),),
            rows=[],
            empty="e\x1b[2Jf",
        ),
    )
    assert "\x1b[2J" not in capsys.readouterr().out
