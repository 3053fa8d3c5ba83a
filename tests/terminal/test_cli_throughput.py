"""`--throughput` at a closed API: several rows at once, and nothing that was paid for is lost or asked again."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests import closed_apis as apis
from tests.closed_apis import OPENAI
from tests.faulty_server import FaultyServer
from tests.terminal.reading import WORDS, Run, write_desks, written

pytestmark = pytest.mark.timeout(120)
WARM_UP = 1


@pytest.fixture
def options(run: Run, server: FaultyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[object]:
    """Have the server answer in the place of a closed API; return what names it and a table of 60 test rows."""
    server.plays = [apis.by_openai('{"label": "alpha"}')]
    apis.stand_in(server, monkeypatch, OPENAI)
    code, _, err = run("models", "--add", f"{OPENAI.name}={OPENAI.url}")
    assert code == 0, err
    path = write_desks(tmp_path / "desks.csv", WORDS, train=20, test=20)
    return [
        "--task", path, "--input-column", "message", "--target-column", "desk", "--split-column", "split",
        "--model", f"{OPENAI.name}/{OPENAI.model}", "--variants", "zero-shot", "--throughput", "--out", tmp_path / "out",
    ]  # fmt: skip


def last_run(run: Run) -> str:
    """Return the id of the newest run."""
    code, out, err = run("runs", "list", "--json")
    assert code == 0, err
    return str(json.loads(out)["runs"][0]["run_id"])


def test_the_limit_holds_within_a_batch(run: Run, server: FaultyServer, options: list[object]) -> None:
    """No more rows are in flight than the money left pays for: a limit of two and a half answers lets three through."""
    code, _, err = run("compare", *options, "--limit", 40, "--spending-limit", 2.5 * apis.answer_usd())
    assert code == 1
    assert "The run has cost" in err
    assert len(server.asked) == 3


def test_the_limit_holds_within_a_trial(run: Run, server: FaultyServer, options: list[object]) -> None:
    """What a search asks is paid for as it comes, not after each of its batches."""
    code, _, err = run("compare", *options, "--limit", 10, "--trials", 3, "--spending-limit", 2.5 * apis.answer_usd())
    assert code == 1
    assert "The run has cost" in err
    assert len(server.asked) == 3


def test_what_a_batch_has_answered_is_kept_when_the_server_goes(
    run: Run, server: FaultyServer, options: list[object], tmp_path: Path
) -> None:
    """The model is gone from the thirteenth request on: each answer before that is kept, and none is paid for twice."""
    lock, count = threading.Lock(), [0]

    def gone(handler: BaseHTTPRequestHandler, data: bytes) -> bool:
        if not data:
            return False
        with lock:
            count[0] += 1
            if count[0] <= 12:
                return False
        text = json.dumps({"error": {"message": "The model does not exist", "code": "model_not_found"}})
        handler.send(404, text, "application/json")  # type: ignore[attr-defined]
        return True

    server.attack = gone
    code, _, err = run("compare", *options, "--limit", 16, "--spending-limit", 1)
    assert code == 1
    answered = len(server.asked) - WARM_UP
    assert answered == 11
    server.attack = None
    server.asked.clear()
    code, _, err = run("compare", "--resume", last_run(run), "--out", tmp_path / "out")
    assert code == 0, err
    assert len(server.asked) == WARM_UP + 16 - answered
    (variant,) = written(tmp_path / "out", "summary.json")["variants"]
    assert (variant["n"], variant["n_failed"]) == (16, 0)
    assert written(tmp_path / "out", "run.json")["beside_usd"] == pytest.approx(2 * WARM_UP * apis.answer_usd())


def test_more_rows_ask_for_new_ones_alone(
    run: Run, server: FaultyServer, options: list[object], tmp_path: Path
) -> None:
    """Ten rows are answered; five more, which fall into their batch, are five more requests."""
    code, _, err = run("compare", *options, "--limit", 10, "--spending-limit", 1)
    assert code == 0, err
    server.asked.clear()
    code, _, err = run(
        "compare", "--resume", last_run(run), "--more-rows", 5, "--spending-limit", 1, "--out", tmp_path / "out"
    )
    assert code == 0, err
    assert len(server.asked) == WARM_UP + 5
    (variant,) = written(tmp_path / "out", "summary.json")["variants"]
    assert variant["n"] == 15


def test_a_page_in_an_answers_place_lifts_no_limit(run: Run, server: FaultyServer, options: list[object]) -> None:
    """The warm-up meets a page of a gateway, which costs nothing: rows still go one by one until one is paid for."""
    pages = [True]

    def page(handler: Any, data: bytes) -> bool:
        if not data or not pages:
            return False
        pages.pop()
        handler.send(200, "<!DOCTYPE html><html>Sign in</html>", "text/html")
        return True

    server.attack = page
    code, _, err = run("compare", *options, "--limit", 40, "--spending-limit", 2.5 * apis.answer_usd())
    assert code == 1
    assert "The run has cost" in err
    assert len(server.asked) == 3
