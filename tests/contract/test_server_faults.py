"""What OpenAI-compatible servers do wrong, each a typed error with its fix; and keys that nobody gets to see."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.models.openai_compatible import model as model_module
from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.dialects import CLOSED, GENERIC, LLAMA_SERVER, VLLM
from adapters.models.openai_compatible.listing import list_models
from adapters.models.openai_compatible.lora import served_loras, the_only
from adapters.models.openai_compatible.model import OpenAICompatibleModel
from adapters.models.remote import reading
from engine.core.capabilities import Support
from engine.core.errors import (
    AccessError,
    AdaptLabError,
    BrokenAnswerError,
    CancelledError,
    ContextOverflowError,
    ModelError,
    RefusedAnswerError,
    ServerAbsentError,
    ServerBusyError,
    ServerError,
    UnknownModelError,
    UnsupportedError,
)
from engine.core.generation import Completion
from engine.core.variant import DecodingMode
from tests.contract.test_language_model import LABELS, SCHEMA, ask
from tests.faulty_server import MODEL, FaultyServer
from tests.helpers import complete, lora_at
from tests.served import free_port

pytestmark = pytest.mark.timeout(60)
PLANTED = "sk-planted-5f1d2e3c4b5a"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """Run a server that misbehaves on request, behind a planted key; waits are short."""
    monkeypatch.setenv("BOX_API_KEY", PLANTED)
    monkeypatch.setattr(reading, "FIRST_WAIT_S", 0.01)
    one = FaultyServer()
    yield one
    one.close()


def at(server: FaultyServer) -> OpenAICompatibleModel:
    """Return the model of this server."""
    client = Client("box", server.url)
    (facts,) = list_models(client)
    return OpenAICompatibleModel(facts, client, GENERIC)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("wrong key", AccessError, "BOX_API_KEY"),
        ("quota", AccessError, "no credit left"),
        ("unknown model", UnknownModelError, MODEL),
        ("overflow", ContextOverflowError, "1024"),
        ("down", ServerBusyError, "500"),
        ("loading", ServerBusyError, "Loading"),
        ("html", BrokenAnswerError, "text/html"),
        ("not json", BrokenAnswerError, ""),
        ("redirect", ServerError, "another address"),
        ("drop", BrokenAnswerError, "stopped in the middle"),
        ("half", BrokenAnswerError, "stopped in the middle"),
        ("half and goodbye", BrokenAnswerError, "part of an answer"),
        ("filter", RefusedAnswerError, "filter"),
    ],
)
def test_a_servers_fault_is_a_typed_error(
    server: FaultyServer, fault: str, error: type[AdaptLabError], words: str
) -> None:
    """Each fault has its own error, which names the host and how to fix it, and never the key."""
    model = at(server)
    server.fault = fault
    with pytest.raises(error) as caught:
        complete(model, ask("Where is it?", DecodingMode.FREE))
    assert type(caught.value) is error
    assert words in str(caught.value)
    assert "127.0.0.1" in caught.value.what
    assert caught.value.fix
    assert "planted" not in repr(caught.value)
    assert caught.value.__suppress_context__ or "planted" not in repr(caught.value.__context__)


def test_an_empty_answer_is_an_answer(server: FaultyServer) -> None:
    """A model that says nothing has answered with nothing: that is for the scorer to judge, not a fault."""
    server.text = ""
    done = complete(at(server), ask("Where is it?", DecodingMode.FREE))
    assert (done.text, done.finish) == ("", "stop")
    assert complete(at(server), ask("Where is it?")).text == ""


def test_a_dead_server_and_one_without_tls_are_told_apart(server: FaultyServer) -> None:
    """Nothing listening is not the same as https spoken to a server that speaks http."""
    with pytest.raises(ServerAbsentError, match="Nothing answers"):
        Client("box", f"http://127.0.0.1:{free_port()}/v1").models()
    with pytest.raises(ServerError, match="secure connection"):
        Client("box", server.url.replace("http:", "https:")).models()


@pytest.mark.parametrize(("fault", "error"), [("html", BrokenAnswerError), ("wrong key", AccessError),
                                              ("redirect", ServerError)])  # fmt: skip
def test_a_model_list_that_is_none_is_a_typed_error(
    server: FaultyServer, fault: str, error: type[AdaptLabError]
) -> None:
    """A web page, a refusal or a redirect in place of the list is told as such."""
    server.fault = fault
    with pytest.raises(error):
        Client("box", server.url).models()


def test_a_server_that_falls_silent_is_left(server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stall during an answer ends the row with an error instead of hanging the run."""
    real = reading.cancellable_stream
    monkeypatch.setattr(model_module, "cancellable_stream", lambda *a, **k: real(*a, **{**k, "stall_s": 0.2}))
    model = at(server)
    server.fault = "stall"
    with pytest.raises(BrokenAnswerError, match="sent nothing"):
        complete(model, ask("Where is it?", DecodingMode.FREE))


