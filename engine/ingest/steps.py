"""From a file to a task in steps: each is made from the one before and from what the user chose, and never changes.

A step knows the one before it and none after it. When a step is made again, no later step exists, and everything
derived from its earlier version is gone. The screens and the terminal take the same steps. Pure functions.

    Looked -> Read -> Mapped -> Checked -> Split -> Documented -> Compared -> Guarded -> Ready -> Kept
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from engine.core.generation import ModelFacts
from engine.core.task import AnswerKind, AnswerSpec, Document, Task
from engine.core.text.label_words import with_label_words
from engine.ingest.answer_kind import KindGuess, answer_spec, as_record, guess_kind
from engine.ingest.build_task import SplitPlan, assign_splits, make_task
from engine.ingest.checks.examine import examine
from engine.ingest.checks.work import build_rows, without_template
from engine.ingest.columns import Guess, Roles, check_roles, guess_roles
from engine.ingest.data_card import ColumnLanguages, Examined, Fix, Row
from engine.ingest.drafting import draft_instructions, instruction_template
from engine.ingest.intake import Intake, TokenFacts, measure_tokens
from engine.ingest.leaks.fixing import fix_until_none_left
from engine.ingest.leaks.pairs import LeakPair, Text
from engine.ingest.leaks.record import LeakFix, LeakRecord, Sides, leak_sides, record_leaks
from engine.ingest.leaks.text_check import find_leaks
from engine.ingest.options import ImportOptions
from engine.ingest.progress import Report, part_of
from engine.ingest.row_languages import column_languages, import_locale
from engine.ingest.table import FirstLook, ReadOptions, Table


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Looked:
    """The beginning of the file, read as asked."""

    before: ClassVar[None] = None
    reading: ReadOptions
    look: FirstLook


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Read:
    """The whole file, and what its columns seem to be for."""

    before: Looked | None
    table: Table
    guess: Guess | None
    """None if the table has only one column."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Mapped:
    """What each column is for, and which kind of answer the targets are."""

    before: Read
    roles: Roles
    kind: AnswerKind
    kind_guess: KindGuess


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Checked:
    """The rows after the chosen fixes, with the data card."""

    before: Mapped
    fixes: Mapping[str, Fix]
    too_long: frozenset[int]
    """Places of the rows that exceed a model's context, as far as that is known."""
    examined: Examined


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Split:
    """Which rows are for training and which for testing."""

    before: Checked
    plan: SplitPlan
    splits: Mapping[int, str]
    """By the row's place."""
    languages: tuple[ColumnLanguages, ...]
    """Of the columns that are texts, by split."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Documented:
    """The documents that retrieval may look up."""

    before: Split
    documents: tuple[Document, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Compared:
    """Test rows whose words occur, exactly or changed, where variants learn or in a document."""

    before: Documented
    similarity: float
    pairs: tuple[LeakPair, ...]
    validation_like_training: int
    """Validation rows that are like a training row; they do not leak into the test rows."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Guarded:
    """What was done about leaks, and what the remaining rows imply for the task."""

    before: Compared
    fix: LeakFix
    meanings: tuple[LeakPair, ...] | None
    """Rows that say the same in other words; None if that was not looked for."""
    splits: Mapping[int, str]
    """By the row's place, after the fix."""
    record: LeakRecord
    answer: AnswerSpec


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Ready:
    """The finished task."""

    before: Guarded
    choices: tuple[Any, ...]
    """Those that were made for it alone."""
    instructions: str
    task: Task


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Kept:
    """The task is among the user's tasks."""

    before: Ready
    task_id: str


Step = Looked | Read | Mapped | Checked | Split | Documented | Compared | Guarded | Ready | Kept
Found = TypeVar("Found", Looked, Read, Mapped, Checked, Split, Documented, Compared, Guarded, Ready, Kept)


def way_to(last: Step | None) -> Iterator[Step]:
    """Return the steps from the last one back to the first."""
    while last is not None:
        yield last
        last = last.before


def find_step(last: Step | None, wanted: type[Found]) -> Found | None:
    """Return the step of this type on the way to the last one; None if it has not been reached."""
    return next((step for step in way_to(last) if isinstance(step, wanted)), None)


