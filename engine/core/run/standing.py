"""How far a kept run came, and whether a verdict can rest on it. Pure functions of a run at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from engine.core.run.infos import RunInfo
from engine.core.run.manifest import TEST_SPLIT, Purpose
from engine.core.task import MADE_FROM

NO_VERDICT = "A verdict is about a comparison on the task's test rows. These are the figures of this run alone."
"""What stands in a verdict's place for a run that is no such comparison."""


class RunState(StrEnum):
    """How a kept run stands, in the word that screens show."""

    DONE = "done"
    ENDED_EARLY = "ended early"
    """Its leader was clear before the last row, so the run was allowed to end."""
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Its process ended before it did, for example in a crash."""


_ENDED = {"cancelled": RunState.STOPPED, "failed": RunState.FAILED}


def state_of(run: RunInfo, running_id: str | None = None) -> RunState:
    """Tell how a run stands; `running_id` is the run that this process is carrying out."""
    if run.run_id == running_id:
        return RunState.RUNNING
    if run.status == "done":
        return RunState.DONE if run.rows_done >= run.rows_total else RunState.ENDED_EARLY
    return _ENDED.get(run.status, RunState.INTERRUPTED)


def is_whole(run: RunInfo) -> bool:
    """Tell whether a run answered all that it had to answer."""
    return run.status == "done"


def asks_once_more(run: RunInfo) -> bool:
    """Tell whether a run of a study asks for rows again that a fault of the server left without an answer.

    The other runs of a study did not share that fault, so that it would look like what is studied. Asked for twice in
    vain they count as wrong, as everywhere.
    """
    return run.status == "done" and run.unanswered > 0 and not run.asked_again and not run.imported


def is_finished(run: RunInfo) -> bool:
    """Tell whether a run of a study counts: it is done, and asks for nothing again."""
    return run.status == "done" and not asks_once_more(run)


def on_test_rows(run: RunInfo) -> bool:
    """Tell whether a run answered rows of its task's test split, as they are."""
    return run.split in {"", TEST_SPLIT} and MADE_FROM not in run.task_id


def is_comparison(run: RunInfo) -> bool:
    """Tell whether a run compares variants on its task's own test rows: only such a run can have the verdict."""
    return run.purpose is Purpose.COMPARISON and on_test_rows(run)


def choose_run(runs: Sequence[RunInfo], asked: str | None = None, *, or_else: RunInfo | None = None) -> RunInfo | None:
    """Choose the run that a page shows: the one that was asked for, else the newest that has most to say.

    Whole comparisons of several techniques come first, then whole ones, then those that have answers at all. A run of a
    study is chosen only if it was asked for.

    Args:
        runs: kept runs, newest first.
        asked: the run that was asked for; it is not chosen if it has no answers.
        or_else: what is shown where no run can be chosen.
    """
    found = next((run for run in runs if run.run_id == asked and run.rows_done), None)
    if found is not None:
        return found
    able = [run for run in runs if is_comparison(run) and run.rows_done]
    whole = [run for run in able if is_whole(run)]
    several = [run for run in whole if len(run.techniques) > 1]
    return next(iter((*several, *whole, *able)), or_else)
