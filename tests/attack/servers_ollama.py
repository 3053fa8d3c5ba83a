"""The modes of an attacking Ollama server: each a small function of a request."""

from __future__ import annotations

import json
from typing import Any

from tests.attack.servers_wire import SOUND, Mode, Wire

DEEP = 100_000


def _refusal(status: int, **headers: str) -> Any:
    return lambda wire: wire.whole({"error": "no"}, status, **headers)


def _lines(*lines: Any) -> Any:
    def play(wire: Wire) -> None:
        wire.head(kind="application/x-ndjson")
        for line in lines:
            wire.line(line)
        wire.chunk(b"")

    return play


def _half(wire: Wire) -> None:
    wire.head(kind="application/x-ndjson")
    wire.line({"message": {"content": "bill"}, "done": False})
    wire.drop()


def _drip(wire: Wire) -> None:
    wire.head(kind="application/x-ndjson")
    wire.for_ever(lambda _n: json.dumps({"message": {"content": ""}, "done": False}).encode() + b"\n")


def _endless(wire: Wire) -> None:
    wire.head(kind="application/x-ndjson")
    data = json.dumps({"message": {"content": "word " * 8}, "done": False}).encode() + b"\n"
    wire.for_ever(lambda _n: data, pause_s=0.0)


def _endless_line(wire: Wire) -> None:
    wire.head(kind="application/x-ndjson")
    wire.for_ever(lambda _n: b"x" * 1_000_000, pause_s=0.0)


def _counts(text: str) -> Any:
    names = ("eval_count", "prompt_eval_count", "load_duration", "eval_duration", "prompt_eval_duration")
    counts = ", ".join(f'"{name}": {text}' for name in names)
    last = f'{{"message": {{"content": ""}}, "done": true, {counts}}}'
    return _lines({"message": {"content": SOUND}, "done": False}, last)


def _after_the_end(wire: Wire) -> None:
    _lines({"message": {"content": SOUND}, "done": True}, {"message": {"content": "WRONG"}, "done": False})(wire)


def _key_in_pieces(wire: Wire) -> None:
    wire.tells("your key is ", *wire.key)


def _another(wire: Wire) -> None:
    wire.tells(SOUND, model="smollm2:135m" if wire.number < 3 else "another:1b")


def _listed(value: Any) -> Any:
    return lambda wire: wire.whole(value)


def at(name: str, play: Any, **more: Any) -> Mode:
    """Name a mode of Ollama."""
    return Mode(name=f"ollama: {name}", play=play, ollama=True, **more)


OLLAMA = (
    at("status 302", _refusal(302, Location="http://127.0.0.1:9/api/chat")),
    at("status 400", _refusal(400)),
    at("status 401", _refusal(401), ends="stopped"),
    at("status 404", _refusal(404)),
    at("status 500", _refusal(500)),
    at("status 503", _refusal(503)),
    at("hangs up", lambda wire: wire.drop()),
    at("half an answer", _half),
    at("not JSON", _lines("this is no JSON")),
    at("nothing", _lines()),
    at("a line nested deep", _lines("[" * DEEP + "]" * DEEP)),
    at("an error nested deep", lambda wire: wire.whole('{"error": ' + "[" * DEEP, 500)),
    at("counts NaN", _counts("NaN"), ends="answered"),
    at("counts Infinity", _counts("-Infinity"), ends="answered"),
    at("counts negative", _counts("-7"), ends="answered"),
    at("counts 10**30", _counts("1" + "0" * 30), ends="answered"),
    at("counts of 5,000 digits", _counts("9" * 5000), ends="answered"),
    at("no message", _lines({"done": False}, {"done": True}), ends="answered"),
    at("a message null", _lines({"message": None, "done": True}), ends="answered"),
    at("text that is a number", _lines({"message": {"content": 5}, "done": True})),
    at("done that is text", _lines({"message": {"content": SOUND}, "done": "yes"})),
    at("half a letter", lambda wire: wire.tells(SOUND, "\ud83d", "x"), ends="answered"),
    at("text after the end", _after_the_end, ends="answered"),
    at("a drip", _drip, brief=True),
    at("endless words", _endless),
    at("an endless line", _endless_line),
    at("key in the answer", lambda wire: wire.tells(f"it is {wire.key}"), ends="answered"),
    at("key in pieces", _key_in_pieces, ends="answered"),
    at("key in an error", lambda wire: wire.whole({"error": f"bad {wire.key}"}, 400)),
    at("another model", _another, ends="changed"),
    at("a version of 5,000 digits", _listed({"version": "9" * 5000}), takes=("version",), ends="answered"),
    at("a version that is a list", _listed({"version": [1]}), takes=("version",), ends="refused"),
    at("a list nested deep", lambda wire: wire.whole('{"models": ' + "[" * DEEP), takes=("tags",), ends="refused"),
    at("a list that is none", _listed({"models": "none"}), takes=("tags",), ends="refused"),
    at("models that are none", _listed({"models": [None, 7, {"model": 5}]}), takes=("tags",), ends="refused"),
    at("facts that are none", _listed({"model_info": 7, "capabilities": {"a": 1}}), takes=("show",), ends="refused"),
    at("numbers of a model", lambda wire: wire.whole(
        '{"model_info": {"general.architecture": "llama", "llama.context_length": 1e99, '
        '"general.parameter_count": -1}, "capabilities": ["completion", 7]}'), takes=("show",), ends="answered"),
    at("memory that is none", _listed({"models": [{"name": "smollm2:135m", "size": -1, "context_length": "x"}, 3]}),
       takes=("ps",), ends="answered"),
    at("loading that is none", _listed("[]"), takes=("generate",), ends="stopped"),
)  # fmt: skip
