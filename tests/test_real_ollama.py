"""A real Ollama server, at the front door: all techniques, LoRA weights, models that answer elsewhere, stop words."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cli
from adapters.models.ollama.listing import OllamaListing
from adapters.models.ollama.model import OllamaModel
from adapters.models.ollama.server import OllamaServer
from engine.core.errors import ContextOverflowError
from engine.core.variant import DecodingMode
from terminal.exits import EXIT_ERROR
from tests.contract.test_language_model import ask
from tests.faulty_server import FaultyServer
from tests.helpers import complete
from tests.memory_lab import until
from tests.ollama_replay import OllamaReplay
from tests.ollama_replay_answers import MODEL
from tests.ollama_server import NAME, ROOT, RealOllama, running
from tests.served import free_port
from wiring import open_lab

pytestmark = [pytest.mark.model, pytest.mark.timeout(1800)]
TASK = ("--task", "support-tickets", "--model", f"ollama/{NAME}", "--train-rows", "10", "--epochs", "2")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealOllama]:
    """Run one server for all tests of this file."""
    with running(tmp_path_factory.mktemp("ollama"), OLLAMA_REMOTES="127.0.0.1") as one:
        yield one


@pytest.fixture(scope="module")
def kept_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home folder: what is trained by one test is found by the next."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def at_the_server(server: RealOllama, kept_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the server as the user would."""
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    monkeypatch.setenv("ADAPTLAB_HOME", str(kept_home))


def compared(out: Path, *arguments: str) -> dict[str, Any]:
    """Compare; return the summary."""
    assert cli.main(["compare", *TASK, *arguments, "--out", str(out)]) == 0
    found: dict[str, Any] = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return found


