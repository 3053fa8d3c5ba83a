"""Labels as servers write them, and their probabilities from the log-probabilities sent along. Pure functions.

A server that restricts its answer to the labels reports, at each token, what else the model might have written. What
could only have become one label is that label's share; what could have become several is theirs together. This is a
reading of what was sent: tokens beyond the few that are listed count as nothing, and a label may be reached by several
splits of its letters.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LONGEST_TOKEN_CHARACTERS = 32
"""Hardly any token of a vocabulary is longer, so that so many characters are one token at least."""
_BEFORE_LABEL = re.compile(r'\s*(?:\{\s*"label"\s*:\s*)?"')


def label_schema(labels: Sequence[str]) -> dict[str, object]:
    """Return the JSON schema of an object that names one label."""
    return {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": list(labels)}},
        "required": ["label"],
        "additionalProperties": False,
    }


def written_label(text: str, labels: Sequence[str]) -> str:
    """Return the label that was written, bare, as a JSON string or in its JSON object; any other text as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    named = value.get("label") if isinstance(value, dict) else value
    if isinstance(named, str) and named in labels:
        return named
    return text.strip() if text.strip() in labels else text


def still_possible(text: str, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels that the beginning of a JSON string, or of a bare label, can still become."""
    written = text.lstrip()
    begun = written.removeprefix('"')
    quoted = begun != written
    forms = {label: json.dumps(label, ensure_ascii=False)[1:] if quoted else label for label in labels}
    return tuple(label for label in labels if begun and forms[label].startswith(begun))


@dataclass(frozen=True, slots=True)
class Step:
    """One token of an answer with its alternatives: texts and natural log-probabilities."""

    token: str
    logprob: float
    others: tuple[tuple[str, float], ...] = ()


def label_probabilities(labels: Sequence[str], steps: Sequence[Step], *, answer: str | None = None) -> dict[str, float]:
    """Return the probability of each label that something listed can only have become; empty when nothing says so.

    What is missing from 1 belongs to the other labels together. Where no label was written, none has a probability:
    what was listed beside it says nothing about which one would have been.

    Args:
        labels: to choose from.
        steps: the tokens as they were written.
        answer: what was written as the answer, where the tokens can be of something else, as thinking is.
    """
    if not steps:
        return {}
    text = "".join(step.token for step in steps)
    opening = _BEFORE_LABEL.match(text)
    start = opening.end() if opening else len(text) - len(text.lstrip())
    closing = '"' if opening else ""
    forms = {label: (json.dumps(label, ensure_ascii=False)[1:-1] if opening else label) + closing for label in labels}
    found: list[tuple[list[str], float]] = []
    alive, path, before, after = list(labels), 1.0, "", ""
    for step in steps:
        after = before + step.token
        if len(after) > start:
            found += [
                (_fitting(forms, alive, text[:start], before + token), path * math.exp(logprob))
                for token, logprob in step.others
                if token != step.token
            ]
            alive = _fitting(forms, alive, text[:start], after)
            path *= math.exp(step.logprob)
            if len(alive) < 2:
                break
        before = after
    if not alive or (answer is not None and not answer.lstrip().startswith(after.strip())):
        return {}
    found.append((alive, path))
    total = sum(amount for fitting, amount in found if fitting)
    own: dict[str, float] = {}
    for fitting, amount in found:
        if len(fitting) == 1:
            own[fitting[0]] = own.get(fitting[0], 0.0) + amount
    return {label: own[label] / total for label in labels if label in own} if total > 0 else {}


def _fitting(forms: Mapping[str, str], labels: Sequence[str], opening: str, text: str) -> list[str]:
    """Return the labels that a text written so far can still become, or has become."""
    if not text.startswith(opening) or len(text) <= len(opening):
        return []
    written = text[len(opening) :]
    return [
        label
        for label in labels
        if forms[label].startswith(written)
        or (opening and written.startswith(forms[label]))
        or written.rstrip() == forms[label]
    ]
