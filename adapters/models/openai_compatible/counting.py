"""How many tokens a prompt has, counted by the server where it can count, estimated from letters where not."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.dialects import LLAMA_CPP_PYTHON, LLAMA_SERVER, VLLM, Dialect
from adapters.models.openai_compatible.label_scoring import LabelScorer
from adapters.models.remote.border import count_of, mapping
from adapters.models.remote.estimates import estimated_tokens
from engine.core.generation import Message
from engine.core.text.token_estimate import TURN_TOKENS


class Counter:
    """Counts prompts of one model at one server."""

    def __init__(self, client: Client, dialect: Dialect, native: LabelScorer) -> None:
        """Take the server, its kind, and the server's own routes for the model."""
        self._client = client
        self._dialect = dialect
        self._native = native

    @property
    def asks_server(self) -> bool:
        """Tell whether the count is the server's own, or its tokenizer's."""
        return self._dialect.name in {LLAMA_SERVER.name, VLLM.name, LLAMA_CPP_PYTHON.name}

    def count(self, messages: Sequence[Message]) -> int:
        """Return the number of tokens."""
        if self._dialect.name in {LLAMA_SERVER.name, VLLM.name}:
            return len(self._native.prompt(messages)[1])
        if self._dialect is LLAMA_CPP_PYTHON:
            texts = [{"input": f"{message.role}\n{message.content}"} for message in messages]
            told = [mapping(self._client.post("/extras/tokenize/count", text), "a count") for text in texts]
            counts = [count_of(one.get("count")) for one in told]
            return sum(counts) + (TURN_TOKENS - 2) * len(counts) + TURN_TOKENS
        return estimated_tokens(messages)
