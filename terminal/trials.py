"""What `--trials` says: how many settings a search tries, of how many folds, and which ones it passes over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.errors import UsageError
from engine.running.defaults import technique_from_name
from engine.running.planning import ALL_TECHNIQUES

_GIVEN = re.compile(r"(?P<count>\d{1,6})(x(?P<folds>\d))?(?P<passed>(-\d{1,4}(\.\.\d{1,4})?)*)", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trials:
    """Trials by technique or variant."""

    counts: Mapping[str, int]
    folds: Mapping[str, int]
    """Where they are not all."""
    passed: Mapping[str, tuple[int, ...]]
    """Numbers of the settings that are passed over."""


def trials_of(text: str) -> Trials:
    """Read '12', 'few-shot=12,lora=3', 'few-shot=12x2' (trials of two folds each) or 'few-shot=12-3-7..9'.

    The last has the settings 3 and 7 to 9 passed over, counted from 0, which is the default's.

    Raises:
        UsageError: it is none of these, or names one twice.
    """
    counts: dict[str, int] = {}
    folds: dict[str, int] = {}
    passed: dict[str, tuple[int, ...]] = {}
    for part in text.split(","):
        name, _, numbers = part.rpartition("=")
        given = _GIVEN.fullmatch(numbers.strip())
        if given is None:
            raise UsageError(f"--trials got '{part.strip()}'.", "Write a number, or TECHNIQUE=NUMBER,… .")
        technique, at, embedder = name.partition("@")
        key = f"{technique_from_name(technique)}{at}{embedder}" if name else ALL_TECHNIQUES
        if key in counts:
            raise UsageError(f"--trials names '{name or 'all'}' twice.", "Name each once.")
        counts[key] = int(given["count"])
        if given["folds"] is not None:
            folds[key] = int(given["folds"])
        if given["passed"]:
            passed[key] = tuple(number for part in given["passed"].split("-")[1:] for number in _numbers(part))
    return Trials(counts=counts, folds=folds, passed=passed)


def _numbers(part: str) -> range:
    first, _, last = part.partition("..")
    return range(int(first), int(last or first) + 1)
