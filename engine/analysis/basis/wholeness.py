"""How whole a run is, in one sentence that goes wherever its verdict goes. Pure functions of a run at a glance."""

from __future__ import annotations

from engine.core.run.infos import RunInfo
from engine.core.run.standing import RunState, state_of
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