def still_standing(last: Step | None, options: ImportOptions) -> Step | None:
    """Return the last step that these options leave unchanged: the one before the first that they would change."""
    kept: Step | None = None
    for step in reversed(list(way_to(last))):
        if not _stands(step, options):
            break
        kept = step
    return kept


def _stands(step: Step, options: ImportOptions) -> bool:
    """Tell whether these options would make the same step again; this defines which choice affects which step."""
    match step:
        case Looked():
            same = step.reading == options.reading
        case Mapped():
            kind = options.kind or step.kind_guess.kind
            same = roles_for(step.before, options) == step.roles and kind is step.kind
        case Checked():
            same = step.fixes == options.fixes
        case Split():
            same = plan_for(step.before.before, options) == step.plan
        case Documented():
            same = step.documents == options.documents
        case Compared():
            same = step.similarity == options.similarity
        case Guarded():
            same = step.fix is options.leaks
        case Ready():
            same = (  # other words for labels may not fit: nothing is drafted with them
                step.choices == _last_choices(options) and instructions_for(step.before, options) == step.instructions
            )
        case Read() | Kept():
            same = True
    return same


def roles_for(read: Read, options: ImportOptions) -> Roles:
    """Return the roles that were chosen, or those that were guessed.

    Raises:
        TableError: none were chosen, and the table has only one column.
    """
    return options.roles or (read.guess or guess_roles(read.table)).roles


def plan_for(mapped: Mapped, options: ImportOptions) -> SplitPlan:
    """Return how rows will be split."""
    return options.split or SplitPlan(column=mapped.roles.split)


def instructions_for(guarded: Guarded, options: ImportOptions) -> str:
    """Return the instructions that the user wrote, or the drafted ones."""
    return drafted_for(guarded, options) if options.instructions is None else options.instructions


def drafted_for(guarded: Guarded, options: ImportOptions) -> str:
    """Draft the instructions in the chosen language, with the chosen words for labels, or raise a `UsageError`."""
    split = guarded.before.before.before
    language = instruction_template(options.instruction_language, split.languages).language
    answer = with_label_words(guarded.answer, options.label_words)
    return draft_instructions(answer, target=split.before.before.roles.target, language=language)


def _last_choices(options: ImportOptions) -> tuple[Any, ...]:
    return options.title, options.locale, options.instruction_language, dict(options.label_words)


def read_whole(table: Table, looked: Looked | None = None) -> Read:
    """Begin with a whole table, and guess what its columns are for."""
    return Read(before=looked, table=table, guess=guess_roles(table) if len(table.header) > 1 else None)


def map_columns(read: Read, options: ImportOptions) -> Mapped:
    """Decide what each column is for, and the kind of answer.

    Raises:
        UsageError, TableError: the roles do not fit the table.
    """
    roles = roles_for(read, options)
    check_roles(read.table, roles)
    guess = guess_kind(list(read.table.column(roles.target)))
    return Mapped(before=read, roles=roles, kind=options.kind or guess.kind, kind_guess=guess)


def count_tokens(mapped: Mapped, intake: Intake, model: ModelFacts, report: Report | None = None) -> TokenFacts:
    """Count the tokens of a sample of rows and of all that may be too long.

    The instructions are counted as drafted from all usable rows, so that the count does not depend on any fix.
    """
    rows = build_rows(mapped.before.table, mapped.roles)
    targets = [row.target.strip() for row in rows if row.input.strip() and row.target.strip()]
    if mapped.kind is AnswerKind.JSON:
        targets = [target for target in targets if as_record(target) is not None]
    drafted = draft_instructions(answer_spec(mapped.kind, targets), target=mapped.roles.target)
    return measure_tokens(intake, model, drafted, rows, report)


def check_rows(
    mapped: Mapped,
    fixes: Mapping[str, Fix],
    *,
    too_long: frozenset[int] = frozenset(),
    report: Report | None = None,
) -> Checked:
    """Examine every row and apply the chosen fixes; a choice that fits no finding is ignored."""
    examined = examine(mapped.before.table, mapped.roles, mapped.kind, fixes, too_long=too_long, report=report)
    return Checked(before=mapped, fixes=dict(fixes), too_long=too_long, examined=examined)


