"""The result of turning a table into a task, in words."""

from __future__ import annotations

from engine.ingest.data_card import line_ranges
from engine.ingest.drafting import instruction_note
from engine.ingest.one_step import Imported
from engine.ingest.row_languages import language_lines, language_warnings
from engine.ingest.splitting import SPLITS
from engine.metrics import wording as say
from terminal.output import answer


def show_import(imported: Imported) -> None:
    """Print the result of an import: rows, splits, findings and how they were handled, and leaks."""
    task, card = imported.task, imported.card
    splits = ", ".join(f"{name} {len(task.split(name)):,}" for name in SPLITS if task.split(name))
    answer(f"{say.counted(card.rows_read, 'row')} read, {len(task.examples):,} used: {splits}")
    answer(f"answers: {task.answer.kind}. {imported.kind_reason}")
    if task.locale:
        answer(f"answers are compared as in: {task.locale}")
    if note := instruction_note(task.template, imported.languages):
        answer(f"note: {note}")
    for label, word in task.answer.label_words.items():
        answer(f"label {label}: the model reads and writes '{word}'")
    for remark in task.source["notes"]:
        answer(f"note: {remark}")
    for line in language_lines(imported.languages):
        answer(line)
    for warning in language_warnings(imported.languages):
        answer(f"note: {warning}")
    for finding in card.findings:
        lines = line_ranges(finding.lines, most=8)
        answer(f"{finding.title}: {say.counted(len(finding.lines), 'row')} (line {lines}). Done: {finding.chosen}.")
    answer(imported.leaks.sentence())
