"""The modes of an attacking OpenAI-compatible server: each a small function of a request."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

from tests.attack.servers_wire import ENDLESS_S, SOUND, Mode, Wire, piece
from tests.faulty_server import MODEL, USAGE

DEEP = 100_000
ELSEWHERE = "http://127.0.0.1:9/v1/chat/completions"


def refusal(status: int, message: Any = "no", **headers: str) -> Any:
    """Refuse with a status."""
    return lambda wire: wire.whole({"error": {"message": message}}, status, **headers)


def _logprob(value: str) -> Any:
    def play(wire: Wire) -> None:
        listed = (
            f'{{"content": [{{"token": "x", "logprob": {value}, "top_logprobs": [{{"token": "y", "logprob": 1}}]}}]}}'
        )
        wire.head()
        wire.event(
            json.dumps(piece({"content": '{"label": "billing"}'}, logprobs="LISTED")).replace('"LISTED"', listed)
        )
        wire.event(piece({}, finish="stop"))
        wire.done()

    return play


def _half(wire: Wire) -> None:
    wire.head()
    wire.event(piece({"content": "bill"}))
    wire.drop()


def _half_and_done(wire: Wire) -> None:
    wire.head()
    wire.event(piece({"content": "bill"}))
    wire.done()


def _bad_chunk(wire: Wire) -> None:
    wire.head()
    wire.event(piece({"content": "bill"}))
    wire.raw(b"zz\r\nwhat is this\r\n")
    wire.drop()


def _short_body(wire: Wire) -> None:
    wire.head(kind="application/json", chunked=False, Content_Length="5000")
    wire.raw(b'{"choices": [')
    wire.drop()


def _no_http(wire: Wire) -> None:
    wire.raw(b"GARBAGE \x00\xff\r\n\r\n")
    wire.drop()


def _one_event(text: str) -> Any:
    def play(wire: Wire) -> None:
        wire.head()
        wire.event(text)
        wire.done()

    return play


def _raw_body(data: bytes, kind: str = "text/event-stream", **headers: str) -> Any:
    return lambda wire: wire.whole(data, 200, kind, **headers)


def _as_one_body(wire: Wire) -> None:
    message = {"role": "assistant", "content": SOUND}
    wire.whole({"model": MODEL, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE})


def _several_data_lines(wire: Wire) -> None:
    wire.head()
    wire.chunk(b": a comment\nevent: message\ndata: " + json.dumps(piece({"content": SOUND}), indent=1)
               .encode().replace(b"\n", b"\ndata: ") + b"\n\n")  # fmt: skip
    wire.event(piece({}, finish="stop"))
    wire.done()


def _second_choice(wire: Wire) -> None:
    wire.head()
    wire.event(piece({"content": "WRONG"}, index=1))
    wire.event(piece({"content": SOUND}))
    wire.event({**piece({}), "choices": [{"index": 1, "delta": {"content": "WRONG"}, "finish_reason": "stop"}]})
    wire.event(piece({}, finish="stop"))
    wire.done()


def _only_second_choice(wire: Wire) -> None:
    wire.says("WRONG", index=1)


def _after_the_end(wire: Wire) -> None:
    wire.head()
    wire.event(piece({"content": SOUND}, finish="stop"))
    wire.event(piece({"content": "WRONG"}))
    wire.done()


def _header_drip(wire: Wire) -> None:
    until = time.monotonic() + ENDLESS_S
    wire.raw(b"HTTP/1.1 200 OK\r\n")
    while time.monotonic() < until:
        wire.raw(b"X-A: b\r\n")
        time.sleep(0.2)


def _stall(wire: Wire) -> None:
    wire.head()
    wire.event(piece({"content": "bill"}))
    time.sleep(3)
    wire.drop()


def _silence(wire: Wire) -> None:
    time.sleep(3)
    wire.drop()


def _drip(wire: Wire) -> None:
    wire.head()
    wire.for_ever(lambda _n: b"data: " + json.dumps(piece({"content": ""})).encode() + b"\n\n")


def _comments(wire: Wire) -> None:
    wire.head()
    wire.for_ever(lambda _n: b": still here\n\n", pause_s=0.01)


def _endless_line(wire: Wire) -> None:
    wire.head()
    wire.for_ever(lambda n: b"data: " if n == 0 else b"x" * 1_000_000, pause_s=0.0)


def _endless_words(wire: Wire) -> None:
    wire.head()
    data = b"data: " + json.dumps(piece({"content": "word " * 8})).encode() + b"\n\n"
    wire.for_ever(lambda _n: data, pause_s=0.0)


def _endless_error(wire: Wire) -> None:
    wire.head(400, "application/json")
    wire.for_ever(lambda _n: b'{"error": "' + b"x" * 1_000_000, pause_s=0.0)


def _big_header(wire: Wire) -> None:
    wire.whole({}, X_Large="x" * 300_000)


def _letters(wire: Wire) -> None:
    """Answer as servers do whose tokens are letters."""
    messages = wire.body.get("messages", [])
    text = "".join(f"<{one['role']}>{one['content']}<end>" for one in messages)
    if "template" in wire.path:
        wire.whole({"prompt": text})
    else:
        wire.whole({"tokens": [ord(letter) for letter in text or wire.body.get("content") or wire.body["prompt"]]})


def _wrong_chances(wire: Wire) -> None:
    if "completion" not in wire.path:
        _letters(wire)
        return
    listed = ", ".join(f'{{"id": {token}, "prob": 1e308}}' for token, _lift in wire.body.get("logit_bias", []))
    timings = '{"prompt_ms": NaN, "predicted_ms": -1e30, "cache_n": 1e30}'
    chances = f'[{{"top_probs": [{listed}, {{"id": NaN, "prob": -7}}, null]}}]'
    wire.whole(f'{{"completion_probabilities": {chances}, "timings": {timings}}}')


def many_models(*, key: bool = False, many: int = 0, deep: bool = False) -> Any:
    """List so many models, one of them with the key in its name, or nothing but brackets."""

    def play(wire: Wire) -> None:
        if deep:
            wire.whole('{"data": ' + "[" * DEEP + "]" * DEEP + "}")
        else:
            names = [f"m{n}" for n in range(many)] + ([f"model-{wire.key}"] if key else [])
            wire.whole(
                {"data": [{"id": MODEL, "owned_by": wire.key if key else "x"}, *({"id": name} for name in names)]}
            )

    return play


def _list_drip(wire: Wire) -> None:
    wire.head(kind="application/json")
    wire.for_ever(lambda _n: b" ")


def _usage(text: str) -> Any:
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    counts = ", ".join(f'"{name}": {text}' for name in names)
    counts = f'{{{counts}, "prompt_tokens_details": {{"cached_tokens": {text}}}}}'
    return lambda wire: wire.says(SOUND, usage=counts)


def _says(*deltas: Any, **more: Any) -> Any:
    return lambda wire: wire.says(*deltas, **more)


LETTERS = Mode(name="behaves", play=_letters, takes=("tokenize", "template"))
"""What a server with a tokenizer does when it behaves."""

OPENAI = (
    # status codes and redirects
    Mode(name="status 204", play=lambda wire: wire.head(204, chunked=False)),
    Mode(name="status 301", play=refusal(301, Location=ELSEWHERE)),
    Mode(name="status 307 to itself", play=refusal(307, Location="/v1/chat/completions")),
    Mode(name="status 300 without a place", play=refusal(300)),
    Mode(name="status 400", play=refusal(400)),
    Mode(name="status 401", play=refusal(401), ends="stopped"),
    Mode(name="status 403", play=refusal(403), ends="stopped"),
    Mode(name="status 404", play=refusal(404)),
    Mode(name="status 404, no model", play=refusal(404, "no such model"), ends="stopped"),
    Mode(name="status 418", play=refusal(418)),
    Mode(name="status 429", play=refusal(429)),
    Mode(name="status 429 for ever", play=refusal(429, Retry_After="1e9"), ends="stopped"),
    Mode(name="status 429, NaN seconds", play=refusal(429, Retry_After="nan")),
    Mode(name="status 429, negative", play=refusal(429, Retry_After="-1e300")),
    Mode(name="status 500", play=refusal(500)),
    Mode(name="status 503, a web page", play=lambda wire: wire.whole("<html>wait</html>", 503, "text/html")),
    Mode(name="status 599", play=refusal(599)),
    Mode(name="an error in place of an answer", play=lambda wire: wire.whole({"error": {"message": "no", "code": 7}})),
    Mode(name="an error in the stream", play=_one_event('{"error": {"message": "boom", "code": 500}}')),
    Mode(name="an error that is a number", play=_one_event('{"error": 5}')),
    # broken framing and half streams
    Mode(name="hangs up", play=lambda wire: wire.drop()),
    Mode(name="half an answer", play=_half),
    Mode(name="half an answer, then goodbye", play=_half_and_done),
    Mode(name="a chunk without a size", play=_bad_chunk),
    Mode(name="less than announced", play=_short_body),
    Mode(name="not HTTP", play=_no_http),
    Mode(name="not JSON", play=_one_event("{not json")),
    Mode(name="a web page", play=_raw_body(b"<!DOCTYPE html><html>Sign in</html>", "text/html")),
    Mode(name="nothing", play=_raw_body(b"")),
    Mode(name="bytes", play=_raw_body(b"\xff\xfe\x00data: \x80\x81\n\n")),
    Mode(name="a bomb of gzip", play=_raw_body(gzip.compress(b" " * 50_000_000), "application/json",
                                               Content_Encoding="gzip")),
    Mode(name="one body instead of a stream", play=_as_one_body, ends="answered"),
    Mode(name="an event over several lines", play=_several_data_lines, ends="answered"),
    Mode(name="line separators of Unicode", play=lambda wire: wire.whole(
        f'data: {{"choices": [{{"index": 0, "delta": {{"content": "{SOUND}\u2028\u0085"}}, "finish_reason": "stop"}}]}}\n\n',
        200, "text/event-stream"), ends="answered"),
    # deep nesting
    Mode(name="a chunk nested deep", play=_one_event("[" * DEEP + "]" * DEEP)),
    Mode(name="a field nested deep", play=_one_event('{"choices": ' + "[" * DEEP + "]" * DEEP + "}")),
    Mode(name="a body nested deep", play=_raw_body(b'{"a":' * DEEP, "application/json")),
    Mode(name="a body nested 100 deep", play=_one_event("[" * 100 + "]" * 100)),
    Mode(name="an error nested deep", play=lambda wire: wire.whole('{"error": ' + "[" * DEEP + "]" * DEEP + "}", 400)),
    Mode(name="a model list nested deep", play=many_models(deep=True), takes=("models",), ends="refused"),
    # numbers
    Mode(name="usage NaN", play=_usage("NaN"), ends="answered"),
    Mode(name="usage Infinity", play=_usage("Infinity"), ends="answered"),
    Mode(name="usage 1e999", play=_usage("1e999"), ends="answered"),
    Mode(name="usage negative", play=_usage("-5"), ends="answered"),
    Mode(name="usage 10**30", play=_usage("1" + "0" * 30), ends="answered"),
    Mode(name="usage of 5,000 digits", play=_usage("9" * 5000), ends="answered"),
    Mode(name="usage true", play=_usage("true"), ends="answered"),
    Mode(name="usage text", play=_usage('"many"'), ends="answered"),
    Mode(name="logprob 1000", play=_logprob("1000"), ends="answered", decoding="choice"),
    Mode(name="logprob NaN", play=_logprob("NaN"), ends="answered", decoding="choice"),
    Mode(name="logprob text", play=_logprob('"high"'), ends="answered", decoding="choice"),
    Mode(name="tokens that are none", play=lambda wire: wire.whole('{"tokens": [1e300, -1, null]}'),
         takes=("tokenize", "template"), owner="llamacpp", ends="stopped"),
    Mode(name="tokens as text", play=lambda wire: wire.whole({"tokens": "abc"}), takes=("tokenize",), owner="vllm",
         ends="stopped"),
    Mode(name="chances and timings that are none", play=_wrong_chances, takes=("tokenize", "template", "completion"),
         owner="llamacpp", decoding="choice", ends="answered"),
    # missing and wrong fields
    Mode(name="choices [null]", play=_one_event('{"choices": [null]}')),
    Mode(name="choices an object", play=_one_event('{"choices": {"0": 1}}')),
    Mode(name="no choices", play=_one_event('{"id": 1}')),
    Mode(name="a list", play=_one_event("[1, 2]")),
    Mode(name="null", play=_one_event("null")),
    Mode(name="a delta null", play=_says(None), ends="answered"),
    Mode(name="text that is a number", play=_says({"content": 42})),
    Mode(name="text that is a list", play=_says({"content": [["hello"], 42]})),
    Mode(name="text in parts", play=_says({"content": [{"type": "text", "text": "hello"}]}), ends="answered"),
    Mode(name="a part that is a number", play=_says({"content": [{"type": "text", "text": 42}]})),
    Mode(name="log-probabilities true", play=_says(SOUND, logprobs=True)),
    Mode(name="an end that is a number", play=_says(SOUND, finish=7), ends="answered"),
    Mode(name="an end that is a list", play=_says("", finish=[["x"]])),
    Mode(name="only a second choice", play=_only_second_choice),
    Mode(name="a second choice", play=_second_choice, ends="answered"),
    Mode(name="text after the end", play=_after_the_end, ends="answered"),
    Mode(name="half a letter", play=_says(SOUND, "\ud83d", " x"), ends="answered"),
    Mode(name="a letter in two pieces", play=_says(SOUND, "\ud83d", "\ude00"), ends="answered"),
    Mode(name="control characters", play=_says(SOUND, "\x1b[2J\x00\u202e"), ends="answered"),
    # timing
    Mode(name="silence", play=_silence, brief=True),
    Mode(name="headers drip", play=_header_drip, brief=True),
    Mode(name="a stall", play=_stall, brief=True),
    Mode(name="a drip", play=_drip, brief=True),
    Mode(name="comments for ever", play=_comments, brief=True),
    Mode(name="a model list drips", play=_list_drip, takes=("models",), ends="refused"),
    # size
    Mode(name="an endless line", play=_endless_line),
    Mode(name="endless words", play=_endless_words),
    Mode(name="an endless error", play=_endless_error),
    Mode(name="a header of 300 kB", play=_big_header),
    Mode(name="a choice of 50,000", play=_one_event(json.dumps(
        {"choices": [None, 7, *({"index": n} for n in range(1, 50_000))]}))),
    Mode(name="20,000 models", play=many_models(many=20_000), takes=("models",), ends="refused"),
)  # fmt: skip