def split_rows(checked: Checked, plan: SplitPlan) -> Split:
    """Give each row its split.

    Raises:
        UsageError: the split column is not there.
        TableError: no row is left, a split is not known (says the line), or a side would be empty.
    """
    mapped = checked.before
    table, rows = mapped.before.table, checked.examined.rows
    splits = assign_splits(table, rows, mapped.roles, plan, mapped.kind)
    languages = column_languages(table, rows, mapped.roles, mapped.kind, splits)
    return Split(before=checked, plan=plan, splits=splits, languages=languages)


def add_documents(split: Split, documents: Sequence[Document] = ()) -> Documented:
    """Add the documents to the rows."""
    return Documented(before=split, documents=tuple(documents))


def sides_of(split: Split) -> Sides:
    """Return the texts that variants may learn from, and those that they are tested on."""
    checked, mapped = split.before, split.before.before
    return leak_sides(without_template(mapped.before.table, mapped.roles, checked.examined), split.splits)


def compare_rows(documented: Documented, similarity: float, report: Report | None = None) -> Compared:
    """Look for test rows on the learning side and in documents."""
    tell = report or (lambda _fraction: None)
    (learn, test), splits = sides_of(documented.before), documented.before.splits
    train = [item for item in learn if splits[int(item.id)] == "train"]
    validation = [item for item in learn if splits[int(item.id)] != "train"]
    part = 0.6 if validation else 1.0
    texts = [Text(id=document.name, text=document.text) for document in documented.documents]
    pairs = find_leaks(learn, test, texts, similarity=similarity, report=part_of(tell, 0.0, part))
    repeated = find_leaks(train, validation, similarity=similarity, report=part_of(tell, part, 1.0))
    return Compared(
        before=documented,
        similarity=similarity,
        pairs=tuple(pairs),
        validation_like_training=len({pair.test_id for pair in repeated}),
    )


def guard_splits(
    compared: Compared, fix: LeakFix, meanings: tuple[LeakPair, ...] | None = None, report: Report | None = None
) -> Guarded:
    """Do what was chosen about leaks, and check what that changes until nothing is left.

    `meanings` are pairs that say the same in other words; None if that was not looked for.
    """
    split, mapped = compared.before.before, compared.before.before.before.before
    rows = without_template(mapped.before.table, mapped.roles, split.before.examined)
    known = {(pair.test_id, pair.other_id) for pair in compared.pairs}
    pairs = [*compared.pairs, *(pair for pair in meanings or () if (pair.test_id, pair.other_id) not in known)]
    after, left = fix_until_none_left(rows, split.splits, pairs, fix, similarity=compared.similarity, report=report)
    record = record_leaks(
        split.splits, after, pairs, fix, left=left, similarity=compared.similarity, meanings=meanings is not None,
        documents=len(compared.before.documents), validation_like_training=compared.validation_like_training,
    )  # fmt: skip
    targets = [row.target for row in rows if row.place in after]
    answer = answer_spec(mapped.kind, targets, import_locale(split.languages, mapped.roles.target, None))
    return Guarded(before=compared, fix=fix, meanings=meanings, splits=after, record=record, answer=answer)


def rows_left(guarded: Guarded) -> list[Row]:
    """Return the rows that become examples."""
    return [row for row in guarded.before.before.before.before.examined.rows if row.place in guarded.splits]


def make_ready(guarded: Guarded, options: ImportOptions, *, task_id: str) -> Ready:
    """Build the task. Its `source` holds the record of the import.

    Raises:
        TableError: nothing is left to train or to test on, there is only one label, or the instructions are empty.
    """
    documented, split = guarded.before.before, guarded.before.before.before
    checked, mapped = split.before, split.before.before
    instructions = instructions_for(guarded, options)
    task = make_task(
        mapped.before.table, mapped.roles, checked.examined, guarded.splits, split.plan,
        kind=mapped.kind, task_id=task_id, title=options.title, instructions=instructions,
        documents=documented.documents, languages=split.languages, locale=options.locale, leaks=guarded.record,
        label_words=options.label_words, template=instruction_template(options.instruction_language, split.languages),
    )  # fmt: skip
    return Ready(before=guarded, choices=_last_choices(options), instructions=instructions, task=task)
