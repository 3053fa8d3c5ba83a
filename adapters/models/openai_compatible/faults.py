"""What the `openai` package raises, as errors of the engine: what happened, at which server, and how to fix it.

Whatever a server says goes through `Key.redact`: some servers repeat the key that they refuse.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from adapters.models.remote.address import host_of
from adapters.models.remote.keys import Key, variable_for
from engine.core.errors import (
    AccessError,
    AdaptLabError,
    BrokenAnswerError,
    ContextOverflowError,
    ModelError,
    RefusedOptionError,
    ServerAbsentError,
    ServerBusyError,
    ServerError,
    UnknownModelError,
    UnsupportedError,
)

DISPENSABLE = {
    "logprobs": ("logprob",),
    "response_format": ("response_format", "json_schema", "json schema", "structured output"),
    "temperature": ("temperature",),
    "seed": ("seed",),
    "stop": ("'stop'", "stop sequences", "stop "),
    "stream_options": ("stream_options",),
}
"""Options that an answer can be had without, and how servers name them when they refuse them."""
_OVERFLOW = re.compile(
    r"context[ _-]?(?:length|size|window)|maximum context|exceed_context|too many tokens", re.IGNORECASE
)
_LONGEST_WORDS = 240
TOO_MANY = 429


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
    except (ValueError, TypeError, KeyError, AttributeError) as error:
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

    host, words = host_of(url), _said(error, key)
    made: ModelError = ServerError(f"The server at {host} failed{words}.", "Check the server's own log.")
    match error:
        case openai.APITimeoutError():
            made = ServerAbsentError(f"The server at {host} did not answer in time.", "Check whether it is overloaded.")
        case openai.APIConnectionError():
            made = _unreachable(error, url)
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            made = AccessError(
                f"The server at {host} refuses the key{words}.",
                f"Set the environment variable {variable_for(name)} and start again.",
            )
        case openai.NotFoundError():
            made = _not_found(error, host, model, words)
        case openai.APIResponseValidationError():
            made = BrokenAnswerError(
                f"The server at {host} sent no JSON that can be read.", "Check its address: does it end in /v1?"
            )
        case openai.APIStatusError():
            made = _by_status(error, host, words)
    return made


def _by_status(error: Any, host: str, words: str) -> ModelError:
    status = int(error.status_code)
    if status == TOO_MANY:
        if "quota" in words or "billing" in words:
            return AccessError(f"The account at {host} has no credit left{words}.", "Check its billing.")
        return ServerBusyError(
            f"The server at {host} accepts no more requests{words}.", "Try again later.", _retry_after_s(error)
        )
    if _OVERFLOW.search(words):
        return ContextOverflowError(
            f"The prompt and its answer do not fit into the context of the server at {host}{words}.",
            "Retrieve or show less, or start the server with a larger context.",
        )
    if 300 <= status < 400:
        return ServerError(
            f"The server at {host} sends requests on to another address, which is not followed.",
            "Enter the address that it names, if you trust it.",
        )
    if status >= 500:
        return ServerBusyError(
            f"The server at {host} failed (status {status}){words}.", "Check its log.", _retry_after_s(error)
        )
    what = f"The server at {host} does not take the request (status {status}){words}."
    fix = "Choose another decoding, or check what the server supports."
    option = _refused_option(error, words)
    return RefusedOptionError(what, fix, option) if option else UnsupportedError(what, fix)


def _refused_option(error: Any, words: str) -> str:
    """Return the option that a server refused, if an answer can be had without it."""
    said = f"{getattr(error, 'param', '') or ''} {words}".lower()
    for option, signs in DISPENSABLE.items():
        if any(sign in said for sign in signs):
            return option
    return ""


def _not_found(error: Any, host: str, model: str, words: str) -> ModelError:
    if "model" in words or (isinstance(error.body, dict) and "model" in str(error.body)):
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
        return BrokenAnswerError(what, "Check the server.")
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


def _said(error: Any, key: Key) -> str:
    """Return what the server said, in brackets, on one line, without keys."""
    body = getattr(error, "body", None)
    text = ""
    if isinstance(body, dict):
        inner = body.get("error", body)
        text = str(inner.get("message", "") if isinstance(inner, dict) else inner)
    text = text or str(getattr(error, "message", ""))
    if text.lstrip().lower().startswith(("<!doctype", "<html")):
        text = "a web page instead of JSON"
    text = key.redact(" ".join(text.split()))[:_LONGEST_WORDS]
    return f" (it says: {text})" if text else ""


def _retry_after_s(error: Any) -> float | None:
    value = error.response.headers.get("retry-after") if getattr(error, "response", None) is not None else None
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None
