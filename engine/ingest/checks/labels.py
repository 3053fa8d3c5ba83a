"""Checks of targets: blanks around them, forms of one label, labels on few rows."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from engine.core.text.ordering import alphabetical
from engine.ingest.checks.duplicates import folded
from engine.ingest.checks.work import SAMPLES, Work
from engine.ingest.data_card import Fix

RARE_ROWS = 4
"""A label on fewer rows than this has too few for both training and test."""


def check_spaces(work: Work) -> None:
    """Note blanks around targets."""
    odd = [row for row in work.rows if row.target != row.target.strip()]
    chosen = work.note(
        "spaces",
        "Spaces around the target",
        "Blanks or line breaks before or after the right answer; unless they are removed, they count as part of it.",
        [row.line for row in odd],
        (Fix.TRIM, Fix.KEEP),
        [repr(row.target) for row in odd[:SAMPLES]],
    )
    if odd and chosen is Fix.TRIM:
        work.rows = [row._replace(target=row.target.strip()) for row in work.rows]


def check_label_forms(work: Work) -> None:
    """Note labels that differ only in case, blanks, hyphens, or in how letters that look alike are stored."""
    counts = Counter(row.target for row in work.rows)
    forms: dict[str, list[str]] = {}
    for label, _ in counts.most_common():
        forms.setdefault(_form(label), []).append(label)
    first = {label: labels[0] for labels in forms.values() if len(labels) > 1 for label in labels[1:]}
    lines = [row.line for row in work.rows if row.target in first]
    chosen = work.note(
        "label_forms",
        "Labels that differ only in case, spaces, hyphens or hidden characters",
        "They count as different labels. Merging gives each its most frequent form.",
        lines,
        (Fix.KEEP, Fix.MERGE),
        [_told_apart(other, label) for other, label in first.items()],
    )
    if first and chosen is Fix.MERGE:
        work.rows = [row._replace(target=first.get(row.target, row.target)) for row in work.rows]


def _form(label: str) -> str:
    """Return a label as it is seen; between words `-` and `_` are blanks, as where answers are read."""
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", label) if unicodedata.category(sign) != "Cf")
    return re.sub(r"(?<=\w)[\s_-]+(?=\w)", " ", folded(seen))


def _told_apart(one: str, other: str) -> str:
    """Quote two labels; where they look the same, with the codes of their letters."""
    look_alike = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    return f"{one!a} and {other!a}" if look_alike else f"{one!r} and {other!r}"


def check_rare_labels(work: Work) -> None:
    """Note labels on few rows."""
    counts = Counter(row.target for row in work.rows)
    rare = {label for label, count in counts.items() if count < RARE_ROWS}
    lines = [row.line for row in work.rows if row.target in rare]
    chosen = work.note(
        "rare_labels",
        f"Labels on fewer than {RARE_ROWS} rows",
        "Too few to learn from and to be tested on.",
        lines,
        (Fix.KEEP, Fix.DROP),
        [f"{label}: {counts[label]}" for label in alphabetical(rare)],
    )
    if chosen is Fix.DROP:
        work.drop(lines)
