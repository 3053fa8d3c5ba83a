"""A table that is becoming a task: what the user uploaded and chose, and the last step made from that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import streamlit as st

from components.ui import state
from components.ui.errors import fault
from components.ui.jobs import finished
from engine.core.errors import AdaptLabError, CancelledError
from engine.core.text.safe_text import slug
from engine.ingest.intake import Intake
from engine.ingest.options import ImportOptions
from engine.ingest.steps import (
    Checked,
    Compared,
    Documented,
    Found,
    Guarded,
    Kept,
    Looked,
    Mapped,
    Read,
    Ready,
    Split,
    Step,
    find_step,
    make_ready,
    still_standing,
    way_to,
)
from engine.services.background.jobs import Job

SCREENS = ("File", "Columns", "Data card", "Splits", "Documents", "Leak guard", "Instructions")
FILE, COLUMNS, CARD, SPLITS, DOCUMENTS, LEAKS, INSTRUCTIONS = range(len(SCREENS))
_OPENS: Mapping[type[Step], int] = {
    Looked: COLUMNS,
    Read: COLUMNS,
    Mapped: CARD,
    Checked: SPLITS,
    Split: LEAKS,
    Documented: LEAKS,
    Compared: LEAKS,
    Guarded: INSTRUCTIONS,
    Ready: INSTRUCTIONS,
    Kept: INSTRUCTIONS,
}
"""The furthest screen that each step opens."""

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A job, with the step and the choice that it works on."""

    job: Job[Any]
    made_from: Step
    choice: object


@dataclass(kw_only=True)
class Draft:
    """Lives in the session, so that moving between screens and pages loses nothing."""

    file_id: str
    name: str
    data: bytes
    options: ImportOptions = field(default_factory=ImportOptions)
    last: Step | None = None
    screen: int = FILE
    furthest: int = FILE
    model_id: str | None = None
    """The model whose tokens are counted."""
    preview_model_id: str | None = None
    """The model whose prompt is shown; None for `model_id`."""
    taken: dict[str, AdaptLabError | None] = field(default_factory=dict)
    """Document files by the uploader's id, with the error of each file that could not be read."""
    jobs: dict[str, Begun] = field(default_factory=dict)

    def find(self, wanted: type[Found]) -> Found | None:
        """Return the step of this type; None if there is none yet, or no longer."""
        return find_step(self.last, wanted)

    def take(self, step: Step | None) -> None:
        """Continue from this step; cancel and forget jobs that were started from steps that no longer exist."""
        self.last = step
        way = list(way_to(step))
        for name, begun in list(self.jobs.items()):
            if begun.made_from not in way:
                begun.job.cancel()
                del self.jobs[name]

    def choose(self, options: ImportOptions) -> None:
        """Take other choices; steps that these choices change are dropped, with everything after them."""
        self.options = options
        self.take(still_standing(self.last, options))

    @property
    def reached(self) -> int:
        """The furthest screen that can be shown: one that was open before, and whose steps still exist."""
        return min(self.furthest, FILE if self.last is None else _OPENS[type(self.last)])

    def go(self, screen: int) -> None:
        """Show a screen."""
        self.screen = screen
        self.furthest = max(self.furthest, screen)

    @property
    def title(self) -> str:
        """The title as chosen, or the file's name without its ending."""
        return self.options.title or self.name.rsplit(".", 1)[0]

    def save(self, tables: Intake, guarded: Guarded) -> str:
        """Make the task with what was chosen, and keep it; return its id.

        Raises:
            AdaptLabError: the task cannot be made, or not be written.
        """
        ready = make_ready(guarded, replace(self.options, title=self.title), task_id=slug(self.title))
        kept = Kept(before=ready, task_id=tables.save(ready.task))
        self.take(kept)
        return kept.task_id

    def begin(self, name: str, work: Callable[[Job[Any]], Any], made_from: Step, choice: object = None) -> None:
        """Start a job and replace the one with the same name."""
        if (old := self.jobs.get(name)) is not None:
            old.job.cancel()
        self.jobs[name] = Begun(job=Job(f"upload {name}", work).start(), made_from=made_from, choice=choice)


def current() -> Draft | None:
    """Return the session's draft."""
    found: Draft | None = st.session_state.get(state.UPLOAD)
    return found


def worked_out(
    draft: Draft,
    name: str,
    words: str,
    work: Callable[[Job[Any]], Result],
    *,
    made_from: Step,
    choice: object = None,
) -> Result | None:
    """Return the result of a job for this step and choice; None while it is running or after it failed.

    The page then shows the progress or the error.
    """
    begun = draft.jobs.get(name)
    if begun is None or begun.made_from is not made_from or begun.choice != choice:
        draft.begin(name, work, made_from, choice)
    job: Job[Result] = draft.jobs[name].job
    if not finished(job, words):
        return None
    stopped = CancelledError("Stopped.", "You can start it again.") if job.status == "cancelled" else None
    problem = job.error or stopped
    if problem is not None:
        fault(problem)
        st.button("Try again", key=f"again_{name}", on_click=draft.begin, args=(name, work, made_from, choice))
    return job.result


def next_button(draft: Draft, *, disabled: bool = False, is_main: bool = True) -> None:
    """Show the buttons for the previous and the next screen; the next one is not the main one where another is."""
    with st.container(horizontal=True):
        if draft.screen > FILE:
            back = draft.screen - 1
            st.button("Back", key="step_back", icon=":material/arrow_back:", on_click=draft.go, args=(back,))
        if draft.screen < INSTRUCTIONS:
            st.button(
                f"Next: {SCREENS[draft.screen + 1]}",
                key="step_next",
                type="primary" if is_main else "secondary",
                icon=":material/arrow_forward:",
                icon_position="right",
                disabled=disabled,
                on_click=draft.go,
                args=(draft.screen + 1,),
            )
