"""What Ollama alone does: versions, pulling, memory, thinking, cut prompts, LoRA weights; and what it does wrong.

All against the replay of its documented wire format; `test_language_model` runs against a real server, too.
"""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.models.ollama import model as model_module
from adapters.models.ollama.listing import OllamaListing
from adapters.models.ollama.model import OllamaModel
from adapters.models.ollama.server import OllamaServer
from adapters.models.remote import reading
from engine.core.capabilities import Support
from engine.core.errors import (
    AccessError,
    AdaptLabError,
    BrokenAnswerError,
    CancelledError,
    ContextOverflowError,
    ModelError,
    ServerAbsentError,
    ServerBusyError,
    ServerError,
    UnknownModelError,
    UnsupportedError,
)
from engine.core.variant import DecodingMode
from engine.running.preflight.backend_checks import sends_rows_to
from tests.contract.ollama_at import PLANTED, at
from tests.contract.test_language_model import LABELS, ask
from tests.faulty_server import FaultyServer
from tests.helpers import complete, lora_at
from tests.ollama_replay import OllamaReplay
from tests.ollama_replay_answers import DIGEST, MODEL, PROMPT, lora_file
from tests.served import free_port

pytestmark = pytest.mark.timeout(60)


def test_a_model_is_listed_with_what_it_says_of_itself(replay: OllamaReplay) -> None:
    """Name, size, quantization, architecture, context, licence and digest come from the server; embedders are left out."""
    (facts,) = OllamaListing(OllamaServer(replay.url)).models()
    assert (facts.id, facts.backend, facts.server) == (f"ollama/{MODEL}", "ollama", replay.url)
    assert (facts.size_bytes, facts.quantization, facts.architecture) == (98_000_000, "Q4_1", "llama")
    assert (facts.context_tokens, facts.parameters, facts.digest) == (8192, 134_515_008, DIGEST)
    assert facts.licence == "Apache License"
    assert facts.path == ""
    replay.capabilities = ["embedding"]
    assert OllamaListing(OllamaServer(replay.url)).models() == []


def test_memory_is_what_the_server_says(replay: OllamaReplay) -> None:
    """Of the model that answered, as `/api/ps` tells it."""
    model = at(replay)
    assert model.rss_bytes == 98_000_000
    assert complete(model, ask("Where is my parcel?")).rss_bytes == 98_000_000


def test_a_model_that_answers_elsewhere_says_where(replay: OllamaReplay) -> None:
    """The server's own word decides, and the name of a cloud model where it says nothing."""
    server = OllamaServer(replay.url)
    assert OllamaListing(server).models()[0].forwards_to == ""
    replay.remote_host = "https://far.example:443"
    (facts,) = OllamaListing(server).models()
    assert facts.forwards_to == "far.example:443"
    assert sends_rows_to(facts) == "far.example:443"
    replay.remote_host = ""
    replay.created.append("gpt-oss:120b-cloud")
    away = {one.name: one.forwards_to for one in OllamaListing(server).models()}
    assert away == {MODEL: "", "gpt-oss:120b-cloud": "ollama.com:443"}


def test_what_the_server_has_is_asked_for_once(replay: OllamaReplay) -> None:
    """A list is one request for all models, and one for each that is new."""
    asked: list[str] = []
    replay.attack = lambda handler, _data: bool(asked.append(handler.path))
    assert OllamaListing(OllamaServer(replay.url)).models()
    assert asked == ["/api/version", "/api/tags", "/api/show"]


