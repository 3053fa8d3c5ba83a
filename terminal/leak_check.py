"""The leak guard in the terminal: its progress, Ctrl-C to stop it, and a note where it left something out."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from enum import StrEnum

from rich.console import Console
from rich.live import Live
from rich.text import Text

from engine.core.errors import AdaptLabError, CancelledError
from engine.core.steps import check_cancelled
from engine.ingest.intake import compare_meanings
from engine.ingest.leaks.pairs import LeakPair, Report
from engine.ingest.leaks.thresholds import MEANING_ROWS
from engine.ingest.one_step import Sides
from engine.metrics import wording as say
from engine.services.lab import Lab
from terminal.output import note
from terminal.running import stoppable


class Meanings(StrEnum):
    """Whether the leak check compares meanings; `auto` for up to `MEANING_ROWS` rows."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


REFRESH_S = 0.25
PLAIN_EVERY_S = 10.0


def search_meanings(lab: Lab, sides: Sides, wanted: Meanings = Meanings.AUTO) -> tuple[LeakPair, ...] | None:
    """Compare the meanings of both sides; None, with a note that says why, if that was not possible or not wanted.

    Args:
        lab: the lab, whose worker embeds.
        sides: rows that variants learn from, and rows they are tested on.
        wanted: whether to compare.

    Raises:
        CancelledError: the user stopped.
    """
    rows = sum(map(len, sides))
    if wanted is Meanings.AUTO and rows > MEANING_ROWS:
        note(f"Meaning was not compared: {say.number(rows)} rows are more than {say.number(MEANING_ROWS)}.", dim=True)
        return None
    if wanted is Meanings.NEVER:
        return None
    with leak_progress("Comparing meanings") as (report, cancel):
        try:
            return tuple(compare_meanings(lab.tables, sides, report=report, cancel=cancel))
        except CancelledError:
            raise
        except AdaptLabError as error:
            note(f"Meaning was not compared. {error.what} {error.fix}".rstrip(), dim=True)
            return None


@contextlib.contextmanager
def leak_progress(words: str) -> Iterator[tuple[Report, threading.Event]]:
    """Show the progress of a comparison: in place on a terminal, elsewhere as a line every few seconds.

    Yields a function that takes the share that is done, and raises `CancelledError` once Ctrl-C was pressed; and the
    event that Ctrl-C sets.
    """
    console = Console(stderr=True)
    started_s = told_s = time.monotonic()
    done = 0.0

    def line() -> Text:
        passed_s = time.monotonic() - started_s
        left = f", {say.duration(passed_s * (1 - done) / done)} left" if done > 0.02 else ""
        return Text(f"{words} {say.share(done)}{left} (Ctrl-C stops)")

    def report(fraction: float) -> None:
        nonlocal done, told_s
        check_cancelled(cancel, "The leak check was stopped; nothing was saved.")
        done = min(fraction, 1.0)
        if not console.is_terminal and time.monotonic() - told_s >= PLAIN_EVERY_S:
            told_s = time.monotonic()
            console.print(line(), highlight=False, soft_wrap=True)

    with stoppable() as cancel, contextlib.ExitStack() as stack:
        if console.is_terminal:
            stack.enter_context(
                Live(get_renderable=line, console=console, refresh_per_second=1 / REFRESH_S, transient=True)
            )
        yield report, cancel
