"""Which variants are chosen on the Run page before the user chooses any."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from adapters.models.openai_compatible.dialects import LLAMA_SERVER
from components.ui import state
from engine.core.errors import ServerAbsentError
from engine.core.generation import ModelFacts
from engine.core.techniques import TECHNIQUES, Technique
from tests.memory_lab import MODEL, memory_lab, memory_model
from tests.pages.conftest import Opener

SERVED = "box/served"


def variants(app: AppTest) -> Any:
    """Return the field of variants."""
    return next(pills for pills in app.pills if pills.label == "Variants")


def test_lora_is_not_chosen_at_first_where_none_is_trained(open_app: Opener) -> None:
    """The server may hold no weights: a run with LoRA would end at once. The page says so, and LoRA can be chosen."""
    lab = memory_lab(models=[memory_model(), memory_model(id=SERVED, server="http://127.0.0.1:8080/v1")])
    lab.memory.models.able[SERVED] = LLAMA_SERVER.capabilities
    app = open_app(lab).run()
    assert variants(app).value == list(Technique)
    app.selectbox(key=state.MODEL).set_value(SERVED).run()
    assert not app.exception
    assert variants(app).value == [one for one in Technique if not TECHNIQUES[one].trains]
    assert any("left out by default" in caption.value for caption in app.caption)
    variants(app).set_value([Technique.ZERO_SHOT, Technique.LORA]).run()
    assert not any("left out by default" in caption.value for caption in app.caption)
    app.selectbox(key=state.MODEL).set_value(MODEL).run()
    assert variants(app).value == list(Technique)
    app.selectbox(key=state.MODEL).set_value(SERVED).run()
    assert variants(app).value == [Technique.ZERO_SHOT, Technique.LORA], "what was chosen for a server is kept"


def test_a_model_that_is_gone_is_told_with_the_fix(open_app: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server ended after the page had listed it: one clear error with the fix, and no traceback."""
    lab = memory_lab()

    def gone(_name: str) -> ModelFacts:
        raise ServerAbsentError("The server box does not answer.", "Start it again.")

    monkeypatch.setattr(lab.memory.models, "get", gone)
    app = open_app(lab).run()
    assert not app.exception
    assert [" ".join(error.value.replace("\\", "").split()) for error in app.error] == [
        "The server box does not answer. Start it again."
    ]
