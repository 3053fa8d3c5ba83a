"""`import-csv`: a table becomes a task folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from engine.core.errors import UsageError
from engine.core.task import AnswerKind
from engine.core.text.label_words import read_label_words
from engine.core.text.safe_text import slug
from engine.ingest.build_task import SplitPlan
from engine.ingest.checks.examine import finding_ids
from engine.ingest.data_card import Fix
from engine.ingest.leaks.record import LeakFix
from engine.ingest.options import ImportOptions
from terminal.exits import EXIT_DONE
from terminal.language import token_note
from terminal.leak_check import Meanings
from terminal.listings.tables import show_import
from terminal.options import DEFAULT_COLUMNS, OPTIONS, ColumnOptions, Share
from terminal.output import answer
from terminal.sources import read_table, task_of_table
from wiring import open_lab

app = App(
    group_parameters=OPTIONS,
    name="import-csv",
    help_epilogue="Example: python cli.py import-csv my.csv --input-column text --target-column label --out my-task",
)
FIXES = f"How to handle a finding: {', '.join(finding_ids())}; {', '.join(Fix)}. Once per finding."

_WORDS = "What the model reads and writes for a label; results show the label. Once per label."


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True, slots=True)
class TableChoices:
    """The choices for turning a table into a task."""

    kind: AnswerKind | None = None
    """Kind of answer; guessed by default."""
    test_share: Share = 0.4
    """Share of the rows to test on, without a split column."""
    validation_share: Share = 0.0
    """Share of the rows for choosing settings, without a split column."""
    seed: int = 0
    """Seed of the splits."""
    fix: Annotated[tuple[str, ...], Parameter(metavar="FINDING=WHAT", help=FIXES)] = ()
    mend: Annotated[tuple[str, ...], Parameter(show=False)] = ()
    """What `fix` was called before."""
    leaks: LeakFix = LeakFix.KEEP
    """Test rows that are similar to training rows: keep, drop or move them, or drop the training rows."""
    locale: str | None = None
    """How answers are compared, and numbers and dates read: de, de-CH, mul (several); else by the rows' language."""
    instruction_language: Annotated[str, Parameter(metavar="LANGUAGE", show_default=False)] = ""
    """In which language instructions are drafted: de, fr, …; auto: that of the rows; else English."""
    label_word: Annotated[tuple[str, ...], Parameter(metavar="LABEL=WORD", help=_WORDS)] = ()
    meanings: Meanings = Meanings.AUTO
    """Whether the leak check also compares meanings, by embedding all rows; auto: up to 20,000 rows."""

    def as_options(self) -> ImportOptions:
        """Return them as the engine's options."""
        shares = {
            "train": 1 - self.test_share - self.validation_share,
            "validation": self.validation_share,
            "test": self.test_share,
        }
        return ImportOptions(
            kind=self.kind,
            fixes=dict(_fix(text) for text in (*self.fix, *self.mend)),
            split=SplitPlan(seed=self.seed, shares=shares),
            leaks=self.leaks,
            locale=self.locale,
            instruction_language=self.instruction_language,
            label_words=read_label_words(self.label_word),
        )


DEFAULT_CHOICES = TableChoices()


@app.default
def import_csv(
    file: Annotated[Path, Parameter(help="The table.")],
    /,
    *,
    out: Annotated[Path, Parameter(help="The task folder to write.")],
    replace: Annotated[bool, Parameter(help="Replace an existing task.")] = False,
    model: Annotated[str, Parameter(help="Say what this model pays for the language of the rows, in tokens.")] = "",
    columns: ColumnOptions = DEFAULT_COLUMNS,
    choices: TableChoices = DEFAULT_CHOICES,
) -> int:
    """Make a task folder from a table."""
    options = choices.as_options()
    if (out / "task.toml").exists() and not replace:
        raise UsageError(f"'{out}' already contains a task.", "Choose another --out, or add --replace.")
    lab = open_lab()
    table = read_table(lab, file, columns)
    name = slug(out.resolve().name)
    imported = task_of_table(lab, table, columns, options, name=name, meanings=choices.meanings)
    lab.tasks.write(imported.task, out)
    show_import(imported)
    if model:
        answer(token_note(lab, imported.task, model) or "The rows have no text to count.")
    answer(f"Wrote {out}")
    return EXIT_DONE


def _fix(text: str) -> tuple[str, Fix]:
    name, _, what = text.partition("=")
    try:
        return name, Fix(what)
    except ValueError:
        raise UsageError(f"--fix got '{text}'.", f"Write FINDING=WHAT with {', '.join(Fix)}.") from None