def test_a_local_blob_gives_its_path_and_digest(tmp_path: Path, replay: OllamaReplay) -> None:
    """A server on this machine whose files may be read gives the very file that LoRA weights are trained on."""
    blob = tmp_path / "models" / "blobs" / f"sha256-{'ab' * 32}"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"weights")
    replay.modelfile = f"FROM {blob}"
    (facts,) = OllamaListing(OllamaServer(replay.url)).models()
    assert (facts.path, facts.digest) == (str(blob), "ab" * 32)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("busy", ServerBusyError, "busy"),
        ("memory", ServerError, "ollama stop"),
        ("key", AccessError, "OLLAMA_API_KEY"),
        ("html", BrokenAnswerError, "address"),
        ("not json", BrokenAnswerError, "address"),
        ("half", BrokenAnswerError, "stopped in the middle"),
    ],
)
def test_each_fault_has_its_own_error(replay: OllamaReplay, fault: str, error: type[AdaptLabError], words: str) -> None:
    """What the server does wrong is a typed error with the fix, without the key."""
    model = at(replay)
    replay.fault = fault
    with pytest.raises(error) as caught:
        complete(model, ask("Where is it?", DecodingMode.FREE))
    assert type(caught.value) is error
    assert words in str(caught.value)
    assert caught.value.fix
    assert PLANTED not in repr(caught.value)


def test_an_absent_an_old_and_an_unlike_server_are_told_apart(replay: OllamaReplay) -> None:
    """Nothing listening, a version that lacks schemas, and another program each get their own message."""
    with pytest.raises(ServerAbsentError, match="ollama serve"):
        OllamaServer(f"http://127.0.0.1:{free_port()}").version()
    replay.version = "0.3.14"
    with pytest.raises(UnsupportedError, match=r"0\.3\.14"):
        OllamaListing(OllamaServer(replay.url)).models()
    other = FaultyServer()
    try:
        with pytest.raises(BrokenAnswerError, match="not Ollama"):
            OllamaServer(other.url.removesuffix("/v1")).version()
    finally:
        other.close()


def test_an_unknown_model_says_how_to_get_it(replay: OllamaReplay) -> None:
    """A model that the server does not hold is named with the command that gets it."""
    model = at(replay)
    unknown = OllamaModel(replace(model.facts, id="ollama/nothing:7b"), OllamaServer(replay.url))
    with pytest.raises(UnknownModelError, match="ollama pull nothing:7b"):
        unknown.load(slots=1, context_tokens=512)


