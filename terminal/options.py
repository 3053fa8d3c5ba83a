"""What options have in common: their names, their types, and the groups under which help shows them.

Options that decide what is computed are the fields of the engine's own dataclasses, so that each default and its
description are written only there. This module defines the fields' names on the command line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

from engine.core.errors import UsageError
from engine.core.limits import Limits
from engine.core.prices import CostAssumptions
from engine.core.run.plan import TRAIN_ROWS
from engine.core.variant import LoraSpec
from engine.running.defaults import TechniqueOptions

USUAL_ROWS = f"{TRAIN_ROWS}, or one for each label if there are more labels"
DEFAULT_MODEL = "smollm2-135m-instruct"
"""The model that answers by default."""
_NAMES = {
    "shots_k": "shots",
    "examples_k": "examples",
    "passages_k": "passages",
    "chunk_overlap_words": "chunk-overlap",
    "machine_usd_per_hour": "usd-per-hour",
    "electricity_usd_per_kwh": "usd-per-kwh",
    "highest_p95_s": "highest-p95",
    "highest_cost_usd_per_1k": "highest-cost",
    "labelling_usd_per_row": "labelling-usd",
    # Members of enumerations, named by their values in plans and manifests.
    "RECIPROCAL_RANK": "rrf",
    "MEAN_RECIPROCAL_RANK": "mrr",
}


def option_name(name: str) -> str:
    """Return how a field, or a member of an enumeration, is written on the command line."""
    return _NAMES.get(name) or name.lower().replace("_", "-")


def _at_least_one(_type: object, value: int | None) -> None:
    if value is not None and value < 1:
        raise ValueError(f"It must be at least 1, got {value}.")


def _whole_lora(_type: object, spec: LoraSpec) -> None:
    for name in ("rank", "epochs", "batch_size"):
        if getattr(spec, name) < 1:
            raise UsageError(f"--{option_name(name)} must be at least 1, got {getattr(spec, name)}.")


def _whole_options(_type: object, options: TechniqueOptions) -> None:
    for name in ("shots_k", "chunk_words"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UsageError(f"--{option_name(name)} must be at least 1, got {value}.")


def _part(_type: object, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"It must be from 0 to below 1, got {value:g}.")


Count = Annotated[int, Parameter(validator=_at_least_one)]
"""A number of things, at least one."""
Share = Annotated[float, Parameter(validator=_part)]
"""A share from 0 to below 1."""
Json = Annotated[bool, Parameter(name="--json", help="Print one JSON object instead of tables.")]
Yes = Annotated[bool, Parameter(help="Do not ask.")]
Run = Annotated[str, Parameter(metavar="RUN", help="The run's id; 'latest' takes the newest comparison.")]
Key = Annotated[str, Parameter(metavar="KEY", help="The key of LoRA weights, or its beginning.")]

OPTIONS = Group("Options", sort_key=2)
"""The group in help for options that belong to no other group."""
_DATA = Group("Data", sort_key=1)

Lora = Annotated[
    LoraSpec,
    Parameter(
        name="*",
        group=Group("LoRA training", sort_key=4),
        validator=_whole_lora,
        parse="^(?!targets$|seed$|prompts$|patience_epochs$|stop_after_epochs$)",  # the seed is that of the run
    ),
]
Techniques = Annotated[
    TechniqueOptions,
    Parameter(
        name="*",
        group=Group("Prompts and retrieval (defaults fit the task)", sort_key=3),
        validator=_whole_options,
        parse="^(?!lora$)",  # it has its own group
    ),
]
Costs = Annotated[CostAssumptions, Parameter(name="*", group=Group("Assumptions for estimated costs", sort_key=5))]
UserLimits = Annotated[
    Limits, Parameter(name="*", group=Group("Your limits, none unless set, and assumptions", sort_key=3))
]


@Parameter(name="*", group=_DATA)
@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnOptions:
    """The roles of a table's columns; roles that are not given are guessed."""

    input_column: str | None = None
    """Table: the column with the input; separate several by commas. Guessed by default."""
    target_column: str | None = None
    """Table: the column with the right answer. Guessed by default."""
    split_column: str | None = None
    """Table: the column that says train, validation or test."""
    encoding: str | None = None
    """Table: how letters are stored as bytes, such as cp1252 or cp932. Detected by default."""


@Parameter(name="*", group=_DATA)
@dataclass(frozen=True, kw_only=True, slots=True)
class TaskOptions:
    """The task and the model."""

    task: Annotated[str | None, Parameter(metavar="TASK")] = None
    """A task's name, its folder, or a table (CSV, XLSX, JSONL, Parquet)."""
    columns: ColumnOptions = ColumnOptions()
    model: Annotated[str, Parameter(metavar="MODEL")] = DEFAULT_MODEL
    """A model's name, ollama/NAME, SERVER/NAME, or a GGUF file."""


@Parameter(name="*", group=_DATA)
@dataclass(frozen=True, kw_only=True, slots=True)
class DrawOptions:
    """Which rows variants learn from."""

    train_rows: Annotated[Count | None, Parameter(show_default=USUAL_ROWS)] = None
    """Training rows to learn from, spread evenly over labels."""
    rows_per_label: Count | None = None
    """Training rows for each label, instead of a number in all; all where a label has fewer."""
    seed: int = 0
    """Seed for training rows, examples, test rows, LoRA."""


# The defaults.
DEFAULT_TASK, DEFAULT_COLUMNS, DEFAULT_DRAW = TaskOptions(), ColumnOptions(), DrawOptions()
DEFAULT_TECHNIQUES, DEFAULT_LORA = TechniqueOptions(), LoraSpec()
DEFAULT_COSTS, DEFAULT_LIMITS = CostAssumptions(), Limits()
