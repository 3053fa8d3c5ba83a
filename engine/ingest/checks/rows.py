"""Checks of whole rows: too few cells, nothing to learn from, too long, ids that occur twice."""

from __future__ import annotations

from engine.core.task import AnswerKind
from engine.ingest.answer_kind import as_record
from engine.ingest.checks.work import SAMPLES, Work
from engine.ingest.data_card import Fix


def check_ragged(work: Work) -> None:
    """Note rows with a different number of columns than the header; they are not in any column."""
    ragged = work.table.ragged
    work.note(
        "ragged",
        "Wrong number of columns",
        f"The header has {len(work.table.header)} cells and these rows have more or fewer; no column includes them.",
        [row.line for row in ragged],
        (Fix.DROP,),
        [f"{row.cells} cells: {row.start}" for row in ragged[:SAMPLES]],
    )


def check_unusable(work: Work) -> None:
    """Note rows that cannot become an example."""
    for name, title, rows in (
        ("empty_input", "Empty input", [row for row in work.rows if not row.input.strip()]),
        ("empty_target", "Empty target", [row for row in work.rows if not row.target.strip() and row.input.strip()]),
    ):
        lines = [row.line for row in rows]
        work.note(
            name, title, "An example needs both an input and a right answer.", lines, (Fix.DROP,),
            [row.input or row.target for row in rows[:SAMPLES]],
        )  # fmt: skip
        work.drop(lines)
    if work.kind is AnswerKind.JSON:
        bad = [row for row in work.rows if as_record(row.target) is None]
        lines = [row.line for row in bad]
        work.note(
            "no_record", "Target is not a JSON object", "Extraction is scored field by field.", lines, (Fix.DROP,),
            [row.target for row in bad[:SAMPLES]],
        )  # fmt: skip
        work.drop(lines)


def check_too_long(work: Work) -> None:
    """Note rows that do not fit into the model's context."""
    rows = [row for row in work.rows if row.place in work.too_long]
    lines = [row.line for row in rows]
    chosen = work.note(
        "too_long",
        "Longer than the model's context",
        "With the instructions these rows do not fit; each would be a failure of every variant that generates.",
        lines,
        (Fix.KEEP, Fix.DROP),
        [f"{len(row.input):,} characters: {row.input[:80]}" for row in rows[:SAMPLES]],
    )
    if chosen is Fix.DROP:
        work.drop(lines)


def check_ids(work: Work) -> None:
    """Note ids that are empty or occur twice."""
    if work.roles.id is None:
        return
    column = work.table.column(work.roles.id)
    seen: set[str] = set()
    lines: list[int] = []
    for row in work.rows:
        name = str(column[row.place])
        if name in seen or not name.strip():
            lines.append(row.line)
        seen.add(name)
    work.note(
        "ids",
        "Ids that are empty or occur twice",
        "Each row needs an id of its own: these get their line number added.",
        lines,
        (Fix.RENAME,),
    )
