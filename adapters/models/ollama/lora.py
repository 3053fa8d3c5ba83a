"""LoRA weights at an Ollama server: a model of its own, made from the base and the weights through the API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from adapters.models.ollama.answers import KEEP_ALIVE
from adapters.models.ollama.listing import OURS
from adapters.models.ollama.server import LONGEST_STAGE, OllamaServer
from adapters.models.remote.border import clean_text, count_of
from adapters.models.remote.reading import cancellable_call, cancellable_stream
from engine.core.errors import CanaryError, TrainingError, UnsupportedError
from engine.core.generation import Message, TokenPair
from engine.core.steps import CancelSignal

TOLERATED_TOKENS = 1
"""Servers differ in whether they count the token that begins a text."""


def model_with(server: OllamaServer, base: str, lora: Path, *, cancel: CancelSignal | None) -> str:
    """Return the name of the model that is this base with these weights, made unless it is there.

    Raises:
        TrainingError: the weights are not there.
        ModelError: the server cannot make it.
    """
    if not lora.is_file():
        raise TrainingError(f"There are no LoRA weights at '{lora.name}'.", "Train them again.")
    name = f"{OURS}{re.sub(r'[^a-z0-9.]+', '-', base.lower())}:{lora.parent.name}"
    if any(tag.name == name for tag in server.tags()):
        return name

    def upload() -> str:
        with server.translated(base):
            return str(server.client.create_blob(lora))

    digest = cancellable_call(upload, cancel=cancel, server=server.host)

    def create() -> Iterator[Any]:
        with server.translated(base):
            yield from server.client.create(name, from_=base, adapters={lora.name: digest}, stream=True)

    last = ""
    for item in cancellable_stream(create, cancel=cancel, server=server.host):
        last = clean_text(str(item.status or last), server.key)[:LONGEST_STAGE]
    if last != "success":
        raise CanaryError(
            f"The Ollama server at {server.host} did not make a model of '{base}' and the LoRA weights ({last}).",
            "Check its log; the base must be the one that the weights were trained on.",
        )
    return name


def made_with(server: OllamaServer, key: str) -> list[str]:
    """Return the models of the server that were made of a base and the weights kept under this key.

    Raises:
        ModelError: the server cannot be reached.
    """
    names = (tag.name for tag in server.tags())
    return [name for name in names if name.startswith(OURS) and name.endswith(f":{key}")]


def count_evaluated(server: OllamaServer, name: str, messages: Sequence[Message], *, room: int) -> int:
    """Ask the server how many tokens it makes of a prompt, with `room` tokens of context."""

    def ask() -> Any:
        with server.translated(name):
            return server.client.chat(
                model=name,
                messages=[{"role": message.role, "content": message.content} for message in messages],
                options={"num_ctx": room, "num_predict": 1, "temperature": 0},
                keep_alive=KEEP_ALIVE,
            )

    return count_of(cancellable_call(ask, cancel=None, server=server.host).prompt_eval_count)


def check_template(server_count: int, pair: TokenPair, base: str) -> None:
    """Third part of the canary: the server writes prompts as those that the weights were trained on.

    Raises:
        CanaryError: it does not, as far as the number of tokens shows.
    """
    ours = len(pair.prompt_ids)
    if abs(server_count - ours) > TOLERATED_TOKENS:
        raise CanaryError(
            f"Ollama turns a training prompt into {server_count} tokens, the template in the file of '{base}' "
            f"into {ours}: the weights would be trained on one form and used with another.",
            "Use the GGUF file directly; 'cli.py models' lists it with its path.",
        )


def refuse_scale(scale: float) -> None:
    """Refuse a scale other than 1, which the API does not support."""
    if scale != 1.0:
        raise UnsupportedError(f"Ollama cannot scale LoRA weights by {scale}.", "Use a scale of 1.")
