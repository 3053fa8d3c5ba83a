"""An OpenAI-compatible server that misbehaves in one way at a time, on a free port of this machine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "small-model"
USAGE = {
    "prompt_tokens": 40,
    "completion_tokens": 9,
    "total_tokens": 49,
    "prompt_tokens_details": {"cached_tokens": 16},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """A reply that a test has written out: a JSON body, or a stream of events as they go over the wire."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    events: Sequence[str] = ()
    """Each with the blank line that ends it; without `[DONE]` the stream stops in the middle."""


class FaultyServer:
    """`fault` names what goes wrong; `times` how often, before it answers rightly; `asked` the bodies it got.

    It serves any path, so that it can stand in as the proxy to another host.
    """

    def __init__(self) -> None:
        """Start."""
        self.fault = ""
        self.attack: Callable[[BaseHTTPRequestHandler, bytes], bool] | None = None
        """Takes a request in its own way; tells whether it did."""
        self.times = 99
        self.text = '{"label": "billing"}'
        self.embedding: Callable[[str], list[float]] | None = None
        """Returns the vector of a text, where it embeds; a text has as many tokens as words."""
        self.embedded: list[str] = []
        """Texts that it was asked to embed."""
        self.tells_tokens = True
        self.thinking = ""
        self.listed: list[dict[str, Any]] = [{"id": MODEL, "object": "model", "owned_by": "somebody"}]
        self.plays: list[Played] = []
        """Replies in place of its own, one for each request; the last one is played again and again."""
        self.asked: list[dict[str, Any]] = []
        self.paths: list[str] = []
        """Of requests without a body, with the host where this is a proxy."""
        self.keys: list[str] = []
        self.headers: dict[str, str] = {}
        self.in_flight = 0
        self.most_in_flight = 0
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients may hang up
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        """Address of its OpenAI routes."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def misbehaves(self) -> str:
        """Return what goes wrong this time."""
        with self._lock:
            self.times -= 1
            return self.fault if self.times >= 0 else ""

    def next_play(self) -> Played | None:
        """Return the reply that is played now, if one is."""
        with self._lock:
            return self.plays.pop(0) if len(self.plays) > 1 else next(iter(self.plays), None)

    def count(self, change: int) -> None:
        """Count requests that are under way."""
        with self._lock:
            self.in_flight += change
            self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def close(self) -> None:
        """Stop."""
        self._http.shutdown()
        self._http.server_close()


REFUSALS: dict[str, tuple[int, dict[str, Any]]] = {
    "busy": (429, {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}),
    "quota": (429, {"message": "You exceeded your current quota, check your billing", "code": "insufficient_quota"}),
    "down": (500, {"message": "internal error"}),
    "loading": (503, {"message": "Loading model", "type": "unavailable_error", "code": 503}),
    "unknown model": (404, {"message": "The model `small-model` does not exist", "code": "model_not_found"}),
    "overflow": (400, {"message": "This model's maximum context length is 1024 tokens, however you requested 2000",
                       "code": "context_length_exceeded"}),
    "no logprobs": (400, {"message": "logprobs are not supported by this model", "param": "logprobs"}),
    "no schema": (400, {"message": "response_format.json_schema is not supported", "param": "response_format"}),
    "no temperature": (400, {"message": "Unsupported value: 'temperature' does not support 0", "param": "temperature"}),
}  # fmt: skip
_REFUSED_OPTION = {"no logprobs": "logprobs", "no schema": "response_format", "no temperature": "temperature"}


def _handler(server: FaultyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

        def do_GET(self) -> None:
            if server.attack is not None and server.attack(self, b""):
                return
            server.keys.append(self.headers.get("authorization", ""))
            server.headers = dict(self.headers.items())
            server.paths.append(self.path)
            if server.fault == "html":
                self.send(200, "<!DOCTYPE html><html>Sign in</html>", "text/html")
            elif server.fault == "redirect":
                self.send(302, "", "text/plain", Location="http://127.0.0.1:9/v1/models")
            elif server.fault == "wrong key":
                self.refuse_key()
            elif self.path.partition("?")[0].endswith("/models"):
                self.send(200, json.dumps({"object": "list", "data": server.listed}), "application/json")
            else:
                self.send(404, "Not Found", "text/plain")

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            if server.attack is not None and server.attack(self, data):
                return
            body = json.loads(data)
            server.keys.append(self.headers.get("authorization", ""))
            if server.embedding is not None and self.path.endswith("/embeddings"):
                self.embed(body)
                return
            server.asked.append(body)
            server.headers = dict(self.headers.items())
            fault = server.misbehaves()
            option = _REFUSED_OPTION.get(fault)
            if option is not None and option not in body:
                fault = ""
            played = server.next_play()
            server.count(1)
            try:
                if played is None:
                    self.answer(body, fault)
                else:
                    self.play(played)
            except OSError:
                self.close_connection = True
            finally:
                server.count(-1)

        def embed(self, body: dict[str, Any]) -> None:
            text = str(body["input"])
            server.embedded.append(text)
            vector = {"object": "embedding", "index": 0, "embedding": (server.embedding or (lambda _: [1.0]))(text)}
            words = len(text.split())
            usage = {"usage": {"prompt_tokens": words, "total_tokens": words}} if server.tells_tokens else {}
            reply = {"object": "list", "model": body["model"], "data": [vector], **usage}
            self.send(200, json.dumps(reply), "application/json")

        def answer(self, body: dict[str, Any], fault: str) -> None:
            if fault in REFUSALS:
                status, error = REFUSALS[fault]
                more = {"Retry-After": "0.1"} if fault == "busy" else {}
                self.send(status, json.dumps({"error": error}), "application/json", **more)
            elif fault == "wrong key":
                self.refuse_key()
            elif fault == "html":
                self.send(200, "<!DOCTYPE html><html>Sign in</html>", "text/html")
            elif fault == "redirect":
                self.send(307, "", "text/plain", Location="http://127.0.0.1:9/v1/chat/completions")
            elif fault == "not json":
                self.send(200, "data: {not json\n\n", "text/event-stream")
            elif fault == "drop":
                self.close_connection = True
            else:
                self.stream(body, fault)

        def play(self, played: Played) -> None:
            if not played.events:
                self.send(played.status, json.dumps(played.body), "application/json", **played.headers)
                return
            self.send_response(played.status)
            for name, value in {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}.items():
                self.send_header(name, value)
            self.end_headers()
            for event in played.events:
                self.chunk(event.encode())
            if "[DONE]" in played.events[-1]:
                self.chunk(b"")
            else:
                self.close_connection = True

        def refuse_key(self) -> None:
            said = f"Incorrect API key provided: {self.headers.get('authorization', '')[7:]}. Find yours elsewhere."
            self.send(401, json.dumps({"error": {"message": said, "code": "invalid_api_key"}}), "application/json")

        def stream(self, body: dict[str, Any], fault: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            pieces = [*({"reasoning_content": word + " "} for word in server.thinking.split()),
                      *({"content": server.text[at : at + 4]} for at in range(0, len(server.text), 4))]  # fmt: skip
            for number, delta in enumerate(pieces):
                self.event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
                time.sleep(0.01)
                if number == 1 and fault == "half":
                    self.close_connection = True
                    return
                if number == 1 and fault == "half and goodbye":
                    self.chunk(b"data: [DONE]\n\n")
                    self.chunk(b"")
                    return
                if number == 1 and fault == "stall":
                    time.sleep(3)
            reason = "content_filter" if fault == "filter" else "stop"
            self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
            if body.get("stream_options"):
                self.event({"choices": [], "usage": USAGE})
            self.chunk(b"data: [DONE]\n\n")
            self.chunk(b"")

        def event(self, value: dict[str, Any]) -> None:
            base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
            self.chunk(b"data: " + json.dumps({**base, **value}).encode() + b"\n\n")

        def chunk(self, data: bytes) -> None:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()

        def send(self, status: int, text: str, kind: str, **headers: str) -> None:
            data = text.encode()
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

    return Handler
