"""One Ollama server: where it is, what version, which models it has, and pulling one."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from adapters.models.ollama.faults import translated
from adapters.models.remote.address import checked_url, host_of, is_local
from adapters.models.remote.keys import key_for
from adapters.models.remote.reading import FIRST_ITEM_S, cancellable_stream
from adapters.models.remote.telling import told
from adapters.models.stores import ollama_folder
from engine.core.errors import BrokenAnswerError, ModelError, ServerAbsentError, UnsupportedError
from engine.core.steps import CancelSignal, Progress
from engine.metrics import wording as say

DEFAULT_URL = "http://127.0.0.1:11434"
CONNECT_S = 2.0
LISTING_S = 5.0
OLDEST = (0, 5, 5)
"""The first version that takes JSON schemas and LoRA weights through its API."""
CLOUD_HOST = "ollama.com:443"
CLOUD_ENDINGS = (":cloud", "-cloud")
"""How the names of models end that Ollama's own cloud answers, should a server not say so."""
SPARE_BYTES = 1_000_000_000
"""Disk space that a pull leaves free."""
_FROM_FILE = re.compile(r"^FROM\s+(.+?)\s*$", re.MULTILINE)


def address_from_environment() -> str | None:
    """Return the address that `OLLAMA_HOST` names, in one form; None if it is not set.

    A server's own setting for listening everywhere means, for a client, this machine.

    Raises:
        UsageError: it is not an address.
    """
    text = os.environ.get("OLLAMA_HOST", "").strip()
    if not text:
        return None
    if "://" not in text:
        text = f"http://{text}"
    url = checked_url(text.replace("//0.0.0.0", "//127.0.0.1"))
    host = host_of(url)
    return url if re.search(r":\d+$", host) or url.startswith("https") else f"{url.replace(host, host + ':11434', 1)}"


