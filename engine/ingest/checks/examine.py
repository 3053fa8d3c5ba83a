"""Examining a table before it becomes a task: every check in turn, and the card that says what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from engine.core.task import AnswerKind
from engine.core.text.scripts import count_scripts
from engine.ingest.checks.duplicates import check_duplicates
from engine.ingest.checks.labels import check_label_forms, check_rare_labels, check_spaces
from engine.ingest.checks.rows import check_ids, check_ragged, check_too_long, check_unusable
from engine.ingest.checks.texts import check_odd_characters, check_personal
from engine.ingest.checks.work import Check, Work
from engine.ingest.columns import Roles, check_roles
from engine.ingest.data_card import DataCard, Examined, Fix
from engine.ingest.progress import Report
from engine.ingest.row_languages import column_languages
from engine.ingest.table import Table
from engine.metrics.intervals import quantile

LABEL = frozenset({AnswerKind.LABEL})

CHECKS: tuple[Check, ...] = (
    Check(look=check_ragged, findings=("ragged",), fix_in_file={"ragged": "Quote cells that hold the delimiter"}),
    Check(
        look=check_unusable,
        findings=("empty_input", "empty_target", "no_record"),
        fix_in_file={
            "empty_input": "Fill or remove the row",
            "empty_target": "Fill or remove the row",
            "no_record": "Write a JSON object",
        },
    ),
    Check(look=check_spaces, findings=("spaces",)),
    Check(look=check_label_forms, findings=("label_forms",), kinds=LABEL),
    Check(look=check_duplicates, findings=("duplicates", "conflicts")),
    Check(look=check_rare_labels, findings=("rare_labels",), kinds=LABEL),
    Check(look=check_odd_characters, findings=("odd_characters",)),
    Check(look=check_personal, findings=("personal",)),
    Check(look=check_too_long, findings=("too_long",)),
    Check(look=check_ids, findings=("ids",), fix_in_file={"ids": "Give each row its own id"}),
)
"""All checks, in the order in which they inspect and change rows. A new check only needs to be added here."""


def finding_ids() -> tuple[str, ...]:
    """Return the ids of all findings that a user may decide about beforehand."""
    return tuple(name for check in CHECKS for name in check.findings if name != "too_long")


def fix_in_file(finding_id: str) -> str:
    """Say what to do in the file about a finding that makes rows unusable; empty for any other."""
    return next((check.fix_in_file[finding_id] for check in CHECKS if finding_id in check.fix_in_file), "")


def examine(
    table: Table,
    roles: Roles,
    kind: AnswerKind,
    choices: Mapping[str, Fix] | None = None,
    *,
    too_long: frozenset[int] = frozenset(),
    report: Report | None = None,
) -> Examined:
    """Examine a table and change it as chosen; a choice that a finding does not offer is ignored.

    `too_long` holds the places of rows that exceed the model's context.

    Raises:
        UsageError, TableError: the roles do not fit the table.
    """
    check_roles(table, roles)
    work = Work(table, roles, kind, choices or {}, too_long)
    tell = report or (lambda _fraction: None)
    for place, check in enumerate(CHECKS):
        if kind in check.kinds:
            check.look(work)
        tell((place + 1) / (len(CHECKS) + 1))
    card = _card(work)
    tell(1.0)
    return Examined(rows=tuple(work.rows), card=card)


def _card(work: Work) -> DataCard:
    lengths = [len(row.input) for row in work.rows]
    counts = Counter(row.target for row in work.rows) if work.kind is AnswerKind.LABEL else Counter[str]()
    return DataCard(
        rows_read=work.table.rows + len(work.table.ragged),
        rows_kept=len(work.rows),
        labels=tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        input_characters={
            "p50": quantile(lengths, 0.5),
            "p95": quantile(lengths, 0.95),
            "longest": float(max(lengths, default=0)),
        },
        scripts=dict(count_scripts(row.input for row in work.rows).most_common()),
        languages=column_languages(work.table, work.rows, work.roles, work.kind),
        findings=tuple(work.findings),
    )
