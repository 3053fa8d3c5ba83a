"""The modes of a server that repeats what it was sent, or becomes another one in the midst of a run."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

from tests.attack.servers_openai import many_models
from tests.attack.servers_wire import SOUND, Mode, Wire


def _new_model(wire: Wire) -> None:
    wire.says(SOUND, **({} if wire.number < 3 else {"model": "another-model"}))


def _new_version(wire: Wire) -> None:
    wire.says(SOUND, system_fingerprint="fp_1" if wire.number < 3 else "fp_2")


def _in_pieces(wire: Wire) -> None:
    wire.says("your key is ", *wire.key, " is it not")


def _in_thinking(wire: Wire) -> None:
    half = len(wire.key) // 2
    wire.says({"reasoning_content": f"key {wire.key[:half]}"}, {"reasoning_content": wire.key[half:]}, SOUND)


def _echo(form: Any, **more: Any) -> Any:
    return lambda wire: wire.says(f"the key is {form(wire.key)}.", **more)


ECHOES = (
    # the key and the prompt, repeated
    Mode(name="key in the answer", play=_echo(str), ends="answered"),
    Mode(name="key in pieces", play=_in_pieces, ends="answered"),
    Mode(name="key in base64", play=_echo(lambda key: base64.b64encode(f"Bearer {key}".encode()).decode()),
         ends="answered"),
    Mode(name="key in hexadecimal", play=_echo(lambda key: key.encode().hex()), ends="answered"),
    Mode(name="key in percent form", play=_echo(lambda key: quote(key, safe="")), ends="answered"),
    Mode(name="key in thinking", play=_in_thinking, ends="answered"),
    Mode(name="key in a refusal", play=lambda wire: wire.says({"refusal": f"not with {wire.key}"})),
    Mode(name="key as the end", play=lambda wire: wire.says("", finish=wire.key)),
    Mode(name="key as the content type", play=lambda wire: wire.whole("x", 200, f"text/{wire.key}")),
    Mode(name="key in an error", play=lambda wire: wire.whole({"error": {"message": f"bad {wire.key}",
                                                                        "code": wire.key}}, 400)),
    Mode(name="key in a web page", play=lambda wire: wire.whole(f"bad {wire.key}", 500, "text/plain")),
    Mode(name="key in a model's name", play=many_models(key=True), takes=("models",), ends="answered"),
    Mode(name="key as the version", play=lambda wire: wire.says(SOUND, system_fingerprint=wire.key), ends="answered"),
    Mode(name="key as a name of a field", play=lambda wire: wire.says(SOUND, usage={wire.key: 1}), ends="answered"),
    Mode(name="prompt repeated", play=lambda wire: wire.says(json.dumps(wire.body["messages"])[:200]), ends="answered"),
    # a changed identity
    Mode(name="another model", play=_new_model, ends="changed"),
    Mode(name="another version", play=_new_version, ends="changed"),
)  # fmt: skip
