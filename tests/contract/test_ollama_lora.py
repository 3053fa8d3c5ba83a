"""LoRA weights at an Ollama server, against the replay: a model of its own, made, found, made again, or refused."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.models.ollama.listing import OllamaListing
from adapters.models.ollama.server import OllamaServer
from engine.core.capabilities import Support
from engine.core.errors import CanaryError, TrainingError, UnsupportedError
from engine.core.generation import Message
from tests.contract.ollama_at import at
from tests.contract.test_language_model import ask
from tests.helpers import complete, lora_at
from tests.ollama_replay import OllamaReplay
from tests.ollama_replay_answers import MODEL, lora_file

pytestmark = pytest.mark.timeout(60)


def test_lora_weights_become_a_model_of_the_server(replay: OllamaReplay, tmp_path: Path) -> None:
    """Weights are uploaded once, made a model with the base, used under its name, and not listed as one of the user's."""
    model = at(replay, own_file=True)
    request = replace(ask("Where is my parcel?"), lora=lora_at(lora_file(tmp_path)))
    base, tuned = complete(model, replace(request, lora=None)), complete(model, request)
    complete(model, request)
    assert replay.created == ["adaptlab-smollm2-135m:0123456789abcdef"]
    assert len(replay.blobs) == 1
    asked = [body["model"] for path, body in replay.asked if path == "/api/chat"]
    assert [name for name, _ in itertools.groupby(asked)] == [MODEL, *replay.created]
    assert tuned.probabilities != base.probabilities
    assert [facts.name for facts in OllamaListing(OllamaServer(replay.url)).models()] == [MODEL]
    complete(at(replay, own_file=True), request)
    assert len(replay.created) == 1


def test_a_removed_model_of_weights_is_made_again(replay: OllamaReplay, tmp_path: Path) -> None:
    """Removed in the midst of a run, the model that stands for base and weights is there again for the same row."""
    model = at(replay, own_file=True)
    request = replace(ask("Where is my parcel?"), lora=lora_at(lora_file(tmp_path)))
    complete(model, request)
    (made,) = replay.created
    replay.created.clear()
    assert complete(model, request).text
    assert replay.created == [made]


def test_lora_weights_need_the_models_file_here(replay: OllamaReplay, tmp_path: Path) -> None:
    """A server whose files cannot be read is told so before training, and serves no weights."""
    model = at(replay)
    assert model.capabilities.lora_training is Support.NO
    with pytest.raises(UnsupportedError, match="not on this machine"):
        model.tokenize_pairs([((Message(role="user", content="a"),), "b")])
    with pytest.raises(UnsupportedError):
        complete(model, replace(ask("Where?"), lora=lora_at(lora_file(tmp_path))))
    with pytest.raises(TrainingError):
        complete(at(replay, own_file=True), replace(ask("Where?"), lora=lora_at(tmp_path / "gone" / "lora.gguf")))
    with pytest.raises(UnsupportedError, match="scale"):
        complete(at(replay, own_file=True), replace(ask("Where?"), lora=lora_at(lora_file(tmp_path)), lora_scale=0.5))


def test_another_chat_template_is_found_before_training(replay: OllamaReplay) -> None:
    """If the server makes another number of tokens of a training prompt, weights would be trained on another form."""
    model = at(replay, own_file=True)
    rows = [((Message(role="user", content="Where is my parcel?"),), "delivery")]
    assert model.tokenize_pairs(rows)
    replay.count = 200
    with pytest.raises(CanaryError, match="200 tokens"):
        model.tokenize_pairs(rows)
