"""What a check works on: the rows as they are now, and what was found so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.core.task import AnswerKind
from engine.ingest.checks.personal_data import mask_personal
from engine.ingest.columns import Roles, fill_template
from engine.ingest.data_card import Examined, Finding, Fix, Row
from engine.ingest.table import Table

SAMPLES = 5
"""Texts that a finding shows."""


def build_rows(table: Table, roles: Roles) -> list[Row]:
    """Join inputs and take targets, exactly as they are in the file."""
    template = roles.joined()
    inputs = [table.column(name) for name in roles.inputs]
    lines = table.lines.tolist()
    targets = table.column(roles.target)
    if template == f"{{{roles.inputs[0]}}}":
        return [Row(*row) for row in zip(range(len(lines)), lines, inputs[0], targets, strict=True)]
    joined = (
        fill_template(template, dict(zip(roles.inputs, cells, strict=True))) for cells in zip(*inputs, strict=True)
    )
    is_filled = (any(cell.strip() for cell in cells) for cells in zip(*inputs, strict=True))
    return [
        Row(place, line, text if filled else "", target)
        for place, line, text, filled, target in zip(range(len(lines)), lines, joined, is_filled, targets, strict=True)
    ]


def without_template(table: Table, roles: Roles, examined: Examined) -> Sequence[Row]:
    """Return the examined rows with what their cells say as the input: the words of a template are in every row."""
    if roles.joined() == f"{{{roles.inputs[0]}}}":
        return examined.rows
    columns = [table.column(name) for name in roles.inputs]
    said = ("\n".join(str(column[row.place]) for column in columns) for row in examined.rows)
    return [
        row._replace(input=mask_personal(text) if examined.is_masked else text)
        for row, text in zip(examined.rows, said, strict=True)
    ]


class Work:
    """Rows in their current state, and what was found so far."""

    def __init__(
        self,
        table: Table,
        roles: Roles,
        kind: AnswerKind,
        choices: Mapping[str, Fix],
        too_long: frozenset[int] = frozenset(),
    ) -> None:
        """Begin with all rows of the table; `too_long` holds the places of rows that exceed the model's context."""
        self.table, self.roles, self.kind, self.too_long = table, roles, kind, too_long
        self.rows = build_rows(table, roles)
        self.findings: list[Finding] = []
        self._choices = choices

    def note(
        self,
        name: str,
        title: str,
        detail: str,
        lines: Sequence[int],
        choices: tuple[Fix, ...],
        samples: Sequence[str] = (),
    ) -> Fix:
        """Note a finding, if it occurs in any row, and return what to do; the first choice is the default."""
        wanted = self._choices.get(name, choices[0])
        chosen = wanted if wanted in choices else choices[0]
        if lines:
            self.findings.append(
                Finding(
                    id=name,
                    title=title,
                    detail=detail,
                    lines=tuple(lines),
                    choices=choices,
                    chosen=chosen,
                    samples=tuple(samples[:SAMPLES]),
                )
            )
        return chosen

    def drop(self, lines: Sequence[int]) -> None:
        """Leave out the rows that begin on these lines."""
        gone = set(lines)
        if gone:
            self.rows = [row for row in self.rows if row.line not in gone]


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One check of the rows of a table, in the order of `engine.ingest.checks.examine.CHECKS`."""

    look: Callable[[Work], None]
    """Notes what it finds, and changes the rows as was chosen."""
    findings: tuple[str, ...]
    """The ids of what it may note."""
    kinds: frozenset[AnswerKind] = frozenset(AnswerKind)
    """The kinds of answer it applies to."""
    fix_in_file: Mapping[str, str] = field(default_factory=dict)
    """By finding that makes rows unusable: what to do about it in the file."""
