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
from engine.ingest.leaks.pairs import LeakPair
from engine.ingest.leaks.thresholds import MEANING_ROWS
from engine.ingest.progress import Report
from engine.ingest.steps import Split, sides_of
from engine.metrics import wording as say
from engine.running.preflight.embedders import meanings_sentence
from engine.services.lab import Lab
from terminal.output import note
from terminal.progress import PLAIN_EVERY_S, REFRESH_S
from terminal.running import stoppable


class Meanings(StrEnum):
    """Whether the leak check compares meanings; `auto` for up to `MEANING_ROWS` rows."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def search_meanings(lab: Lab, split: Split, wanted: Meanings = Meanings.AUTO) -> tuple[LeakPair, ...] | None:
    """Compare the meanings of both sides; None, with a note that says why, if that was not possible or not wanted.

    Args:
        lab: the lab, whose worker embeds.
        split: which rows variants learn from, and which they are tested on.
        wanted: whether to compare.

    Raises:
        CancelledError: the user stopped.
    """
    rows = len(split.splits)
    if wanted is Meanings.AUTO and rows > MEANING_ROWS:
        note(f"Meaning was not compared: {say.number(rows)} rows are more than {say.number(MEANING_ROWS)}.", dim=True)
        return None
    if wanted is Meanings.NEVER:
        return None
    texts = [item.text for side in sides_of(split) for item in side]
    if missed := meanings_sentence(lab.embedders.for_texts(texts)):
        note(missed, dim=True)
    with leak_progress("Comparing meanings") as (report, cancel):
        try:
            return lab.embedders.find_meanings(split, report=report, cancel=cancel)
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
    done, ends_s = 0.0, started_s

    def line() -> Text:
        if cancel.is_set():
            return Text("Stopping the leak check")
        left = f", {say.duration(max(ends_s - time.monotonic(), 0.0))} left" if done > 0.02 else ""
        return Text(f"{words} {say.share(done)}{left} (Ctrl-C stops)")

    def report(fraction: float) -> None:
        nonlocal done, ends_s, told_s
        check_cancelled(cancel, "The leak check was stopped; nothing was saved.")
        done, now_s = min(fraction, 1.0), time.monotonic()
        # Estimated here and counted down by the line: nothing is known of how far it is between two reports.
        ends_s = started_s + (now_s - started_s) / max(done, 0.02)
        if not console.is_terminal and now_s - told_s >= PLAIN_EVERY_S:
            told_s = now_s
            console.print(line(), highlight=False, soft_wrap=True)

    with stoppable() as cancel, contextlib.ExitStack() as stack:
        if console.is_terminal:
            stack.enter_context(
                Live(get_renderable=line, console=console, refresh_per_second=1 / REFRESH_S, transient=True)
            )
        yield report, cancel
