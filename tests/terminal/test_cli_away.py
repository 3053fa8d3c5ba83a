"""A model whose server sends inputs on: nothing is sent without consent for that run, and nothing is made up after it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ollama_replay import OllamaReplay
from tests.ollama_replay_answers import MODEL
from tests.terminal.reading import Run

FAR = "far.example:443"
RUN = ("--task", "support-tickets", "--model", f"ollama/{MODEL}", "--variants", "zero-shot,classifier", "--limit", 3)


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch) -> Iterator[OllamaReplay]:
    """Run a server that says of its model that another host answers."""
    one = OllamaReplay(pace_s=0.0)
    one.remote_host = f"https://{FAR}"
    monkeypatch.setenv("OLLAMA_HOST", one.url)
    yield one
    one.close()


def sent(replay: OllamaReplay) -> list[str]:
    """Return the paths of requests that carry a row."""
    return [path for path, _body in replay.asked if path in {"/api/chat", "/api/generate"}]


def test_no_row_is_sent_without_consent(run: Run, replay: OllamaReplay) -> None:
    """The run is refused with the host's name and the option, before anything is asked."""
    for options in ((), ("--send-rows-to", "another.example")):
        code, _, err = run("compare", *RUN, *options)
        assert code == 2
        assert f"would forward the task's rows to {FAR}" in err
        assert "--send-rows-to HOST" in err
    assert sent(replay) == []


def test_with_consent_neither_price_nor_energy_is_made_up(run: Run, replay: OllamaReplay, tmp_path: Path) -> None:
    """This machine's clock says nothing of what another one costs; the classifier here keeps its price."""
    code, _, err = run("compare", *RUN, "--send-rows-to", FAR, "--out", tmp_path)
    assert code == 0, err
    assert sent(replay)
    assert f"The task's rows leave this machine: they are sent to {FAR}." in err
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    prompt, classifier = summary["variants"]
    assert (prompt["cost_usd_per_1k"], prompt["energy_wh_per_1k"]) == (None, None)
    assert classifier["cost_usd_per_1k"] > 0
    manifest = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert manifest["model"]["away"] == FAR
    memo = tmp_path / "memo.md"
    code, _, err = run("report", summary["run_id"], "--out", memo, "--highest-cost", 1)
    assert code == 0, err
    told = memo.read_text(encoding="utf-8").replace("\\", "")
    assert "nan" not in told.lower().split()
    assert "Your limit on cost was not checked" in told


def test_the_list_says_where_it_answers(run: Run, replay: OllamaReplay) -> None:
    """`models` marks it, as a remark and as a field."""
    code, out, err = run("models")
    assert code == 0, err
    assert f"only forwards inputs to {FAR}" in out + err
    code, out, err = run("models", "--json")
    assert code == 0, err
    found = {one["id"]: one["forwards_to"] for one in json.loads(out)["models"]}
    assert found[f"ollama/{MODEL}"] == FAR


def test_consent_does_not_come_along_with_an_imported_run(
    run: Run, replay: OllamaReplay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever made it agreed to send rows to a host; a study of it here is asked for that again, and sends none before."""
    out = tmp_path / "out"
    code, _, err = run("compare", *RUN, "--send-rows-to", FAR, "--out", out)
    assert code == 0, err
    run_id = json.loads((out / "run.json").read_text(encoding="utf-8"))["plan"]["run_id"]
    assert run("runs", "export", run_id, "--out", out)[0] == 0
    monkeypatch.setenv("ADAPTLAB_HOME", str(tmp_path / "elsewhere"))
    code, _, err = run("runs", "import", out / f"run-{run_id}.zip")
    assert code == 0, err
    replay.asked.clear()
    code, _, err = run("study", "drift", run_id)
    assert code == 2
    assert "--send-rows-to HOST" in err
    assert sent(replay) == []
