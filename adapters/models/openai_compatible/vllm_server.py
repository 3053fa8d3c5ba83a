"""What vLLM offers beside the OpenAI routes: its tokenizer, and the log-probabilities of tokens that are named.

Options of its routes: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from adapters.models.openai_compatible.dialects import VLLM
from adapters.models.openai_compatible.label_scoring import Addressed, LabelScorer, NextToken, NoOddsError
from adapters.models.openai_compatible.llama_server import NO_THINKING
from adapters.models.remote.border import HIGHEST_LOG, count_of, mapping, token_ids
from adapters.models.remote.messages import as_dicts, as_text
from engine.core.errors import BrokenAnswerError
from engine.core.generation import Message

_MOST_TOKENS = 128
"""Tokens that a request may name; vLLM's `MAX_LOGPROB_TOKEN_IDS`."""


class VllmServer(LabelScorer):
    """The routes of one vLLM server for one of its models."""

    def prompt(self, messages: Sequence[Message]) -> tuple[str, list[int]]:
        """Return a prompt as it was sent, and as token ids in the model's chat template."""
        return as_text(messages), self._tokens(messages=as_dicts(messages), chat_template_kwargs=dict(NO_THINKING))

    def _tokens(self, **given: Any) -> list[int]:
        return token_ids(mapping(self._post("/tokenize", {"model": self._model, **given}), "tokens").get("tokens"))

    def _label_tokens(self, label: str) -> list[int]:
        return self._tokens(prompt=label, add_special_tokens=False)

    def _found_end(self) -> int:
        """Compare two conversations whose answers differ: what is the same again after them begins with the end."""
        one, other = (
            self._tokens(messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": answer}])
            for answer in ("1", "2")
        )
        place = next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
        if place is None or len(one) < place + 2:
            raise BrokenAnswerError("The server's chat template omits answers or their end.", "Choose another model.")
        return one[place + 1]

    def _next_token(self, tokens: Sequence[int], children: Sequence[int], to: Addressed) -> NextToken:
        started = time.perf_counter()
        found: dict[int, float] = {}
        cached: list[int] = []
        for place in range(0, len(children), _MOST_TOKENS):
            body = {
                "model": to.model,
                "prompt": list(tokens),
                "max_tokens": 1,
                "temperature": 1.0,
                **VLLM.sampling,
                "logprobs": 1,
                "logprob_token_ids": list(children[place : place + _MOST_TOKENS]),
                "return_tokens_as_token_ids": True,
            }
            reply = self._post("/v1/completions", body)
            found |= _log_odds(reply)
            cached.append(min(_cached_tokens(reply), len(tokens)))
        if not found.keys() >= set(children):
            raise NoOddsError
        return NextToken(log_odds=found, seconds=time.perf_counter() - started, cached_tokens=cached[0])


def _log_odds(reply: Any) -> dict[int, float]:
    """Read `token_id:82` and its log-probability; older servers ignore the wish and list others."""
    try:
        listed = reply["choices"][0]["logprobs"]["top_logprobs"][0]
        found = {int(name.removeprefix("token_id:")): float(value) for name, value in listed.items()}
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return {}
    return found if max(found.values(), default=0.0) <= HIGHEST_LOG else {}


def _cached_tokens(reply: Any) -> int:
    try:
        return count_of(reply["usage"]["prompt_tokens_details"]["cached_tokens"])
    except (KeyError, TypeError):
        return 0
