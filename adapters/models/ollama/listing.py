"""The models of an Ollama server as facts. What a model says of itself is asked once per digest."""

from __future__ import annotations

from adapters.models.ollama.server import OllamaServer, architecture_fact
from adapters.models.ollama.told import Shown, Tag, plain_name
from adapters.models.remote.border import count_of
from adapters.models.stores import digest_of_blob
from engine.core.errors import ModelError
from engine.core.generation import ModelFacts

BACKEND = "ollama"
OURS = "adaptlab-"
"""Begins the names of the models that are made here from a base and LoRA weights."""


class OllamaListing:
    """Lists one server's models."""

    def __init__(self, server: OllamaServer) -> None:
        """List the models of this server."""
        self._server = server
        self._told: dict[str, Shown] = {}
        self._thinking: set[str] = set()

    def models(self) -> list[ModelFacts]:
        """Return the models that can answer; those that only embed, and those made here, are left out.

        Raises:
            ModelError: the server cannot be reached.
        """
        self._server.check_version()
        found = []
        for tag in self._server.tags():
            name = tag.name
            if name.startswith(OURS):
                continue
            digest = tag.digest or name
            if digest not in self._told:
                try:
                    self._told[digest] = self._server.show(name)
                except ModelError:
                    continue  # it was removed in between, or is broken: `ollama list` shows it
            told = self._told[digest]
            if "completion" in (told.capabilities or ("completion",)):
                found.append(self._facts(name, tag, told))
                if "thinking" in told.capabilities:
                    self._thinking.add(found[-1].id)
        return found

    def thinks(self, facts: ModelFacts) -> bool:
        """Tell whether a model that was listed says that it can think before it answers."""
        return facts.id in self._thinking

    def _facts(self, name: str, tag: Tag, told: Shown) -> ModelFacts:
        weights = self._server.weights_file(told.modelfile)
        architecture = told.info.get("general.architecture")
        return ModelFacts(
            id=f"{BACKEND}/{plain_name(name)}",
            name=plain_name(name),
            backend=BACKEND,
            path=str(weights or ""),
            architecture=architecture if isinstance(architecture, str) else tag.family,
            quantization=tag.quantization or "not said",
            size_bytes=tag.size_bytes,
            context_tokens=architecture_fact(told.info, "context_length"),
            parameters=count_of(told.info.get("general.parameter_count")),
            chat_template=told.template or None,
            digest=(digest_of_blob(weights) if weights else "") or tag.digest,
            licence=told.licence,
            server=self._server.url,
            forwards_to=tag.forwards_to,
        )
