"""A model at the replay of an Ollama server, loaded, as the tests of what Ollama alone does use it."""

from __future__ import annotations

from adapters.models.ollama.listing import OllamaListing
from adapters.models.ollama.model import OllamaModel
from adapters.models.ollama.server import OllamaServer
from adapters.models.scripted import ScriptedModel
from engine.core.generation import TokenPair
from tests.ollama_replay import OllamaReplay
from tests.ollama_replay_answers import tokens_of

PLANTED = "planted-key-0123456789"


class OwnFile(ScriptedModel):
    """Stands for the model's file in llama.cpp, which counts as the replay does."""

    def count_tokens(self, messages: object) -> int:
        """Count about four letters a token."""
        return tokens_of([{"content": message.content} for message in messages])  # type: ignore[attr-defined]

    def label_tokens(self, labels: object) -> dict[str, tuple[str, ...]]:
        """Return a token of up to four letters after the other."""
        return {
            label: tuple(label[first : first + 4] for first in range(0, len(label), 4))
            for label in labels  # type: ignore[attr-defined]
        }

    def tokenize_pairs(self, pairs: object) -> list[TokenPair]:
        """Return as many ids."""
        return [
            TokenPair(prompt_ids=(1,) * self.count_tokens(messages), answer_ids=(2,)) for messages, _answer in pairs
        ]  # type: ignore[attr-defined]


def at(replay: OllamaReplay, *, own_file: bool = False, context_tokens: int = 1024) -> OllamaModel:
    """Return the replay's model, loaded."""
    server = OllamaServer(replay.url)
    listing = OllamaListing(server)
    facts = listing.models()[0]
    found = OllamaModel(facts, server, own_file=OwnFile() if own_file else None, thinks=listing.thinks(facts))
    found.load(slots=2, context_tokens=context_tokens)
    return found
