"""What a run from elsewhere may hold: a value that cannot be keeps it out. Pure functions.

A kept run is summed, drawn and exported for years; one infinite second would make all of it unreadable.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from engine.core.run.manifest import OLD_DIGEST, Manifest
from engine.core.run.prediction import COUNTS, Passage, Prediction, is_count, is_duration, is_probability, is_score

MOST_BYTES = 10**15
MOST_ATTEMPTS = 1_000
MOST_ROWS = 1_000_000
MOST_VARIANTS = 200
MOST_NUMBER = 1e15
"""Of any other number in a manifest."""
MOST_NAME = 300
"""Characters of an id."""
_NEVER_NEGATIVE = ("_s", "_usd", "_bytes", "_tokens")
"""How the names of such numbers in a manifest end."""
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_DIGEST = re.compile(rf"({re.escape(OLD_DIGEST)})?[0-9a-f]{{64}}")


def is_run_id(text: str) -> bool:
    """Tell whether a text can be a run's id: it names a file, so that it holds no path."""
    return _RUN_ID.fullmatch(text) is not None


def _is_passage(passage: Passage) -> bool:
    places = (passage.start, passage.end)
    return math.isfinite(passage.score) and all(place is None or 0 <= place <= MOST_BYTES for place in places)


def prediction_faults(made: Prediction) -> Iterator[str]:
    """Yield the fields of a prediction whose value cannot be, each with the value."""
    for name in COUNTS:
        if not is_count(count := getattr(made.usage, name)):
            yield f"its number of {name.replace('_', ' ')} is {_short(count)}"
    for item in fields(made.timing):
        seconds = getattr(made.timing, item.name)
        if seconds is not None and not is_duration(seconds):
            yield f"its time '{item.name}' is {_short(seconds)}"
    for name, share in made.probabilities.items():
        if not is_probability(share):
            yield f"the probability of '{name[:40]}' is {_short(share)}"
    for name, score in (("score", made.score), *made.scores.items()):
        if score is not None and not is_score(score):
            yield f"{name[:40]} is {_short(score)}"
    if not all(map(_is_passage, made.passages)):
        yield "a passage has an impossible number"
    if not 0 <= made.rss_bytes <= MOST_BYTES:
        yield f"its memory is {_short(made.rss_bytes)} bytes"
    if not 1 <= made.attempts <= MOST_ATTEMPTS:
        yield f"its number of attempts is {_short(made.attempts)}"


def manifest_fault(manifest: Manifest) -> str:
    """Say what in a manifest from elsewhere cannot be; empty if nothing is."""
    plan = manifest.plan
    variants = [variant.id for variant in plan.variants]
    positive = {
        "context_tokens": plan.context_tokens,
        "batch_rows": plan.batch_rows,
        "draws": plan.draws,
        "block_rows": manifest.block_rows,
        "cores": manifest.machine.cores,
    }
    checks = {
        f"'{plan.run_id[:80]}' is not a valid run id": not is_run_id(plan.run_id),
        f"'{manifest.parent_run}' is not a valid run id": not is_run_id(manifest.parent_run or plan.run_id),
        f"it has {len(variants)} variants": not 1 <= len(variants) <= MOST_VARIANTS,
        "a variant is in its plan twice": len(set(variants)) < len(variants),
        f"it has {len(plan.test_ids):,} test rows": not 1 <= len(plan.test_ids) <= MOST_ROWS,
        "a test row is in its plan twice": len(set(plan.test_ids)) < len(plan.test_ids),
        f"it has {len(plan.train_ids):,} training rows": len(plan.train_ids) > MOST_ROWS,
        f"its start is '{manifest.started_at[:40]}'": not _is_moment(manifest.started_at),
        f"the task's digest is '{manifest.task_digest[:80]}'": bool(manifest.task_digest)
        and not _DIGEST.fullmatch(manifest.task_digest),
        "a variant that left it is not in its plan": not set(manifest.out) <= set(variants),
        "an id is too long": any(len(name) > MOST_NAME for name in (*variants, *plan.test_ids, *plan.train_ids)),
        **{f"{name} is {_short(value)}": value < 1 for name, value in positive.items()},
    }
    found = next((what for what, wrong in checks.items() if wrong), "")
    return found or next(_bad_numbers(manifest.to_dict(), "its manifest"), "")


def _bad_numbers(value: Any, place: str) -> Iterator[str]:
    """Yield the numbers that are not finite or beyond all measure. What was checked by type is not nested deep."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _bad_numbers(item, str(key)[:40])
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _bad_numbers(item, place)
    elif isinstance(value, int | float):
        least = 0 if place.endswith(_NEVER_NEGATIVE) else -MOST_NUMBER
        if not (math.isfinite(value) and least <= value <= MOST_NUMBER):
            yield f"'{place}' is {_short(value)}"


def _is_moment(text: str) -> bool:
    try:
        return not text or datetime.fromisoformat(text) is not None
    except ValueError:
        return False


def _short(value: float | None) -> str:
    """Write a number that may be of any length."""
    if isinstance(value, int) and abs(value) >= 10**15:
        return "a number of more than 15 digits"
    return repr(value)
