"""What must hold after any attack of a server: the run is readable, its numbers can be summed, no key is anywhere."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import polars as pl

from engine.core.run.prediction import FailureKind, Prediction

KEY = "PLANTED/9aF+3zQ.7mX~eW2k"
"""Of no provider's form, so that only this very key can be found; with letters that the forms of it write otherwise."""


def key_forms() -> list[bytes]:
    """Return the key as it may be repeated."""
    forms = {KEY, quote(KEY, safe=""), json.dumps(KEY)[1:-1], KEY.encode().hex(), KEY[2:-2]}
    forms |= {base64.b64encode(before + KEY.encode()).decode()[4:-4] for before in (b"", b"a", b"ab")}
    return [form.encode() for form in forms]


def found_key(folders: Iterable[Path], *texts: str) -> list[str]:
    """Return where the key is: files, in Parquet within the packed columns, or `words`."""
    found = [path.name for folder in folders for path in folder.rglob("*") if path.is_file() and _has_key(path)]
    return found + ["words" for text in texts if any(form in text.encode() for form in key_forms())]


def _has_key(path: Path) -> bool:
    data = path.read_bytes()
    if path.suffix == ".parquet":
        data += pl.read_parquet(path).write_json().encode()
    return any(form in data for form in key_forms())


def sound(made: Prediction) -> bool:
    """Tell whether a prediction is clean: an answer or a failure with its reason, of numbers that can be summed."""
    usage, timing = made.usage, made.timing
    counts = (usage.prompt_tokens, usage.cached_prompt_tokens, usage.completion_tokens, usage.thinking_tokens)
    seconds = (timing.total_s or 0.0, timing.ttft_s or 0.0, timing.prefill_s or 0.0, timing.decode_s or 0.0)
    numbers = (*seconds, timing.load_s, timing.waited_s, *made.probabilities.values())
    (made.text + made.thinking + made.identity).encode()  # raises where half a letter was kept
    return (
        all(0 <= count < 10**7 for count in counts)
        and all(math.isfinite(number) and number >= 0 for number in numbers)
        and (made.failure is None or bool(made.failure.message))
    )


def ending(rows: list[Prediction], status: str, planned: int) -> str:
    """Return how a run ended, in the words of `Mode.ends`."""
    if len(rows) < planned:
        return "stopped" if status == "failed" else status
    unanswered = [made for made in rows if made.failure and made.failure.kind is not FailureKind.UNPARSED]
    if not unanswered:
        return "answered"
    return "failed" if len(unanswered) == planned and status == "failed" else "partly"
