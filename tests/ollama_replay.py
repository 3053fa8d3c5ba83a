"""A small loopback server that sends what Ollama's public documentation shows (docs/api.md, docs/openapi.yaml).

Names of fields, their order, durations in nanoseconds, one JSON object a line. Answers are those of the scripted
model. `fault` makes it misbehave in one way.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from adapters.models.scripted import ScriptedModel
from tests.ollama_replay_answers import (
    CREATED,
    MODEL,
    PROMPT,
    answered,
    embedded,
    joined,
    listing,
    made,
    pulled,
    refuses,
    running,
    shown,
    tag,
    tokens_of,
)


class OllamaReplay:
    """The server; `url` is its address, `asked` the requests it got."""

    def __init__(
        self, *, version: str = "0.12.11", modelfile: str = "FROM /nowhere/blobs/sha256-0", pace_s: float = 0.002
    ) -> None:
        """Start on a free port of this machine."""
        self.version = version
        self.modelfile = modelfile
        self.architecture = "llama"
        self.remote_host = ""
        self.capabilities = ["completion"]
        self.thinking = ""
        self.fault = ""
        self.attack: Callable[[BaseHTTPRequestHandler, bytes], bool] | None = None
        """Takes a request in its own way; tells whether it did."""
        self.logprobs = True
        self.listed: dict[str, list[tuple[str, float]]] = {}
        """What the model finds likely after a prompt and this text; nothing else is known of its vocabulary."""
        self.shows_prompts = True
        self.cut_to: int | None = None
        self.largest_context = 1_000_000
        self.count: int | None = None
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.blobs: dict[str, bytes] = {}
        self.created: list[str] = []
        self.loaded: dict[str, dict[str, Any]] = {}
        self.scripted = ScriptedModel(seconds_per_piece=pace_s)
        self.scripted.load(slots=1, context_tokens=100_000)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        """Address."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        """Stop."""
        self._http.shutdown()
        self._http.server_close()

    def names(self) -> list[str]:
        """All models, those made through the API included."""
        return [MODEL, *self.created]


def _handler(replay: OllamaReplay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

        def do_GET(self) -> None:
            if replay.attack is not None and replay.attack(self, b""):
                return
            if self.path == "/api/version":
                self.whole({"version": replay.version})
            elif self.path == "/api/tags":
                far = {"remote_model": "far", "remote_host": replay.remote_host} if replay.remote_host else {}
                self.whole({"models": [{**tag(name), **far} for name in replay.names()]})
            elif self.path == "/api/ps":
                self.whole({"models": [running(replay, name) for name in replay.loaded]})
            else:
                self.refuse(404, "404 page not found")

        def do_HEAD(self) -> None:
            self.send_response(200 if self.path.rsplit("/", 1)[-1] in replay.blobs else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            data = self.body()
            if replay.attack is not None and replay.attack(self, data):
                return
            if self.path.startswith("/api/blobs/"):
                digest = self.path.rsplit("/", 1)[-1]
                if digest != f"sha256:{hashlib.sha256(data).hexdigest()}":
                    self.refuse(400, "digest mismatch")
                    return
                replay.blobs[digest] = data
                self.whole({}, status=201)
                return
            asked = json.loads(data or b"{}")
            replay.asked.append((self.path, asked))
            name = str(asked.get("model", ""))
            if self.path in {"/api/chat", "/api/generate", "/api/show", "/api/embed"} and name not in replay.names():
                self.refuse(404, f"model '{name}' not found")
            elif self.path == "/api/show":
                self.whole(shown(replay))
            elif self.path == "/api/generate" and asked.get("raw"):
                self.whole(listing(replay, asked, asked["prompt"].removeprefix(PROMPT)))
            elif self.path == "/api/embed":
                self.whole(embedded(asked))
            elif self.path == "/api/generate":
                self.load(name, asked)
            elif self.path == "/api/pull":
                self.lines(pulled(replay, name))
            elif self.path == "/api/create":
                self.lines(made(replay, asked))
            elif self.path == "/api/chat":
                self.chat(asked)
            else:
                self.refuse(404, "404 page not found")

        def load(self, name: str, asked: dict[str, Any]) -> None:
            if asked.get("keep_alive") == 0:
                replay.loaded.pop(name, None)
            else:
                replay.loaded[name] = asked.get("options") or {}
            reason = "unload" if asked.get("keep_alive") == 0 else "load"
            self.whole({"model": name, "created_at": CREATED, "response": "", "done": True, "done_reason": reason})

        def chat(self, asked: dict[str, Any]) -> None:
            fault = replay.fault
            if fault == "busy":
                self.refuse(503, "server busy, please try again.  maximum pending requests exceeded")
            elif fault == "memory":
                self.refuse(500, "model requires more system memory (9.6 GiB) than is available (2.1 GiB)")
            elif fault == "key":
                self.refuse(401, f"unauthorized: {self.headers.get('authorization', '')}")
            elif self.too_long(asked):
                self.refuse(400, "the input length exceeds the context length")
            elif fault == "html":
                self.whole_text("<!DOCTYPE html><html><body>Sign in</body></html>", "text/html")
            elif fault == "not json":
                self.whole_text("this is no JSON\n", "application/x-ndjson")
            elif asked.get("_debug_render_only") and replay.shows_prompts:
                self.whole(
                    {"model": asked["model"], "created_at": CREATED, "_debug_info": {"rendered_template": PROMPT}}
                )
            elif asked.get("stream"):
                self.lines(answered(replay, asked), break_after=2 if fault == "half" else None)
            else:
                self.whole(joined(list(answered(replay, asked))))

        def too_long(self, asked: dict[str, Any]) -> bool:
            room = int((asked.get("options") or {}).get("num_ctx", 4096))
            return (
                asked.get("truncate") is False
                and refuses(replay.version)
                and (replay.count or tokens_of(asked["messages"])) >= room
            )

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                data = b""
                while size := int(self.rfile.readline(), 16):
                    data += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return data
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def whole(self, value: dict[str, Any], *, status: int = 200) -> None:
            self.whole_text(json.dumps(value), "application/json; charset=utf-8", status=status)

        def whole_text(self, text: str, kind: str, *, status: int = 200) -> None:
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def refuse(self, status: int, words: str) -> None:
            self.whole({"error": words}, status=status)

        def lines(self, items: Iterator[dict[str, Any]], *, break_after: int | None = None) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-ndjson")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for number, item in enumerate(items):
                    if number == break_after:
                        self.close_connection = True
                        return
                    data = json.dumps(item, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
                    self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                    self.wfile.flush()
                    if replay.fault == "stall" and number == 1:
                        time.sleep(3)
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                self.close_connection = True  # whoever asked has left

    return Handler