def test_all_techniques_answer_and_no_latency_holds_a_load(tmp_path: Path, server: RealOllama) -> None:
    """Six techniques on ten rows; base and LoRA answer in blocks, and what the server loads is in nobody's seconds."""
    summary = compared(tmp_path, "--limit", "10", "--prior-correction", "off")
    assert len(summary["variants"]) == 6
    assert all(one["n"] == 10 and one["n_failed"] == 0 for one in summary["variants"]), summary
    manifest = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert manifest["block_rows"] == 20
    lines = (tmp_path / "predictions.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 60
    zero = next(one for one in summary["variants"] if one["variant"] == "zero-shot")
    assert zero["peak_rss_bytes"] > 50_000_000
    assert zero["marks"]["peak_rss_bytes"] == "server"
    names = [one["name"] for one in server.post("/api/tags", b"", method="GET")[0]["models"]]
    assert any(name.startswith("adaptlab-") for name in names)


def test_a_variant_is_as_fast_beside_others_as_alone(tmp_path: Path) -> None:
    """The p50 of zero-shot beside LoRA is that of zero-shot alone, within what a shared machine allows."""
    alone = compared(tmp_path / "alone", "--limit", "12", "--variants", "zero-shot", "--prior-correction", "off")
    beside = compared(tmp_path / "beside", "--limit", "12", "--variants", "zero-shot,lora", "--prior-correction", "off")
    p50 = [summary["variants"][0]["total_s"]["p50"] for summary in (alone, beside)]
    assert p50[1] < 2 * p50[0], p50


def test_a_removed_lora_model_is_made_again(server: RealOllama) -> None:
    """Somebody removes what was made of base and weights: the next run makes it again, and does not ask for a pull."""
    names = [one["name"] for one in server.post("/api/tags", b"", method="GET")[0]["models"]]
    made = [name for name in names if name.startswith("adaptlab-")]
    assert made
    for name in made:
        server.post("/api/delete", {"model": name}, method="DELETE")
    assert cli.main(["compare", *TASK, "--variants", "lora", "--limit", "2", "--prior-correction", "off"]) == 0


def test_a_server_killed_in_mid_run_is_told_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run stops with the reason; once the server is there again, `--resume` answers the rest and keeps the first."""
    monkeypatch.setenv("ADAPTLAB_HOME", str(tmp_path / "home"))
    port = free_port()
    monkeypatch.setenv("OLLAMA_HOST", f"http://127.0.0.1:{port}")
    arguments = ["compare", *TASK, "--variants", "zero-shot", "--limit", "30", "--prior-correction", "off"]
    (tmp_path / "server").mkdir()
    with running(tmp_path / "server", port=port) as first:
        run = subprocess.Popen([sys.executable, "cli.py", *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        lab = open_lab()
        until(lambda: any(lab.results.predictions(info.run_id) for info in lab.runs.list()), seconds=300)
        first.process.kill()
        _, words = run.communicate(timeout=300)
    assert run.returncode == EXIT_ERROR, words
    assert "Ollama server" in words
    assert "--resume" in words
    (info,) = lab.runs.list()
    assert 0 < len(lab.results.predictions(info.run_id)) < 30
    lab.close()
    with running(tmp_path / "server", port=port):
        assert cli.main(["compare", "--resume", "latest", "--out", str(tmp_path / "out")]) == 0
    lines = (tmp_path / "out" / "predictions.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 30


def test_a_prompt_that_is_longer_than_its_letters_say_is_refused_by_the_server(server: RealOllama) -> None:
    """Without the model's file its tokens are estimated: one that does not fit is refused, and never answered cut."""
    client = OllamaServer(server.url)
    (facts,) = [one for one in OllamaListing(client).models() if one.name == NAME]
    model = OllamaModel(facts, client)
    model.load(slots=1, context_tokens=256)
    text = "q x z k v j w p " * 50
    for mode in (DecodingMode.FREE, DecodingMode.CHOICE):
        request = ask(text, mode, max_tokens=8)
        assert model.count_tokens(request.messages) + 8 <= 256
        with pytest.raises(ContextOverflowError, match="context length"):
            complete(model, request)
    model.close()


def test_a_check_of_the_real_server(capsys: pytest.CaptureFixture[str]) -> None:
    """What docs/backends.md says of Ollama is what its answers show."""
    assert cli.main(["models", "--check", f"ollama/{NAME}", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["answered_by"].startswith("Ollama 0.")
    found = {one["what"]: one["works"] for one in told["findings"]}
    assert found["Streams"] == found["Chooses a label"] == found["JSON under a schema"] == "yes"
    assert found["Its own timings"] == "yes"
    assert found["Probabilities of labels"] == "depends"


def test_stop_words_of_the_model_hold(server: RealOllama) -> None:
    """Without stop words of ours those of the Modelfile end the answer."""
    server.post("/api/create", {"model": "stopping", "from": NAME, "parameters": {"stop": ["e"]}})
    client = OllamaServer(server.url)
    listed = {facts.name: facts for facts in OllamaListing(client).models()}
    lengths = []
    for name in (NAME, "stopping"):
        model = OllamaModel(listed[name], client)
        model.load(slots=1, context_tokens=1024)
        request = ask("Tell me about the sea.", DecodingMode.FREE, max_tokens=40, stop=())
        answer = complete(model, request)
        lengths.append(answer.usage.completion_tokens)
        if name == "stopping":
            assert "e" not in answer.text
        model.close()
    assert lengths[1] < lengths[0]


def test_a_model_that_answers_elsewhere_gets_no_row_without_consent(
    server: RealOllama, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cloud model of the real server is marked, refused without consent, and nothing reaches the far host."""
    far = FaultyServer()
    host = far.url.removeprefix("http://").removesuffix("/v1")
    try:
        server.post(
            "/api/create",
            {
                "model": "far",
                "from": NAME,
                "remote_host": f"http://{host}",
                "info": {"model_family": "llama", "context_length": 2048, "capabilities": ["completion"]},
            },
        )
        assert cli.main(["models"]) == 0
        out = capsys.readouterr()
        assert f"only forwards inputs to {host}" in out.out + out.err
        asked = ["compare", "--task", "support-tickets", "--model", "ollama/far", "--variants", "zero-shot", "--limit"]
        assert cli.main([*asked, "2"]) == 2
        assert f"would forward the task's rows to {host}" in capsys.readouterr().err
        assert not far.asked
    finally:
        far.close()


def shape(value: Any) -> Any:
    """Return what something is made of: kinds by the names of fields, for a list that of its first item."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def is_part(part: Any, whole: Any) -> bool:
    """Tell whether each field of the one is a field of the other, of the same kind."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            name in whole and is_part(one, whole[name]) for name, one in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and (not part or not whole or is_part(part[0], whole[0]))
    return bool(part == whole)


def told(url: str, path: str, body: dict[str, Any] | None) -> list[Any]:
    """Ask; return the objects that come back, also with a refusal."""
    request = urllib.request.Request(url + path, data=None if body is None else json.dumps(body).encode())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=300) as reply:
            lines = reply.read().splitlines()
    except urllib.error.HTTPError as error:
        lines = error.read().splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def test_the_replay_sends_what_the_real_server_sends(server: RealOllama) -> None:
    """Each field of the replay's answers is one of the real server's, of the same kind, in streams and refusals too."""
    messages = [{"role": "user", "content": "Is it red or green?"}]
    chat = {"messages": messages, "options": {"num_ctx": 256, "num_predict": 4}, "truncate": False, "shift": False}
    listing = {"logprobs": True, "top_logprobs": 20, "stream": False}
    form = {"type": "string", "enum": ["red", "green"]}
    asked: list[tuple[str, dict[str, Any] | None]] = [
        ("/api/version", None),
        ("/api/chat", {**chat, "stream": True}),
        ("/api/tags", None),
        ("/api/ps", None),
        ("/api/show", {}),
        ("/api/chat", {**chat, **listing, "format": form}),
        ("/api/chat", {**chat, "stream": False, "_debug_render_only": True}),
        ("/api/generate", {"prompt": "red or", "raw": True, "options": {"num_ctx": 256, "num_predict": 1}, **listing}),
        ("/api/generate", {"options": {"num_ctx": 256}, "stream": False}),
        ("/api/chat", {**chat, "model": "no-such-model"}),
    ]
    with contextlib.closing(OllamaReplay()) as replay:
        for path, body in asked:
            both = []
            for url, name in ((replay.url, MODEL), (server.url, NAME)):
                both.append(told(url, path, None if body is None else {"model": name, **body}))
            replayed, real = both
            replayed[0].pop("license", None)  # a model that was made of a bare file has none
            for part, whole in ((replayed[0], real[0]), (replayed[-1], real[-1])):
                assert is_part(shape(part), shape(whole)), (path, body, shape(part), shape(whole))


def test_removing_lora_weights_removes_the_models_made_with_them(
    server: RealOllama, capsys: pytest.CaptureFixture[str]
) -> None:
    """`lora show` names the model of the server, and `lora remove` removes it with the weights."""
    assert cli.main(["compare", *TASK, "--variants", "lora", "--limit", "2", "--prior-correction", "off"]) == 0
    capsys.readouterr()
    names = [one["name"] for one in server.post("/api/tags", b"", method="GET")[0]["models"]]
    (made,) = [name for name in names if name.startswith("adaptlab-")]
    key = made.partition(":")[2]
    assert cli.main(["lora", "show", key]) == 0
    assert made in capsys.readouterr().out
    assert cli.main(["lora", "remove", key, "--yes"]) == 0
    assert made in capsys.readouterr().out
    left = [one["name"] for one in server.post("/api/tags", b"", method="GET")[0]["models"]]
    assert made not in left
    assert any(name.startswith(NAME) for name in left)
    assert cli.main(["lora", "show", key]) != 0
