"""How closed APIs fail, in the shapes of their references: busy, without credit, and options that they refuse."""

from __future__ import annotations

import email.utils
import time

import pytest

from adapters.models.remote import reading
from engine.core.capabilities import learned
from engine.core.errors import (
    AccessError,
    ContextOverflowError,
    ModelError,
    ServerBusyError,
    UnknownModelError,
    UnsupportedError,
)
from engine.core.generation import Completion, TextPiece
from engine.core.variant import DecodingMode
from tests import closed_apis as apis
from tests.closed_apis import ANTHROPIC, GOOGLE, OPENAI, OPENROUTER, At, ClosedApi
from tests.contract.test_language_model import ask
from tests.faulty_server import FaultyServer, Played
from tests.helpers import complete

pytestmark = pytest.mark.timeout(60)
QUESTION = "I was charged twice."

LIMITED = {"message": "Rate limit reached on requests per min", "type": "requests", "code": "rate_limit_exceeded"}
GOOGLES_LIMIT = "The quota is used up for now, see the plan and its billing."
IN_A_WHILE = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}]


@pytest.mark.parametrize(
    ("api", "played", "wait_s"),
    [
        (OPENAI, apis.failed(429, LIMITED, {"Retry-After": "7"}), 7.0),
        (OPENAI, apis.failed(429, LIMITED, {"retry-after-ms": "1500", "Retry-After": "2"}), 1.5),
        (
            OPENAI,
            apis.failed(
                429, LIMITED,
                {"x-ratelimit-remaining-requests": "12", "x-ratelimit-reset-requests": "9s",
                 "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "120ms"},
            ),
            0.12,
        ),
        (ANTHROPIC, apis.failed(529, {"type": "overloaded_error", "message": "Overloaded"}, {"retry-after": "3"}), 3.0),
        (GOOGLE, apis.failed_by_google(429, "RESOURCE_EXHAUSTED", GOOGLES_LIMIT, IN_A_WHILE), 17.0),
        (GOOGLE, apis.failed_by_google(429, "RESOURCE_EXHAUSTED", f"{GOOGLES_LIMIT} Please retry in 3.5s."), 3.5),
        (GOOGLE, apis.failed_by_google(429, "RESOURCE_EXHAUSTED", "Check the quota."), None),
        (OPENROUTER, apis.failed(503, {"code": 503, "message": "No provider"}, {"Retry-After": "4"}), 4.0),
        (OPENROUTER, apis.by_openrouter("", error={"code": 429, "message": "Provider is busy, try again in 2s"}), 2.0),
    ],
)  # fmt: skip
def test_a_busy_api_is_asked_again_when_it_says(
    at: At, api_server: FaultyServer, waits: list[float], api: ClosedApi, played: Played, wait_s: float | None
) -> None:
    """Each way of naming a time is followed, in a header, in the body or in words, once; a bare quota is no debt."""
    model = at(api, played, apis.by_openai())
    if played.events:  # an error as the first event, before anything was written
        played = Played(events=[apis.KEEP_ALIVE, played.events[-2], apis.DONE])
        api_server.plays[0] = played
    done = complete(model, ask(QUESTION))
    assert done.text == "billing"
    assert done.waited_s >= waits[0]  # and what the attempt took
    if wait_s is None:  # none is named: a short one
        assert 0 < waits[0] < 1
    else:
        assert waits == [pytest.approx(wait_s)]
    assert len(api_server.asked) == 2


def test_a_date_in_retry_after_is_followed(at: At, waits: list[float]) -> None:
    """A date names the moment; one that is past, no wait at all."""
    for ahead_s, least, most in ((15, 12.0, 15.0), (-60, 0.0, 0.0)):
        waits.clear()
        date = email.utils.formatdate(time.time() + ahead_s, usegmt=True)
        complete(at(OPENAI, apis.failed(429, LIMITED, {"Retry-After": date}), apis.by_openai()), ask(QUESTION))
        assert least <= waits[0] <= most


def test_an_api_that_stays_busy_is_left(at: At, api_server: FaultyServer, waits: list[float]) -> None:
    """After a few attempts the row fails; a longest wait holds whatever the server asks for."""
    with pytest.raises(ServerBusyError):
        complete(at(OPENAI, apis.failed(429, LIMITED, {"Retry-After": "200"})), ask(QUESTION))
    assert len(api_server.asked) == reading.ATTEMPTS
    assert waits == [reading.LONGEST_WAIT_S] * (reading.ATTEMPTS - 1)


STOPS = {
    "quota": (OPENAI, apis.failed(429, {"message": "Nothing is left of it", "code": "insufficient_quota"}), "credit"),
    "debt": (ANTHROPIC, apis.failed(400, {"message": "No credit balance is left"}), "credit"),
    "payment": (OPENROUTER, apis.failed(402, {"code": 402, "message": "Insufficient credits"}), "credit"),
    "long": (OPENAI, apis.failed(429, LIMITED, {"Retry-After": "7200"}), "120 minutes"),
    "key": (GOOGLE, apis.failed_by_google(400, "INVALID_ARGUMENT", "API key not valid."), "key"),
    "rights": (OPENAI, apis.failed(403, {"message": "Project has no access to it"}), "OPENAI_API_KEY"),
}


@pytest.mark.parametrize("name", STOPS)
def test_what_every_row_would_meet_stops_the_run(
    at: At, api_server: FaultyServer, waits: list[float], name: str
) -> None:
    """No credit, a refused key, a limit for hours: told as such, once, whatever status an API gives it."""
    api, played, words = STOPS[name]
    with pytest.raises(AccessError, match=words):
        complete(at(api, played), ask(QUESTION))
    assert (len(api_server.asked), waits) == (1, [])


OTHERS: dict[str, tuple[ClosedApi, Played, type[ModelError]]] = {
    "too long at Anthropic": (ANTHROPIC, apis.failed(400, {"message": "prompt is too long: 9 > 8"}), ContextOverflowError),
    "too long at Google": (
        GOOGLE, apis.failed_by_google(400, "INVALID_ARGUMENT", "The input token count exceeds the maximum"),
        ContextOverflowError,
    ),
    "no model at OpenRouter": (OPENROUTER, apis.failed(400, {"message": "x/y is not a valid model ID"}), UnknownModelError),
    "no model at Google": (
        GOOGLE, apis.failed_by_google(404, "NOT_FOUND", "models/x is not found for this version"), UnknownModelError,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_faults_have_the_same_kind_at_every_api(at: At, name: str) -> None:
    """A prompt that is too long and a model that is not there are told as such in everyone's words."""
    api, played, kind = OTHERS[name]
    with pytest.raises(kind) as caught:
        complete(at(api, played), ask(QUESTION))
    assert type(caught.value) is kind


REFUSED_OPTIONS = {
    "temperature": apis.failed(
        400, {"message": "Unsupported value: 'temperature' does not support 0.0.", "param": "temperature"}
    ),
    "logprobs": apis.failed(403, {"message": "You may not request logprobs from this model", "param": None}),
    "seed": apis.failed_by_google(400, "INVALID_ARGUMENT", 'Invalid JSON payload. Unknown name "seed": no field.'),
    "max_completion_tokens": apis.failed(400, {"message": "Unknown parameter: 'max_completion_tokens'."}),
    "response_format": apis.failed(
        400, {"message": "Provider returned error", "code": 400,
              "metadata": {"raw": '{"error":{"message":"Invalid schema for response_format"}}'}}
    ),
    "stream_options": apis.failed(400, {"message": "stream_options is not supported", "param": "stream_options"}),
}  # fmt: skip


@pytest.mark.parametrize("option", REFUSED_OPTIONS)
def test_an_option_that_is_refused_is_left_out(at: At, api_server: FaultyServer, option: str) -> None:
    """The answer comes without it, and it is not sent again; the limit goes by its older name."""
    model = at(OPENAI, REFUSED_OPTIONS[option], apis.by_openai())
    for _ in range(2):
        assert complete(model, ask(QUESTION)).text == "billing"
    assert [option in body for body in api_server.asked] == [True, False, False]
    assert ("max_tokens" in api_server.asked[-1]) is (option == "max_completion_tokens")
    told = model.capabilities.reason("takes_temperature")
    assert ("differently in another run" in told) is (option == "temperature")


REFUSED_STOP = apis.failed(
    400, {"message": "Unsupported parameter: 'stop' is not supported with this model.", "param": "stop"}
)


def test_stop_words_that_are_refused_hold_all_the_same(at: At, api_server: FaultyServer) -> None:
    """The answer is cut here where it would have ended, whatever is written beyond it, and that is told."""
    model = at(OPENAI, REFUSED_STOP, apis.by_openai("Yes.\n\nMore of it", finish="length"))
    pieces = list(model.generate(ask(QUESTION, DecodingMode.FREE, stop=("\n",))))
    done = pieces[-1]
    assert isinstance(done, Completion)
    assert (done.text, done.finish) == ("Yes.", "stop")
    assert "".join(piece.text for piece in pieces if isinstance(piece, TextPiece)) == "Yes."
    assert done.usage.completion_tokens == 45
    assert ["stop" in body for body in api_server.asked] == [True, False]
    assert "cut where their line ends" in model.capabilities.reason("takes_stop")


def test_a_seed_that_is_refused_is_told(at: At) -> None:
    """Answers at a temperature cannot be had again."""
    model = at(OPENAI, REFUSED_OPTIONS["seed"], apis.by_openai())
    before = model.capabilities
    complete(model, ask(QUESTION))
    assert [line for line in learned(before, model.capabilities) if "accepts no seed" in line]


def test_the_option_that_is_named_first_is_the_refused_one(at: At, api_server: FaultyServer) -> None:
    """OpenAI's hint at another option is not taken for the refusal; both refused ends it."""
    said = "Unsupported parameter: 'max_completion_tokens' is not supported. Use 'max_tokens' with temperature."
    model = at(OPENAI, apis.failed(400, {"message": said}), apis.by_openai())
    complete(model, ask(QUESTION))
    assert "temperature" in api_server.asked[-1]
    api_server.plays = [apis.failed(400, {"message": "Unsupported parameter: 'max_tokens'.", "param": "max_tokens"})]
    with pytest.raises(UnsupportedError):
        complete(model, ask(QUESTION))
