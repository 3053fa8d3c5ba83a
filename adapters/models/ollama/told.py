"""What an Ollama server tells of its models, as nouns. Pure functions of clean values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.models.remote.address import host_of
from adapters.models.remote.border import count_of, mapping, objects, text_of

LONGEST_FACT = 300
CLOUD_HOST = "ollama.com:443"
CLOUD_ENDINGS = (":cloud", "-cloud")
"""How the names of models end that Ollama's own cloud answers, should a server not say so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    """A model in the server's list."""

    name: str
    """With its tag, as the server knows it."""
    digest: str
    """SHA-256 in hex, without a name before it; empty where none is told."""
    size_bytes: int
    family: str
    quantization: str
    remote_host: str
    """Address of another server that answers for it; empty where none is told."""

    @property
    def forwards_to(self) -> str:
        """Host and port that the server sends inputs on to; empty where it answers itself."""
        if self.remote_host:
            return host_of(self.remote_host) or self.remote_host
        return CLOUD_HOST if self.name.endswith(CLOUD_ENDINGS) else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What the server tells of one model."""

    capabilities: tuple[str, ...]
    """Empty where it does not say, as older servers."""
    info: Mapping[str, Any]
    modelfile: str
    template: str
    licence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A model in the server's memory."""

    context_tokens: int
    """0 where it is not told."""
    size_bytes: int


def tags_of(value: Any) -> list[Tag]:
    """Read the answer of `/api/tags`.

    Raises:
        UnreadableError: it is not one.
    """
    return [_tag(one) for one in _models(value) if _name(one)]


def _tag(one: Mapping[str, Any]) -> Tag:
    details = mapping(one.get("details") or {}, "details of a model")
    return Tag(
        name=_name(one),
        digest=text_of(one.get("digest")).removeprefix("sha256:")[:LONGEST_FACT],
        size_bytes=count_of(one.get("size")),
        family=text_of(details.get("family"))[:LONGEST_FACT],
        quantization=text_of(details.get("quantization_level"))[:LONGEST_FACT],
        remote_host=text_of(one.get("remote_host")),
    )


def shown_of(value: Any) -> Shown:
    """Read the answer of `/api/show`.

    Raises:
        UnreadableError: it is not one.
    """
    told = mapping(value, "facts of a model")
    listed = told.get("capabilities")
    return Shown(
        capabilities=tuple(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else (),
        info=mapping(told.get("model_info") or {}, "facts of a model"),
        modelfile=text_of(told.get("modelfile")),
        template=text_of(told.get("template")),
        licence=text_of(told.get("license")).strip().split("\n", 1)[0][:60],
    )


def running_of(value: Any) -> dict[str, Running]:
    """Read the answer of `/api/ps`, by name.

    Raises:
        UnreadableError: it is not one.
    """
    return {
        plain_name(_name(one)): Running(
            context_tokens=count_of(one.get("context_length")), size_bytes=count_of(one.get("size"))
        )
        for one in _models(value)
    }


def plain_name(name: str | None) -> str:
    """Return a model's name as it is listed here: the server writes `:latest` where nothing else is said."""
    return str(name or "").removesuffix(":latest")


def _models(value: Any) -> list[Mapping[str, Any]]:
    listed = mapping(value, "a list of models").get("models")
    if listed is not None and not isinstance(listed, list):
        mapping(listed, "a list of models")
    return objects(listed)


def _name(one: Mapping[str, Any]) -> str:
    name = text_of(one.get("model")) or text_of(one.get("name"))
    return name if len(name) <= LONGEST_FACT else ""
