"""Which values a run may hold. What comes from elsewhere must be within them; what was kept before is set right.

A kept run is summed, drawn and exported for years: one token count of 10**30, one infinite second or half a character
would make all of it unreadable. Pure functions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from engine.core.run.manifest import OLD_DIGEST, Manifest
from engine.core.run.prediction import Failure, FailureKind, Prediction, Timing, Usage

MOST_SECONDS = 1e7
"""Of one answer or one preparation: 115 days."""
MOST_TOKENS = 10**9
MOST_BYTES = 10**15
MOST_ATTEMPTS = 1_000
MOST_ROWS = 1_000_000
MOST_VARIANTS = 200
MOST_NUMBER = 1e15
"""Of any other number in a manifest."""
MOST_NAME = 300
"""Characters of an id."""
ROUNDING = 1e-6
"""Probabilities are sums of floating-point numbers."""
_NEVER_NEGATIVE = ("_s", "_usd", "_bytes", "_tokens")
"""How the names of such numbers in a manifest end."""
_COUNTS = ("prompt_tokens", "cached_prompt_tokens", "completion_tokens", "thinking_tokens")
_SECONDS = tuple(item.name for item in fields(Timing))
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_DIGEST = re.compile(rf"({re.escape(OLD_DIGEST)})?[0-9a-f]{{64}}")


def is_run_id(text: str) -> bool:
    """Tell whether a text can be a run's id: it names a file, so that it holds no path."""
    return _RUN_ID.fullmatch(text) is not None


def _within(value: float | None, most: float, least: float = 0.0) -> bool:
    return value is None or (math.isfinite(value) and least <= value <= most)


def prediction_faults(made: Prediction) -> Iterator[str]:
    """Yield the fields of a prediction whose value cannot be, each with the value."""
    usage, timing = made.usage, made.timing
    for name in _COUNTS:
        if not 0 <= getattr(usage, name) <= MOST_TOKENS:
            yield f"usage.{name} is {_short(getattr(usage, name))}"
    for name in _SECONDS:
        if not _within(getattr(timing, name), MOST_SECONDS):
            yield f"timing.{name} is {_short(getattr(timing, name))}"
    for name, share in made.probabilities.items():
        if not _within(share, 1.0 + ROUNDING):
            yield f"the probability of '{name[:40]}' is {_short(share)}"
    for name, score in (("score", made.score), *made.scores.items()):
        if not _within(score, 1.0):
            yield f"{name[:40]} is {_short(score)}"
    if not all(_passage_is_sound(passage) for passage in made.passages):
        yield "a passage has an impossible number"
    if not 0 <= made.rss_bytes <= MOST_BYTES:
        yield f"rss_bytes is {_short(made.rss_bytes)}"
    if not 1 <= made.attempts <= MOST_ATTEMPTS:
        yield f"attempts is {_short(made.attempts)}"


def _passage_is_sound(passage: Any) -> bool:
    places = (passage.start, passage.end)
    return math.isfinite(passage.score) and all(place is None or 0 <= place <= MOST_BYTES for place in places)


def sound(made: Prediction) -> Prediction:
    """Return a prediction with impossible values set right, as unmeasured.

    Tokens become an estimate of 0, seconds and probabilities are unknown, and a row whose score is no score has failed.
    """
    if next(prediction_faults(made), None) is None:
        return made
    counts = {name: getattr(made.usage, name) for name in _COUNTS}
    good = {name: count for name, count in counts.items() if 0 <= count <= MOST_TOKENS}
    usage = made.usage if good == counts else Usage(**good, estimated=True)
    timing = Timing(**{name: found for name in _SECONDS if _within(found := getattr(made.timing, name), MOST_SECONDS)})
    scores = {name: score for name, score in made.scores.items() if _within(score, 1.0)}
    lost = scores != made.scores or not _within(made.score, 1.0)
    chances = made.probabilities
    return replace(
        made,
        usage=usage,
        timing=timing,
        probabilities=chances if all(_within(share, 1.0 + ROUNDING) for share in chances.values()) else {},
        score=None if lost else made.score,
        answer=None if lost else made.answer,
        scores={} if lost else made.scores,
        failure=Failure(kind=FailureKind.BACKEND, message="The kept score is not a number from 0 to 1.")
        if lost
        else made.failure,
        passages=tuple(passage for passage in made.passages if _passage_is_sound(passage)),
        rss_bytes=made.rss_bytes if 0 <= made.rss_bytes <= MOST_BYTES else 0,
        attempts=min(max(made.attempts, 1), MOST_ATTEMPTS),
    )


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
