"""LoRA weights that a server holds: found in what it lists, by the name or the number it serves them under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.dialects import LLAMA_SERVER, VLLM, Dialect
from adapters.models.remote.border import count_of, objects
from engine.core.errors import ModelError, UnsupportedError
from engine.core.generation import GenerateRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class ServedLora:
    """LoRA weights at a server. vLLM serves them as a model of their own, llama-server by number and scale."""

    name: str
    model: str = ""
    number: int | None = None


def served_loras(
    client: Client, dialect: Dialect, model: str, listed: Sequence[Mapping[str, Any]]
) -> tuple[ServedLora, ...]:
    """Return the LoRA weights that the server holds for a model."""
    if dialect.name == VLLM.name:
        names = [str(one["id"]) for one in listed if one.get("parent") == model]
        return tuple(ServedLora(name=name, model=name) for name in names)
    if dialect is not LLAMA_SERVER:
        return ()
    try:
        reply = client.get("/lora-adapters", model=model)
    except ModelError:
        return ()
    found = []
    for one in objects(reply):
        path, number = PurePath(str(one.get("path") or "")), count_of(one.get("id"))
        name = path.parent.name if path.name == "lora.gguf" else path.stem
        found.append(ServedLora(name=name or f"number {number}", number=number))
    return tuple(found)


def the_only(served: Sequence[ServedLora], model: str, host: str) -> ServedLora:
    """Return the one set of LoRA weights that a server holds for a model.

    Raises:
        UnsupportedError: it holds none, or more than one, so that it is not clear which is meant.
    """
    if not served:
        raise UnsupportedError(
            f"The server at {host} serves no LoRA weights for '{model}'.",
            "Leave LoRA out, or start the server with weights; docs/backends.md says how.",
        )
    if len(served) > 1:
        raise UnsupportedError(
            f"The server at {host} serves several LoRA weights for '{model}': "
            f"{', '.join(lora.name for lora in served)[:120]}.",
            "Serve one at a time, so that it is clear which a variant means.",
        )
    return served[0]


def wanted_lora(served: Sequence[ServedLora], request: GenerateRequest) -> ServedLora | None:
    """Return the weights that a request asks for, where the server serves them."""
    return next((lora for lora in served if request.lora and lora.name == request.lora.locator), None)


def served_name(served: Sequence[ServedLora], request: GenerateRequest, model: str) -> str:
    """Return the name by which the server knows what is to answer: the model's, or that of its weights."""
    wanted = wanted_lora(served, request)
    return wanted.model if wanted is not None and wanted.model else model


def lora_switches(served: Sequence[ServedLora], request: GenerateRequest) -> list[dict[str, Any]]:
    """Return llama-server's switch of LoRA weights: on for this request, or off, whatever the server's default.

    Weights that a request's list does not name are off.
    """
    numbers = [lora.number for lora in served if lora.number is not None]
    if not numbers:
        return []
    wanted = wanted_lora(served, request)
    if wanted is None:
        return [{"id": numbers[0], "scale": 0.0}]
    return [{"id": wanted.number, "scale": request.lora_scale}]


def load_into_vllm(client: Client, name: str, folder: str) -> None:
    """Have vLLM load LoRA weights, in PEFT's form, from a folder of its own machine.

    Works where the server was started with `VLLM_ALLOW_RUNTIME_LORA_UPDATING=True`.

    Raises:
        ModelError: it does not, or the folder holds no weights for its model.
    """
    client.post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": folder})
