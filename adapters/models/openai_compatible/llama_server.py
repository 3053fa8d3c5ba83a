"""What llama-server offers beside the OpenAI routes: tokenizer, template, labels scored along their own tokens.

Routes: tools/server/README.md of https://github.com/ggml-org/llama.cpp. A server that was started without a model goes
by the name in each body (*Using multiple models*); one with a model ignores it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.models.openai_compatible.label_scoring import Addressed, LabelScorer, NextToken, NoOddsError
from adapters.models.remote.border import count_of, mapping, objects, seconds_of, text_of, token_ids
from adapters.models.remote.messages import as_dicts
from adapters.models.thinking import with_thinking_closed
from engine.core.errors import BrokenAnswerError
from engine.core.generation import Message

_MARK = "\N{BLACK SQUARE}answer\N{BLACK SQUARE}"
_LIFT = 100.0
"""Added to the logits of the tokens that are asked about, so that they are the ones that are listed."""
_LEAST = 1e-40
NO_THINKING: Mapping[str, bool] = {"enable_thinking": False}
"""How chat templates of models that can think are told not to; others ignore it."""


class LlamaServer(LabelScorer):
    """The native routes of one llama-server. Some versions list no token within a character, as an emoji's first."""

    def prompt(self, messages: Sequence[Message]) -> tuple[str, list[int]]:
        """Return a prompt in the model's chat template, as text and as token ids."""
        body = {"messages": as_dicts(messages), "chat_template_kwargs": dict(NO_THINKING)}
        text = with_thinking_closed(self._templated(body))
        return text, self._tokens(text, special=True, begin=True)

    def _ask(self, path: str, body: Mapping[str, Any], what: str) -> Mapping[str, Any]:
        return mapping(self._post(path, {"model": self._model, **body}), what)

    def _templated(self, body: Mapping[str, Any]) -> str:
        return text_of(self._ask("/apply-template", body, "a prompt").get("prompt"))

    def _tokens(self, text: str, *, special: bool, begin: bool = False) -> list[int]:
        """Turn text into tokens; `special` reads control tokens, `begin` adds what the model starts with."""
        body = {"content": text, "add_special": begin, "parse_special": special}
        return token_ids(self._ask("/tokenize", body, "tokens").get("tokens"))

    def _label_tokens(self, label: str) -> list[int]:
        return self._tokens(label, special=False)

    def _found_end(self) -> int:
        roles = (("user", "a"), ("assistant", _MARK), ("user", "b"))
        messages = [{"role": role, "content": content} for role, content in roles]
        after = self._templated({"messages": messages}).partition(_MARK)[2].lstrip(" ")
        tokens = self._tokens(after, special=True) if after else []
        if not tokens:
            raise BrokenAnswerError("The server's chat template omits answers.", "Choose another model.")
        return tokens[0]

    def _next_token(self, tokens: Sequence[int], children: Sequence[int], to: Addressed) -> NextToken:
        body: dict[str, Any] = {
            "prompt": list(tokens),
            "n_predict": 1,
            "temperature": 1.0,
            "samplers": ["temperature"],
            "logit_bias": [[token, _LIFT] for token in children],
            "n_probs": len(children),
            "post_sampling_probs": True,
            "cache_prompt": True,
        }
        if to.lora:
            body["lora"] = list(to.lora)
        reply = self._ask("/completion", body, "probabilities")
        timings = mapping(reply.get("timings") or {}, "timings")
        spent_s = [seconds_of(timings.get(name), per_second=1000.0) or 0.0 for name in ("prompt_ms", "predicted_ms")]
        cached = min(count_of(timings.get("cache_n")), len(tokens))
        return NextToken(log_odds=_log_odds(reply, children), seconds=sum(spent_s), cached_tokens=cached)


def _log_odds(reply: Mapping[str, Any], children: Sequence[int]) -> dict[int, float]:
    first = next(iter(objects(reply.get("completion_probabilities"))), {})
    found = {
        item["id"]: min(float(item["prob"]), 1.0)
        for item in objects(first.get("top_probs"))
        if isinstance(item.get("id"), int) and isinstance(item.get("prob"), int | float)
    }
    if not any(token in found for token in children):
        raise NoOddsError
    return {token: math.log(max(found.get(token, 0.0), _LEAST)) for token in children}
