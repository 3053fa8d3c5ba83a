"""Checks of what the texts contain: invisible characters, possible personal data."""

from __future__ import annotations

import re
from collections import Counter

from engine.ingest.checks.personal_data import KINDS, find_personal, mask_personal
from engine.ingest.checks.work import SAMPLES, Work
from engine.ingest.data_card import Fix
from engine.metrics import wording as say

_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def check_odd_characters(work: Work) -> None:
    """Note control and direction characters."""
    odd = [row for row in work.rows if _ODD.search(row.input) or _ODD.search(row.target)]
    lines = [row.line for row in odd]
    chosen = work.note(
        "odd_characters",
        "Control or direction characters",
        "Invisible characters, such as terminal codes or marks that change the direction of text. They are "
        "harmless here: every screen and export shows them as text.",
        lines,
        (Fix.KEEP, Fix.DROP),
        [row.input for row in odd[:SAMPLES]],
    )
    if chosen is Fix.DROP:
        work.drop(lines)


def check_personal(work: Work) -> None:
    """Note what looks like personal data in what a task would keep of a row."""
    counts: Counter[str] = Counter()
    lines: list[int] = []
    samples: list[str] = []
    beside = [work.table.column(name) for name in work.roles.beside]
    ids = work.table.column(work.roles.id) if work.roles.id is not None else None
    for row in work.rows:
        texts = [row.input, row.target, *(str(column[row.place]) for column in beside)]
        found = [(text, item) for text in texts for item in find_personal(text)]
        if ids is not None:
            found += [(str(ids[row.place]), item) for item in find_personal(str(ids[row.place]), is_id=True)]
        if found:
            lines.append(row.line)
            counts.update({item.kind for _, item in found})
            if len(samples) < SAMPLES:
                samples.append(", ".join(text[item.start : item.end] for text, item in found[:3]))
    kinds = ", ".join(f"{KINDS[kind]} in {say.counted(count, 'row')}" for kind, count in counts.most_common())
    chosen = work.note(
        "personal",
        "Possible personal data",
        f"{kinds}. Nothing has been stored yet. Masking replaces each with a word in brackets.",
        lines,
        (Fix.KEEP, Fix.MASK, Fix.DROP),
        samples,
    )
    if chosen is Fix.DROP:
        work.drop(lines)
    elif chosen is Fix.MASK and lines:
        odd = set(lines)
        work.rows = [
            row._replace(input=mask_personal(row.input), target=mask_personal(row.target)) if row.line in odd else row
            for row in work.rows
        ]
