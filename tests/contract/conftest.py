"""The language models that must pass the contract, each on its own kind of backend.

llama.cpp in a worker, the scripted one, two real OpenAI-compatible servers started here with the embedded model,
and Ollama: a replay of what its documentation shows, and the real server, the one that `OLLAMA_HOST` names if it
answers, else one that is built and started here.
A vLLM server is opt-in: `--run-vllm URL`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.models.ollama.listing import OllamaListing
from adapters.models.ollama.model import OllamaModel
from adapters.models.ollama.server import OllamaServer
from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.dialects import GENERIC, VLLM, dialect_named
from adapters.models.openai_compatible.listing import list_models
from adapters.models.openai_compatible.model import OpenAICompatibleModel
from adapters.models.remote import reading
from adapters.models.scripted import ScriptedModel
from adapters.retrieval.retriever import LanceRetriever
from engine.core.errors import AdaptLabError
from engine.core.generation import ModelFacts
from engine.core.ports import LanguageModel
from tests import closed_apis as apis
from tests import ollama_server, served
from tests.closed_apis import At, ClosedApi
from tests.conftest import OLLAMA_HOST
from tests.contract.ollama_at import PLANTED
from tests.faulty_server import FaultyServer, Played
from tests.ollama_replay import OllamaReplay

CONTEXT_TOKENS = 1024
SERVERS = ("llama-server", "llama_cpp.server")
"""Real servers that are started here."""


def real_ollama() -> str:
    """Return the address of the real Ollama server that `OLLAMA_HOST` names, if it answers and has a model."""
    if not OLLAMA_HOST:
        return ""
    url = OLLAMA_HOST if "://" in OLLAMA_HOST else f"http://{OLLAMA_HOST}"
    try:
        return url if OllamaListing(OllamaServer(url)).models() else ""
    except AdaptLabError:
        return ""


REAL_OLLAMA = real_ollama()


BACKENDS = (
    pytest.param("llama.cpp", marks=pytest.mark.model),
    "scripted",
    *(pytest.param(name, marks=pytest.mark.model) for name in SERVERS),
    "ollama-replay",
    pytest.param("ollama-real", marks=pytest.mark.model),
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for `model` on every backend, and on vLLM where `--run-vllm` names a server."""
    if "model" in metafunc.fixturenames:
        named = (VLLM.name,) if metafunc.config.getoption("--run-vllm") else ()
        metafunc.parametrize("model", (*BACKENDS, *named), indirect=True, scope="session")


@pytest.fixture(scope="session")
def model(request: pytest.FixtureRequest) -> Iterator[LanguageModel]:
    """Each backend, loaded once."""
    if request.param == "llama.cpp":
        yield request.getfixturevalue("loaded_smollm2")
        return
    with contextlib.ExitStack() as stack:
        if request.param == "scripted":
            found: LanguageModel = ScriptedModel(seconds_per_piece=0.002)
        elif request.param == VLLM.name:
            found = vllm_at(vllm_url(request.config))
        elif request.param.startswith("ollama"):
            real = request.param == "ollama-real"
            folder = request.getfixturevalue("tmp_path_factory").mktemp("ollama") if real else None
            found = stack.enter_context(_ollama(folder))
        else:
            found = stack.enter_context(_served(request.param, request.getfixturevalue("smollm2")))
        found.load(slots=6, context_tokens=CONTEXT_TOKENS)
        yield found
        found.close()


def vllm_url(config: pytest.Config) -> str:
    """Return the address of the vLLM server that was named; skip the test where none was."""
    url = str(config.getoption("--run-vllm"))
    if not url:
        pytest.skip("opt-in: --run-vllm URL of a running vLLM server (make vllm sets one up)")
    return url


def vllm_at(url: str) -> OpenAICompatibleModel:
    """Return the first model of a running vLLM server."""
    client = Client("vllm", url)
    facts = list_models(client)[0]
    assert facts.backend == VLLM.name
    return OpenAICompatibleModel(facts, client, VLLM)


@contextlib.contextmanager
def _served(name: str, smollm2: ModelFacts) -> Iterator[LanguageModel]:
    start = served.llama_server if name == "llama-server" else served.llama_cpp_server
    with start(smollm2.path) as url:
        client = Client("contract", url)
        (facts,) = list_models(client)
        yield OpenAICompatibleModel(facts, client, GENERIC, answer_s=served.BUSY_ANSWER_S)


@contextlib.contextmanager
def _ollama(folder: Path | None) -> Iterator[LanguageModel]:
    """The replay; with a folder the real server: the one that `OLLAMA_HOST` names, else one that is started there."""
    with contextlib.ExitStack() as stack:
        if folder is None:
            url = stack.enter_context(contextlib.closing(OllamaReplay())).url
        else:
            url = REAL_OLLAMA or stack.enter_context(ollama_server.running(folder)).url
        server = OllamaServer(url)
        yield OllamaModel(OllamaListing(server).models()[0], server, answer_s=served.BUSY_ANSWER_S)


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanceRetriever]:
    """One worker for all tests: it takes seconds to start."""
    made = LanceRetriever(tmp_path_factory.mktemp("indexes"))
    yield made
    made.close()


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch) -> Iterator[OllamaReplay]:
    """Run a replay behind a planted key; waits are short."""
    monkeypatch.setattr(reading, "FIRST_WAIT_S", 0.01)
    monkeypatch.setenv("OLLAMA_API_KEY", PLANTED)
    one = OllamaReplay(pace_s=0.0)
    yield one
    one.close()


@pytest.fixture
def api_server() -> Iterator[FaultyServer]:
    """Run a server on this machine that answers in the place of closed APIs."""
    one = FaultyServer()
    yield one
    one.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note the seconds before each further attempt, instead of waiting."""
    noted: list[float] = []
    monkeypatch.setattr(reading, "pause", lambda seconds, _cancel, _what: noted.append(seconds))
    return noted


@pytest.fixture
def at(api_server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> At:
    """Return what makes the model of an API that answers with these replies, one after the other."""

    def made(api: ClosedApi, *plays: Played) -> OpenAICompatibleModel:
        apis.stand_in(api_server, monkeypatch, api)
        client = Client(api.name, api.url)
        facts = next(one for one in list_models(client) if one.path == api.model)
        assert (facts.price_ref, facts.backend) == (api.price_ref, "closed API")
        api_server.plays = list(plays)
        return OpenAICompatibleModel(facts, client, dialect_named(facts.backend))

    return made
