"""From an examined table to a task, with a record of every decision. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.core.errors import TableError, unknown_name
from engine.core.task import AnswerKind, Document, Example, Task, task_digest
from engine.core.text.label_words import with_label_words
from engine.core.text.prompt_template import ENGLISH, PromptTemplate
from engine.core.text.segments import UNKNOWN_LANGUAGE
from engine.ingest.answer_kind import SCORERS, answer_spec, as_record
from engine.ingest.checks.personal_data import mask_personal
from engine.ingest.columns import Roles
from engine.ingest.data_card import ColumnLanguages, Examined, Row, line_ranges
from engine.ingest.leaks.pairs import LeakPair, Similarity
from engine.ingest.leaks.record import LeakRecord
from engine.ingest.row_languages import import_locale
from engine.ingest.splitting import DEFAULT_SHARES, SPLITS, split_by_column, split_by_seed
from engine.ingest.table import Table

_PAIRS_KEPT = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitPlan:
    """How rows are split."""

    column: str | None = None
    meanings: Mapping[str, str] = field(default_factory=dict)
    """What values of the column mean, where their names do not say so; an empty meaning leaves their rows out."""
    shares: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_SHARES))
    seed: int = 0
    keep_groups: bool = True


def assign_splits(table: Table, rows: Sequence[Row], roles: Roles, plan: SplitPlan, kind: AnswerKind) -> dict[int, str]:
    """Give each row a split, by its place.

    Raises:
        UsageError: there is no such column.
        TableError: a split is not known (the error gives the line), or a side would be empty.
    """
    if plan.column is not None and plan.column not in table.header:
        raise unknown_name("column", plan.column, table.header)
    if not rows:
        raise TableError(f"No row of {table.name} can be used.", "Check the findings and the chosen columns.")
    if plan.column is not None:
        splits = split_by_column(rows, table, plan.column, plan.meanings)
        for needed in ("train", "test"):
            if needed not in splits.values():
                raise TableError(f"{table.name} has no '{needed}' rows.", "Fill the split column, or leave it out.")
        return splits
    groups = None
    if roles.group is not None and plan.keep_groups:
        column = table.column(roles.group)
        groups = [str(column[row.place]) for row in rows]
    return split_by_seed(rows, shares=plan.shares, seed=plan.seed, by_target=kind is AnswerKind.LABEL, groups=groups)


def make_task(
    table: Table,
    roles: Roles,
    examined: Examined,
    splits: Mapping[int, str],
    plan: SplitPlan,
    *,
    kind: AnswerKind,
    task_id: str,
    title: str,
    instructions: str,
    documents: Sequence[Document] = (),
    languages: Sequence[ColumnLanguages] = (),
    locale: str | None = None,
    label_words: Mapping[str, str] | None = None,
    template: PromptTemplate = ENGLISH,
    leaks: LeakRecord | None = None,
) -> Task:
    """Put the task together. Its `source` holds the record of the import.

    Raises:
        TableError: nothing is left to train or to test on, or there is only one label.
        UsageError: the locale is not known, or a label's word does not fit.
    """
    rows = [row for row in examined.rows if row.place in splits]
    for needed in ("train", "test"):
        if not any(splits[row.place] == needed for row in rows):
            raise TableError(f"No {needed} rows are left.", "Change the splits or what is done about leaks.")
    locale = import_locale(languages, roles.target, locale)
    answer = with_label_words(answer_spec(kind, [row.target for row in rows], locale), label_words or {})
    if kind is AnswerKind.LABEL and len(answer.labels) < 2:
        raise TableError(f"All targets are {answer.labels[0]!r}.", "Choose another target column, or another kind.")
    if not instructions.strip():
        raise TableError("The instructions are empty.", "Write what the model should do.")
    card = {"leak_guard": leaks.sentence()} if leaks is not None else {}
    task = Task(
        id=task_id,
        title=title.strip() or table.name,
        summary=f"{len(rows):,} rows from {table.name}",
        instructions=instructions.strip(),
        answer=answer,
        primary_scorer=SCORERS[kind][0],
        scorers=SCORERS[kind],
        examples=tuple(_examples(table, roles, examined, rows, splits, kind)),
        documents=tuple(_as_stored(document) for document in sorted(documents, key=lambda one: one.name)),
        card=card,
        locale=locale,
        template=template,
        source=_source(table, roles, examined, splits, plan, leaks)
        | {"languages": [_language_record(one) for one in languages]},
    )
    return replace(task, digest=task_digest(task))


def _as_stored(document: Document) -> Document:
    """Return a document as a task folder gives it back: with line breaks of one kind."""
    return replace(document, text=document.text.replace("\r\n", "\n").replace("\r", "\n"))


def _examples(
    table: Table, roles: Roles, examined: Examined, rows: Sequence[Row], splits: Mapping[int, str], kind: AnswerKind
) -> list[Example]:
    """Make rows into examples. A record is written as a task folder gives it back, so that both are one task."""
    columns = {name: table.column(name) for name in roles.beside}
    names = table.column(roles.id) if roles.id is not None else None
    masked = examined.is_masked
    taken: set[str] = set()
    examples = []
    for row in rows:
        name = str(names[row.place]).strip() if names is not None else ""
        name = (mask_personal(name, is_id=True) if masked else name) or f"row-{row.line}"
        while name in taken:
            name = f"{name}-{row.line}"
        taken.add(name)
        metadata = {key: str(column[row.place]) for key, column in columns.items()}
        if masked:
            metadata = {key: mask_personal(cell) for key, cell in metadata.items()}
        record = as_record(row.target) if kind is AnswerKind.JSON else None
        target = row.target if record is None else json.dumps(record, ensure_ascii=False)
        examples.append(Example(id=name, input=row.input, target=target, split=splits[row.place], metadata=metadata))
    return examples


def _source(
    table: Table,
    roles: Roles,
    examined: Examined,
    splits: Mapping[int, str],
    plan: SplitPlan,
    leaks: LeakRecord | None,
) -> dict[str, Any]:
    lines = table.lines
    record: dict[str, Any] = {
        "file": table.name,
        "sha256": table.digest,
        "read_as": table.reading.describe(),
        "rows_read": examined.card.rows_read,
        "rows_used": sum(row.place in splits for row in examined.rows),
        "notes": list(table.notes),
        "columns": {
            "inputs": list(roles.inputs),
            "template": roles.joined(),
            "target": roles.target,
            **{
                name: value
                for name, value in (("split", plan.column), ("id", roles.id), ("group", roles.group))
                if value
            },
            "metadata": list(roles.metadata),
        },
        "splits": {"column": plan.column, "meanings": dict(plan.meanings)}
        if plan.column is not None
        else {"seed": plan.seed, "shares": {name: float(plan.shares.get(name, 0)) for name in SPLITS}},
        "findings": [
            {
                "id": finding.id,
                "title": finding.title,
                "rows": len(finding.lines),
                "lines": line_ranges(finding.lines),
                "done": str(finding.chosen),
            }
            for finding in examined.card.findings
        ],
    }
    if leaks is not None:
        record["leak_guard"] = {
            "sentence": leaks.sentence(),
            "found": dict(leaks.found),
            "found_short": dict(leaks.short),
            "test_rows": leaks.test_rows,
            "test_rows_before": leaks.test_rows_before,
            "learning_rows": leaks.learning_rows,
            "validation_like_training": leaks.validation_like_training,
            "done": str(leaks.fix),
            "changed_rows": leaks.changed_rows,
            "pairs_left": leaks.left,
            "alike": leaks.similarity,
            "documents": leaks.documents,
            "pairs": [
                f"line {lines[int(pair.test_id)]} {pair.kind} {_other(pair, lines)} ({pair.similarity:.2f})"
                for pair in leaks.pairs[:_PAIRS_KEPT]
            ],
            "meanings": leaks.meanings,
        }
    return record


def _language_record(found: ColumnLanguages) -> dict[str, Any]:
    return {
        "column": found.column,
        "split": found.split,
        "rows": found.rows,
        "shares": {code or UNKNOWN_LANGUAGE: round(share, 3) for code, share in found.languages.shares},
        "direction": found.languages.direction,
    }


def _other(pair: LeakPair, lines: Any) -> str:
    return pair.other_id if pair.kind is Similarity.DOCUMENT else f"line {lines[int(pair.other_id)]}"
