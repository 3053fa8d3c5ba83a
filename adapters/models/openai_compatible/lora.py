"""LoRA weights that a server holds: found in what it lists, by the name or the number it serves them under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from adapters.models.openai_compatible.dialects import LLAMA_SERVER, VLLM, Dialect
from adapters.models.openai_compatible.door import Door
from engine.errors import ServerError, UnsupportedError


@dataclass(frozen=True, kw_only=True, slots=True)
class ServedLora:
    """LoRA weights at a server. vLLM serves them as a model of their own, llama-server by number and scale."""

    name: str
    model: str = ""
    number: int | None = None


def served_lora(door: Door, dialect: Dialect, model: str, listed: Sequence[Mapping[str, Any]]) -> ServedLora | None:
    """Return the LoRA weights that the server holds for a model; None if there are none.

    Raises:
        UnsupportedError: there is more than one set, so that it is not clear which is meant.
    """
    found: list[ServedLora] = []
    if dialect is VLLM:
        names = [str(one["id"]) for one in listed if one.get("parent") == model]
        found = [ServedLora(name=name, model=name) for name in names]
    elif dialect is LLAMA_SERVER:
        try:
            reply = door.get("/lora-adapters")
        except ServerError:
            return None
        for one in reply if isinstance(reply, list) else []:
            path = PurePath(str(one.get("path", "")))
            name = path.parent.name if path.name == "lora.gguf" else path.stem
            found.append(ServedLora(name=name or f"number {one['id']}", number=int(one["id"])))
    if len(found) > 1:
        raise UnsupportedError(
            f"The server at {door.host} serves several LoRA weights for '{model}': "
            f"{', '.join(lora.name for lora in found)[:120]}.",
            "Serve one at a time, so that it is clear which a variant means.",
        )
    return found[0] if found else None


def load_into_vllm(door: Door, name: str, folder: str) -> None:
    """Have vLLM load LoRA weights, in PEFT's form, from a folder of its own machine.

    Works where the server was started with `VLLM_ALLOW_RUNTIME_LORA_UPDATING=True`.

    Raises:
        ModelError: it does not, or the folder holds no weights for its model.
    """
    door.post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": folder})
