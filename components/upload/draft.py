"""A table on its way to a task: what the user gave and chose, and what was worked out from it so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from components.ui import state
from components.ui.errors import fault
from components.ui.jobs import Job, Work, finished
from engine.core.errors import AdaptLabError
from engine.core.task import AnswerKind, Document
from engine.ingest.build_task import LeakMend, LeakRecord, SplitPlan
from engine.ingest.columns import Roles
from engine.ingest.data_card import Examined, Mend
from engine.ingest.intake import TokenFacts
from engine.ingest.leaks import DEFAULT_ALIKE, DEFAULT_MEANING_ALIKE, LeakPair
from engine.ingest.table import Asked, FirstLook, Table

STEPS = ("File", "Columns", "Data card", "Splits", "Documents", "Leak guard", "Instructions")
FILE, COLUMNS, CARD, SPLITS, DOCUMENTS, LEAKS, INSTRUCTIONS = range(len(STEPS))
_AFTER: tuple[tuple[str, ...], ...] = (
    ("look", "table"),
    ("roles", "kind"),
    ("examined", "tokens"),
    ("splits",),
    (),
    ("pairs", "meaning_pairs", "splits_after", "record"),
    ("saved_id",),
)
"""What each step works out. A change in a step makes what it and later ones worked out void."""


@dataclass(kw_only=True)
class Draft:
    """Lives in the session, so that moving between steps and pages loses nothing."""

    file_id: str
    name: str
    data: bytes
    step: int = FILE
    reached: int = FILE
    asked: Asked = field(default_factory=Asked)
    look: FirstLook | None = None
    table: Table | None = None
    roles: Roles | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    kind: AnswerKind | None = None
    kind_reason: str = ""
    model_id: str | None = None
    choices: dict[str, Mend] = field(default_factory=dict)
    tokens: TokenFacts | None = None
    examined: Examined | None = None
    split: SplitPlan = field(default_factory=SplitPlan)
    splits: dict[int, str] | None = None
    documents: tuple[Document, ...] = ()
    taken: dict[str, AdaptLabError | None] = field(default_factory=dict)
    """Files of documents that were read, by the uploader's id, with the error of those that could not be."""
    alike: float = DEFAULT_ALIKE
    meaning_alike: float = DEFAULT_MEANING_ALIKE
    pairs: tuple[LeakPair, ...] | None = None
    meaning_pairs: tuple[LeakPair, ...] | None = None
    meanings_asked: bool = False
    leak_mend: LeakMend = LeakMend.KEEP
    splits_after: dict[int, str] | None = None
    record: LeakRecord | None = None
    drafted: str = ""
    """The instructions as they were drafted last."""
    instructions: str = ""
    title: str = ""
    saved_id: str | None = None
    index_asked: bool = False
    jobs: dict[str, Job] = field(default_factory=dict)

    def void_from(self, step: int) -> None:
        """Forget what was worked out in this step and the later ones; choices stay."""
        for names in _AFTER[step:]:
            for name in names:
                setattr(self, name, None)
        for job in self.jobs.values():
            job.stop.set()
        self.jobs.clear()
        self.meanings_asked = False  # that takes minutes, and is asked for anew
        self.reached = min(self.reached, max(step, self.step))

    def compare_again(self) -> None:
        """Forget which rows are nearly the same; what was embedded stays."""
        self.pairs = self.splits_after = self.record = self.saved_id = None
        if (job := self.jobs.pop("pairs", None)) is not None:
            job.stop.set()

    def go(self, step: int) -> None:
        """Show a step."""
        self.step = step
        self.reached = max(self.reached, step)


def current() -> Draft | None:
    """Return the session's draft."""
    found: Draft | None = st.session_state.get(state.UPLOAD)
    return found


def worked_out(draft: Draft, name: str, words: str, work: Work) -> Any:
    """Return what a job gives, kept under `name` in the draft; None while it goes on or after it failed.

    Progress or the error stands on the page then.
    """
    job = draft.jobs.get(name)
    if job is None:
        job = draft.jobs[name] = Job(work)
    if not finished(job, words):
        return None
    if job.error is not None:
        fault(job.error)
        st.button("Try again", key=f"again_{name}", on_click=_forget, args=(draft, name))
        return None
    return job.result


def _forget(draft: Draft, name: str) -> None:
    draft.jobs.pop(name, None)


def next_button(draft: Draft, *, disabled: bool = False, before: Callable[[], None] | None = None) -> None:
    """Show the buttons that lead to the step before and the one after."""
    with st.container(horizontal=True):
        if draft.step > FILE:
            st.button("Back", key="step_back", icon=":material/arrow_back:", on_click=draft.go, args=(draft.step - 1,))
        if draft.step < INSTRUCTIONS:
            st.button(
                f"Next: {STEPS[draft.step + 1]}",
                key="step_next",
                type="primary",
                icon=":material/arrow_forward:",
                icon_position="right",
                disabled=disabled,
                on_click=_next,
                args=(draft, before),
            )


def _next(draft: Draft, before: Callable[[], None] | None) -> None:
    if before is not None:
        before()
    draft.go(draft.step + 1)
