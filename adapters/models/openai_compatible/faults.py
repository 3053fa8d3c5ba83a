"""What the `openai` package raises, as errors of the engine: what happened, at which server, and how to fix it.

Whatever a server says goes through `Key.redact`: some servers repeat the key that they refuse.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from adapters.models.openai_compatible.retry_after import retry_after_s
from adapters.models.remote.address import host_of
from adapters.models.remote.border import UnreadableError, whole_letters
from adapters.models.remote.bounds import LONGEST_WORDS, own_error
from adapters.models.remote.keys import Key, variable_for
from engine.core.errors import (
    AccessError,
    AdaptLabError,
    BrokenAnswerError,
    ContextOverflowError,
    ModelError,
    RefusedAnswerError,
    RefusedOptionError,
    ServerAbsentError,
    ServerBusyError,
    ServerError,
    SlowAnswerError,
    UnknownModelError,
    UnsupportedError,
)

DISPENSABLE = {
    "logprobs": ("logprob",),
    "response_format": ("response_format", "response_schema", "json_schema", "json schema", "structured output"),
    "temperature": ("temperature",),
    "seed": ("seed",),
    "stop": ("'stop'", "stop sequences", "stop "),
    "stream_options": ("stream_options",),
    "max_tokens": ("max_tokens",),
    "max_completion_tokens": ("max_completion_tokens",),
}
"""Options that an answer can be had without, or under another name, and how servers name them when they refuse them."""
_OVERFLOW = re.compile(
    r"context[ _-]?(?:length|size|window)|maximum context|exceed_context|too many tokens|prompt is too long"
    r"|input token count",
    re.IGNORECASE,
)
_NO_CREDIT = re.compile(r"insufficient_quota|billing", re.IGNORECASE)
_WITHHELD = re.compile(r"content_filter|content_policy|content management policy|moderation|flagged", re.IGNORECASE)
_NO_SUCH_MODEL = re.compile(r"model_not_found|not a valid model", re.IGNORECASE)
_KEY_REFUSED = re.compile(r"api[ _]key (?:not valid|expired)|api_key_invalid", re.IGNORECASE)
PAYMENT, FORBIDDEN, TOO_MANY = 402, 403, 429
_IN_DEBT = "credit balance"
"""Anthropic says so with the status of a wrong request."""
LONGEST_REST_S = 300.0
"""A server that wants to be left alone for longer ends the run, which can be resumed."""
_STATUS_OF = {
    "rate_limit_exceeded": TOO_MANY,
    "rate_limit_error": TOO_MANY,
    "insufficient_quota": TOO_MANY,
    "server_error": 500,
    "api_error": 500,
    "overloaded_error": 529,
    "content_filter": 400,
}
"""What servers write in place of a status when an error comes within a stream."""


@contextlib.contextmanager
def translated(*, name: str, url: str, model: str, key: Key) -> Iterator[None]:
    """Turn what the client raises inside into the engine's errors.

    Raises:
        ModelError: one of the kinds of `engine.core.errors`, by what happened.
    """
    import openai

    try:
        yield
    except AdaptLabError:
        raise
    except openai.OpenAIError as error:
        raise _typed(error, name=name, url=url, model=model, key=key) from None
    except UnreadableError as error:
        raise BrokenAnswerError(
            f"The server at {host_of(url)} sent {error}.",
            "Check whether its address ends in /v1 and belongs to a model server.",
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        raise BrokenAnswerError(
            f"The server at {host_of(url)} answered in an unknown form ({type(error).__name__}).",
            "Check whether its address ends in /v1 and belongs to a model server.",
        ) from None
    except Exception as error:
        # The client's own transport raises its errors bare while a stream is read.
        if type(error).__module__.split(".")[0] not in {"httpx2", "httpcore2", "httpx", "httpcore", "ssl"}:
            raise
        raise _broken_off(error, url) from None


def _typed(error: Any, *, name: str, url: str, model: str, key: Key) -> ModelError:
    import openai

    host, own = host_of(url), own_error(error)
    if own is not None:
        return own
    match error:
        case openai.APITimeoutError():
            return ServerAbsentError(f"The server at {host} did not answer in time.", "Check whether it is overloaded.")
        case openai.APIConnectionError():
            return _unreachable(error, url)
        case openai.APIResponseValidationError():
            return BrokenAnswerError(
                f"The server at {host} sent no JSON that can be read.", "Check its address: does it end in /v1?"
            )
    words, status = _said(error, key), getattr(error, "status_code", None) or _status_within(error)
    if status is None:
        return ServerError(f"The server at {host} failed{words}.", "Check the server's own log.")
    said = _Said(error=error, status=status, host=host, words=words)
    return (
        _about_the_row(said)
        or _about_the_account(said, name)
        or _about_the_server(said, model)
        or _about_the_request(said)
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Said:
    """What a server answered instead of an answer."""

    error: Any
    status: int
    host: str
    words: str

    @property
    def signs(self) -> str:
        """Its words with the codes that stand beside them."""
        inner = _inner(self.error)
        return f"{inner.get('code') or ''} {inner.get('type') or ''} {self.words}"

    @property
    def wait_s(self) -> float | None:
        """When it wants to be asked again."""
        response = getattr(self.error, "response", None)
        message = str(_inner(self.error).get("message") or self.words)
        return retry_after_s(response.headers if response is not None else {}, _inner(self.error), message)


def _status_within(error: Any) -> int | None:
    """Return the status of an error that came within a stream, whose own status was 200."""
    inner = _inner(error)
    for told in (inner.get("code"), inner.get("type")):
        if isinstance(told, int | str) and str(told).isdigit() and 400 <= int(told) < 600:
            return int(told)
        if isinstance(told, str) and told in _STATUS_OF:
            return _STATUS_OF[told]
    return None


def _about_the_row(said: _Said) -> ModelError | None:
    """Tell what is wrong with this row alone: its prompt was stopped by a filter, or is too long."""
    flagged = _WITHHELD.search(said.signs) or "flagged_input" in _metadata(said.error)
    if said.status in {400, FORBIDDEN} and flagged:
        return RefusedAnswerError(
            f"The server at {said.host} withheld an answer: its filter stopped the prompt{said.words}.",
            "Change the row or the instructions, or choose another model.",
        )
    if said.status in {400, 413, 422, 500} and _OVERFLOW.search(said.words):
        return ContextOverflowError(
            f"The prompt and its answer do not fit into the context of the server at {said.host}{said.words}.",
            "Retrieve fewer passages, show fewer examples, or start the server with a larger context.",
        )
    return None


def _about_the_account(said: _Said, name: str) -> ModelError | None:
    """Tell what every row would meet: a key that is refused, no credit, a limit that is used up for long.

    Google's words for a limit per minute and for no credit are the same, but for a time to wait.
    """
    inner, wait_s = _inner(said.error), said.wait_s
    spent = inner.get("code") == "insufficient_quota" or (wait_s is None and _NO_CREDIT.search(said.words))
    if (said.status == TOO_MANY and spent) or (said.status == PAYMENT and wait_s is None) or _IN_DEBT in said.words:
        return AccessError(f"The account at {said.host} has no credit left{said.words}.", "Check its billing.")
    if said.status in {TOO_MANY, PAYMENT} and wait_s is not None and wait_s > LONGEST_REST_S:
        return AccessError(
            f"The server at {said.host} accepts no more requests for {wait_s / 60:.0f} minutes{said.words}.",
            "Resume the run after that.",
        )
    # OpenAI's reasoning models forbid log-probabilities with the status of a key without rights.
    option = said.status == FORBIDDEN and _refused_option(said.error, said.words) == "logprobs"
    if (said.status in {401, FORBIDDEN} and not option) or _KEY_REFUSED.search(said.signs):
        return AccessError(
            f"The server at {said.host} refuses the key{said.words}.",
            f"Set the environment variable {variable_for(name)} and start again.",
        )
    return None


def _about_the_server(said: _Said, model: str) -> ModelError | None:
    """Tell what is wrong with the server: another address, another model, no capacity now."""
    if said.status == 404 or _NO_SUCH_MODEL.search(said.signs):
        return _not_found(said.error, said.host, model, said.words)
    if 300 <= said.status < 400:
        return ServerError(
            f"The server at {said.host} sends requests on to another address, which is not followed.",
            "Enter the address that it names, if you trust it.",
        )
    if said.status in {TOO_MANY, PAYMENT}:
        what = f"The server at {said.host} accepts no more requests{said.words}."
        return ServerBusyError(what, "Try again later.", said.wait_s)
    if said.status >= 500 or said.status == 408:
        what = f"The server at {said.host} failed (status {said.status}){said.words}."
        return ServerBusyError(what, "Check its log.", said.wait_s)
    return None


def _about_the_request(said: _Said) -> ModelError:
    """Tell that the request cannot be made like this, and which option is the reason, if an answer can do without."""
    option = _refused_option(said.error, said.words)
    what = f"The server at {said.host} rejected the request (status {said.status}){said.words}."
    fix = "Choose another decoding, or check what the server supports."
    return RefusedOptionError(what, fix, option) if option else UnsupportedError(what, fix)


def _refused_option(error: Any, words: str) -> str:
    """Return the option that a server refused, if an answer can be had without it: the one that it names first."""
    named = str(getattr(error, "param", "") or "")
    if named in DISPENSABLE:
        return named
    said = f"{named} {words}".lower()
    found = [(said.find(sign), option) for option, signs in DISPENSABLE.items() for sign in signs if sign in said]
    return min(found)[1] if found else ""


def _not_found(error: Any, host: str, model: str, words: str) -> ModelError:
    if "model" in words or "model" in str(_inner(error)):
        return UnknownModelError(f"The server at {host} has no model '{model}'{words}.", "Choose one that it lists.")
    return ServerError(
        f"There is no model server at this path of {host}{words}.", "Most addresses end in /v1: check yours."
    )


def _unreachable(error: Any, url: str) -> ModelError:
    host, causes = host_of(url), _causes(error)
    if any(word in causes for word in ("ssl", "certificate", "tls")):
        return ServerError(
            f"No secure connection to {host} can be made.",
            "Check its certificate; a server on your own machine usually speaks http, not https.",
        )
    if any(word in causes for word in ("remoteprotocolerror", "readerror", "disconnected")):
        return _broken_off(error, url)
    return ServerAbsentError(f"Nothing answers at {host}.", "Start the server, or check its address and port.")


def _broken_off(error: BaseException, url: str) -> ModelError:
    causes = _causes(error)
    if "timeout" in causes:
        what = f"The server at {host_of(url)} stopped sending in the middle of an answer."
        return SlowAnswerError(what, "Check the server.")
    return BrokenAnswerError(
        f"The server at {host_of(url)} stopped in the middle of an answer.",
        "Check whether it is still running, then try again.",
    )


def _causes(error: BaseException) -> str:
    """Return the names and messages of an error and of its causes, in lower case."""
    words, link = [], error
    while link is not None:
        words.append(f"{type(link).__name__} {link}")
        link = link.__cause__ or link.__context__  # type: ignore[assignment]
    return " ".join(words).lower()


def _inner(error: Any) -> dict[str, Any]:
    """Return what a server said of an error, without its wrapping: Google's comes in a list of one."""
    body = getattr(error, "body", None)
    body = body[0] if isinstance(body, list) and body else body
    if not isinstance(body, dict):
        return {}
    inner = body.get("error", body)
    return inner if isinstance(inner, dict) else {"message": inner}


def _metadata(error: Any) -> dict[str, Any]:
    """Return what OpenRouter adds: the words of the provider behind it, or why a prompt was flagged."""
    found = _inner(error).get("metadata")
    return found if isinstance(found, dict) else {}


def _said(error: Any, key: Key) -> str:
    """Return what the server said, in brackets, on one line, without keys."""
    behind = _metadata(error).get("raw")
    texts = [str(_inner(error).get("message") or ""), behind if isinstance(behind, str) else ""]
    text = " ".join(filter(None, texts)) or str(getattr(error, "message", ""))
    if text.lstrip().lower().startswith(("<!doctype", "<html")):
        text = "a web page instead of JSON"
    text = key.redact(whole_letters(" ".join(text.split())))[:LONGEST_WORDS]
    return f" (it says: {text})" if text else ""
