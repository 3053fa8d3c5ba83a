"""How long an answer waited for a busy server is kept apart from what it took."""

from __future__ import annotations

import pytest

from adapters.models.remote import reading
from engine.core.variant import DecodingMode
from tests.contract.ollama_at import at
from tests.contract.test_language_model import ask
from tests.helpers import complete
from tests.ollama_replay import OllamaReplay


@pytest.mark.parametrize("mode", [DecodingMode.FREE, DecodingMode.CHOICE])
def test_waits_for_a_busy_ollama_are_kept_apart(
    replay: OllamaReplay, monkeypatch: pytest.MonkeyPatch, mode: DecodingMode
) -> None:
    """They are told with the answer; the next one, which waited for nothing, tells none."""
    model = at(replay)
    waits: list[float] = []

    def pause(seconds: float, _cancel: object, _what: str) -> None:
        waits.append(seconds)
        replay.fault = ""

    monkeypatch.setattr(reading, "pause", pause)
    replay.fault = "busy"
    done = complete(model, ask("Where is it?", mode))
    assert len(waits) == 1
    assert done.waited_s >= waits[0] > 0
    assert complete(model, ask("Where is it?", mode)).waited_s == 0
