"""The terminal front door: `python cli.py tasks | models | import-csv | compare | report | train | bench`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.markup import escape

from engine.core.errors import AdaptLabError, CancelledError, UsageError
from terminal.arguments import parser
from terminal.comparing import compare
from terminal.exits import EXIT_CANCELLED, EXIT_ERROR, EXIT_USAGE
from terminal.making import import_table, report, train
from terminal.showing import check_task, models, tasks


def _bench(options: argparse.Namespace) -> int:
    from benchmarks.run import run_benchmarks

    return run_benchmarks(options.names)


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "tasks": tasks,
    "check_task": check_task,
    "models": models,
    "import_table": import_table,
    "compare": compare,
    "train": train,
    "report": report,
    "bench": _bench,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; return its exit code."""
    options = parser().parse_args(arguments)
    errors = Console(stderr=True, highlight=False)
    try:
        return COMMANDS[options.command](options)
    except CancelledError as error:
        errors.print(escape(error.what))
        return EXIT_CANCELLED
    except UsageError as error:
        _say(errors, error)
        return EXIT_USAGE
    except AdaptLabError as error:
        _say(errors, error)
        return EXIT_ERROR


def _say(console: Console, error: AdaptLabError) -> None:
    console.print(escape(error.what), soft_wrap=True)
    if error.mend:
        console.print(escape(error.mend), soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
