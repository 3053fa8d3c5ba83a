"""Executing runs in the foreground: one run, or a study's missing runs. Ctrl-C keeps finished rows."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.console import Console

from engine.analysis.basis.training_rows import training_note
from engine.analysis.progress import LiveRun
from engine.core.errors import AdaptLabError, CancelledError, UsageError
from engine.core.run.events import RunEnded
from engine.core.run.failed_rows import asked_again_note
from engine.core.run.infos import Preflight
from engine.core.run.manifest import Purpose
from engine.core.run.plan import RunPlan
from engine.core.run.standing import asks_once_more
from engine.metrics import wording as say
from engine.services.lab import Lab
from engine.studies.study_runs import measured_in_words
from terminal.output import note
from terminal.progress import progress_display


@contextlib.contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Let Ctrl-C or SIGTERM set an event, so that work stops without losing data; a second one stops it at once."""
    cancel = threading.Event()

    def stop(_signal: int, _frame: object) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield cancel
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def carry_out(
    lab: Lab,
    plan: RunPlan,
    cancel: threading.Event,
    *,
    resume: bool,
    purpose: Purpose = Purpose.COMPARISON,
    studied_run: str = "",
    end_search: bool = False,
    asks_again: bool = False,
) -> RunEnded:
    """Execute a plan and show its progress; return how it ended. Its search for settings can be ended at once.

    `asks_again` tells that the caller asks by itself for rows that a fault left without an answer.
    """
    enough = threading.Event()
    if end_search:
        enough.set()
    live = LiveRun(plan, lab.plans.conditions(plan, resume=resume), lab.plans.estimate(plan))
    ended = RunEnded(status="failed", message="The run ended without a message.", fix="Resume it.")
    note(f"run {plan.run_id}")
    remark = training_note(lab.plans.training(plan), test_rows=len(plan.test_ids))
    with progress_display(live, Console(stderr=True), remark=remark):
        for event in lab.runs.carry_out(
            plan, cancel, resume=resume, purpose=purpose, studied_run=studied_run, enough=enough
        ):
            live.apply(event)
            if isinstance(event, RunEnded):
                ended = event
    snapshot = live.snapshot()
    if snapshot.ended_early:
        note(snapshot.ended_early)
    for notice in snapshot.notices:
        note(notice, dim=True)
    if ended.status == "done" and snapshot.passing and not asks_again:
        note(asked_again_note(snapshot.passing))
        note(f"python cli.py compare --resume {plan.run_id}")
    return ended


def checked(lab: Lab, plan: RunPlan) -> Preflight:
    """Estimate the time and memory of a plan.

    Raises:
        UsageError: the plan cannot run.
    """
    preflight = lab.plans.preflight(plan)
    if preflight.problems:
        raise UsageError(preflight.problems[0], _option_for(preflight.problems[0]))
    return preflight


def _option_for(problem: str) -> str:
    """Return how what a problem asks for is written here."""
    if "spending limit" in problem:
        return "Write it as --spending-limit USD."
    return "Write it as --send-rows-to HOST." if "Agree to that for this run" in problem else ""


def carry_out_missing(lab: Lab, plans: Sequence[RunPlan], purpose: Purpose, studied_run: str = "") -> list[str]:
    """Execute those of a study's plans that have no finished run yet, one after the other.

    Returns:
        Errors of single runs; the other runs continued.

    Raises:
        UsageError: one of them cannot start.
        CancelledError: the user stopped; the same call continues with the missing runs.
    """
    done = {plan.run_id for plan, _run in lab.studies.done(plans)}
    missing = [plan for plan in plans if plan.run_id not in done]
    if not missing:
        return []
    preflights = [checked(lab, plan) for plan in missing]
    for words in dict.fromkeys(words for preflight in preflights for words in preflight.notes):
        note(words, dim=True)
    estimated_s = sum(preflight.estimated_s for preflight in preflights)
    note(f"{len(missing)} of {len(plans)} runs to go: about {say.about_duration(estimated_s)}.")
    failed = []
    with stoppable() as cancel:
        for place, plan in enumerate(missing, start=1):
            words = measured_in_words(purpose, plan)
            note(f"{place} of {len(missing)}: {plan.task_id}, {words}")
            ended = _carry_out_kept(lab, plan, cancel, purpose, studied_run)
            (kept,) = lab.studies.kept([plan])
            if kept is not None and asks_once_more(kept) and not cancel.is_set():
                ended = _carry_out_kept(lab, plan, cancel, purpose, studied_run)
            if ended.status == "cancelled" or (cancel.is_set() and place < len(missing)):
                raise CancelledError(
                    "Stopped. Finished rows are saved.", "The same command continues with the missing runs."
                )
            if ended.status == "failed":
                failed.append(f"{plan.task_id}, {words}: {ended.message}")
    return failed


def _carry_out_kept(lab: Lab, plan: RunPlan, cancel: threading.Event, purpose: Purpose, studied_run: str) -> RunEnded:
    """Resume the stopped run of this experiment, if there is one; otherwise start it."""
    (kept,) = lab.studies.kept([plan])
    try:
        if kept is None:
            return carry_out(lab, plan, cancel, resume=False, purpose=purpose, studied_run=studied_run, asks_again=True)
        begun = lab.plans.kept(kept.run_id)
        agreed = replace(
            begun,
            spending_limit_usd=plan.spending_limit_usd or begun.spending_limit_usd,
            rows_to=plan.rows_to or begun.rows_to,
        )
        return carry_out(lab, agreed, cancel, resume=True)
    except AdaptLabError as error:
        return RunEnded(status="failed", message=error.what, fix=error.fix)