@pytest.mark.parametrize("fault", ["busy", "down", "loading"])
def test_a_busy_server_is_asked_again(server: FaultyServer, fault: str) -> None:
    """429 and 5xx are tried again after a pause, and the answer counts as any other."""
    model = at(server)
    server.fault, server.times = fault, 2
    assert complete(model, ask("Where is it?")).text == "billing"
    assert len(server.asked) == 3


def test_rows_in_flight_are_bounded(server: FaultyServer) -> None:
    """Throughput mode has several rows under way at once, and never more than the bound."""
    client = Client("box", server.url)
    (facts,) = list_models(client)
    model = OpenAICompatibleModel(facts, client, GENERIC, parallel=3)
    answers = model.generate_batch([ask(f"row {n}") for n in range(9)])
    assert [type(answer) for answer in answers] == [Completion] * 9
    assert 1 < server.most_in_flight <= 3


def test_usage_says_what_was_kept_and_what_was_thought(server: FaultyServer) -> None:
    """Cached and reasoning tokens are taken over, and thinking is kept apart from the answer, and timed."""
    server.thinking, server.text = "let me see", "delivery"
    done = complete(at(server), ask("Where is it?", DecodingMode.FREE))
    assert (done.usage.prompt_tokens, done.usage.cached_prompt_tokens) == (40, 16)
    assert (done.usage.completion_tokens, done.usage.thinking_tokens) == (9, 5)
    assert done.text == "delivery"
    assert done.thinking.split() == ["let", "me", "see"]
    assert done.thinking_s is not None
    assert done.thinking_s > 0


def test_thinking_without_an_answer_is_a_failure_that_says_so(server: FaultyServer) -> None:
    """A line break ends the thinking of a model that cannot be told not to think: asking again changes nothing."""
    server.thinking, server.text = "let me see", "\n"
    with pytest.raises(ModelError, match="thought, and ended without an answer") as caught:
        complete(at(server), ask("Where is it?", DecodingMode.FREE))
    assert not isinstance(caught.value, ServerError)
    assert caught.value.usage is not None
    assert caught.value.usage.thinking_tokens == 5


def test_what_a_server_refuses_is_left_out_and_said(server: FaultyServer) -> None:
    """A refused option is not sent again, the answer comes without it, and the capabilities say so."""
    model = at(server)
    server.fault = "no logprobs"
    done = complete(model, ask("Where is it?"))
    assert done.text == "billing"
    assert done.probabilities == {}
    assert model.capabilities.choice_probabilities is Support.NO
    assert "no log-probabilities" in model.capabilities.reason("logprobs")
    complete(model, ask("Where is it?"))
    assert "logprobs" not in server.asked[-1]
    assert len(server.asked) == 3
    server.fault = "no temperature"
    assert complete(model, ask("Where is it?")).text == "billing"
    assert "temperature" not in server.asked[-1]


def test_without_schemas_a_choice_is_free_text_and_json_is_refused(server: FaultyServer) -> None:
    """A server that knows no schema still answers choices in words; JSON is not faked."""
    model = at(server)
    server.fault, server.text = "no schema", "I think billing."
    assert complete(model, ask("Where is it?")).text == "I think billing."
    assert model.capabilities.choice is Support.NO
    with pytest.raises(UnsupportedError):
        complete(model, ask("Where is it?", DecodingMode.JSON, json_schema=SCHEMA))


