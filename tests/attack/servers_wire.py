"""What an attacking server has at hand: one request, the key that came with it, and bytes to answer with."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.faulty_server import MODEL

ENDLESS_S = 30.0
"""How long an endless answer goes on, should nobody hang up."""
PAUSE_S = 0.05
SOUND = "billing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mode:
    """One way of misbehaving, and how a run on it has to end."""

    name: str
    play: Callable[[Wire], object]
    ends: str = "failed"
    """`answered`: each row has an answer, right or not. `failed`: no row has one, each says why. `stopped`: the run
    ends before its rows with an error. `refused`: it does not begin. `changed`: answered, and the change is told."""
    takes: tuple[str, ...] = ("chat",)
    """Parts of the paths of requests that are answered in this way; others are answered as they should be."""
    owner: str = "somebody"
    """Which kind of server the model list tells: `somebody`, `llamacpp` or `vllm`."""
    decoding: str = "free"
    brief: bool = False
    """The seconds for an answer are set short: it would take for ever."""
    ollama: bool = False


class Wire:
    """One request that an attacker answers."""

    def __init__(self, handler: BaseHTTPRequestHandler, data: bytes, number: int) -> None:
        """Answer through this handler; `number` counts the requests so far, from 1."""
        self._handler = handler
        self.data = data
        self.number = number
        self.path = handler.path
        self.key = handler.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def body(self) -> dict[str, Any]:
        """What was asked."""
        return json.loads(self.data or b"{}")  # type: ignore[no-any-return]

    def head(self, status: int = 200, kind: str = "text/event-stream", *, chunked: bool = True, **more: str) -> None:
        """Begin an answer."""
        self._handler.send_response(status)
        headers = {"Content-Type": kind, **({"Transfer-Encoding": "chunked"} if chunked else {})}
        for name, value in {**headers, **{name.replace("_", "-"): value for name, value in more.items()}}.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def whole(self, value: Any, status: int = 200, kind: str = "application/json", **more: str) -> None:
        """Send a whole answer: bytes or text as they are, anything else as JSON."""
        text = value if isinstance(value, str | bytes) else json.dumps(value)
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        self.head(status, kind, chunked=False, Content_Length=str(len(data)), **more)
        self.raw(data)

    def raw(self, data: bytes) -> None:
        """Send bytes."""
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def chunk(self, data: bytes) -> None:
        """Send a chunk of an answer that has begun; an empty one ends it."""
        self.raw(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def drop(self) -> None:
        """Hang up."""
        self._handler.close_connection = True

    def event(self, value: Any) -> None:
        """Send one event of a stream: text as it stands, anything else as JSON."""
        text = value if isinstance(value, str) else json.dumps(value)
        self.chunk(b"data: " + text.encode("utf-8", "surrogatepass") + b"\n\n")

    def done(self) -> None:
        """End a stream of events."""
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")

    def says(self, *deltas: Any, finish: Any = "stop", usage: Any = None, **more: Any) -> None:
        """Answer with these pieces: texts, or deltas as they stand."""
        self.head()
        for delta in deltas:
            self.event(piece({"content": delta} if isinstance(delta, str) else delta, **more))
        self.event(piece({}, finish=finish, **more))
        if usage is not None:
            text = usage if isinstance(usage, str) else json.dumps(usage)
            self.event(f'{{"choices": [], "usage": {text}}}')
        self.done()

    def for_ever(self, data: Callable[[int], bytes], *, pause_s: float = PAUSE_S) -> None:
        """Send chunk after chunk until somebody hangs up."""
        until, number = time.monotonic() + ENDLESS_S, 0
        while time.monotonic() < until:
            self.chunk(data(number))
            number += 1
            time.sleep(pause_s)

    def line(self, value: Any) -> None:
        """Send one line of an Ollama answer."""
        text = value if isinstance(value, str) else json.dumps(value)
        self.chunk(text.encode("utf-8", "surrogatepass") + b"\n")

    def tells(self, *texts: str, model: str = "smollm2:135m", **last: Any) -> None:
        """Answer as Ollama does, with these pieces; the last line has these fields besides."""
        self.head(kind="application/x-ndjson")
        for text in texts:
            self.line({"model": model, "message": {"role": "assistant", "content": text}, "done": False})
        ending = {"model": model, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
        self.line({**ending, "prompt_eval_count": 9, "eval_count": 2, **last})
        self.chunk(b"")


def piece(delta: Any, *, finish: Any = None, index: Any = 0, logprobs: Any = None, **more: Any) -> dict[str, Any]:
    """Return a chunk of a chat completion."""
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    if logprobs is not None:
        choice["logprobs"] = logprobs
    return {"id": "c", "object": "chat.completion.chunk", "model": MODEL, "choices": [choice], **more}


def attack_with(mode: Mode) -> Callable[[BaseHTTPRequestHandler, bytes], bool]:
    """Return what a server does with a request in this mode."""
    count = [0]

    def attack(handler: BaseHTTPRequestHandler, data: bytes) -> bool:
        if not any(part in handler.path for part in mode.takes):
            return False
        count[0] += 1
        try:
            mode.play(Wire(handler, data, count[0]))
        except OSError:
            handler.close_connection = True
        return True

    return attack
