"""A table to a task in one go, as the terminal does it: nothing is left out or changed unless asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.core.errors import TableError, UsageError, unknown_name
from engine.core.task import AnswerKind, Task
from engine.ingest.answer_kind import answer_spec, draft_instructions, guess_kind
from engine.ingest.build_task import (
    LeakMend,
    LeakRecord,
    SplitPlan,
    assign_splits,
    leak_sides,
    make_task,
    mend_leaks,
    record_leaks,
)
from engine.ingest.checks.examine import examine, finding_ids, fix_in_file
from engine.ingest.columns import Roles, check_roles
from engine.ingest.data_card import DataCard, Finding, Mend, Row, counted
from engine.ingest.leaks import DEFAULT_ALIKE, find_leaks
from engine.ingest.table import Table

MOVE_ROUNDS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """A task and what was found on the way."""

    task: Task
    card: DataCard
    leaks: LeakRecord
    kind_reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What the user asks for beyond the roles of columns."""

    kind: AnswerKind | None = None
    mends: Mapping[str, Mend] = field(default_factory=dict)
    split: SplitPlan = field(default_factory=SplitPlan)
    leaks: LeakMend = LeakMend.KEEP


def import_table(table: Table, roles: Roles, wishes: Wishes, *, task_id: str, title: str) -> Imported:
    """Carry out every step with sound defaults.

    Raises:
        UsageError: a column or finding is not known.
        TableError: rows that cannot be used, with the first one's line and the mend; or no rows for a split.
    """
    known = finding_ids()
    for name in wishes.mends:
        if name not in known:
            raise unknown_name("finding", name, known)
    check_roles(table, roles)
    guess = guess_kind(list(table.column(roles.target)))
    kind = wishes.kind or guess.kind
    examined = examine(table, roles, kind, wishes.mends)
    for finding in examined.card.findings:
        _refuse(table, finding, wishes.mends)
    splits = assign_splits(table, examined.rows, roles, wishes.split, kind)
    splits, record = _guarded(examined.rows, splits, wishes.leaks)
    targets = [row.target for row in examined.rows if row.place in splits]
    instructions = draft_instructions(answer_spec(kind, targets), target=roles.target)
    task = make_task(
        table, roles, examined, splits, wishes.split,
        kind=kind, task_id=task_id, title=title, instructions=instructions, leaks=record,
    )  # fmt: skip
    return Imported(
        task=task, card=examined.card, leaks=record, kind_reason="You chose it." if wishes.kind else guess.reason
    )


def _refuse(table: Table, finding: Finding, mends: Mapping[str, Mend]) -> None:
    if finding.id in mends and mends[finding.id] not in finding.choices:
        raise UsageError(
            f"'{mends[finding.id]}' does nothing about '{finding.id}'.", f"Choose {' or '.join(finding.choices)}."
        )
    fix = fix_in_file(finding.id)
    if not fix or finding.id in mends:
        return
    more = f" (and {counted(len(finding.lines) - 1, 'more row')})" if len(finding.lines) > 1 else ""
    sample = f": {finding.samples[0][:60]!r}" if finding.samples and finding.samples[0] else ""
    raise TableError(
        f"{table.name}, line {finding.lines[0]}{more}: {finding.title.lower()}{sample}. {finding.detail}",
        f"{fix}, or ask for it: import-csv --mend {finding.id}={finding.choices[0]}.",
    )


def _guarded(rows: Sequence[Row], splits: dict[int, str], mend: LeakMend) -> tuple[dict[int, str], LeakRecord]:
    learn, test = leak_sides(rows, splits)
    pairs = find_leaks(learn, test)
    after = mend_leaks(splits, pairs, mend)
    left = pairs
    # Rows moved to training may be like other test rows: those leak now, and move along.
    for _ in range(MOVE_ROUNDS if mend is not LeakMend.KEEP else 0):
        left = find_leaks(*leak_sides(rows, after))
        if not left:
            break
        after = mend_leaks(after, left, mend)
    record = record_leaks(splits, after, pairs, mend, left=len(left), alike=DEFAULT_ALIKE, meaning_alike=None)
    return after, record
