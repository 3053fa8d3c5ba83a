"""One Ollama server: where it is, what version, which models it has, and pulling one."""

from __future__ import annotations

import math
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

from adapters.models.ollama.faults import translated
from adapters.models.ollama.told import Running, Shown, Tag, running_of, shown_of, tags_of
from adapters.models.remote.address import checked_url, host_of, is_local
from adapters.models.remote.border import clean_text, count_of, lines, mapping, read_value
from adapters.models.remote.bounds import LISTING_S, UNPACKED, bounding
from adapters.models.remote.keys import Key, key_for
from adapters.models.remote.reading import FIRST_ITEM_S, cancellable_stream, quick_call
from adapters.models.stores import ollama_folder
from engine.core.errors import BrokenAnswerError, ModelError, ServerAbsentError, SlowAnswerError, UnsupportedError
from engine.core.steps import CancelSignal, Progress, seconds_left
from engine.metrics import wording as say

DEFAULT_URL = "http://127.0.0.1:11434"
CONNECT_S = 2.0
OLDEST = (0, 5, 5)
"""The first version that takes JSON schemas and LoRA weights through its API."""
SPARE_BYTES = 1_000_000_000
"""Disk space that a pull leaves free."""
LONGEST_VERSION, LONGEST_STAGE = 40, 120
_NUMBER = re.compile(r"\d+")
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
            headers=dict(UNPACKED),
            event_hooks={"response": [bounding(self.host)]},
        )

    @cached_property
    def _http(self) -> Any:
        import httpx

        return httpx.Client(
            base_url=self.url,
            headers={**UNPACKED, **({"Authorization": f"Bearer {self._key.reveal()}"} if self._key else {})},
            timeout=(CONNECT_S, FIRST_ITEM_S, FIRST_ITEM_S, FIRST_ITEM_S),
            follow_redirects=False,
            trust_env=not self.is_local,
            event_hooks={"response": [bounding(self.host)]},
        )

    @property
    def key(self) -> Key:
        """The key, to be cut out of what the server sends."""
        return self._key

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
            told = self._told("/api/version")
        except ServerAbsentError:
            raise
        except SlowAnswerError:
            raise ServerAbsentError(
                f"The Ollama server at {self.host} did not give its version in time.", "Check whether it is busy."
            ) from None
        except ModelError:
            raise BrokenAnswerError(f"What answers at {self.host} is not Ollama.", "Check OLLAMA_HOST.") from None
        text = told.get("version") if isinstance(told, Mapping) else None
        if not isinstance(text, str):
            raise BrokenAnswerError(f"What answers at {self.host} is not Ollama.", "Check OLLAMA_HOST.")
        return tuple(int(part) for part in _NUMBER.findall(text.partition("-")[0][:LONGEST_VERSION])[:3])

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

    def _told(self, path: str, body: Mapping[str, Any] | None = None, *, model: str = "") -> Any:
        """Return what a path tells at once, clean: the client package leaves fields out.

        Raises:
            ModelError: by what happened; see `engine.core.errors`.
        """
        import ollama

        def ask() -> Any:
            with self.translated(model):
                reply = self._http.request(
                    "GET" if body is None else "POST", path, json=body, timeout=(CONNECT_S, *(LISTING_S,) * 3)
                )
                if reply.status_code != 200:
                    raise ollama.ResponseError(reply.text, reply.status_code)
                return read_value(reply.content, self._key)

        return quick_call(ask, server=self.host)

    def lines(self, path: str, body: Mapping[str, Any], *, piece: bool = False) -> Iterator[Mapping[str, Any]]:
        """Send a body unchanged; yield the objects that come back, one a line, clean.

        The client package sends neither `truncate` nor `shift`, and does not show a chat's prompt.

        Args:
            path: of the route.
            body: to send.
            piece: texts are pieces of an answer, which are cleaned where they are put together.

        Raises:
            ollama.ResponseError: the server refuses, or says so in the midst of its answer.
            UnreadableError: what comes back is something else.
        """
        import ollama

        with self._http.stream("POST", path, json=body) as reply:
            if reply.status_code != 200:
                reply.read()
                raise ollama.ResponseError(reply.text, reply.status_code)
            for line in lines(reply.iter_bytes()):
                told = mapping(read_value(line, self._key, piece=piece), "an Ollama answer")
                if told.get("error"):
                    raise ollama.ResponseError(str(told["error"]))
                yield told

    def tags(self) -> list[Tag]:
        """Return the models that it has, as it lists them.

        Raises:
            BrokenAnswerError: what it lists cannot be read. A model that answers elsewhere must not pass for one here.
        """
        told = self._told("/api/tags")
        with self.translated():
            return tags_of(told)

    def show(self, name: str) -> Shown:
        """Return what it tells of one model."""
        told = self._told("/api/show", {"model": name}, model=name)
        with self.translated(name):
            return shown_of(told)

    def running(self) -> dict[str, Running]:
        """Return the models that are in its memory, by name."""
        told = self._told("/api/ps")
        with self.translated():
            return running_of(told)

    def remove(self, name: str) -> None:
        """Have it delete a model."""
        self._quickly(name, lambda: self.client.delete(name))

    def unload(self, name: str) -> None:
        """Have it unload a model."""
        self._quickly(name, lambda: self.client.generate(model=name, keep_alive=0))

    def _quickly(self, name: str, ask: Callable[[], Any]) -> None:
        def asked() -> None:
            with self.translated(name):
                ask()

        quick_call(asked, server=self.host)

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
        for item in cancellable_stream(begin, cancel=cancel, server=self.host, most_bytes=math.inf):
            if item.digest and (size := count_of(item.total)):
                totals[item.digest] = (min(count_of(item.completed), size), size)
            done, total = (sum(part) for part in zip(*totals.values(), strict=True)) if totals else (0, 0)
            if total and not checked:
                self._check_disk(name, total - done)
                checked = total > SPARE_BYTES // 10  # small parts come first: check again with the large one
            left_s = seconds_left(time.monotonic() - started, done, total)
            fraction = 1.0 if item.status == "success" else min(done / total, 0.999) if total else 0.0
            stage = _stage(clean_text(str(item.status or ""), self._key)[:LONGEST_STAGE])
            yield Progress(stage=stage, fraction=fraction, left_s=left_s, detail=name)

    def _check_disk(self, name: str, needed: int) -> None:
        """Refuse a pull that the disk has no room for; only the disk of this machine can be checked."""
        folder = ollama_folder()
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if self.is_local and needed + SPARE_BYTES > (free := shutil.disk_usage(folder).free):
            raise ModelError(
                f"'{name}' needs {say.size(needed)} of disk space; {say.size(free)} is free.",
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
        """Close the connections; new ones are opened when they are needed."""
        for name in ("client", "_http"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()


def architecture_fact(info: Mapping[str, Any], name: str) -> int:
    """Return a whole number that a model says of its architecture; 0 if it does not."""
    return count_of(info.get(f"{info.get('general.architecture', '')}.{name}"))


def _stage(status: str) -> str:
    if status.startswith(("pulling manifest", "verifying", "writing", "removing")):
        return status.capitalize()
    return "Done" if status == "success" else "Getting the model"


def dotted(version: tuple[int, ...]) -> str:
    """Write a version as it is usually written."""
    return ".".join(map(str, version))
