"""Servers that misbehave, one way at a time, through the terminal with the real adapters: each run ends bounded."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import cli
from adapters.models.remote import reading
from adapters.models.remote.bounds import SECONDS_VARIABLE
from adapters.models.remote.keys import variable_for
from engine.core.run.prediction import FailureKind
from engine.services.lab import Lab
from tests.attack.servers import EXIT_CODES, MODES, ROWS
from tests.attack.servers_check import KEY, ending, found_key, sound
from tests.attack.servers_openai import LETTERS
from tests.attack.servers_wire import Mode, attack_with
from tests.faulty_server import MODEL, FaultyServer
from tests.helpers import WriteCsv, keep_table
from tests.ollama_replay import MODEL as OLLAMA_MODEL
from tests.ollama_replay import OllamaReplay
from wiring import open_lab

BRIEF_S = "0.3"


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[FaultyServer, OllamaReplay]]:
    """Run both servers, which behave until they are given a mode."""
    both = FaultyServer(), OllamaReplay(pace_s=0.0)
    both[0].text = "billing"
    yield both
    for one in both:
        one.close()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, write_csv: WriteCsv) -> tuple[Path, Lab, str]:
    """Keep a small task in a home folder that all modes share."""
    folder = tmp_path_factory.mktemp("servers")
    lab = open_lab(folder / "home")
    return folder, lab, keep_table(lab, write_csv(folder / "desk.csv"))


def shuffled() -> list[Mode]:
    """Return the modes in an order of their own, the same each time: what one leaves behind must not matter."""
    modes = list(MODES)
    random.Random(20261126).shuffle(modes)
    return modes


@pytest.mark.timeout(60)
@pytest.mark.parametrize("mode", shuffled(), ids=lambda mode: mode.name)
def test_a_server_that_misbehaves_costs_its_rows_and_nothing_else(
    mode: Mode,
    servers: tuple[FaultyServer, OllamaReplay],
    started: tuple[Path, Lab, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The run ends as the mode's table says; it can be read, summed, exported, reported and resumed, without a key."""
    caplog.set_level("INFO")  # the HTTP package writes whole headers at DEBUG, which nothing here asks for
    openai, ollama = servers
    folder, lab, task = started
    for name in ("box", "ollama"):
        monkeypatch.setenv(variable_for(name), KEY)
    monkeypatch.setenv("ADAPTLAB_HOME", str(folder / "home"))
    monkeypatch.setenv("OLLAMA_HOST", ollama.url)
    monkeypatch.setenv(SECONDS_VARIABLE, BRIEF_S if mode.brief else "20")
    monkeypatch.setattr(reading, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(reading, "QUICK_S", 2.0)
    lab.models.servers.add("box", openai.url)
    openai.listed = [{"id": MODEL, "object": "model", "owned_by": mode.owner}]
    server = ollama if mode.ollama else openai
    server.attack = attack_with(mode)
    model = f"ollama/{OLLAMA_MODEL}" if mode.ollama else f"box/{MODEL}"
    choices = ["--variants", "zero-shot", "--limit", str(ROWS), "--decoding", mode.decoding]
    before = {run.run_id for run in lab.runs.list()}
    out = tmp_path / "out"
    try:
        code = cli.main(["compare", "--task", task, "--model", model, *choices, "--out", str(out)])
        made = [run for run in lab.runs.list() if run.run_id not in before]
        if mode.ends == "refused":
            assert not made
            assert code in EXIT_CODES["refused"]
            assert cli.main(["models"]) == 0
        else:
            (run,) = made
            check_run(lab, run.run_id, mode, code, tmp_path, capsys)
            if mode.ends in {"failed", "stopped"}:
                server.attack = None if mode.owner == "somebody" else attack_with(LETTERS)
                monkeypatch.setenv(SECONDS_VARIABLE, "20")
                check_resume(lab, run.run_id)
    finally:
        server.attack = None
    words = capsys.readouterr()
    assert found_key([folder / "home", tmp_path], words.out, words.err, caplog.text) == []
    assert "Traceback" not in words.err


def check_run(lab: Lab, run_id: str, mode: Mode, code: int, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Check how a run ended, that it can be read in every way, and that it goes on when the server behaves."""
    rows = lab.results.predictions(run_id)
    status = lab.runs.snapshot(run_id).status
    wanted = "answered" if mode.ends == "changed" else mode.ends
    assert code in EXIT_CODES[mode.ends]
    assert ending(rows, status, ROWS) == wanted, [
        status, [(row.text, row.failure) for row in rows], capsys.readouterr().err,
    ]  # fmt: skip
    assert all(map(sound, rows))
    assert not [row for row in rows if "WRONG" in row.text]
    summary = lab.results.summary(run_id)
    assert len(summary["variants"][0]["answered_by"]) == (2 if mode.ends == "changed" else min(1, len(
        {row.identity for row in rows if row.identity})))  # fmt: skip
    assert all(math.isfinite(mean) for mean in summary["variants"][0]["tokens"].values())
    assert cli.main(["report", run_id, "--out", str(folder / "memo.html")]) in ({0} if rows else {0, 1, 2})
    assert cli.main(["runs", "show", run_id]) == 0
    lab.exports.export(run_id)
    (folder / "run.adaptlab").write_bytes(lab.exports.pack(run_id))
    words = capsys.readouterr()
    assert found_key([], words.out, words.err) == []


def check_resume(lab: Lab, run_id: str) -> None:
    """Resume a run at a server that behaves now: what a passing fault left without an answer is answered."""
    rows = lab.results.predictions(run_id)
    lasting = [row for row in rows if row.failure and not row.failure.passing]
    assert cli.main(["compare", "--resume", run_id]) == (1 if len(lasting) == ROWS else 0)
    after = lab.results.predictions(run_id)
    assert len(after) == ROWS
    assert [row for row in after if row.failure and row.failure.kind is not FailureKind.UNPARSED] == lasting


def test_there_are_enough_modes_of_each_class() -> None:
    """The table holds at least 60 modes, each under a name of its own."""
    assert len({mode.name for mode in MODES}) == len(MODES) >= 60
