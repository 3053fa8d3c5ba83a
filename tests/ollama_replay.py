"""A small loopback server that sends what Ollama's public documentation shows (docs/api.md, docs/openapi.yaml).

Names of fields, their order, durations in nanoseconds, one JSON object a line. Answers are those of the scripted
model. `fault` makes it misbehave in one way.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from adapters.models.scripted import ScriptedModel
from engine.core.generation import Completion, Decoding, GenerateRequest, Message, TextPiece
from engine.core.variant import DecodingMode

MODEL = "smollm2:135m"
DIGEST = "9f438cb9cd581fc025612d27f7c1a6669ff83a8bb0ed86c94fcf4c5440555697"
CREATED = "2026-08-04T08:52:19.385406455-07:00"
TEMPLATE = "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"


PROMPT = "<|im_start|>user\nThe chat's prompt<|im_end|>\n<|im_start|>assistant\n"


def refuses(version: str) -> bool:
    """Tell whether this version refuses a prompt that does not fit, where it is asked to."""
    return tuple(map(int, version.split("."))) >= (0, 12, 6)


def tokens_of(messages: list[dict[str, str]]) -> int:
    """Count a prompt as the replay does: about four letters a token."""
    return sum(round(len(message.get("content", "")) / 4) + 5 for message in messages)


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
            if self.path == "/api/version":
                self.whole({"version": replay.version})
            elif self.path == "/api/tags":
                far = {"remote_model": "far", "remote_host": replay.remote_host} if replay.remote_host else {}
                self.whole({"models": [{**_tag(name), **far} for name in replay.names()]})
            elif self.path == "/api/ps":
                self.whole({"models": [_running(replay, name) for name in replay.loaded]})
            else:
                self.refuse(404, "404 page not found")

        def do_HEAD(self) -> None:
            self.send_response(200 if self.path.rsplit("/", 1)[-1] in replay.blobs else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            data = self.body()
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
                self.whole(_shown(replay))
            elif self.path == "/api/generate" and asked.get("raw"):
                self.whole(_listing(replay, asked, asked["prompt"].removeprefix(PROMPT)))
            elif self.path == "/api/embed":
                self.whole(_embedded(asked))
            elif self.path == "/api/generate":
                self.load(name, asked)
            elif self.path == "/api/pull":
                self.lines(_pulled(replay, name))
            elif self.path == "/api/create":
                self.lines(_made(replay, asked))
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
                self.lines(_answer(replay, asked), break_after=2 if fault == "half" else None)
            else:
                self.whole(_joined(list(_answer(replay, asked))))

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


def _embedded(asked: dict[str, Any]) -> dict[str, Any]:
    """Return vectors by words: each word is a direction of its own."""
    vectors, texts = [], [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
    for text in texts:
        counts = [0.001] * 64
        for word in text.lower().split():
            counts[int.from_bytes(hashlib.sha256(word.encode()).digest()[:2], "little") % 64] += 1.0
        vectors.append(counts)
    tokens = sum(len(text.split()) + 2 for text in texts)
    return {"model": asked["model"], "embeddings": vectors, "total_duration": 14143917, "prompt_eval_count": tokens}


def _tag(name: str) -> dict[str, Any]:
    details = {"format": "gguf", "family": "llama", "families": ["llama"], "parameter_size": "134.52M",
               "quantization_level": "Q4_1"}  # fmt: skip
    return {"name": name, "model": name, "modified_at": "2026-08-04T14:56:49.277302595-07:00", "size": 98_000_000,
            "digest": DIGEST if name == MODEL else hashlib.sha256(name.encode()).hexdigest(), "details": details}  # fmt: skip


def tagged(name: str) -> str:
    """Return a name as the real server writes it among its running models."""
    return name if ":" in name else f"{name}:latest"


def _running(replay: OllamaReplay, name: str) -> dict[str, Any]:
    room = min(int(replay.loaded[name].get("num_ctx", 4096)), replay.largest_context)
    told = {**_tag(name), "name": tagged(name), "model": tagged(name)}
    return {**told, "expires_at": CREATED, "size_vram": 0, "context_length": room}


def _shown(replay: OllamaReplay) -> dict[str, Any]:
    return {
        "modelfile": f'# Modelfile generated by "ollama show"\n\n{replay.modelfile}\nTEMPLATE """{TEMPLATE}"""\n',
        "template": TEMPLATE,
        "details": {**_tag(MODEL)["details"], "parent_model": ""},
        "model_info": {
            "general.architecture": replay.architecture,
            "general.file_type": 3,
            "general.parameter_count": 134_515_008,
            f"{replay.architecture}.context_length": 8192,
            f"{replay.architecture}.embedding_length": 64,
        },
        "capabilities": replay.capabilities,
        "license": "Apache License\nVersion 2.0, January 2004",
    }


def _pulled(replay: OllamaReplay, name: str) -> Iterator[dict[str, Any]]:
    if replay.fault == "no such model":
        yield {"error": "pull model manifest: file does not exist"}
        return
    total = 10**15 if replay.fault == "large" else 2_142_590
    yield {"status": "pulling manifest"}
    for part in range(1, 6):
        time.sleep(0.02)
        yield {
            "status": "pulling 00e1317cbf74",
            "digest": "sha256:00e1317cbf74",
            "total": total,
            "completed": total * part // 5,
        }
    replay.created.append(name)
    yield from ({"status": words} for words in ("verifying sha256 digest", "writing manifest", "success"))


def _made(replay: OllamaReplay, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"status": "reading model metadata"}
    missing = [digest for digest in (asked.get("adapters") or {}).values() if digest not in replay.blobs]
    if missing or asked.get("from") not in replay.names():
        yield {"error": "invalid adapter"}
        return
    replay.created.append(asked["model"])
    yield {"status": "writing manifest"}
    yield {"status": "success"}


def _answer(replay: OllamaReplay, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    options, name = asked.get("options") or {}, asked["model"]
    base = {"model": name, "created_at": CREATED}
    started = time.perf_counter_ns()
    reason, written = "stop", 0

    def piece(text: str, **more: Any) -> dict[str, Any]:
        return {**base, "message": {"role": "assistant", "content": text}, "done": False, **more}

    for word in replay.thinking.split():
        written += 1
        yield {**base, "message": {"role": "assistant", "content": "", "thinking": word + " "}, "done": False}
    for item in replay.scripted.generate(_request(asked)):
        if isinstance(item, Completion):
            reason = item.finish
            continue
        if not isinstance(item, TextPiece):
            continue
        labels = _labels(asked)
        if labels is None:
            written += 1
            yield piece(item.text)
            continue
        tuned = name != MODEL
        scores = {label: (5.0 if label == item.text else 1.0) + tuned for label in labels}
        total = sum(scores.values())
        top = [{"token": label, "logprob": math.log(score / total)} for label, score in scores.items()]
        begun = _likely(replay, "")[: int(asked.get("top_logprobs", 0))]
        told = [(text, [{"token": text, "logprob": -0.001, "top_logprobs": begun}]) for text in ('"', '"')]
        told.insert(
            1, (item.text, [{"token": item.text, "logprob": math.log(scores[item.text] / total), "top_logprobs": top}])
        )
        for text, logprobs in told[: int(options.get("num_predict", 128))]:
            written += 1
            listed = bool(asked.get("logprobs")) and replay.logprobs
            yield piece(
                json.dumps(text, ensure_ascii=False)[1:-1] if text == item.text else text,
                **({"logprobs": logprobs} if listed else {}),
            )
    evaluated = replay.count or tokens_of(asked["messages"])
    took = time.perf_counter_ns() - started
    yield {
        **base,
        "message": {"role": "assistant", "content": ""},
        "done_reason": reason,
        "done": True,
        "total_duration": took,
        "load_duration": 1_334_875,
        "prompt_eval_count": min(evaluated, replay.cut_to or evaluated, int(options.get("num_ctx", 4096))),
        "prompt_eval_duration": took // 4,
        "eval_count": written,
        "eval_duration": took // 2,
    }


def _listing(replay: OllamaReplay, asked: dict[str, Any], text: str) -> dict[str, Any]:
    """Return one token that follows a prompt and this text, with what is listed beside it."""
    top = _likely(replay, text)
    listed = {"logprobs": [{**top[0], "top_logprobs": top[: asked["top_logprobs"]]}]} if replay.logprobs else {}
    return {"model": asked["model"], "created_at": CREATED, "response": "The", **listed, "done": True,
            "done_reason": "length", "load_duration": 1_334_875, "prompt_eval_count": len(asked["prompt"]) // 4,
            "prompt_eval_duration": 1_000_000, "eval_count": 1}  # fmt: skip


def _likely(replay: OllamaReplay, text: str) -> list[dict[str, Any]]:
    return [{"token": token, "logprob": one} for token, one in [("The", -0.1), *replay.listed.get(text, [])]]


def _joined(pieces: list[dict[str, Any]]) -> dict[str, Any]:
    """Return an answer that is not streamed: all pieces in one."""
    listed = [one for piece in pieces for one in piece.get("logprobs", ())]
    said = {name: "".join(piece["message"].get(name, "") for piece in pieces) for name in ("content", "thinking")}
    message = {"role": "assistant", **{name: text for name, text in said.items() if text or name == "content"}}
    return {**pieces[-1], "message": message, **({"logprobs": listed} if listed else {})}


def _labels(asked: dict[str, Any]) -> tuple[str, ...] | None:
    form = asked.get("format")
    return tuple(form["enum"]) if isinstance(form, dict) and "enum" in form else None


def _request(asked: dict[str, Any]) -> GenerateRequest:
    options = asked.get("options") or {}
    labels, form = _labels(asked), asked.get("format")
    mode = DecodingMode.CHOICE if labels else DecodingMode.JSON if form else DecodingMode.FREE
    return GenerateRequest(
        messages=tuple(Message(role=one["role"], content=one.get("content", "")) for one in asked["messages"]),
        decoding=Decoding(
            mode=mode,
            labels=labels or (),
            json_schema=form if mode is DecodingMode.JSON else None,
            max_tokens=int(options.get("num_predict", 128)),
            stop=tuple(options.get("stop") or ()),
        ),
    )


def lora_file(folder: Path, key: str = "0123456789abcdef") -> Path:
    """Write something that stands for LoRA weights; the replay does not look inside."""
    path = folder / key / "lora.gguf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"GGUF stand-in")
    return path
