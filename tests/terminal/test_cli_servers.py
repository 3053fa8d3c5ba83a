"""Servers in the terminal: named before they are used, asked for rows at once, and kept with what they were sent."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest

from adapters.models.remote import nearby
from tests.faulty_server import MODEL, FaultyServer
from tests.ollama_replay import OllamaReplay
from tests.ollama_replay_answers import MODEL as OLLAMA_MODEL
from tests.served import free_port
from tests.terminal.reading import Run

pytestmark = pytest.mark.timeout(120)
ROWS = 8
THOUGHT = "It is about money, I think"
LINGER_S = 0.05
"""How long a group of requests waits for one more, which would be one too many."""


def added(run: Run, server: FaultyServer, name: str = "box") -> str:
    """Add a server; return the id of its model."""
    code, _, err = run("models", "--add", f"{name}={server.url}")
    assert code == 0, err
    return f"{name}/{MODEL}"


def listed(run: Run) -> set[str]:
    """Return the ids of all models."""
    code, out, err = run("models", "--json")
    assert code == 0, err
    return {one["id"] for one in json.loads(out)["models"]}


class Gate:
    """Lets requests through in groups of so many that are under way at once; the warm-up passes alone."""

    def __init__(self, at_once: int) -> None:
        """Wait for so many."""
        self.most = 0
        self._now = 0
        self._warm_up = True
        self._lock = threading.Lock()
        self._all_here = threading.Barrier(at_once, timeout=60)

    def __call__(self, handler: BaseHTTPRequestHandler, data: bytes) -> bool:
        """Count a question until it may be answered; the server then answers it."""
        if not data:
            return False
        with self._lock:
            alone, self._warm_up = self._warm_up, False
            self._now += 1
            self.most = max(self.most, self._now)
        if not alone:
            self._all_here.wait()
            time.sleep(LINGER_S)
        with self._lock:
            self._now -= 1
        return False


def test_a_server_nearby_is_named_and_used_once_it_is_added(
    run: Run, server: FaultyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One on a usual port is offered with the command that adds it, and its models are no models before that."""
    for name in ("HOME", "HF_HOME", "HF_HUB_CACHE", "OLLAMA_MODELS"):
        monkeypatch.setenv(name, str(tmp_path / "somebody"))
    monkeypatch.setenv("ADAPTLAB_FIND", "on")
    monkeypatch.setattr(nearby, "PORTS", (free_port(), urlsplit(server.url).port))
    code, out, err = run("models")
    assert code == 0, err
    assert f"answers at {server.url} and is not used. To use it: python cli.py models --add box={server.url}" in out
    assert f"box/{MODEL}" not in listed(run)
    assert [near["url"] for near in json.loads(run("models", "--json")[1])["nearby"]] == [server.url]
    command = out.split("python cli.py ", 1)[1].split("\n", 1)[0]
    code, out, err = run(*command.split())
    assert code == 0, err
    assert "is not used" not in out
    assert f"box/{MODEL}" in listed(run)


@pytest.mark.parametrize(("setting", "at_once"), [("", 4), ("2", 2), ("1", 1)], ids=["by default", "two", "one"])
def test_so_many_rows_are_in_flight(
    run: Run, server: FaultyServer, monkeypatch: pytest.MonkeyPatch, setting: str, at_once: int
) -> None:
    """In throughput mode four rows are asked for at once, or as many as ADAPTLAB_ROWS_IN_FLIGHT says."""
    if setting:
        monkeypatch.setenv("ADAPTLAB_ROWS_IN_FLIGHT", setting)
    model = added(run, server)
    gate = Gate(at_once)
    server.attack = gate
    asked = ("compare", "--task", "support-tickets", "--limit", ROWS, "--model", model, "--variants", "zero-shot")
    code, _, err = run(*asked, "--throughput")
    assert code == 0, err
    assert len(server.asked) == 1 + ROWS
    assert gate.most == at_once