def test_a_stall_is_left(replay: OllamaReplay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that falls silent during an answer ends the row, not the run."""
    real = reading.cancellable_stream
    monkeypatch.setattr(model_module, "cancellable_stream", lambda *a, **k: real(*a, **{**k, "stall_s": 0.2}))
    model = at(replay)
    replay.fault = "stall"
    with pytest.raises(BrokenAnswerError, match="sent nothing"):
        complete(model, ask("Where is my parcel, please tell me now", DecodingMode.FREE))


def test_the_context_is_set_once_and_for_every_request(replay: OllamaReplay) -> None:
    """The room that the longest prompt needs goes with each request, so that the model is not loaded again."""
    model = at(replay, context_tokens=1500)
    complete(model, ask("Where is it?"))
    complete(model, ask("And this one?", DecodingMode.FREE))
    rooms = [body["options"]["num_ctx"] for path, body in replay.asked if path in {"/api/chat", "/api/generate"}]
    assert len(rooms) > 2
    assert set(rooms) == {1536}


@pytest.mark.parametrize("mode", [DecodingMode.FREE, DecodingMode.CHOICE])
def test_a_prompt_that_does_not_fit_is_refused_by_the_server(replay: OllamaReplay, mode: DecodingMode) -> None:
    """Where the prompt's tokens were estimated too low the server refuses it, instead of answering what is left of it."""
    model = at(replay)
    replay.count = 3000  # the prompt has more tokens than its letters let expect
    with pytest.raises(ContextOverflowError, match="exceeds the context length"):
        complete(model, ask("Where is my parcel?", mode))
    assert all(body["truncate"] is body["shift"] is False for path, body in replay.asked if path == "/api/chat")


@pytest.mark.parametrize("mode", [DecodingMode.FREE, DecodingMode.CHOICE])
def test_an_old_server_that_cut_a_prompt_gives_no_answer(replay: OllamaReplay, mode: DecodingMode) -> None:
    """If the server evaluated fewer tokens than the prompt has, it cut it: an error says so with both figures."""
    replay.version = "0.12.5"
    model = at(replay, own_file=True)
    request = ask("Where is my parcel? " * 20, mode)
    complete(model, request)
    replay.cut_to = 60
    with pytest.raises(ContextOverflowError, match="60 of") as caught:
        complete(model, request)
    assert str(model.count_tokens(request.messages)) in str(caught.value)


def test_a_server_that_gives_less_context_is_heard(replay: OllamaReplay) -> None:
    """If the server caps the context, what does not fit into that is refused before it is sent."""
    replay.largest_context = 256
    model = at(replay, own_file=True)
    with pytest.raises(ContextOverflowError, match="256"):
        complete(model, ask("Where is my parcel? " * 60))
    assert not [path for path, _body in replay.asked if path == "/api/chat"]


def test_kept_tokens_that_are_not_counted_are_not_taken_for_cutting(replay: OllamaReplay) -> None:
    """Ollama 0.30 left kept tokens out of its count: that is no cut prompt."""
    replay.version = "0.30.0"
    model = at(replay, own_file=True)
    replay.count = 4
    assert complete(model, ask("Where is my parcel? " * 20)).text in LABELS


def test_timings_are_the_servers_own(replay: OllamaReplay) -> None:
    """Seconds of prompt and answer are those that the server reports in nanoseconds."""
    replay.scripted._pace_s = 0.01
    done = complete(at(replay), ask("Where is my parcel, please?", DecodingMode.FREE))
    assert done.decode_s == pytest.approx(2 * done.prefill_s, rel=0.01)


def test_thinking_without_an_answer_is_a_failure_that_says_so(
    replay: OllamaReplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tokens count, and it is not asked again."""
    replay.capabilities, replay.thinking = ["completion", "thinking"], "first I look at the parcel"
    monkeypatch.setattr(replay.scripted, "generate", lambda _request: iter(()))
    with pytest.raises(ModelError, match="thought, and ended without an answer") as caught:
        complete(at(replay), ask("Where is my parcel?", DecodingMode.FREE))
    assert not isinstance(caught.value, ServerError)
    assert caught.value.usage is not None
    assert caught.value.usage.completion_tokens == 6


def test_thinking_is_kept_apart_and_timed(replay: OllamaReplay) -> None:
    """What a model thinks is not part of its answer, its time is told, and its tokens count as answer."""
    replay.capabilities, replay.thinking = ["completion", "thinking"], "first I look at the parcel"
    model = at(replay)
    done = complete(model, ask("Where is my parcel?", DecodingMode.FREE))
    assert done.thinking.split() == replay.thinking.split()
    assert done.thinking_s is not None
    assert done.usage.completion_tokens > 6
    chosen = complete(model, ask("Where is my parcel?"))
    assert chosen.text in LABELS
    assert chosen.thinking.split() == replay.thinking.split()
    assert chosen.usage.completion_tokens == 6 + 2
    bodies = [body for path, body in replay.asked if path == "/api/chat"]
    assert all(body["think"] is False for body in bodies)
    assert bodies[0]["options"]["num_predict"] > 1000


def test_a_label_is_read_from_the_first_token(replay: OllamaReplay) -> None:
    """Where the first tokens of labels differ, one request for two tokens decides: by what would be written freely."""
    replay.listed = {"": [("bill", -1.0), ("delivery", -2.0)]}
    done = complete(at(replay), ask("Where is my parcel?"))
    assert done.text == "billing"
    assert done.probabilities["billing"] == pytest.approx(1 / (1 + math.exp(-1)))
    assert done.usage.completion_tokens == 2
    (asked,) = [body for path, body in replay.asked if path == "/api/chat"]
    assert asked["format"] == {"type": "string", "enum": list(LABELS)}
    assert asked["options"]["num_predict"] == 2


def test_labels_that_share_a_token_are_followed_in_the_servers_own_prompt(replay: OllamaReplay) -> None:
    """What follows a shared token is asked for after the prompt as the server writes it; else a form decides."""
    labels = ("delivery_order", "device_fault", "billing")
    replay.listed = {"": [("de", -1.0), ("billing", -4.0)], "de": [("vice", -1.0), ("livery", -2.0)]}
    done = complete(at(replay), ask("Where is my parcel?", labels=labels))
    assert done.text == "device_fault"
    assert done.usage.completion_tokens == 2 + 1
    raw = [body for path, body in replay.asked if path == "/api/generate" and body.get("raw")]
    assert [body["prompt"] for body in raw] == [f"{PROMPT}de"]
    replay.shows_prompts = False
    replay.asked.clear()
    assert complete(at(replay), ask("Where is my parcel?", labels=labels)).text in labels[:2]
    forms = [body["format"]["enum"] for _path, body in replay.asked if body.get("format")]
    assert forms[-1] in (list(labels), ["delivery_order", "device_fault"])


def test_with_the_models_file_labels_go_by_their_own_tokens(replay: OllamaReplay) -> None:
    """A shorter piece of a label that is listed is not what the model's tokenizer writes: it does not count."""
    replay.listed = {"": [("d", -0.5), ("bill", -3.0), ("deli", -4.0)]}
    request = ask("Where is my parcel?")
    assert complete(at(replay, own_file=True), request).text == "billing"
    assert complete(at(replay), request).text != "billing"


def test_without_log_probabilities_none_are_made_up(replay: OllamaReplay) -> None:
    """An older server sends none: the choice stands, its probabilities do not, and the capabilities say so."""
    assert complete(at(replay), ask("Where is my parcel?")).probabilities
    replay.logprobs = False
    model = at(replay)
    assert complete(model, ask("Where is my parcel?")).probabilities == {}
    assert model.capabilities.choice_probabilities is Support.NO


def test_models_leave_the_servers_memory_with_the_run(replay: OllamaReplay) -> None:
    """What was loaded for a run is unloaded at its end, so that models do not crowd each other."""
    model = at(replay)
    assert list(replay.loaded) == [MODEL]
    model.close()
    assert replay.loaded == {}


def test_two_models_that_do_not_fit_are_not_held_at_once(
    replay: OllamaReplay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where memory is short the base leaves before the model with LoRA weights comes in."""
    model = at(replay, own_file=True)
    monkeypatch.setattr(model_module.psutil, "virtual_memory", type("Memory", (), {"available": 1_000_000}))
    complete(model, replace(ask("Where is it?"), lora=lora_at(lora_file(tmp_path))))
    assert len(replay.loaded) == 1
    assert next(iter(replay.loaded)).startswith("adaptlab-")


def test_a_pull_tells_how_far_it_is(replay: OllamaReplay) -> None:
    """Progress grows to its end, and the model is there afterwards."""
    steps = list(OllamaServer(replay.url).pull("tiny:1b"))
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert "tiny:1b" in replay.names()


def test_a_pull_can_be_cancelled(replay: OllamaReplay) -> None:
    """Cancel ends a pull at once, and the model is not taken for a whole one."""
    cancel = threading.Event()
    with pytest.raises(CancelledError):
        for step in OllamaServer(replay.url).pull("tiny:1b", cancel=cancel):
            if step.fraction > 0:
                cancel.set()


@pytest.mark.parametrize(("fault", "error", "words"), [("large", ModelError, "is free"),
                                                       ("no such model", ModelError, "does not exist")])  # fmt: skip
def test_a_pull_that_cannot_be_is_refused(
    replay: OllamaReplay, fault: str, error: type[AdaptLabError], words: str
) -> None:
    """A model that the disk has no room for, or that nobody has, is told with the reason."""
    replay.fault = fault
    with pytest.raises(error, match=words):
        list(OllamaServer(replay.url).pull("tiny:1b"))


def test_only_stop_words_that_are_set_are_sent(replay: OllamaReplay) -> None:
    """An empty list would switch off those of the model's own Modelfile."""
    model = at(replay)
    free = ask("Say something.", mode=DecodingMode.FREE)
    complete(model, replace(free, decoding=replace(free.decoding, stop=())))
    complete(model, replace(free, decoding=replace(free.decoding, stop=("\n",))))
    sent = [body["options"] for path, body in replay.asked if path == "/api/chat"]
    assert "stop" not in sent[-2]
    assert sent[-1]["stop"] == ["\n"]
