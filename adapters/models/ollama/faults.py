"""What the `ollama` package raises, as errors of the engine, each with its fix."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from adapters.models.remote.address import host_of
from adapters.models.remote.border import UnreadableError, whole_letters
from adapters.models.remote.bounds import LONGEST_WORDS, own_error
from adapters.models.remote.keys import Key
from engine.core.errors import (
    AccessError,
    AdaptLabError,
    BrokenAnswerError,
    ContextOverflowError,
    ModelError,
    ServerAbsentError,
    ServerBusyError,
    ServerError,
    SlowAnswerError,
    UnknownModelError,
    UnsupportedError,
)


@contextlib.contextmanager
def translated(*, url: str, model: str, key: Key) -> Iterator[None]:
    """Turn what the client raises inside into the engine's errors.

    Raises:
        ModelError: one of the kinds of `engine.core.errors`, by what happened.
    """
    import ollama

    host = host_of(url)
    try:
        yield
    except AdaptLabError:
        raise
    except ollama.ResponseError as error:
        raise _refusal(error, host, model, key) from None
    except ConnectionError as error:
        raise own_error(error) or _absent(host) from None
    except UnreadableError as error:
        raise BrokenAnswerError(
            f"The server at {host} sent {error}.",
            "Check whether this is Ollama's address: by default http://127.0.0.1:11434.",
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, LookupError, ArithmeticError, RecursionError):
        # json and pydantic raise kinds of ValueError for lines that are not JSON or not in the expected form
        raise BrokenAnswerError(
            f"The server at {host} sent something that is not an Ollama answer.",
            "Check whether this is Ollama's address: by default http://127.0.0.1:11434.",
        ) from None
    except Exception as error:
        if type(error).__module__.split(".")[0] not in {"httpx", "httpcore", "ssl"}:
            raise
        raise _transport(error, host) from None


def _absent(host: str) -> ServerAbsentError:
    return ServerAbsentError(
        f"No Ollama server answers at {host}.",
        "Start it with 'ollama serve', or name its address in OLLAMA_HOST.",
    )


def _transport(error: BaseException, host: str) -> ModelError:
    name, words = type(error).__name__, str(error).lower()
    if (own := own_error(error)) is not None:
        return own
    if "ssl" in words or "certificate" in words:
        return ServerError(f"No secure connection to {host} can be made.", "Check its certificate, or use http.")
    if name == "ConnectTimeout":
        return _absent(host)
    if "Timeout" in name:
        return SlowAnswerError(
            f"The Ollama server at {host} is too slow: nothing arrived for a long time.",
            "Check what else it is running ('ollama ps'), or choose a smaller model.",
        )
    if name == "ConnectError":
        return _absent(host)
    return BrokenAnswerError(
        f"The Ollama server at {host} stopped in the middle of an answer.",
        "Check whether it is still running, then try again.",
    )


def _refusal(error: Any, host: str, model: str, key: Key) -> ModelError:
    said = key.redact(whole_letters(" ".join(str(error.error).split())))[:LONGEST_WORDS]
    words, status = said.lower(), int(error.status_code)
    made: ModelError
    if said.lstrip().lower().startswith(("<!doctype", "<html")):
        made = BrokenAnswerError(
            f"The server at {host} sent a web page.", "Check whether this is Ollama's address and not a proxy's."
        )
    elif status in {401, 403}:
        made = AccessError(f"The Ollama server at {host} refuses the key.", "Set OLLAMA_API_KEY and start again.")
    elif status == 404 and ("model" in words or "not found" in words):
        made = UnknownModelError(
            f"The Ollama server at {host} has no model '{model}'.", f"Get it with: ollama pull {model}"
        )
    elif status == 404:
        made = UnsupportedError(
            f"The Ollama server at {host} is too old for what was asked (it says: {said}).", "Install a newer Ollama."
        )
    elif "memory" in words:
        made = ServerError(
            f"The Ollama server at {host} does not have enough memory for '{model}' (it says: {said}).",
            "Unload other models ('ollama stop NAME'), or choose a smaller one.",
        )
    elif "context" in words and ("exceed" in words or "length" in words):
        made = ContextOverflowError(
            f"The prompt does not fit (it says: {said}).", "Retrieve fewer passages or show fewer examples."
        )
    elif status in {429, 503} or "busy" in words:
        made = ServerBusyError(f"The Ollama server at {host} is busy (it says: {said}).", "Try again when it is idle.")
    elif 300 <= status < 400:
        made = ServerError(
            f"The server at {host} sends requests on to another address, which is not followed.",
            "Enter the address that it names, if you trust it.",
        )
    elif status >= 500:
        made = ServerBusyError(f"The Ollama server at {host} failed (it says: {said}).", "Check its log.")
    elif 400 <= status < 500:
        made = UnsupportedError(
            f"The Ollama server at {host} rejected the request (it says: {said}).", "Choose another decoding."
        )
    else:
        made = ServerError(f"The Ollama server at {host} failed (it says: {said}).", "Check its log.")
    return made
