"""From an examined table to a task, with a record of every decision. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from engine.core.errors import TableError, unknown_name
from engine.core.task import AnswerKind, Document, Example, Task, task_digest
from engine.ingest.answer_kind import SCORERS, answer_spec
from engine.ingest.columns import Roles
from engine.ingest.data_card import Examined, Fix, Row, counted, line_ranges
from engine.ingest.leaks import LeakPair, Similarity, Text
from engine.ingest.personal_data import mask_personal
from engine.ingest.splitting import DEFAULT_SHARES, SPLITS, split_by_column, split_by_seed
from engine.ingest.table import Table

LEARNING = ("train", "validation")
"""Splits that variants may learn from; all others are for testing."""
_PAIRS_KEPT = 200


class LeakFix(StrEnum):
    """What can be done about leaks."""

    KEEP = "keep"
    DROP = "drop"
    MOVE = "move"
    DROP_LEARNING = "drop-learning"


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitPlan:
    """How rows are split."""

    column: str | None = None
    meanings: Mapping[str, str] = field(default_factory=dict)
    """What values of the column mean, where their names do not say so; an empty meaning leaves their rows out."""
    shares: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_SHARES))
    seed: int = 0
    keep_groups: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class LeakRecord:
    """What the leak guard found and what was done."""

    found: Mapping[str, int]
    """Pairs by kind."""
    test_rows: int
    """Test rows that are in a pair."""
    test_rows_before: int
    fix: LeakFix
    changed_rows: int
    left: int
    """Pairs that remain."""
    similarity: float
    meaning_similarity: float | None
    """None if embeddings were not compared."""
    documents: int = 0
    pairs: tuple[LeakPair, ...] = ()

    def sentence(self) -> str:
        """Say what was found and done."""
        cosine = self.meaning_similarity
        ways = "exactly, normalized and by 5-grams" + (
            "" if cosine is None else f", and by embeddings (cosine from {cosine:.2f})"
        )
        if not self.found:
            return f"Leak guard: clean. {counted(self.test_rows_before, 'test row')} compared {ways}."
        kinds = ", ".join(f"{count:,} {_WORDS[kind]}" for kind, count in self.found.items())
        done = {
            LeakFix.KEEP: "They were kept.",
            LeakFix.DROP: f"Dropped: {counted(self.changed_rows, 'test row')}.",
            LeakFix.MOVE: f"Moved to training: {counted(self.changed_rows, 'test row')}.",
            LeakFix.DROP_LEARNING: f"Dropped: {counted(self.changed_rows, 'training row')}.",
        }[self.fix]
        rest = f" Remaining: {counted(self.left, 'pair')}." if self.left and self.fix is not LeakFix.KEEP else ""
        return (
            f"Leak guard: {self.test_rows:,} of {counted(self.test_rows_before, 'test row')} "
            f"{'is' if self.test_rows == 1 else 'are'} like something that variants learn from "
            f"(pairs: {kinds}; compared {ways}). {done}{rest}"
        )


_WORDS: Mapping[str, str] = {
    Similarity.EXACT: "exact",
    Similarity.NORMALIZED: "normalized",
    Similarity.NEAR: "near-duplicate",
    Similarity.MEANING: "same-meaning",
    Similarity.DOCUMENT: "in-document",
}


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


def leak_sides(rows: Sequence[Row], splits: Mapping[int, str]) -> tuple[list[Text], list[Text]]:
    """Return the texts that variants may learn from, and those that they are tested on; ids are places."""
    learn: list[Text] = []
    test: list[Text] = []
    for row in rows:
        split = splits.get(row.place)
        if split is not None:
            (learn if split in LEARNING else test).append(Text(id=str(row.place), text=row.input))
    return learn, test


def fix_leaks(splits: Mapping[int, str], pairs: Sequence[LeakPair], fix: LeakFix) -> dict[int, str]:
    """Drop or move what is in a pair; a pair with a document can only be fixed on the test side."""
    result = dict(splits)
    for pair in pairs:
        if fix is LeakFix.DROP:
            result.pop(int(pair.test_id), None)
        elif fix is LeakFix.MOVE:
            result[int(pair.test_id)] = "train"
        elif fix is LeakFix.DROP_LEARNING and pair.kind is not Similarity.DOCUMENT:
            result.pop(int(pair.other_id), None)
    return result


def record_leaks(
    before: Mapping[int, str],
    after: Mapping[int, str],
    pairs: Sequence[LeakPair],
    fix: LeakFix,
    *,
    left: int,
    similarity: float,
    meaning_similarity: float | None,
    documents: int = 0,
) -> LeakRecord:
    """Record what was found and done."""
    return LeakRecord(
        found=dict(Counter(str(pair.kind) for pair in pairs)),
        test_rows=len({pair.test_id for pair in pairs}),
        test_rows_before=sum(split not in LEARNING for split in before.values()),
        fix=fix,
        changed_rows=sum(after.get(place) != split for place, split in before.items()),
        left=left,
        similarity=similarity,
        meaning_similarity=meaning_similarity,
        documents=documents,
        pairs=tuple(pairs),
    )


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
    leaks: LeakRecord | None = None,
) -> Task:
    """Put the task together. Its `source` holds the record of the import.

    Raises:
        TableError: nothing is left to train or to test on, or there is only one label.
    """
    rows = [row for row in examined.rows if row.place in splits]
    for needed in ("train", "test"):
        if not any(splits[row.place] == needed for row in rows):
            raise TableError(f"No {needed} rows are left.", "Change the splits or what is done about leaks.")
    answer = answer_spec(kind, [row.target for row in rows])
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
        examples=tuple(_examples(table, roles, examined, rows, splits)),
        documents=tuple(documents),
        card=card,
        source=_source(table, roles, examined, splits, plan, leaks),
    )
    return replace(task, digest=task_digest(task))


def _examples(
    table: Table, roles: Roles, examined: Examined, rows: Sequence[Row], splits: Mapping[int, str]
) -> list[Example]:
    kept = dict.fromkeys((*roles.metadata, *filter(None, [roles.group])))
    columns = {name: table.column(name) for name in kept}
    names = table.column(roles.id) if roles.id is not None else None
    masked = any(finding.id == "personal" and finding.chosen is Fix.MASK for finding in examined.card.findings)
    taken: set[str] = set()
    examples = []
    for row in rows:
        name = str(names[row.place]).strip() if names is not None else ""
        name = name or f"row-{row.line}"
        if name in taken:
            name = f"{name}-{row.line}"
        taken.add(name)
        metadata = {key: str(column[row.place]) for key, column in columns.items()}
        if masked:
            metadata = {key: mask_personal(cell) for key, cell in metadata.items()}
        examples.append(
            Example(id=name, input=row.input, target=row.target, split=splits[row.place], metadata=metadata)
        )
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
            "test_rows": leaks.test_rows,
            "test_rows_before": leaks.test_rows_before,
            "done": str(leaks.fix),
            "changed_rows": leaks.changed_rows,
            "pairs_left": leaks.left,
            "alike": leaks.similarity,
            "documents": leaks.documents,
            "pairs": [
                f"line {lines[int(pair.test_id)]} {pair.kind} {_other(pair, lines)} ({pair.similarity:.2f})"
                for pair in leaks.pairs[:_PAIRS_KEPT]
            ],
            **({"meaning_alike": leaks.meaning_similarity} if leaks.meaning_similarity is not None else {}),
        }
    return record


def _other(pair: LeakPair, lines: Any) -> str:
    return pair.other_id if pair.kind is Similarity.DOCUMENT else f"line {lines[int(pair.other_id)]}"
