"""Confirmation before something is deleted."""

from __future__ import annotations

import sys

from engine.core.errors import CancelledError, UsageError
from engine.core.text.safe_text import one_line


def confirm(question: str, *, yes: bool) -> None:
    """Return if the user confirms; `yes` confirms in advance.

    Raises:
        UsageError: there is no terminal to ask on.
        CancelledError: the user did not confirm.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to answer on.", "Add --yes.")
    sys.stderr.write(f"{one_line(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CancelledError("Nothing was deleted.")
