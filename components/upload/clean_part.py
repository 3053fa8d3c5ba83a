"""Part of step 1: a clean file becomes a task at once; of any other file, what to look at in the next steps."""

from __future__ import annotations

import streamlit as st

from components.ui import state
from components.ui.errors import fault
from components.ui.text import plain
from components.upload.columns_step import KINDS, read_all
from components.upload.draft import Draft, worked_out
from engine.core.errors import AdaptLabError, CancelledError
from engine.core.steps import CancelSignal
from engine.ingest.clean_file import FindMeanings, Proposal, propose_task
from engine.ingest.leaks.pairs import LeakPair
from engine.ingest.leaks.thresholds import MEANING_ROWS
from engine.ingest.progress import Report
from engine.ingest.row_languages import main_language, shares_in_words
from engine.ingest.splitting import SPLITS
from engine.ingest.steps import Guarded, Read, Split
from engine.metrics import wording as say
from engine.services.lab import Lab


def clean_part(lab: Lab, draft: Draft) -> bool:
    """Check the file as all steps would; offer to save it, or name what is odd. Return whether it is offered."""
    read = draft.find(Read) or read_all(lab, draft)
    if read is None:
        return False
    options = draft.options
    proposal = worked_out(
        draft,
        "proposal",
        "Checking the file",
        lambda job: propose_task(read, options, meanings=_meanings(lab, job), report=job.tell),
        made_from=read,
        choice=options,
    )
    if proposal is None:
        return False
    if proposal.guarded is None or proposal.odd:
        _odd(proposal)
        return False
    with st.container(border=True, key="clean_file", gap="small"):
        st.markdown(f":material/check_circle: **Nothing unusual was found.** {_summary(proposal.guarded)}")
        for note in proposal.notes:
            st.caption(plain(note))
        if st.button("Looks good: save and compare", key="save_clean", type="primary", icon=":material/play_circle:"):
            _save(lab, draft, proposal.guarded)
    return True


def _meanings(lab: Lab, cancel: CancelSignal) -> FindMeanings:
    def compare(split: Split, report: Report) -> tuple[LeakPair, ...] | None:
        if len(split.splits) > MEANING_ROWS:
            return None
        try:
            return lab.embedders.find_meanings(split, report=report, cancel=cancel)
        except CancelledError:
            raise
        except AdaptLabError:
            return None  # a run is measured now, or there is no embedder: the task's record says what was compared

    return compare


def _odd(proposal: Proposal) -> None:
    with st.container(border=True, key="odd_file", gap="small"):
        st.markdown(":material/search: **Look at this in the next steps.** Nothing has been changed.")
        for words in proposal.odd:
            st.caption(plain(words))


def _summary(guarded: Guarded) -> str:
    """Say what the task will be: columns, rows, split and language."""
    split = guarded.before.before.before
    mapped, column = split.before.before, split.plan.column
    roles, rows = mapped.roles, list(guarded.splits.values())
    labels = f", {say.number(len(guarded.answer.labels))} labels" if guarded.answer.labels else ""
    sides = say.listed([f"{say.number(rows.count(name))} {name}" for name in SPLITS if name in rows])
    how = f"by the column **{plain(column)}**" if column else "at random"
    return (
        f"Input: **{plain(say.listed(list(roles.inputs)))}** · right answer: **{plain(roles.target)}** "
        f"({KINDS[mapped.kind].lower()}{labels}) · **{say.number(len(rows))}** rows: {sides}, split {how} · "
        f"{plain(shares_in_words(main_language(split.languages)))}"
    )


def _save(lab: Lab, draft: Draft, guarded: Guarded) -> None:
    """Save the task, leave the page clean, and go to Run, set up for it."""
    try:
        task_id = draft.save(lab.tables, guarded)
    except AdaptLabError as error:
        fault(error)
        return
    st.session_state.pop(state.UPLOAD)
    state.compare(task_id)
