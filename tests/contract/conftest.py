"""The language models that must pass the contract: llama.cpp with the embedded model, and the scripted one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.models.scripted import ScriptedModel
from engine.ports import LanguageModel


@pytest.fixture(scope="session", params=[pytest.param("llama.cpp", marks=pytest.mark.model), "scripted"])
def model(request: pytest.FixtureRequest) -> Iterator[LanguageModel]:
    """Each backend, loaded once."""
    if request.param == "llama.cpp":
        yield request.getfixturevalue("loaded_smollm2")
        return
    scripted = ScriptedModel(seconds_per_piece=0.002)
    scripted.load(slots=6, context_tokens=1024)
    yield scripted
