"""How whole a run is, in sentences that go wherever its verdict goes. Pure functions."""

from __future__ import annotations

from engine.core.run.infos import RunInfo
from engine.core.run.standing import RunState, state_of
from engine.core.techniques import the_variant
from engine.metrics import wording as say

_ENDING = {
    RunState.DONE: "",
    RunState.ENDED_EARLY: ", ended early",
    RunState.RUNNING: " so far",
    RunState.STOPPED: ", stopped",
    RunState.FAILED: ", failed",
    RunState.INTERRUPTED: ", interrupted",
}


def answers_in_words(run: RunInfo, running_id: str | None = None) -> str:
    """Say how many answers a run has of how many, and how it ended: `34 of 400 answers, stopped`.

    Args:
        run: at a glance.
        running_id: the run that this process is carrying out.
    """
    state = state_of(run, running_id)
    if not run.rows_done:
        return f"no answers{' yet' if state is RunState.RUNNING else _ENDING[state]}"
    done, total = say.number(run.rows_done), say.number(run.rows_total)
    counted = done if run.rows_done >= run.rows_total else f"{done} of {total}"
    return f"{counted} answer{'s' * (run.rows_total != 1)}{_ENDING[state]}"


def ended_early(leader: str, rows: int, planned: int) -> str:
    """Say that a clear lead ended a run, and what that does to the leader's quality.

    Args:
        leader: its name.
        rows: that each variant still in the run has answered.
        planned: rows of the whole run.
    """
    return (
        f"The run ended after {say.number(rows)} of {say.number(planned)} rows, when {the_variant(leader)} was clearly "
        "better than all its rivals. The tests allow for checking after every row; ending at such a moment slightly "
        "overestimates its quality."
    )