class OllamaServer:
    """Speaks to one Ollama server, and to no other host. Safe to use from several threads."""

    def __init__(self, url: str = DEFAULT_URL) -> None:
        """Take its address."""
        self.url = checked_url(url)
        self._key = key_for("ollama")

    @property
    def host(self) -> str:
        """Host and port, as errors name the server."""
        return host_of(self.url)

    @property
    def is_local(self) -> bool:
        """Tell whether it runs on this machine."""
        return is_local(self.url)

    @cached_property
    def client(self) -> Any:
        """The client of Ollama's own package. It follows no redirects and uses no proxy to reach this machine."""
        import ollama

        return ollama.Client(
            host=self.url,
            timeout=(CONNECT_S, FIRST_ITEM_S, FIRST_ITEM_S, FIRST_ITEM_S),  # to connect, read, write, wait for a line
            follow_redirects=False,
            trust_env=not self.is_local,
        )

    @cached_property
    def _quick(self) -> Any:
        import ollama

        timeout = (CONNECT_S, LISTING_S, LISTING_S, LISTING_S)
        return ollama.Client(host=self.url, timeout=timeout, follow_redirects=False, trust_env=not self.is_local)

    @cached_property
    def _http(self) -> Any:
        import httpx

        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self._key.reveal()}"} if self._key else {},
            timeout=(CONNECT_S, FIRST_ITEM_S, FIRST_ITEM_S, FIRST_ITEM_S),
            follow_redirects=False,
            trust_env=not self.is_local,
        )

    def translated(self, model: str = "") -> AbstractContextManager[None]:
        """Turn what the client raises into the engine's errors."""
        return translated(url=self.url, model=model, key=self._key)

    def version(self) -> tuple[int, ...]:
        """Return the server's version as numbers.

        Raises:
            ServerAbsentError: nothing answers there.
            BrokenAnswerError: something answers that is not Ollama.
        """
        try:
            text = str(self._told("/api/version", CONNECT_S)["version"])
        except (ValueError, KeyError, TypeError):
            raise BrokenAnswerError(f"What answers at {self.host} is not Ollama.", "Check OLLAMA_HOST.") from None
        except TimeoutError:
            raise ServerAbsentError(
                f"The Ollama server at {self.host} did not answer within {CONNECT_S:.0f} s.",
                "Check whether it is busy.",
            ) from None
        except OSError as error:
            if getattr(error, "code", None) is not None:
                raise BrokenAnswerError(f"What answers at {self.host} is not Ollama.", "Check OLLAMA_HOST.") from None
            raise ServerAbsentError(
                f"No Ollama server answers at {self.host}.",
                "Start it with 'ollama serve', or name its address in OLLAMA_HOST.",
            ) from None
        return tuple(int(part) for part in re.findall(r"\d+", text.partition("-")[0])[:3])

    def check_version(self) -> None:
        """Refuse a server that is too old.

        Raises:
            UnsupportedError: it is.
        """
        version = self.version()
        if version < OLDEST and version != (0, 0, 0):  # builds from source call themselves 0.0.0
            raise UnsupportedError(
                f"The Ollama server at {self.host} has version {dotted(version)}.",
                f"Install {dotted(OLDEST)} or newer: older ones do not follow JSON schemas.",
            )

    def _told(self, path: str, timeout_s: float) -> Any:
        """Return what a path tells: the client package leaves fields out."""
        return told(
            f"{self.url}{path}",
            timeout_s=timeout_s,
            authorization=f"Bearer {self._key.reveal()}" if self._key else "",
        )

    def remote_hosts(self) -> dict[str, str]:
        """Return the models that the server does not answer itself, each with the host that it sends inputs on to.

        Raises:
            BrokenAnswerError: what it lists cannot be read. A model that answers elsewhere must not pass for one here.
        """
        try:
            listed = self._told("/api/tags", LISTING_S)["models"]
            names = [(str(one.get("model") or one["name"]), str(one.get("remote_host") or "")) for one in listed]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise BrokenAnswerError(
                f"What the Ollama server at {self.host} lists cannot be read.", "Check its address and its version."
            ) from None
        clouds = {name: CLOUD_HOST for name, _url in names if name.endswith(CLOUD_ENDINGS)}
        return clouds | {name: urlsplit(url).netloc or url for name, url in names if url}

    def lines(self, path: str, body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Send a body as it stands; yield the objects that come back, one a line.

        The client package sends neither `truncate` nor `shift`, and does not show a chat's prompt.

        Raises:
            ollama.ResponseError: the server refuses, or says so in the midst of its answer.
        """
        import ollama

        with self._http.stream("POST", path, json=body) as reply:
            if reply.status_code != 200:
                reply.read()
                raise ollama.ResponseError(reply.text, reply.status_code)
            for line in reply.iter_lines():
                told = json.loads(line) if line.strip() else None
                if not isinstance(told, dict):
                    message = "not an object"
                    raise TypeError(message)
                if told.get("error"):
                    raise ollama.ResponseError(str(told["error"]))
                yield told

    def tags(self) -> list[Any]:
        """Return the models that it has, as it lists them."""
        with self.translated():
            return list(self._quick.list().models)

    def show(self, name: str) -> Any:
        """Return what it tells of one model."""
        with self.translated(name):
            return self._quick.show(name)

    def running(self) -> dict[str, int]:
        """Return the models that are in its memory, each with the context it was given; 0 where that is not said."""
        with self.translated():
            return {plain_name(one.model or one.name): int(one.context_length or 0) for one in self._quick.ps().models}

    def sizes(self) -> dict[str, int]:
        """Return the bytes that models in its memory take, by name, as it tells them."""
        with self.translated():
            return {plain_name(one.model or one.name): int(one.size or 0) for one in self._quick.ps().models}

    def remove(self, name: str) -> None:
        """Have it delete a model."""
        with self.translated(name):
            self._quick.delete(name)

    def unload(self, name: str) -> None:
        """Have it unload a model."""
        with self.translated(name):
            self._quick.generate(model=name, keep_alive=0)

    def pull(self, name: str, *, cancel: CancelSignal | None = None) -> Iterator[Progress]:
        """Have the server download a model; yield its progress. A pull that is abandoned or cancelled can be resumed.

        Raises:
            CancelledError: `cancel` was set.
            ModelError: the server cannot get it, or its disk has no room.
        """

        def begin() -> Iterator[Any]:
            with self.translated(name):
                yield from self.client.pull(name, stream=True)

        totals: dict[str, tuple[int, int]] = {}
        started, checked = time.monotonic(), False
        for item in cancellable_stream(begin, cancel=cancel, server=self.host):
            if item.digest and item.total:
                totals[item.digest] = (int(item.completed or 0), int(item.total))
            done, total = (sum(part) for part in zip(*totals.values(), strict=True)) if totals else (0, 0)
            if total and not checked:
                self._check_disk(name, total - done)
                checked = total > SPARE_BYTES // 10  # small parts come first: check again with the large one
            elapsed_s = time.monotonic() - started
            left_s = elapsed_s / done * (total - done) if done and total else None
            fraction = 1.0 if item.status == "success" else min(done / total, 0.999) if total else 0.0
            yield Progress(stage=_stage(str(item.status or "")), fraction=fraction, left_s=left_s, detail=name)

    def _check_disk(self, name: str, needed: int) -> None:
        """Refuse a pull that the disk has no room for; only the disk of this machine can be checked."""
        folder = ollama_folder()
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if self.is_local and needed + SPARE_BYTES > (free := shutil.disk_usage(folder).free):
            raise ModelError(
                f"'{name}' needs {say.size(needed)} of disk, {say.size(free)} are free.",
                "Free some space, or choose a smaller model.",
            )

    def weights_file(self, modelfile: str) -> Path | None:
        """Return the GGUF file of a model, if it is on this machine and may be read."""
        if not self.is_local:
            return None
        for match in _FROM_FILE.finditer(modelfile):
            path = Path(match[1])
            if path.is_absolute() and path.is_file() and os.access(path, os.R_OK):
                return path
        return None

    def close(self) -> None:
        """Close the connections."""
        for name in ("client", "_quick", "_http"):
            if name in self.__dict__:
                self.__dict__[name].close()


def plain_name(name: str | None) -> str:
    """Return a model's name as it is listed here: the server writes `:latest` where nothing else is said."""
    return str(name or "").removesuffix(":latest")


def architecture_fact(info: Mapping[str, Any], name: str) -> int:
    """Return a whole number that a model says of its architecture; 0 if it does not."""
    value = info.get(f"{info.get('general.architecture', '')}.{name}")
    return value if isinstance(value, int) else 0


def _stage(status: str) -> str:
    if status.startswith(("pulling manifest", "verifying", "writing", "removing")):
        return status.capitalize()
    return "Done" if status == "success" else "Getting the model"


def dotted(version: tuple[int, ...]) -> str:
    """Write a version as it is usually written."""
    return ".".join(map(str, version))
