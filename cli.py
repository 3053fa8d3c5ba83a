"""The terminal's entry point: `python cli.py COMMAND`; `--help` lists the commands, `terminal/` contains them."""

from __future__ import annotations

import os
import signal
import sys


def _leave(_number: int, _frame: object) -> None:
    """Leave at once: an import that Ctrl-C interrupts would end in a traceback, and nothing has begun."""
    os.write(2, b"Stopped before anything began.\n")
    os._exit(3)  # EXIT_CANCELLED, which is not imported yet


_interrupted = signal.signal(signal.SIGINT, _leave) if __name__ == "__main__" else None

from collections.abc import Sequence  # noqa: E402
from typing import Annotated  # noqa: E402

from cyclopts import Parameter  # noqa: E402

from terminal.app import build_app, carry_out  # noqa: E402
from terminal.exits import EXIT_CANCELLED, EXIT_DONE, EXIT_ERROR, EXIT_USAGE  # noqa: E402
from terminal.options import Json  # noqa: E402

__all__ = ["EXIT_CANCELLED", "EXIT_DONE", "EXIT_ERROR", "EXIT_USAGE", "main"]

app = build_app()


@app.command
def bench(
    *names: Annotated[str, Parameter(help="Which benchmarks; by default all that take minutes.")], as_json: Json = False
) -> int:
    """Measure the app on this machine (also: make bench)."""
    from benchmarks.run import run_benchmarks

    return run_benchmarks(names, as_json=as_json)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    return carry_out(app, sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, _interrupted)
    sys.exit(main())
