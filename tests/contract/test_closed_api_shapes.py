"""What closed APIs answer, in the shapes of their references: tokens, refusals, ends, faults, and options they refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.listing import list_models
from engine.core.capabilities import Support
from engine.core.errors import (
    BrokenAnswerError,
    RefusedAnswerError,
    ServerError,
)
from engine.core.generation import GenerateRequest
from engine.core.variant import DecodingMode
from tests import closed_apis as apis
from tests.closed_apis import ANTHROPIC, GOOGLE, OPENAI, OPENROUTER, At, ClosedApi
from tests.contract.test_language_model import LABELS, SCHEMA, ask
from tests.faulty_server import FaultyServer, Played
from tests.helpers import complete

pytestmark = pytest.mark.timeout(60)
FREE = DecodingMode.FREE
QUESTION = "I was charged twice."
LONGEST_TOKENS = 64 + 1024
"""The longest answer that is asked for by default, with room for thinking."""


@pytest.mark.parametrize(
    ("api", "played", "tokens"),
    [
        (OPENAI, apis.by_openai(), (60, 32, 45, 38)),
        (ANTHROPIC, apis.by_anthropic(), (71, 0, 6, 0)),
        (GOOGLE, apis.by_google(), (20, 0, 411, 0)),
        (OPENROUTER, apis.by_openrouter(), (60, 32, 45, 38)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_an_answer_is_read_with_its_tokens(at: At, api: ClosedApi, played: Played, tokens: tuple[int, ...]) -> None:
    """Text, end, and the tokens that are billed: of the prompt, those that were cached, of the answer, of thinking.

    Google names the thinking only by counting it in the total; it is billed with the answer.
    """
    done = complete(at(api, played), ask(QUESTION))
    usage = done.usage
    assert (done.text, done.finish) == ("billing", "stop")
    assert tokens == (
        usage.prompt_tokens, usage.cached_prompt_tokens, usage.completion_tokens, usage.thinking_tokens
    )  # fmt: skip
    assert usage.estimated is False
    assert done.thinking == ("It is about money." if api.name in {"google", "openrouter"} else "")


@pytest.mark.parametrize("api", apis.ALL, ids=lambda api: api.name)
def test_what_is_sent_is_what_the_references_name(at: At, api_server: FaultyServer, api: ClosedApi) -> None:
    """The body has documented options alone, the limit by its present name, and the usage asked for with a stream."""
    model = at(api, apis.by_openai())
    complete(model, ask(QUESTION))
    (choice,) = api_server.asked
    assert set(choice) == {
        "model", "messages", "temperature", "seed", "max_completion_tokens", "stream", "stream_options", "logprobs",
        "top_logprobs", "response_format",
    }  # fmt: skip
    assert choice["model"] == api.model
    assert choice["max_completion_tokens"] == LONGEST_TOKENS
    assert choice["stream_options"] == {"include_usage": True}
    assert 0 <= choice["top_logprobs"] <= 20
    held = choice["response_format"]["json_schema"]
    assert held["strict"] is True
    assert held["schema"]["additionalProperties"] is False
    assert set(held["schema"]["required"]) == set(held["schema"]["properties"])
    complete(model, ask(QUESTION, FREE))
    assert {"response_format", "logprobs", "stop"}.isdisjoint(api_server.asked[-1])
    assert api_server.keys[-1] == f"Bearer {apis.PLANTED}"


def test_what_a_list_says_is_not_taken_is_not_sent(at: At, api_server: FaultyServer) -> None:
    """OpenRouter's list names what a model takes and ignores the rest: only that is sent, and the rest is told."""
    model = at(OPENROUTER, apis.by_openrouter())
    model.load(slots=1, context_tokens=2048)
    assert complete(model, ask(QUESTION)).text == "billing"
    assert set(api_server.asked[0]) == {
        "model", "messages", "seed", "max_tokens", "stream", "stream_options", "response_format",
    }  # fmt: skip
    assert api_server.asked[0]["max_tokens"] == LONGEST_TOKENS
    assert model.capabilities.logprobs is Support.NO