@pytest.mark.parametrize("setting", ["x", "0"])
def test_rows_in_flight_that_are_no_number_are_wrong_usage(
    run: Run, server: FaultyServer, table: list[object], monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """The value is named with what it should be, and nothing is asked."""
    model = added(run, server)
    monkeypatch.setenv("ADAPTLAB_ROWS_IN_FLIGHT", setting)
    code, _, err = run("compare", *table, "--model", model, "--variants", "zero-shot", "--throughput")
    assert code == 2
    assert f"ADAPTLAB_ROWS_IN_FLIGHT is '{setting}'." in err
    assert "Set it to a whole number of rows, or unset it." in err
    assert server.asked == []


def test_the_messages_are_kept_as_they_were_sent(
    run: Run, server: FaultyServer, table: list[object], tmp_path: Path
) -> None:
    """Where a server does not show its prompt, each row has the messages in its place: instructions and the input."""
    asked = ("compare", *table, "--model", added(run, server), "--variants", "zero-shot", "--out", tmp_path / "out")
    code, _, err = run(*asked)
    assert code == 0, err
    rows = pl.read_parquet(tmp_path / "out" / "predictions.parquet")
    sent = {as_kept(body["messages"]) for body in server.asked}
    assert rows["prompt"].null_count() == 0
    assert set(rows["prompt"]) <= sent
    for row in rows.iter_rows(named=True):
        assert row["input"] in row["prompt"]
        assert all(label in row["prompt"] for label in ("billing", "delivery", "fault"))


def as_kept(messages: list[dict[str, Any]]) -> str:
    """Write messages as they stand in the column `prompt`."""
    return "\n\n".join(f"[{one['role']}]\n{one['content']}" for one in messages)


@pytest.mark.parametrize("backend", ["ollama", "openai-compatible"])
def test_thinking_is_kept_beside_the_answer_and_counted(
    run: Run, server: FaultyServer, table: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    """What a model thinks stands in a column of its own, never in the answer; its tokens are answer tokens."""
    replay = OllamaReplay(pace_s=0.0)
    monkeypatch.setenv("OLLAMA_HOST", replay.url)
    model = f"ollama/{OLLAMA_MODEL}" if backend == "ollama" else added(run, server)
    asked = ("compare", *table, "--model", model, "--variants", "zero-shot", "--decoding", "free", "--out", tmp_path)
    found = []
    for thinking in ("", THOUGHT):
        replay.thinking = server.thinking = thinking
        code, _, err = run(*asked)
        assert code == 0, err
        found.append(pl.read_parquet(tmp_path / "predictions.parquet"))
    plain, thought = found
    replay.close()
    assert plain["thinking"].null_count() == len(plain)
    assert {text.strip() for text in thought["thinking"]} == {THOUGHT}
    assert thought["text"].to_list() == plain["text"].to_list()
    assert thought["score"].to_list() == plain["score"].to_list()
    if backend == "ollama":
        more = thought["completion_tokens"] - plain["completion_tokens"]
        assert set(more) == {len(THOUGHT.split())}


def test_an_embedder_at_a_server_of_this_machine_needs_no_consent(
    run: Run, server: FaultyServer, table: list[object], tmp_path: Path
) -> None:
    """`--embedder SERVER/MODEL` runs without --send-rows-to where no text leaves the machine; it is then listed."""
    server.embedding = lambda text: [1.0 + text.lower().count(letter) for letter in "abcdefghij"]
    name = added(run, server)
    asked = ("compare", *table, "--model", "scripted", "--variants", "classifier", "--limit", 1, "--embedder", name)
    code, _, err = run(*asked, "--out", tmp_path / "out")
    assert code == 0, err
    assert "leave this machine" not in err
    rows = pl.read_parquet(tmp_path / "out" / "predictions.parquet")
    assert rows["input"][0] in server.embedded
    manifest = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert manifest["embedder"].startswith(f"{name}@")
    told = json.loads(run("models", "--json")[1])["embedders"]
    assert {one["facts"]["sends_to"] for one in told if one["facts"]["id"] == manifest["embedder"]} == {""}


def test_a_list_that_is_too_long_is_told_and_others_are_listed(run: Run, server: FaultyServer) -> None:
    """Of a server that lists more than 5,000 models none is taken, in one remark; files and other servers stay."""
    endless = FaultyServer()
    endless.listed = [{"id": f"model-{number}", "object": "model"} for number in range(5_001)]
    try:
        kept = added(run, server)
        code, out, err = run("models", "--add", f"endless={endless.url}")
        assert code == 0, err
        told = [line for line in out.splitlines() if "endless" in line]
        assert len(told) == 1
        assert "lists 5,001 models, more than 5,000." in told[0]
        ids = listed(run)
        assert kept in ids
        assert not [one for one in ids if one.startswith("endless/")]
    finally:
        endless.close()


def test_a_run_whose_server_is_gone_or_another_is_not_resumed(run: Run, server: FaultyServer) -> None:
    """A server that was removed is an unknown model, and one at another address is another server: no file is missed."""
    model = added(run, server)
    code, _, err = run(
        "compare", "--task", "support-tickets", "--model", model, "--variants", "zero-shot", "--limit", 2
    )
    assert code == 0, err
    assert run("models", "--remove", "box")[0] == 0
    code, _, err = run("compare", "--resume", "latest")
    assert code == 2
    assert f"Unknown model '{model}'" in err
    other = FaultyServer()
    try:
        added(run, other)
        code, _, err = run("compare", "--resume", "latest")
    finally:
        other.close()
    assert code == 2
    assert f"The server of model '{model}' has changed since run" in err


def test_free_text_is_told_as_such(run: Run, server: FaultyServer, tmp_path: Path) -> None:
    """A task without labels has no choice decoding, whatever is the default: in the figures, the run and the memo."""
    code, _, err = run(
        "compare", "--task", "house-style", "--model", added(run, server), "--variants", "zero-shot", "--limit", 2,
        "--out", tmp_path,
    )  # fmt: skip
    assert code == 0, err
    assert json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["decoding"] == "free"
    code, shown, err = run("runs", "show", "latest")
    assert code == 0, err
    assert "choice" not in shown
    code, _, err = run("report", "latest", "--out", tmp_path / "memo.md")
    assert code == 0, err
    memo = (tmp_path / "memo.md").read_text(encoding="utf-8").replace("\\", "")
    assert "1 variant answered 2 test rows" in memo
    assert "with seed 0 and free decoding" in memo
    assert "likeliest tokens" not in memo
