"""A table that can become a task at once: every step is taken as it is by default, and anything odd is named first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.core.errors import AdaptLabError, CancelledError
from engine.core.task import AnswerKind
from engine.ingest.drafting import instruction_note, instruction_template
from engine.ingest.leaks.pairs import LeakPair
from engine.ingest.leaks.record import LeakRecord
from engine.ingest.one_step import compare_checked
from engine.ingest.options import ImportOptions
from engine.ingest.progress import Report, part_of
from engine.ingest.row_languages import language_warnings
from engine.ingest.splitting import few_rows, lacking_rows
from engine.ingest.steps import Guarded, Read, Split, check_rows, guard_splits, map_columns
from engine.metrics import wording as say

FindMeanings = Callable[[Split, Report], tuple[LeakPair, ...] | None]
"""Compares the meanings of both sides of a split; None if that is not possible now."""
_WORDS_PART = 0.3
"""Of the time; comparing meanings takes most of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A table with every step taken, if that is possible, and what the user should know before it is saved."""

    guarded: Guarded | None
    """None if a step failed; `odd` says why."""
    odd: tuple[str, ...]
    """What should be looked at step by step; empty for a clean file."""
    notes: tuple[str, ...] = ()
    """What is good to know, and stops nobody."""


def propose_task(
    read: Read, options: ImportOptions, *, meanings: FindMeanings, report: Report | None = None
) -> Proposal:
    """Take every step with what is chosen so far, and name whatever is odd on the way."""
    tell = report or (lambda _fraction: None)
    unsure = () if read.guess is None or options.roles is not None else sorted(read.guess.unsure)
    odd = [f"The {role} column is not clear." for role in unsure]
    if read.table.reading.guess:
        odd.append(read.table.reading.guess)
    try:
        checked = check_rows(map_columns(read, options), options.fixes)
        odd += [
            f"{finding.title}: {say.counted(len(finding.lines), 'row')}." for finding in checked.examined.card.findings
        ]
        compared = compare_checked(checked, options, part_of(tell, 0.0, _WORDS_PART))
        split = compared.before.before
        rows, by_target = checked.examined.rows, checked.before.kind is AnswerKind.LABEL
        odd += [*lacking_rows(rows, split.splits, by_target=by_target), *language_warnings(split.languages)]
        found = meanings(split, part_of(tell, _WORDS_PART, 1.0)) if not odd and not compared.pairs else None
        guarded = guard_splits(compared, options.leaks, found)
        template = instruction_template(options.instruction_language, split.languages)
    except CancelledError:
        raise
    except AdaptLabError as error:
        return Proposal(guarded=None, odd=(*odd, f"{error.what} {error.fix}".strip()))
    if not guarded.record.is_clear:
        odd.append(_leaks(guarded.record))
    notes = [*read.table.notes, instruction_note(template, split.languages)]
    notes += few_rows(rows, guarded.splits, by_target=by_target)
    return Proposal(guarded=guarded, odd=tuple(odd), notes=tuple(note for note in notes if note))


def _leaks(record: LeakRecord) -> str:
    if not record.test_rows:
        count = record.validation_like_training
        return f"{say.counted(count, 'validation row')} {'is' if count == 1 else 'are'} similar to a training row."
    count, before = record.test_rows, say.counted(record.test_rows_before, "test row")
    return f"{count:,} of {before} {'is' if count == 1 else 'are'} similar to a training row or document."
