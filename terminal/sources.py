"""What a command works on: a task by its name or from a table, a saved run by its id, saved weights by their key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from engine.core.errors import UsageError, unknown_name
from engine.core.lora_library import KeptWeights
from engine.core.run.infos import RunInfo
from engine.core.run.standing import is_comparison
from engine.core.text.safe_text import slug
from engine.ingest.build_task import SplitPlan
from engine.ingest.columns import Guess, Roles, guess_roles
from engine.ingest.one_step import Imported, begin_import, finish_import
from engine.ingest.options import TABLE_EXTENSIONS, ImportOptions
from engine.ingest.steps import Compared
from engine.ingest.table import ReadOptions, Table
from engine.services.lab import Lab
from terminal.leak_check import Meanings, leak_progress, search_meanings
from terminal.options import ColumnOptions, TaskOptions
from terminal.output import note

_MOST_NAMES = 20
"""A wrong id is compared with this many of the newest ones."""
LATEST = "latest"
"""Stands for the newest comparison; runs of studies are skipped."""


def task_id(options: TaskOptions, lab: Lab, *, seed: int = 0) -> str:
    """Return the id of the requested task; a table is turned into a task first, split by the seed.

    Raises:
        UsageError: no task is named, or the columns of a table are not clear.
    """
    if not options.task:
        raise UsageError("Which task?", "Name one with --task; 'cli.py tasks' lists them.")
    path = Path(options.task)
    if path.suffix.lower().removeprefix(".") not in TABLE_EXTENSIONS:
        return options.task
    table = read_table(lab, path, options.columns)
    asked = ImportOptions(split=SplitPlan(seed=seed))
    compared, chosen = _compared(table, options.columns, asked, must_be_sure=True)
    name = slug(path.stem)
    # The same table gives the same task, whose rows need not be embedded again.
    kept = lab.tables.saved_id(finish_import(compared, chosen, task_id=name).task)
    if kept is None:
        meanings = search_meanings(lab, compared.before.before)
        kept = lab.tables.save(finish_import(compared, chosen, task_id=name, meanings=meanings).task)
    note(str(lab.tasks.get(kept).card.get("leak_guard", "")), dim=True)
    return kept


def read_table(lab: Lab, path: Path, columns: ColumnOptions) -> Table:
    """Read a table, and print on stderr how its encoding was guessed, if it was.

    Raises:
        UsageError: there is no such file.
        TableError: it cannot be read as asked.
    """
    table = lab.tables.read_path(path, ReadOptions(encoding=columns.encoding))
    if table.reading.guess:
        note(f"Encoding: {table.reading.guess} If letters look wrong, choose another with --encoding.", dim=True)
    return table


def task_of_table(
    lab: Lab, table: Table, columns: ColumnOptions, options: ImportOptions, *, name: str, meanings: Meanings
) -> Imported:
    """Turn a table into a task, and print on stderr why its columns were chosen.

    Its split column, if it has one, overrides the shares. `meanings` says whether the leak check compares meanings.

    Raises:
        TableError: rows that cannot be used.
        CancelledError: the user stopped.
    """
    compared, chosen = _compared(table, columns, options, must_be_sure=False)
    found = search_meanings(lab, compared.before.before, meanings)
    return finish_import(compared, chosen, task_id=name, meanings=found)


def _compared(
    table: Table, columns: ColumnOptions, options: ImportOptions, *, must_be_sure: bool
) -> tuple[Compared, ImportOptions]:
    """Take the steps up to the leak check by words; return the choices with the columns that were guessed.

    Raises:
        UsageError: `must_be_sure` is set and a guessed column is not clear.
        TableError: rows that cannot be used.
        CancelledError: the user stopped.
    """
    roles, reasons = _chosen_roles(table, columns, must_be_sure=must_be_sure)
    split = options.split or SplitPlan()
    if roles.split:
        split = replace(split, column=roles.split)
    chosen = replace(options, roles=roles, split=split, title=table.name)
    with leak_progress("Comparing test rows") as (report, _cancel):
        compared = begin_import(table, chosen, report)
    for role, reason in reasons.items():
        note(f"{role}: {reason}", dim=True)
    return compared, chosen


def _chosen_roles(table: Table, columns: ColumnOptions, *, must_be_sure: bool) -> tuple[Roles, Mapping[str, str]]:
    """Return the roles of the columns, given or guessed, and the reason for each guess."""
    inputs = _names(columns.input_column, table) if columns.input_column else ()
    guess = guess_roles(table, inputs=inputs, target=columns.target_column, split=columns.split_column)
    doubts = _doubts(guess, columns) if must_be_sure else {}
    if doubts:
        raise UsageError(
            f"Which columns of '{table.name}'? {' '.join(doubts.values())}",
            f"Name them with {' and '.join(doubts)}; the columns are {', '.join(table.header)}.",
        )
    return guess.roles, guess.reasons


def _doubts(guess: Guess, columns: ColumnOptions) -> dict[str, str]:
    """Return, by option, a sentence about each uncertain guess."""
    roles, doubts = guess.roles, {}
    both = roles.target in roles.inputs
    asked = (
        ("input", "--input-column", columns.input_column, "The input"),
        ("target", "--target-column", columns.target_column, "The right answer"),
    )
    for role, option, given, what in asked:
        if not given and (both or role in guess.unsure):
            why = f"'{roles.target}' would be both" if both else f"at a guess {guess.reasons[role]}".rstrip(".")
            doubts[option] = f"{what} is not clear; {why}."
    return doubts


def _names(given: str, table: Table) -> tuple[str, ...]:
    """Parse column names; a name with a comma is not split if there is such a column."""
    return (given,) if given in table.header else tuple(name.strip() for name in given.split(","))


def kept_run(lab: Lab, name: str) -> RunInfo:
    """Return the saved run with this id; `latest` is the newest comparison.

    Raises:
        UsageError: there is none.
    """
    runs = lab.runs.list()
    if name == LATEST:
        found = next((run for run in runs if is_comparison(run)), None)
        if found is None:
            what = (
                "There are no saved runs yet." if not runs else "No saved run is a comparison; all belong to studies."
            )
            raise UsageError(what, "Start one with 'python cli.py compare'.")
        return found
    for run in runs:
        if run.run_id == name:
            return run
    raise unknown_name("run", name, [run.run_id for run in runs[:_MOST_NAMES]])


def kept_weights(lab: Lab, name: str) -> KeptWeights:
    """Return the saved LoRA weights with this key, or with the only key that begins like this.

    Raises:
        UsageError: there are none, or several.
    """
    weights = lab.lora.library.weights()
    if not weights:
        raise UsageError("There are no saved LoRA weights yet.", "Train some with 'python cli.py train'.")
    alike = [one for one in weights if one.key == name] or [one for one in weights if one.key.startswith(name)]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise UsageError(
            f"{len(alike)} keys begin with '{name}'.", f"Write more of the key: {' or '.join(w.key for w in alike)}."
        )
    raise unknown_name("key of LoRA weights", name, [one.key for one in weights])
