"""The terminal's entry point: `python cli.py COMMAND`; `--help` lists the commands, `terminal/` contains them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from terminal.app import build_app, carry_out
from terminal.exits import EXIT_CANCELLED, EXIT_DONE, EXIT_ERROR, EXIT_USAGE

__all__ = ["EXIT_CANCELLED", "EXIT_DONE", "EXIT_ERROR", "EXIT_USAGE", "main"]

app = build_app()


@app.command
def bench(*names: Annotated[str, Parameter(help="Which benchmarks; all by default.")]) -> int:
    """Measure the app on this machine (also: make bench)."""
    from benchmarks.run import run_benchmarks

    return run_benchmarks(names)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    return carry_out(app, sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
