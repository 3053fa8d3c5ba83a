"""Labels at vLLM are scored along their own tokens: what is sent, and what is made of the answers. No server is needed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from adapters.models.openai_compatible.label_scoring import Addressed, NoOddsError, ScoredLabel
from adapters.models.openai_compatible.vllm_server import VllmServer
from adapters.models.remote.border import UnreadableError
from engine.core.errors import UsageError
from engine.core.generation import Message

PROMPT = (Message(role="user", content="Which?"),)
END = 3


class Routes:
    """Answers as vLLM does: tokens are letters, and each letter is half as probable as the one before it."""

    def __init__(self) -> None:
        """Note what is asked."""
        self.asked: list[Mapping[str, Any]] = []

    def __call__(self, path: str, body: Mapping[str, Any]) -> Any:
        """Answer a request."""
        if path == "/tokenize":
            texts = [one["content"] for one in body["messages"]] if "messages" in body else []
            letters = "".join(f"{text}{chr(END)}" for text in texts) or body["prompt"]
            return {"tokens": [ord(letter) for letter in letters]}
        assert path == "/v1/completions"
        self.asked.append(body)
        listed = {f"token_id:{token}": -math.log(2) * token for token in body["logprob_token_ids"]}
        usage = {"prompt_tokens": len(body["prompt"]), "prompt_tokens_details": {"cached_tokens": 4}}
        return {"choices": [{"logprobs": {"top_logprobs": [listed]}}], "usage": usage}


def chosen(routes: Any, *labels: str, every_label: bool = True) -> ScoredLabel:
    """Choose among labels with the weights `tickets`."""
    server = VllmServer(routes, "base")
    _text, tokens = server.prompt(PROMPT)
    return server.choose(
        tokens, labels, every_label=every_label, to=Addressed(model="tickets"), check_cancelled=lambda: None
    )


def test_a_labels_probability_is_the_product_along_its_tokens() -> None:
    """Only the branches of the labels are asked for, after the prompt and what leads there, of the weights that answer."""
    routes = Routes()
    found = chosen(routes, "ab", "ac", "b")
    assert found.label == "ab"
    assert found.probabilities == pytest.approx({"ab": 4 / 9, "ac": 2 / 9, "b": 1 / 3}, rel=1e-5)
    assert (found.tokens, found.cached_tokens) == (2, 4)
    first, second = routes.asked
    assert first["logprob_token_ids"] == [ord("a"), ord("b")]
    assert second["logprob_token_ids"] == [ord("b"), ord("c")]
    assert second["prompt"] == [*first["prompt"], ord("a")]
    assert {body["model"] for body in routes.asked} == {"tickets"}


def test_a_label_that_another_begins_with_ends_where_the_template_ends_an_answer() -> None:
    """`a` and `ab` differ in the end of the answer, which is found by comparing two conversations."""
    routes = Routes()
    found = chosen(routes, "a", "ab")
    assert found.label == "a"
    assert [body["logprob_token_ids"] for body in routes.asked] == [[END, ord("b")]]


def test_more_tokens_than_a_request_may_name_are_asked_for_in_parts() -> None:
    """A request names 128 at most; the parts are of one distribution, so that they can be put together."""
    routes = Routes()
    labels = [chr(100 + number) for number in range(300)]
    found = chosen(routes, *labels)
    assert [len(body["logprob_token_ids"]) for body in routes.asked] == [128, 128, 44]
    assert found.label == labels[0]
    assert found.probabilities[labels[1]] == pytest.approx(found.probabilities[labels[0]] / 2, rel=1e-5)


def test_nothing_but_the_model_decides() -> None:
    """Penalties and cuts that the model's files recommend are switched off."""
    routes = Routes()
    chosen(routes, "a", "b")
    (body,) = routes.asked
    assert (body["temperature"], body["top_p"], body["top_k"], body["min_p"]) == (1.0, 1.0, 0, 0.0)
    assert (body["repetition_penalty"], body["presence_penalty"], body["frequency_penalty"]) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("reply", [{"choices": [{"logprobs": {"top_logprobs": [{"a": -1.0}]}}]}, {}, "words", None])
def test_a_server_that_does_not_say_is_found_out(reply: Any) -> None:
    """Older versions ignore the wish; nothing is made up in its place."""
    routes = Routes()
    with pytest.raises(NoOddsError):
        chosen(lambda path, body: routes(path, body) if path == "/tokenize" else reply, "a", "b")


def test_an_unknown_tokenizer_and_equal_labels_are_typed_errors() -> None:
    """What comes back in another form is no list of tokens; labels of the same tokens cannot be chosen between."""
    with pytest.raises(UnreadableError, match="tokens"):
        chosen(lambda _path, _body: "words", "a", "b")
    with pytest.raises(UsageError, match="distinguished"):
        chosen(Routes(), "a", "")
