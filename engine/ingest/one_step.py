"""A table to a task in one go, as the terminal does it: nothing is left out or changed unless asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.errors import TableError, UsageError, unknown_name
from engine.core.task import Task
from engine.ingest.checks.examine import finding_ids, fix_in_file
from engine.ingest.data_card import ColumnLanguages, DataCard, Finding, Fix
from engine.ingest.leaks.pairs import LeakPair
from engine.ingest.leaks.record import LeakRecord
from engine.ingest.options import ImportOptions
from engine.ingest.progress import Report
from engine.ingest.steps import (
    Checked,
    Compared,
    add_documents,
    check_rows,
    compare_rows,
    guard_splits,
    make_ready,
    map_columns,
    plan_for,
    read_whole,
    split_rows,
)
from engine.ingest.table import Table
from engine.metrics import wording as say


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """A task and what was found on the way."""

    task: Task
    card: DataCard
    languages: tuple[ColumnLanguages, ...]
    leaks: LeakRecord
    kind_reason: str


def begin_import(table: Table, options: ImportOptions, report: Report | None = None) -> Compared:
    """Take the steps up to the leak check by words, whose progress `report` takes.

    Raises:
        UsageError: a column or finding is not known.
        TableError: rows that cannot be used, with the first one's line and the fix; or no rows for a split.
    """
    known = finding_ids()
    for name in options.fixes:
        if name not in known:
            raise unknown_name("finding", name, known)
    checked = check_rows(map_columns(read_whole(table), options), options.fixes)
    for finding in checked.examined.card.findings:
        _refuse(table, finding, options.fixes)
    return compare_checked(checked, options, report)


def compare_checked(checked: Checked, options: ImportOptions, report: Report | None = None) -> Compared:
    """Take the steps from checked rows to the leak check by words.

    Raises:
        TableError: no rows are left for a split.
    """
    split = split_rows(checked, plan_for(checked.before, options))
    return compare_rows(add_documents(split, options.documents), options.similarity, report)


def finish_import(
    compared: Compared, options: ImportOptions, *, task_id: str, meanings: tuple[LeakPair, ...] | None = None
) -> Imported:
    """Do what was chosen about leaks, and make the task.

    Raises:
        TableError: nothing is left to train or to test on, or there is only one label.
    """
    guarded = guard_splits(compared, options.leaks, meanings)
    checked = compared.before.before.before
    return Imported(
        task=make_ready(guarded, options, task_id=task_id).task,
        card=checked.examined.card,
        languages=compared.before.before.languages,
        leaks=guarded.record,
        kind_reason="You chose it." if options.kind else checked.before.kind_guess.reason,
    )


def _refuse(table: Table, finding: Finding, fixes: Mapping[str, Fix]) -> None:
    if finding.id in fixes and fixes[finding.id] not in finding.choices:
        raise UsageError(
            f"'{fixes[finding.id]}' is not a fix for '{finding.id}'.", f"Choose {' or '.join(finding.choices)}."
        )
    fix = fix_in_file(finding.id)
    if not fix or finding.id in fixes:
        return
    more = f" (and {say.counted(len(finding.lines) - 1, 'more row')})" if len(finding.lines) > 1 else ""
    sample = f": {finding.samples[0][:60]!r}" if finding.samples and finding.samples[0] else ""
    raise TableError(
        f"{table.name}, line {finding.lines[0]}{more}: {finding.title.lower()}{sample}. {finding.detail}",
        f"{fix}, or ask for it: import-csv --fix {finding.id}={finding.choices[0]}.",
    )
