"""Labels at llama-server are scored along their own tokens: what is sent for that. No server is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from adapters.models.openai_compatible.label_scoring import Addressed, ScoredLabel
from adapters.models.openai_compatible.llama_server import LlamaServer
from engine.core.generation import Message

PROMPT = (Message(role="user", content="Which?"),)
BEGIN, END = 2, 3


class Routes:
    """Answers as llama-server does for a model that begins each text with a token: tokens are letters."""

    def __init__(self, before_end: str = "") -> None:
        """Note what is asked; `before_end` stands between an answer and its end."""
        self.asked: list[Mapping[str, Any]] = []
        self._end = before_end + chr(END)

    def __call__(self, path: str, body: Mapping[str, Any]) -> Any:
        """Answer a request: `a` is as probable as what ends an answer, all else is less so."""
        assert body["model"] == "base"
        if path == "/apply-template":
            return {"prompt": "".join(f"{one['role'][0]}:{one['content']}{self._end}" for one in body["messages"])}
        if path == "/tokenize":
            return {"tokens": [BEGIN] * body["add_special"] + [ord(letter) for letter in body["content"]]}
        assert path == "/completion"
        self.asked.append(body)
        asked = [token for token, _lift in body["logit_bias"]]
        listed = [{"id": token, "prob": 0.5 if token in {END, ord("a")} else 0.1} for token in asked]
        return {"completion_probabilities": [{"top_probs": listed}]}


def chosen(routes: Routes, *labels: str) -> ScoredLabel:
    """Choose among labels."""
    server = LlamaServer(routes, "base")
    _text, tokens = server.prompt(PROMPT)
    return server.choose(tokens, labels, every_label=True, to=Addressed(model="base"), check_cancelled=lambda: None)


@pytest.mark.parametrize("before_end", ["", " "])
def test_a_label_that_another_begins_with_ends_where_the_template_ends_an_answer(before_end: str) -> None:
    """Not with the token that begins a text (Llama 3, Gemma, Mistral), which follows no answer."""
    routes = Routes(before_end)
    found = chosen(routes, "a", "ab")
    (body,) = routes.asked
    assert [token for token, _lift in body["logit_bias"]] == [END, ord("b")]
    assert (body["prompt"][0], BEGIN in body["prompt"][1:]) == (BEGIN, False)
    assert found.label == "a"
    assert found.probabilities["a"] == pytest.approx(5 / 6)


def test_thinking_that_a_template_opens_is_closed() -> None:
    """The label is scored where an answer begins, not as a first word of thinking."""
    reply = {"prompt": "u:Which?<think>\n", "tokens": [1]}
    server = LlamaServer(lambda _path, _body: reply, "base")
    assert server.prompt(PROMPT)[0] == "u:Which?<think>\n\n</think>\n\n"
