"""All models that can answer here, from several sources: GGUF files, servers, and the scripted one where asked for.

A source is one file with the five methods of `ModelSource`; to add one, add it to `wiring.open_workspace`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from adapters.models.catalog import Catalog
from adapters.models.llama_cpp.client import CAPABILITIES as LLAMA_CPP
from adapters.models.llama_cpp.client import LlamaCppModel
from adapters.models.scripted import CAPABILITIES as SCRIPTED_CAPABILITIES
from adapters.models.scripted import FACTS as SCRIPTED
from adapters.models.scripted import ScriptedModel
from adapters.training.architectures import ARCHITECTURES
from engine.core.capabilities import Capabilities, Support
from engine.core.generation import ModelFacts, ModelOffer
from engine.core.ports import LanguageModel

SCRIPTED_VARIABLE = "ADAPTLAB_SCRIPTED"
PACE_VARIABLE = "ADAPTLAB_SCRIPTED_PACE_S"


class ModelSource(Protocol):
    """Where models of one kind come from."""

    def models(self) -> list[ModelFacts]:
        """List them; digests may be empty."""
        ...

    def knows(self, name: str) -> bool:
        """Tell whether a model of this name would be one of these."""
        ...

    def model(self, name: str) -> ModelFacts:
        """Return one with its digest."""
        ...

    def capabilities(self, facts: ModelFacts) -> Capabilities:
        """Return what is known beforehand of what it can do."""
        ...

    def language_model(self, facts: ModelFacts) -> LanguageModel:
        """Return the model behind these facts, not loaded."""
        ...


class GgufSource:
    """GGUF files, served by llama.cpp in a worker process. Takes every name that no other source knows."""

    def __init__(self, catalog: Catalog) -> None:
        """Serve the files of this catalog."""
        self._catalog = catalog

    def models(self) -> list[ModelFacts]:
        """List the files of packages, of the user's folders and of other programs' stores."""
        return self._catalog.models()

    def knows(self, name: str) -> bool:  # noqa: ARG002 - the last source that is asked
        """Take every name: the catalog offers the nearest ones for a wrong one."""
        return True

    def model(self, name: str) -> ModelFacts:
        """Return one by id, or by the path of a file."""
        return self._catalog.model(name)

    def capabilities(self, facts: ModelFacts) -> Capabilities:
        """Return what llama.cpp can do; only some architectures can be trained."""
        if facts.architecture in ARCHITECTURES:
            return LLAMA_CPP
        reason = f"Not for the architecture '{facts.architecture}'; for {', '.join(sorted(ARCHITECTURES))}."
        return replace(LLAMA_CPP, lora_training=Support.NO, reasons={**LLAMA_CPP.reasons, "lora_training": reason})

    def language_model(self, facts: ModelFacts) -> LanguageModel:
        """Return a model in a worker of its own."""
        return LlamaCppModel(facts)


class ScriptedSource:
    """The scripted model, where `ADAPTLAB_SCRIPTED` asks for it."""

    def models(self) -> list[ModelFacts]:
        """List it, if it was asked for."""
        return [SCRIPTED] if self.knows(SCRIPTED.id) else []

    def knows(self, name: str) -> bool:
        """Tell whether the name means it."""
        return name == SCRIPTED.id and os.environ.get(SCRIPTED_VARIABLE) == "1"

    def model(self, name: str) -> ModelFacts:  # noqa: ARG002
        """Return its facts."""
        return SCRIPTED

    def capabilities(self, facts: ModelFacts) -> Capabilities:  # noqa: ARG002
        """Return what it can do."""
        return SCRIPTED_CAPABILITIES

    def language_model(self, facts: ModelFacts) -> LanguageModel:
        """Return it, at the pace that the environment says."""
        return ScriptedModel(facts, seconds_per_piece=float(os.environ.get(PACE_VARIABLE, "0")))


class LocalModels:
    """Lists the models of all sources and opens one at a time. Safe to use from several threads."""

    def __init__(self, catalog: Catalog, sources: Sequence[ModelSource]) -> None:
        """Ask these sources, for each name the first that knows it; files of the catalog come last."""
        self._catalog = catalog
        self._sources = (*sources, GgufSource(catalog))
        self._open: dict[str, LanguageModel] = {}
        self._lock = threading.Lock()

    def list(self) -> list[ModelFacts]:
        """List the models: files first."""
        return [facts for source in (self._sources[-1], *self._sources[:-1]) for facts in source.models()]

    def get(self, model_id: str) -> ModelFacts:
        """Return one model with its digest."""
        return self._source(model_id).model(model_id)

    def capabilities(self, facts: ModelFacts) -> Capabilities:
        """Return what is known beforehand of what a model's backend can do."""
        return self._source(facts.id).capabilities(facts)

    def offers(self) -> Sequence[ModelOffer]:
        """List models that wait for their terms to be accepted."""
        return self._catalog.offers()

    def accept(self, model_id: str) -> None:
        """Accept a model's terms."""
        self._catalog.accept(model_id)

    def refused(self) -> Sequence[str]:
        """Say which files of the user's folders cannot be used, and why."""
        return list(self._catalog.refused)

    def set_aside(self) -> Sequence[str]:
        """Say which files are not models of their own: vision projectors and copies."""
        return list(self._catalog.set_aside)

    def open(self, model_id: str) -> LanguageModel:
        """Return a model, ready to be loaded; the one that was open before is ended."""
        facts = self.get(model_id)
        name = facts.server + facts.id + facts.digest if facts.server else facts.digest
        with self._lock:
            for other in [other for other in self._open if other != name]:
                self._open.pop(other).close()
            if name not in self._open:
                self._open[name] = self._source(facts.id).language_model(facts)
            return self._open[name]

    def tokenizer(self, model_id: str) -> LanguageModel:
        """Return a model of this machine that nothing else uses, to count tokens with."""
        return self._source(model_id).language_model(self.get(model_id))

    def close(self) -> None:
        """End the model that is open."""
        with self._lock:
            models, self._open = list(self._open.values()), {}
        for model in models:
            model.close()

    def _source(self, name: str) -> ModelSource:
        """Return the first source that knows a name; the path of an existing file belongs to the files."""
        if Path(name).is_file():
            return self._sources[-1]
        return next(source for source in self._sources if source.knows(name))