def test_a_schema_with_open_fields_is_not_called_strict(at: At, api_server: FaultyServer) -> None:
    """OpenAI refuses `strict` with a schema that leaves fields optional or allows others: it is sent without."""
    optional = {**SCHEMA, "required": ["product"]}
    within = {**SCHEMA, "properties": {**SCHEMA["properties"], "buyer": {"type": "object", "properties": {}}},
              "required": ["product", "quantity", "buyer"]}  # fmt: skip
    model = at(OPENAI, apis.by_openai('{"product": "lamp", "quantity": 1}'))
    sent = []
    for schema in (SCHEMA, optional, within):
        complete(model, ask(QUESTION, DecodingMode.JSON, json_schema=schema))
        sent.append(api_server.asked[-1]["response_format"]["json_schema"])
    assert [one["strict"] for one in sent] == [True, False, False]
    assert [one["schema"] for one in sent] == [SCHEMA, optional, within]


WITHHELD = {
    "refusal": (OPENAI, apis.refused_by_openai("I cannot help with that."), "I cannot help"),
    "content filter": (OPENAI, apis.by_openai("Half an ans", finish="content_filter"), "filter"),
    "prompt filtered": (OPENAI, apis.failed(400, {"message": "Stopped.", "code": "content_filter"}), "filter"),
    "refusal of Anthropic's": (ANTHROPIC, apis.by_anthropic("", finish="refusal"), "refusal"),
    "safety": (GOOGLE, apis.by_google("", finish="SAFETY", thinking=0), "safety"),
    "prohibited": (GOOGLE, apis.by_google("", finish="content_filter: PROHIBITED_CONTENT", thinking=0), "prohibited"),
    "moderation": (
        OPENROUTER,
        apis.failed(
            403,
            {"code": 403, "message": "Input is not allowed",
             "metadata": {"reasons": ["violence"], "flagged_input": "...", "provider_name": "OpenAI"}},
        ),
        "filter",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WITHHELD)
@pytest.mark.parametrize("mode", [DecodingMode.CHOICE, FREE])
def test_a_refusal_is_no_answer(
    at: At, api_server: FaultyServer, waits: list[float], name: str, mode: DecodingMode
) -> None:
    """A refusal or a filter is a failure with its reason, asked for once; what it took stands beside it."""
    api, played, words = WITHHELD[name]
    with pytest.raises(RefusedAnswerError, match=words) as caught:
        complete(at(api, played), ask(QUESTION, mode))
    assert len(api_server.asked) == 1
    assert waits == []
    if played.events:
        assert caught.value.usage is not None
        assert caught.value.usage.prompt_tokens > 0
    else:
        assert caught.value.usage is None


@pytest.mark.parametrize(
    ("api", "played", "words"),
    [
        (OPENAI, apis.by_openai("", finish="length"), "thinking"),
        (OPENROUTER, apis.by_openrouter("bill", finish="error"), "ended its answer with 'error'"),
        (OPENAI, apis.by_openai("", finish="tool_calls"), "tool_calls"),
        (GOOGLE, apis.by_google("", finish="MALFORMED_FUNCTION_CALL"), "malformed"),
    ],
)
def test_an_end_without_an_answer_is_a_failure(at: At, api: ClosedApi, played: Played, words: str) -> None:
    """Thinking up to the limit, an error as the end, a call of a tool: none of them is an empty answer."""
    with pytest.raises(BrokenAnswerError, match=words) as caught:
        complete(at(api, played), ask(QUESTION, FREE))
    assert caught.value.usage is not None
    assert caught.value.usage.completion_tokens > 0


def test_an_answer_that_was_cut_off_says_so(at: At) -> None:
    """An answer that reached the limit is kept, and marked."""
    done = complete(at(OPENAI, apis.by_openai("The first half of", finish="length")), ask(QUESTION, FREE))
    assert (done.text, done.finish) == ("The first half of", "length")


def test_an_error_within_an_answer_is_kept_with_its_cost(at: At, api_server: FaultyServer, waits: list[float]) -> None:
    """An error after the first words fails the row, is not asked again, and counts as the most it can have cost."""
    model = at(OPENROUTER, apis.by_openrouter("bil", error={"code": 502, "message": "Provider disconnected"}))
    with pytest.raises(ServerError, match="Provider disconnected") as caught:
        complete(model, ask(QUESTION, FREE))
    assert caught.value.usage is not None
    assert (caught.value.usage.completion_tokens, caught.value.usage.estimated) == (LONGEST_TOKENS, True)
    assert (len(api_server.asked), waits) == (1, [])


def test_half_a_stream_counts_as_the_most_it_can_have_cost(at: At) -> None:
    """A stream that stops has told no tokens, or Google's so far: the answer counts whole, not as nothing."""
    for api, whole in ((OPENAI, apis.by_openai()), (GOOGLE, apis.by_google())):
        half = Played(events=whole.events[: len(whole.events) // 2])
        with pytest.raises(BrokenAnswerError) as caught:
            complete(at(api, half), ask(QUESTION))
        usage = caught.value.usage
        assert usage is not None
        assert usage.estimated
        assert usage.prompt_tokens >= 20
        assert usage.completion_tokens == LONGEST_TOKENS


def test_what_is_ignored_is_said(at: At, api_server: FaultyServer) -> None:
    """Anthropic's address takes a schema and log-probabilities and ignores both: words are parsed, and it is told."""
    model = at(ANTHROPIC, apis.by_anthropic("billing"))
    done = complete(model, ask(QUESTION))
    assert (done.text, done.probabilities) == ("billing", {})
    assert model.capabilities.choice_probabilities is Support.NO
    complete(model, ask(QUESTION))
    assert "logprobs" not in api_server.asked[-1]


def test_each_api_lists_its_models(at: At, api_server: FaultyServer) -> None:
    """Anthropic's list takes its own header; models that do not answer in text are left out; one without a price stays."""
    for api in apis.ALL:
        at(api)
        sent = {name.lower(): value for name, value in api_server.headers.items()}
        if api is ANTHROPIC:
            assert (sent["x-api-key"], "authorization" in sent) == (apis.PLANTED, False)
            assert sent["anthropic-version"]
            assert "limit=1000" in api_server.paths[-1]
        else:
            assert sent["authorization"] == f"Bearer {apis.PLANTED}"
    api_server.listed = list(OPENAI.listing["data"])
    found = {one.path: one for one in list_models(Client("openai", OPENAI.url))}
    assert set(found) == {"gpt-5-mini", "gpt-not-priced-yet"}
    assert (found["gpt-not-priced-yet"].price_ref, found["gpt-not-priced-yet"].backend) == ("", "closed API")
    api_server.listed = list(OPENROUTER.listing["data"])
    assert list_models(Client("openrouter", OPENROUTER.url))[0].context_tokens == 400_000


ABSURD: dict[str, Any] = {
    "negative": apis.usage_of_openai(-60, 45),
    "huge": apis.usage_of_openai(60, 10**12),
    "a huge prompt": apis.usage_of_openai(10**12, 45),
    "strings": {"prompt_tokens": "about sixty", "completion_tokens": "45 or so", "total_tokens": ""},
    "no numbers": {"prompt_tokens": float("nan"), "completion_tokens": float("inf"), "total_tokens": 3},
    "nothing": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    "too few": apis.usage_of_openai(60, 0, thinking=0),
    "halves": {"prompt_tokens": 60.5, "completion_tokens": 45.5},
    "more cached than sent": apis.usage_of_openai(60, 45, cached=61),
    "truth values": {"prompt_tokens": True, "completion_tokens": True},
    "no object": "many",
    "empty": {},
}


@pytest.mark.parametrize("name", [*ABSURD, "missing"])
def test_tokens_that_cannot_be_are_never_nothing(at: At, name: str) -> None:
    """Absurd or missing tokens are replaced by the most that they can be, marked, and what can be is kept."""
    played = apis.by_openai(told=False) if name == "missing" else apis.by_openai(usage=ABSURD[name])
    usage = complete(at(OPENAI, played), ask(QUESTION)).usage
    assert usage.estimated
    prompt_told = name in {"huge", "too few", "more cached than sent"}
    answer_told = name in {"negative", "a huge prompt", "more cached than sent"}
    assert usage.prompt_tokens == 60 if prompt_told else 60 <= usage.prompt_tokens <= 400
    assert usage.completion_tokens == (45 if answer_told else LONGEST_TOKENS)
    assert usage.cached_prompt_tokens == (32 if name in {"huge", "too few"} else 0)


def test_labels_are_named_by_what_was_asked(at: At, api_server: FaultyServer) -> None:
    """The schema that is sent names the task's labels and nothing else."""
    request: GenerateRequest = ask(QUESTION)
    complete(at(OPENAI, apis.by_openai()), request)
    schema = api_server.asked[0]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["label"]["enum"] == list(LABELS)
    assert json.dumps(api_server.asked[0]["messages"]).count(QUESTION) == 1