def test_each_kind_of_server_is_asked_in_its_own_way(server: FaultyServer) -> None:
    """An older vLLM server gets its choice option, a closed API room to think and its own name for the longest answer."""
    client = Client("box", server.url)
    (facts,) = list_models(client)
    client.post = _letters  # type: ignore[method-assign]
    complete(OpenAICompatibleModel(facts, client, VLLM), ask("Where is it?"))
    assert server.asked[-1]["structured_outputs"] == {"choice": list(LABELS)}
    assert (server.asked[-1]["top_k"], server.asked[-1]["repetition_penalty"]) == (0, 1.0)
    complete(OpenAICompatibleModel(facts, client, CLOSED), ask("Where is it?", max_tokens=32))
    assert server.asked[-1]["max_completion_tokens"] > 32
    assert "max_tokens" not in server.asked[-1]
    assert server.asked[-1]["response_format"]["json_schema"]["strict"] is True


def test_lora_weights_are_found_in_what_a_server_lists(server: FaultyServer) -> None:
    """A vLLM server lists weights as models with a parent; two sets leave it open which is meant, and that is said."""
    server.listed = [
        {"id": "base", "owned_by": "vllm", "parent": None, "max_model_len": 2048},
        {"id": "tickets", "owned_by": "vllm", "parent": "base"},
    ]
    client = Client("box", server.url)
    (facts,) = list_models(client)
    assert (facts.id, facts.backend, facts.context_tokens) == ("box/base", "vllm", 2048)
    one = served_loras(client, VLLM, "base", server.listed)
    assert the_only(one, "base", "host").model == "tickets"
    two = served_loras(client, VLLM, "base", [*server.listed, {"id": "more", "parent": "base"}])
    for served, words in ((two, "several"), ((), "no LoRA weights")):
        with pytest.raises(UnsupportedError, match=words):
            the_only(served, "base", "host")
    assert served_loras(client, LLAMA_SERVER, "base", server.listed) == ()
    assert served_loras(client, GENERIC, "base", server.listed) == ()
    client.post = _letters  # type: ignore[method-assign]
    model = OpenAICompatibleModel(facts, client, VLLM)
    model.load(slots=1, context_tokens=512)
    assert model.served_lora() == lora_at("tickets")
    complete(model, replace(ask("Where is it?"), lora=lora_at("tickets")))
    complete(model, ask("Where is it?"))
    assert [body["model"] for body in server.asked] == ["tickets", "base"]


def test_what_belongs_to_one_account_goes_to_no_other_server(
    server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment's organization and key of one provider are not sent to a server of another name."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-planted")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-planted")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-server")
    complete(at(server), ask("Where is it?"))
    assert not [value for value in server.headers.values() if "planted" in value and PLANTED not in value]
    assert all("another" not in key for key in server.keys)


def test_a_planted_key_is_found_nowhere(server: FaultyServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The key goes to the server and to no error, log, object or file."""
    caplog.set_level("DEBUG")
    model = at(server)
    complete(model, ask("Where is it?"))
    assert all(key == f"Bearer {PLANTED}" for key in server.keys)
    server.fault = "wrong key"
    with pytest.raises(AccessError) as caught:
        complete(model, ask("Where is it?"))
    seen = [
        caplog.text,
        repr(caught.value),
        str(caught.value),
        repr(model.facts),
        repr(model._client),
        repr(vars(model)),
    ]
    seen += [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file()]
    assert PLANTED not in " ".join(seen)


def test_cancel_is_heard_while_the_server_is_silent(server: FaultyServer) -> None:
    """A cancel does not wait for the next piece of a stalled answer."""
    model = at(server)
    server.fault = "stall"
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    started = time.perf_counter()
    with pytest.raises(CancelledError):
        complete(model, ask("Where is it?", DecodingMode.FREE), cancel=cancel)
    assert time.perf_counter() - started < 2.5


def _letters(_path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer as a vLLM server does whose tokens are letters, and which does not say how probable they are."""
    return {"tokens": [ord(letter) for letter in str(body.get("messages") or body["prompt"])]}
