"""What a command works on: a task by its name or from a table, a saved run by its id, saved weights by their key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from engine.core.errors import UsageError, unknown_name
from engine.core.lora_library import KeptWeights
from engine.core.run.infos import RunInfo
from engine.core.run.manifest import Purpose
from engine.ingest.build_task import SplitPlan
from engine.ingest.columns import Roles, guess_roles
from engine.ingest.one_step import Imported, import_table, slug
from engine.ingest.options import ImportOptions
from engine.ingest.table import Table
from engine.services.lab import Lab
from terminal.options import ColumnOptions, TaskOptions
from terminal.output import note

TABLES = {".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xlsm", ".jsonl", ".ndjson", ".parquet"}
"""Extensions of files that --task treats as tables."""
CLEARLY_LONGER = 2
"""A column is the input if its texts are this many times as long as those of any other remaining column."""
_SURE = ("by its name", "different short values")
"""Part of a guess's reason if a target was found, and not just chosen because there was no better one."""
_LOOKED_AT_ROWS = 2000
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
    if path.suffix.lower() not in TABLES:
        return options.task
    table = lab.tables.read_path(path)
    split = SplitPlan(seed=seed)
    made = task_of_table(table, options.columns, ImportOptions(split=split), name=slug(path.stem), must_be_sure=True)
    return lab.tables.save(made.task)


def task_of_table(
    table: Table, columns: ColumnOptions, options: ImportOptions, *, name: str, must_be_sure: bool
) -> Imported:
    """Turn a table into a task, and print on stderr why its columns were chosen.

    Its split column, if it has one, overrides the shares.

    Raises:
        UsageError: `must_be_sure` is set and a guessed column is not clear.
        TableError: rows that cannot be used.
    """
    roles, reasons = _chosen_roles(table, columns, must_be_sure=must_be_sure)
    split = options.split or SplitPlan()
    if roles.split:
        split = replace(split, column=roles.split)
    made = import_table(table, replace(options, roles=roles, split=split, title=table.name), task_id=name)
    for role, reason in reasons.items():
        note(f"{role}: {reason}", dim=True)
    return made


def _chosen_roles(table: Table, columns: ColumnOptions, *, must_be_sure: bool) -> tuple[Roles, Mapping[str, str]]:
    """Return the roles of the columns, given or guessed, and the reason for each guess."""
    inputs = _names(columns.input_column, table) if columns.input_column else ()
    if inputs and columns.target_column:
        return Roles(inputs=inputs, target=columns.target_column, split=columns.split_column), {}
    guess = guess_roles(table)
    roles = replace(
        guess.roles,
        inputs=inputs or guess.roles.inputs,
        target=columns.target_column or guess.roles.target,
        split=columns.split_column or guess.roles.split,
    )
    doubts = _doubts(table, roles, guess.reasons, columns) if must_be_sure else {}
    if doubts:
        raise UsageError(
            f"Which columns of '{table.name}'? {' '.join(doubts.values())}",
            f"Name them with {' and '.join(doubts)}; there are {', '.join(table.header)}.",
        )
    asked = {"input": columns.input_column, "target": columns.target_column, "split": columns.split_column}
    return roles, {role: reason for role, reason in guess.reasons.items() if not asked.get(role)}


def _doubts(table: Table, roles: Roles, reasons: Mapping[str, str], columns: ColumnOptions) -> dict[str, str]:
    """Return, by option, a sentence about each uncertain guess."""
    doubts = {}
    both = roles.target in roles.inputs
    if not columns.input_column and (both or not _is_clear_input(table, roles, reasons)):
        guess = f"'{roles.target}' would be both" if both else f"at a guess {reasons['input']}".rstrip(".")
        doubts["--input-column"] = f"The input is not clear; {guess}."
    if not columns.target_column and (both or not _found(reasons["target"])):
        guess = f"'{roles.target}' would be both" if both else f"at a guess {reasons['target']}".rstrip(".")
        doubts["--target-column"] = f"The right answer is not clear; {guess}."
    return doubts


def _found(reason: str) -> bool:
    return any(words in reason for words in _SURE)


def _is_clear_input(table: Table, roles: Roles, reasons: Mapping[str, str]) -> bool:
    if _SURE[0] in reasons["input"]:
        return True
    taken = {*roles.inputs, roles.target, roles.split, roles.id, roles.group}
    others = [_mean_characters(table, name) for name in table.header if name not in taken]
    longest = max(_mean_characters(table, name) for name in roles.inputs)
    return longest >= CLEARLY_LONGER * max(others, default=0.0)


def _mean_characters(table: Table, name: str) -> float:
    cells = [str(cell) for cell in table.column(name)[:_LOOKED_AT_ROWS] if str(cell).strip()]
    return sum(map(len, cells)) / max(len(cells), 1)


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
        if not runs:
            raise UsageError("There are no saved runs yet.", "Start one with 'python cli.py compare'.")
        return next((run for run in runs if run.purpose is Purpose.COMPARISON), runs[0])
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
