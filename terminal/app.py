"""The parser of `python cli.py`: the commands, and how each one ends.

A command's module is imported when it is called, so that help is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from inspect import cleandoc

from cyclopts import App, Parameter
from cyclopts.exceptions import CycloptsError

from engine.core.errors import AdaptLabError, CancelledError, UsageError
from terminal.exits import EXIT_CANCELLED, EXIT_DONE, EXIT_ERROR, EXIT_USAGE
from terminal.options import OPTIONS, option_name
from terminal.output import note
from terminal.usage import explained

NAME = "python cli.py"
COMMANDS = {
    "tasks": "List the tasks, or check a task folder.",
    "models": "List the available models and servers, accept terms, add and remove servers.",
    "import-csv": """Turn a table (CSV, XLSX, JSONL, Parquet) into a task folder.

        Reads a table without changing its cells, checks it, splits it, looks for leaks, and writes a task folder.
        Rows that cannot be used stop the import, with their line, unless you ask for a fix.""",
    "compare": """Run variants side by side and write the figures.

        Variants take turns row by row, and each prediction is saved at once. LoRA weights are trained within the run
        if no matching ones exist. Several models, separated by commas, run one after the other. Ctrl-C stops the run;
        --resume continues it.""",
    "train": "Train LoRA weights for a task and save them.",
    "report": """Write the memo of a saved run: one offline HTML file, or Markdown.

        Assesses the run under your limits. The extension of --out decides the format: .html works offline and contains
        everything, .md is Markdown.""",
    "runs": "List, show, export, import and delete saved runs.",
    "study": "Learning curve, drift, context and seeds: what changes when something else changes.",
    "lora": "List, show, export and remove saved LoRA weights.",
}
"""Each is the `app` of a module of `terminal.commands`, with its help text."""


def build_app() -> App:
    """Return the parser with all commands except those that `cli.py` adds."""
    app = App(
        name=NAME,
        help="Find out, with evidence, whether a prompt, retrieval, a LoRA fine-tune, a combination, or a small "
        "classifier is best for a narrow task. Everything runs on this machine unless you choose a model on another "
        "one.",
        help_epilogue="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 stopped (saved, resumable). In a pipe, tables "
        "are tab-separated values with a header; --json prints one JSON object.",
        version_flags=[],
        group_parameters=OPTIONS,
        default_parameter=Parameter(negative="", name_transform=option_name, show_default=_written_default),
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    for name, words in COMMANDS.items():
        app.command(f"terminal.commands.{name.replace('-', '_')}:app", name=name, help=cleandoc(words))
    return app


def carry_out(app: App, arguments: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    if not arguments:
        note("Which command?")
        note(f"See '{NAME} --help'.")
        return EXIT_USAGE
    try:
        code = app(list(arguments))
        sys.stdout.flush()
    except CycloptsError as error:
        return _told(explained(error, app))
    except AdaptLabError as error:
        return _told(error)
    except KeyboardInterrupt:
        note("Stopped immediately. Finished rows are saved.")
        return EXIT_CANCELLED
    except BrokenPipeError:  # the reader has closed the pipe: `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    return code if isinstance(code, int) else EXIT_DONE


def _told(error: AdaptLabError) -> int:
    """Say what went wrong and how to fix it; return the exit code."""
    note(error.what)
    if error.fix:
        note(error.fix)
    kinds = {UsageError: EXIT_USAGE, CancelledError: EXIT_CANCELLED}
    return next((code for kind, code in kinds.items() if isinstance(error, kind)), EXIT_ERROR)


def _written_default(value: object) -> str | None:
    """Format a default for help; an unset flag or an empty value is not shown."""
    if value is None or value is False or value == ():
        return None
    return str(value)
