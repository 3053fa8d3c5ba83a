"""Checks of rows against each other: duplicates, and the same input with different targets."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

from engine.core.text.ordering import alphabetical
from engine.ingest.checks.work import SAMPLES, Work
from engine.ingest.data_card import Fix, Row


def folded(text: str) -> str:
    """Return a text without case and outer or repeated blanks, its letters in one of the ways of storing them."""
    return " ".join(unicodedata.normalize("NFC", text.casefold()).split())


def check_duplicates(work: Work) -> None:
    """Note rows with the same input, except for case and blanks: with the same target, or with different ones."""
    groups = _same_inputs(work.rows)
    later = []
    conflicts: list[list[Row]] = []
    for group in groups:
        seen: set[str] = set()
        for row in group:
            target = unicodedata.normalize("NFC", row.target)
            if target in seen:
                later.append(row)
            seen.add(target)
        if len(seen) > 1:
            conflicts.append(group)
    chosen = work.note(
        "duplicates",
        "Duplicate rows",
        "The same input and target as an earlier row, except for case and blanks. Merging keeps the first one.",
        sorted(row.line for row in later),
        (Fix.KEEP, Fix.MERGE),
        [row.input for row in later],
    )
    merged = chosen is Fix.MERGE
    chosen = work.note(
        "conflicts",
        "The same input with different targets",
        "No variant can be right on all of them. Merging gives all of them the most frequent target.",
        sorted(row.line for group in conflicts for row in group),
        (Fix.KEEP, Fix.DROP, Fix.MERGE),
        [
            f"{group[0].input} → {', '.join(alphabetical({row.target for row in group}))}"
            for group in conflicts[:SAMPLES]
        ],
    )
    if merged:
        work.drop([row.line for row in later])
    if chosen is Fix.DROP:
        work.drop([row.line for group in conflicts for row in group])
    elif chosen is Fix.MERGE and conflicts:
        targets: dict[int, str] = {}
        for group in conflicts:
            common = Counter(row.target for row in group).most_common(1)[0][0]
            targets.update({row.line: common for row in group})
        work.rows = [row._replace(target=targets.get(row.line, row.target)) for row in work.rows]


def _same_inputs(rows: Sequence[Row]) -> list[list[Row]]:
    """Group rows whose folded inputs are equal; groups of one are left out. Hashes keep the memory small."""
    by_hash: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        by_hash.setdefault(hash(folded(row.input)), []).append(index)
    groups: list[list[Row]] = []
    for indexes in by_hash.values():
        if len(indexes) > 1:
            equal: dict[str, list[Row]] = {}
            for index in indexes:
                equal.setdefault(folded(rows[index].input), []).append(rows[index])
            groups += [group for group in equal.values() if len(group) > 1]
    return groups
