"""All models that servers hold: those of Ollama, found automatically, and those of the servers that the user entered.

Listing asks all servers at once and keeps the answer for a while, so that a screen may ask as often as it likes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.models.llama_cpp.client import LlamaCppModel
from adapters.models.ollama.capabilities import capabilities_of
from adapters.models.ollama.listing import BACKEND, OllamaListing
from adapters.models.ollama.lora import made_with
from adapters.models.ollama.model import OllamaModel
from adapters.models.ollama.server import DEFAULT_URL, OllamaServer, address_from_environment
from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.dialects import VLLM, dialect_named
from adapters.models.openai_compatible.listing import list_models
from adapters.models.openai_compatible.lora import load_into_vllm
from adapters.models.openai_compatible.model import OpenAICompatibleModel
from adapters.models.remote.address import checked_url
from adapters.models.remote.bounds import ROWS_IN_FLIGHT, seconds_per_answer
from adapters.models.remote.keys import key_for, variable_for
from adapters.models.remote.nearby import nearby_servers
from adapters.models.remote.servers import FROM_ENVIRONMENT, ServerBook
from adapters.models.stores import FIND_VARIABLE, finds_by_itself
from engine.core.capabilities import Capabilities
from engine.core.errors import AdaptLabError, ModelError, ServerAbsentError, UsageError, unknown_name
from engine.core.generation import ModelFacts
from engine.core.model_servers import NearbyServer, ServerState
from engine.core.ports import LanguageModel
from engine.core.steps import CancelSignal, Progress

KEPT_S = 20.0
ROWS_VARIABLE = "ADAPTLAB_ROWS_IN_FLIGHT"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Listed:
    """One server as it was when it was asked last."""

    state: ServerState
    models: tuple[ModelFacts, ...]
    asked_at: float


def _rows_in_flight() -> int:
    text = os.environ.get(ROWS_VARIABLE, "")
    if not text:
        return ROWS_IN_FLIGHT
    if not text.isdigit() or int(text) < 1:
        raise UsageError(f"{ROWS_VARIABLE} is '{text[:20]}'.", "Set it to a whole number of rows, or unset it.")
    return int(text)


class RemoteModels:
    """Models at servers. Fulfils `engine.core.model_servers.ModelServers`; safe to use from several threads."""

    def __init__(self, home: Path) -> None:
        """Keep the servers' names and addresses in the home folder."""
        self._book = ServerBook(home / "servers.toml")
        self._lock = threading.Lock()
        self._listed: dict[tuple[str, str], _Listed] = {}
        self._nearby: tuple[dict[str, str], list[NearbyServer], float] | None = None
        self._refreshing: set[tuple[str, str]] = set()
        self._ollama: dict[str, tuple[OllamaServer, OllamaListing]] = {}

    def models(self) -> list[ModelFacts]:
        """Return the models of all servers that answer."""
        return [facts for listed in self._all() for facts in listed.models]

    def addresses(self) -> dict[str, str]:
        """Return the addresses of the servers that the user entered, by name; none is asked."""
        return self._book.servers()

    def states(self) -> list[ServerState]:
        """Check all servers."""
        return [listed.state for listed in self._all()]

    def knows(self, name: str) -> bool:
        """Tell whether a model's name begins with that of a server."""
        prefix, slash, rest = name.partition("/")
        return bool(slash and rest) and (prefix == BACKEND or prefix in self._book.servers())

    def model(self, name: str) -> ModelFacts:
        """Return one model by id; its server is asked again if the model is not known.

        Raises:
            UsageError: there is none of this name at its server.
            ModelError: the server does not answer.
        """
        prefix = name.partition("/")[0]
        for kept_s in (KEPT_S, 0.0):
            places = [(server, url) for server, url in self._places().items() if server == prefix]
            if not places:
                raise UsageError(
                    "The search for Ollama is off.", f"Name its address in OLLAMA_HOST, or unset {FIND_VARIABLE}."
                )
            listed = self._one(places[0], kept_s)
            by_id = {facts.id: facts for facts in listed.models}
            for wanted in (name, name.removesuffix(":latest")):
                if wanted in by_id:
                    return by_id[wanted]
        if listed.state.problem:
            raise ServerAbsentError(listed.state.problem)
        raise unknown_name("model", name, by_id)

    def language_model(self, facts: ModelFacts) -> LanguageModel:
        """Return the model behind these facts.

        Raises:
            UsageError: a setting of the environment cannot be read.
        """
        answer_s = seconds_per_answer()
        if facts.backend == BACKEND:
            server, listing = self._ollama_at(facts.server)
            own_file = LlamaCppModel(replace(facts, backend="llama.cpp", server="")) if facts.path else None
            return OllamaModel(facts, server, own_file=own_file, thinks=listing.thinks(facts), answer_s=answer_s)
        client = Client(facts.id.partition("/")[0], facts.server)
        return OpenAICompatibleModel(
            facts, client, dialect_named(facts.backend), parallel=_rows_in_flight(), answer_s=answer_s
        )

    def capabilities(self, facts: ModelFacts) -> Capabilities:
        """Return what is known beforehand of what the model's backend can do."""
        if facts.backend != BACKEND:
            return dialect_named(facts.backend).capabilities
        return capabilities_of(facts, has_file=bool(facts.path))

    def nearby(self) -> list[NearbyServer]:
        """Look for servers on the usual ports of this machine that are not entered yet; an answer is kept a while."""
        if not finds_by_itself():
            return []
        known = self._book.servers()
        with self._lock:
            kept = self._nearby
        if kept is None or kept[0] != known or time.monotonic() - kept[2] > KEPT_S:
            kept = (known, nearby_servers(known), time.monotonic())
            with self._lock:
                self._nearby = kept
        return kept[1]

    def add(self, name: str, url: str) -> None:
        """Keep a server's name and address."""
        self._book.add(name, url)

    def remove(self, name: str) -> None:
        """Forget a server."""
        self._book.remove(name)

    def pull(self, name: str, *, cancel: CancelSignal) -> Iterator[Progress]:
        """Have the Ollama server download a model; yields its progress."""
        url = address_from_environment() or DEFAULT_URL
        server, _listing = self._ollama_at(url)
        server.check_version()
        yield from server.pull(name, cancel=cancel)
        with self._lock:
            for place in [place for place in self._listed if place[0] == BACKEND]:
                del self._listed[place]

    def made_with(self, key: str) -> list[str]:
        """Return the models at the Ollama server of this machine that were made with these LoRA weights.

        None if it is off; weights are only made into models of a server that runs on this machine.
        """
        server = self._own_ollama()
        if server is None:
            return []
        try:
            return made_with(server, key)
        except ModelError:
            return []

    def remove_made_with(self, key: str) -> list[str]:
        """Remove them from the server; return their names.

        Raises:
            ModelError: the server does not remove one that it has.
        """
        names = self.made_with(key)
        server = self._own_ollama()
        for name in names:
            if server is not None:
                server.remove(name)
        return names

    def _own_ollama(self) -> OllamaServer | None:
        url = self._places().get(BACKEND) and (address_from_environment() or DEFAULT_URL)
        server = self._ollama_at(url)[0] if url else None
        return server if server is not None and server.is_local else None

    def load_lora(self, model: str, name: str, folder: str) -> None:
        """Have a vLLM server load LoRA weights, in PEFT's form, from a folder on its own machine.

        Raises:
            UsageError: the model is not at a vLLM server.
            ModelError: the server does not load them.
        """
        facts = self.model(model) if self.knows(model) else None
        if facts is None or facts.backend != VLLM.name:
            raise UsageError(f"'{model}' is not at a vLLM server.", "Only vLLM loads LoRA weights while it runs.")
        client = Client(model.partition("/")[0], facts.server)
        try:
            load_into_vllm(client, name, folder)
        finally:
            client.close()

    def _places(self) -> dict[str, str]:
        """Return addresses by server's name."""
        found: dict[str, str] = {}
        named = os.environ.get("OLLAMA_HOST", "").strip()
        if named or finds_by_itself():
            found[BACKEND] = named or DEFAULT_URL
        return {**found, **self._book.servers()}

    def _all(self) -> list[_Listed]:
        places = list(self._places().items())
        if not places:
            return []
        with ThreadPoolExecutor(max_workers=len(places), thread_name_prefix="looking at servers") as pool:
            listed = list(pool.map(self._fresh_enough, places))
        # An Ollama server that was not named and is not running is not an error.
        return [one for one in listed if one.state.kind or one.state.entered or one.state.problem]

    def _fresh_enough(self, place: tuple[str, str]) -> _Listed:
        """Return what is known of a server; an old answer at once, while a new one is fetched in the background."""
        with self._lock:
            kept = self._listed.get(place)
            stale = kept is not None and time.monotonic() - kept.asked_at > KEPT_S
            begin = stale and place not in self._refreshing
            if begin:
                self._refreshing.add(place)
        if kept is None:
            return self._ask(place)
        if begin:
            threading.Thread(target=self._refresh, args=(place,), daemon=True).start()
        return kept

    def _refresh(self, place: tuple[str, str]) -> None:
        try:
            self._ask(place)
        finally:
            with self._lock:
                self._refreshing.discard(place)

    def _one(self, place: tuple[str, str], kept_s: float) -> _Listed:
        with self._lock:
            kept = self._listed.get(place)
        if kept is not None and time.monotonic() - kept.asked_at <= kept_s:
            return kept
        return self._ask(place)

    def _ask(self, place: tuple[str, str]) -> _Listed:
        name, entered = place
        named = name != BACKEND or bool(os.environ.get("OLLAMA_HOST", "").strip())
        models: list[ModelFacts] = []
        problem, kind, url = "", "", ""
        try:
            url = (address_from_environment() or DEFAULT_URL) if name == BACKEND else checked_url(entered)
            models, kind = self._lister(name, url)()
        except ServerAbsentError as error:
            problem = str(error) if named else ""
        except AdaptLabError as error:
            problem = str(error)
        state = ServerState(
            name=name,
            url=url,
            kind=kind,
            models=len(models),
            problem=problem,
            key_variable=variable_for(name),
            has_key=bool(key_for(name)),
            entered=name not in {BACKEND, FROM_ENVIRONMENT},
        )
        listed = _Listed(state=state, models=tuple(models), asked_at=time.monotonic())
        with self._lock:
            self._listed[place] = listed
        return listed

    def _lister(self, name: str, url: str) -> Callable[[], tuple[list[ModelFacts], str]]:
        def ask() -> tuple[list[ModelFacts], str]:
            if name == BACKEND:
                server, listing = self._ollama_at(url)
                return listing.models(), f"Ollama {'.'.join(map(str, server.version()))}"
            client = Client(name, url)
            try:
                models = list_models(client)
            finally:
                client.close()
            return models, dialect_named(models[0].backend).title if models else "OpenAI-compatible"

        return ask

    def _ollama_at(self, url: str) -> tuple[OllamaServer, OllamaListing]:
        with self._lock:
            if url not in self._ollama:
                server = OllamaServer(url)
                self._ollama[url] = (server, OllamaListing(server))
            return self._ollama[url]
