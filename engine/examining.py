"""Looking through a table before it becomes a task: what is odd in its rows, and the card that says so. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from engine.data_card import DataCard, Examined, Finding, Mend, Row, counted
from engine.kinds import as_record
from engine.personal import KINDS, find_personal, mask_personal
from engine.roles import Roles, check_roles, fill_template
from engine.scripts import count_scripts
from engine.statistics import quantile
from engine.table import Table
from engine.task import AnswerKind

RARE_ROWS = 4
"""A label on fewer rows than this has too few for both training and test."""
_SAMPLES = 5
_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


Report = Callable[[float], None]
"""Takes the share that is done."""


def examine(
    table: Table,
    roles: Roles,
    kind: AnswerKind,
    choices: Mapping[str, Mend] | None = None,
    *,
    too_long: frozenset[int] = frozenset(),
    report: Report | None = None,
) -> Examined:
    """Look a table over and mend it as chosen; a choice that a finding does not offer is passed over.

    `too_long` holds the places of rows that exceed the model's context.

    Raises:
        UsageError, TableError: the roles do not fit the table.
    """
    check_roles(table, roles)
    work = _Work(build_rows(table, roles), choices or {})
    tell = report or (lambda _fraction: None)
    ragged = table.ragged
    work.note(
        "ragged",
        "Another number of cells",
        f"The header has {len(table.header)} cells and these rows have more or fewer; they are in no column.",
        [row.line for row in ragged],
        (Mend.DROP,),
        [f"{row.cells} cells: {row.start}" for row in ragged[:_SAMPLES]],
    )
    _unusable(work, kind)
    tell(0.15)
    _spaces(work)
    if kind is AnswerKind.LABEL:
        _label_forms(work)
    tell(0.3)
    _twins(work)
    tell(0.5)
    if kind is AnswerKind.LABEL:
        _rare_labels(work)
    _odd_signs(work)
    tell(0.65)
    _personal(work)
    tell(0.85)
    _too_long(work, too_long)
    _ids(work, table, roles)
    card = _card(table, work, kind)
    tell(1.0)
    return Examined(rows=tuple(work.rows), card=card)


def build_rows(table: Table, roles: Roles) -> list[Row]:
    """Join inputs and take targets, as they stand."""
    template = roles.joined()
    inputs = [table.column(name) for name in roles.inputs]
    lines = table.lines.tolist()
    targets = table.column(roles.target)
    if template == f"{{{roles.inputs[0]}}}":
        return [Row(*row) for row in zip(range(len(lines)), lines, inputs[0], targets, strict=True)]
    joined = (
        fill_template(template, dict(zip(roles.inputs, cells, strict=True))) for cells in zip(*inputs, strict=True)
    )
    blank = fill_template(template, dict.fromkeys(roles.inputs, ""))
    return [
        Row(place, line, "" if text == blank else text, target)
        for place, line, text, target in zip(range(len(lines)), lines, joined, targets, strict=True)
    ]


class _Work:
    """Rows as they stand now, and what was found so far."""

    def __init__(self, rows: list[Row], choices: Mapping[str, Mend]) -> None:
        self.rows = rows
        self.findings: list[Finding] = []
        self._choices = choices

    def note(
        self,
        name: str,
        title: str,
        detail: str,
        lines: Sequence[int],
        choices: tuple[Mend, ...],
        samples: Sequence[str] = (),
    ) -> Mend:
        """Note a finding, if it is in any row, and return what is to be done; the first choice is the default."""
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
                    samples=tuple(samples[:_SAMPLES]),
                )
            )
        return chosen

    def drop(self, lines: Sequence[int]) -> None:
        gone = set(lines)
        if gone:
            self.rows = [row for row in self.rows if row.line not in gone]


def _unusable(work: _Work, kind: AnswerKind) -> None:
    """Rows that no example can be made of."""
    for name, title, rows in (
        ("empty_input", "Empty input", [row for row in work.rows if not row.input.strip()]),
        ("empty_target", "Empty target", [row for row in work.rows if not row.target.strip() and row.input.strip()]),
    ):
        lines = [row.line for row in rows]
        work.note(
            name, title, "An example needs both an input and a right answer.", lines, (Mend.DROP,),
            [row.input or row.target for row in rows[:_SAMPLES]],
        )  # fmt: skip
        work.drop(lines)
    if kind is AnswerKind.JSON:
        bad = [row for row in work.rows if as_record(row.target) is None]
        lines = [row.line for row in bad]
        work.note(
            "no_record", "Target is no JSON object", "Extraction is scored field by field.", lines, (Mend.DROP,),
            [row.target for row in bad[:_SAMPLES]],
        )  # fmt: skip
        work.drop(lines)


def _spaces(work: _Work) -> None:
    odd = [row for row in work.rows if row.target != row.target.strip()]
    chosen = work.note(
        "spaces",
        "Spaces around the target",
        "Blanks or line breaks before or after the right answer; as they stand they would count as part of it.",
        [row.line for row in odd],
        (Mend.TRIM, Mend.KEEP),
        [repr(row.target) for row in odd[:_SAMPLES]],
    )
    if odd and chosen is Mend.TRIM:
        work.rows = [row._replace(target=row.target.strip()) for row in work.rows]


def _label_forms(work: _Work) -> None:
    counts = Counter(row.target for row in work.rows)
    forms: dict[str, list[str]] = {}
    for label, _ in counts.most_common():
        forms.setdefault(folded(label), []).append(label)
    first = {label: labels[0] for labels in forms.values() if len(labels) > 1 for label in labels[1:]}
    lines = [row.line for row in work.rows if row.target in first]
    chosen = work.note(
        "label_forms",
        "Labels that differ in case or spaces alone",
        "They count as different labels. Merged, each takes its most frequent form.",
        lines,
        (Mend.KEEP, Mend.MERGE),
        [f"{other!r} and {label!r}" for other, label in first.items()],
    )
    if first and chosen is Mend.MERGE:
        work.rows = [row._replace(target=first.get(row.target, row.target)) for row in work.rows]


def folded(text: str) -> str:
    """Return a text without case and outer or repeated blanks."""
    return " ".join(text.casefold().split())


def _twins(work: _Work) -> None:
    """Rows with the same input, but for case and blanks: with the same target twice, or with different ones."""
    groups = _same_inputs(work.rows)
    later = []
    torn: list[list[Row]] = []
    for group in groups:
        seen: set[str] = set()
        for row in group:
            if row.target in seen:
                later.append(row)
            seen.add(row.target)
        if len(seen) > 1:
            torn.append(group)
    chosen = work.note(
        "duplicates",
        "Rows that stand twice",
        "The same input and target as an earlier row, but for case and blanks. Merged, the first one stays.",
        sorted(row.line for row in later),
        (Mend.KEEP, Mend.MERGE),
        [row.input for row in later],
    )
    merged = chosen is Mend.MERGE
    chosen = work.note(
        "conflicts",
        "The same input with different targets",
        "No variant can be right on all of them. Merged, the most frequent target stands for all.",
        sorted(row.line for group in torn for row in group),
        (Mend.KEEP, Mend.DROP, Mend.MERGE),
        [f"{group[0].input} → {', '.join(sorted({row.target for row in group}))}" for group in torn[:_SAMPLES]],
    )
    if merged:
        work.drop([row.line for row in later])
    if chosen is Mend.DROP:
        work.drop([row.line for group in torn for row in group])
    elif chosen is Mend.MERGE and torn:
        targets: dict[int, str] = {}
        for group in torn:
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


def _rare_labels(work: _Work) -> None:
    counts = Counter(row.target for row in work.rows)
    rare = {label for label, count in counts.items() if count < RARE_ROWS}
    lines = [row.line for row in work.rows if row.target in rare]
    chosen = work.note(
        "rare_labels",
        f"Labels on fewer than {RARE_ROWS} rows",
        "Too few to learn from and to be tested on.",
        lines,
        (Mend.KEEP, Mend.DROP),
        [f"{label}: {counts[label]}" for label in sorted(rare)],
    )
    if chosen is Mend.DROP:
        work.drop(lines)


def _odd_signs(work: _Work) -> None:
    odd = [row for row in work.rows if _ODD.search(row.input) or _ODD.search(row.target)]
    lines = [row.line for row in odd]
    chosen = work.note(
        "odd_signs",
        "Control or direction signs",
        "Signs that are not seen, such as terminal codes or text that runs backwards. They do no harm here: every "
        "screen and export shows them as text.",
        lines,
        (Mend.KEEP, Mend.DROP),
        [row.input for row in odd[:_SAMPLES]],
    )
    if chosen is Mend.DROP:
        work.drop(lines)


def _personal(work: _Work) -> None:
    counts: Counter[str] = Counter()
    lines: list[int] = []
    samples: list[str] = []
    for row in work.rows:
        found = [(text, item) for text in (row.input, row.target) for item in find_personal(text)]
        if found:
            lines.append(row.line)
            counts.update({item.kind for _, item in found})
            if len(samples) < _SAMPLES:
                samples.append(", ".join(text[item.start : item.end] for text, item in found[:3]))
    kinds = ", ".join(f"{KINDS[kind]} in {counted(count, 'row')}" for kind, count in counts.most_common())
    chosen = work.note(
        "personal",
        "Possible personal data",
        f"{kinds}. Nothing has been stored yet. Masked, each becomes a word in brackets.",
        lines,
        (Mend.KEEP, Mend.MASK, Mend.DROP),
        samples,
    )
    if chosen is Mend.DROP:
        work.drop(lines)
    elif chosen is Mend.MASK and lines:
        odd = set(lines)
        work.rows = [
            row._replace(input=mask_personal(row.input), target=mask_personal(row.target)) if row.line in odd else row
            for row in work.rows
        ]


def _too_long(work: _Work, too_long: frozenset[int]) -> None:
    rows = [row for row in work.rows if row.place in too_long]
    lines = [row.line for row in rows]
    chosen = work.note(
        "too_long",
        "Longer than the model's context",
        "With the instructions these rows do not fit; each would be a failure of every variant that generates.",
        lines,
        (Mend.KEEP, Mend.DROP),
        [f"{len(row.input):,} characters: {row.input[:80]}" for row in rows[:_SAMPLES]],
    )
    if chosen is Mend.DROP:
        work.drop(lines)


def _ids(work: _Work, table: Table, roles: Roles) -> None:
    if roles.id is None:
        return
    column = table.column(roles.id)
    seen: set[str] = set()
    lines: list[int] = []
    for row in work.rows:
        name = str(column[row.place])
        if name in seen or not name.strip():
            lines.append(row.line)
        seen.add(name)
    work.note(
        "ids",
        "Ids that are empty or stand twice",
        "Each row needs an id of its own: these take the number of their line with it.",
        lines,
        (Mend.RENAME,),
    )


def _card(table: Table, work: _Work, kind: AnswerKind) -> DataCard:
    lengths = [len(row.input) for row in work.rows]
    counts = Counter(row.target for row in work.rows) if kind is AnswerKind.LABEL else Counter[str]()
    return DataCard(
        rows_read=table.rows + len(table.ragged),
        rows_kept=len(work.rows),
        labels=tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        input_characters={
            "p50": quantile(lengths, 0.5),
            "p95": quantile(lengths, 0.95),
            "longest": float(max(lengths, default=0)),
        },
        scripts=dict(count_scripts(row.input for row in work.rows).most_common()),
        findings=tuple(work.findings),
    )
