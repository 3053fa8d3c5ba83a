"""A server that is gone for a while: its rows are asked again, or count nowhere where nobody will ask them again."""

from __future__ import annotations

import json
from collections.abc import Collection
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.faulty_server import MODEL, USAGE, FaultyServer
from tests.terminal.reading import WORDS, Run, write_desks

AGAIN = "because the server did not answer properly"


class Outage:
    """Answers right where examples are shown, and with the first label where not; some answers break off."""

    def __init__(self, server: FaultyServer, lost: Collection[int]) -> None:
        """Lose these answers, counted from 1."""
        self.lost, self.asked, self._server = lost, 0, server

    def __call__(self, handler: BaseHTTPRequestHandler, data: bytes) -> bool:
        """Take a request, or leave it to the server with the answer that it is to give."""
        if not data:
            return False
        messages = json.loads(data)["messages"]
        if not any(f"test {number}" in messages[-1]["content"] for number in range(10)):
            return False  # the warm-up
        self.asked += 1
        if self.asked in self.lost:
            handler.close_connection = True
            return True
        shown = any(message["role"] == "assistant" for message in messages)
        (right,) = (label for label, text in WORDS.items() if text in messages[-1]["content"])
        self._server.text = json.dumps({"label": right if shown else next(iter(WORDS))})
        return False


@pytest.fixture
def options(run: Run, server: FaultyServer, tmp_path: Path) -> list[object]:
    """Add the server; return what names it, the table and two variants."""
    code, _, err = run("models", "--add", f"box={server.url}")
    assert code == 0, err
    path = write_desks(tmp_path / "desks.csv", WORDS, train=6, test=20)
    return [
        "--task", path, "--input-column", "message", "--target-column", "desk", "--split-column", "split",
        "--model", f"box/{MODEL}", "--variants", "zero-shot,few-shot", "--out", tmp_path / "out",
    ]  # fmt: skip


def kept(folder: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the manifest, and the figures of each variant."""
    manifest, summary = (json.loads((folder / name).read_text("utf-8")) for name in ("run.json", "summary.json"))
    return manifest, {one["variant"]: one for one in summary["variants"]}


def test_rows_beyond_an_early_end_are_no_part_of_the_run(
    run: Run, server: FaultyServer, options: list[object], tmp_path: Path
) -> None:
    """Lost from the fifth row on; when the run goes on, a clear lead ends it before the last of these rows."""
    outage = server.attack = Outage(server, range(9, 10**6))
    code, _, err = run("compare", *options, "--stop-when-clear")
    assert code == 0, err
    assert AGAIN in err
    manifest, figures = kept(tmp_path / "out")
    assert {(one["n"], one["n_failed"]) for one in figures.values()} == {(60, 56)}
    assert {one["tokens"]["prompt_mean"] for one in figures.values()} == {USAGE["prompt_tokens"]}
    outage.lost = ()
    code, _, err = run("compare", "--resume", manifest["plan"]["run_id"], "--out", tmp_path / "out")
    assert code == 0, err
    assert AGAIN not in err
    manifest, figures = kept(tmp_path / "out")
    ended_after = manifest["stopped_early"]["rows"]
    assert 4 < ended_after < 60
    assert {(one["n"], one["n_failed"]) for one in figures.values()} == {(ended_after, 0)}
    assert f"The run ended after {ended_after} of 60 rows" in err
    assert figures["few-shot"]["quality"]["value"] == 1.0
    asked = outage.asked
    code, _, err = run("compare", "--resume", manifest["plan"]["run_id"], "--out", tmp_path / "out")
    assert code == 0, err
    assert AGAIN not in err
    assert outage.asked == asked


@pytest.mark.parametrize("option", ["--stop-when-clear", "--race"])
def test_rows_that_an_early_end_leaves_unanswered_count_nowhere(
    run: Run, server: FaultyServer, options: list[object], tmp_path: Path, option: str
) -> None:
    """Both lose some of their first rows; nobody asks them again, and both are judged on what was answered."""
    server.attack = Outage(server, range(1, 9))
    code, _, err = run("compare", *options, option)
    assert code == 0, err
    assert AGAIN not in err
    manifest, figures = kept(tmp_path / "out")
    assert {one["n_failed"] for one in figures.values()} == {0}
    assert figures["few-shot"]["quality"]["value"] == 1.0
    ended_after = manifest["stopped_early"]["rows"]
    assert {one["n"] for one in figures.values()} == {ended_after}
    assert f"The run ended after {ended_after} of 60 rows" in err
    if option == "--race":
        assert manifest["out"] == {"zero-shot": figures["zero-shot"]["n"]}
    code, shown, err = run("runs", "show", "latest")
    assert code == 0, err
    assert "Few-shot" in shown


def test_what_a_variant_costs_of_which_no_row_was_answered_is_not_known(
    run: Run, server: FaultyServer, options: list[object], tmp_path: Path
) -> None:
    """Prompts with examples are refused: they cost nothing that could be compared, and it is said why."""

    def refuse(handler: Any, data: bytes) -> bool:
        shown = bool(data) and any(message["role"] == "assistant" for message in json.loads(data)["messages"])
        if shown:
            error = {"message": "This model's maximum context length is 10", "code": "context_length_exceeded"}
            handler.send(400, json.dumps({"error": error}), "application/json")
        return shown

    server.attack = refuse
    server.text = '{"label": "alpha"}'
    code, _, err = run("compare", *options, "--limit", 9)
    assert code == 0, err
    _manifest, figures = kept(tmp_path / "out")
    assert figures["few-shot"]["n_failed"] == 9
    assert figures["few-shot"]["cost_usd_per_1k"] is None
    assert "closed_api_cost_usd_per_1k" not in figures["few-shot"]
    assert figures["zero-shot"]["cost_usd_per_1k"] > 0
    code, _, err = run("report", "latest", "--highest-cost", 1, "--out", tmp_path / "memo.md")
    assert code == 0, err
    memo = (tmp_path / "memo.md").read_text(encoding="utf-8").replace("\\", "")
    assert "Your limit on cost was not checked: few-shot answered no row." in memo
    assert "another machine answered" not in memo
    assert "Few-shot answered no row: each counts as wrong, and the rows say why." in memo
