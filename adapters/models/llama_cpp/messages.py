"""Requests and completions cross the pipe as plain dictionaries: this rebuilds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core.generation import Completion, Decoding, GenerateRequest, LoraWeights, Message
from engine.core.run.prediction import Usage
from engine.core.variant import DecodingMode


def request_from_dict(data: Mapping[str, Any]) -> GenerateRequest:
    """Rebuild a request."""
    decoding = dict(data["decoding"])
    decoding["mode"] = DecodingMode(decoding["mode"])
    decoding["labels"] = tuple(decoding["labels"])
    decoding["stop"] = tuple(decoding["stop"])
    lora = None if data["lora"] is None else LoraWeights(**data["lora"])
    fields = {
        **data,
        "lora": lora,
        "decoding": Decoding(**decoding),
        "messages": tuple(Message(**m) for m in data["messages"]),
    }
    return GenerateRequest(**fields)


def completion_from_dict(data: Mapping[str, Any]) -> Completion:
    """Rebuild a completion."""
    return Completion(**{**data, "usage": Usage(**data["usage"])})
