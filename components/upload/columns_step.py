"""Step 2: which column is what, and which kind of answer the targets are."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.ui.errors import fault
from components.ui.text import plain, visible
from components.upload.draft import Draft, next_button, worked_out
from components.upload.rows_table import rows_table
from engine.core.errors import AdaptLabError
from engine.core.task import AnswerKind
from engine.ingest.answer_kind import KindGuess, guess_kind
from engine.ingest.columns import Roles, usual_template
from engine.ingest.steps import Looked, Mapped, Read, map_columns, read_whole, roles_for
from engine.ingest.table import Table
from engine.metrics import wording as say
from engine.services.lab import Lab

KINDS = {
    AnswerKind.LABEL: "Label",
    AnswerKind.SHORT: "Short answer",
    AnswerKind.JSON: "Record (JSON)",
    AnswerKind.TEXT: "Free text",
}
_NONE = ""
_SHOWN_ROWS = 5


def columns_step(lab: Lab, draft: Draft) -> None:
    """Read the whole file, guess the roles, and let the user change them."""
    read = draft.find(Read) or read_all(lab, draft)
    if read is None:
        next_button(draft, disabled=True)
        return
    table = read.table
    try:
        known = roles_for(read, draft.options)
    except AdaptLabError as error:
        fault(error)
        next_button(draft, disabled=True)
        return
    st.caption(
        f"{say.number(table.rows)} rows, {say.number(len(table.header))} columns"
        + (f", {say.number(len(table.ragged))} rows set aside (see the data card)" if table.ragged else "")
        + f". {plain(' '.join(table.notes))}"
    )
    roles = _choose(read, known)
    if roles != known:
        draft.choose(draft.options.use_columns(roles, instead_of=known))
        if roles.target != known.target:
            st.session_state.pop("answer_kind", None)
        st.rerun()
    mapped, problem = draft.find(Mapped), None
    if mapped is None:
        try:
            mapped = map_columns(read, draft.options)
        except AdaptLabError as error:
            problem = error
        else:
            draft.take(mapped)
    _kind(draft, mapped.kind_guess if mapped is not None else guess_kind(list(table.column(roles.target))))
    if problem is not None:
        fault(problem)
        next_button(draft, disabled=True)
        return
    _preview(table, roles)
    next_button(draft)


def read_all(lab: Lab, draft: Draft) -> Read | None:
    """Read the whole file; None while it is being read, or after that failed."""
    looked = draft.find(Looked)
    if looked is None:
        st.info("Check the file first.")
        return None
    read = worked_out(
        draft,
        "table",
        "Reading the whole file",
        lambda job: read_whole(lab.tables.read_table(draft.name, draft.data, looked.reading, job.tell), looked),
        made_from=looked,
    )
    if read is not None:
        draft.take(read)
    return read


def _choose(read: Read, roles: Roles) -> Roles:
    names = list(read.table.header)
    first, second = st.columns(2)
    inputs = first.multiselect(
        "Input",
        names,
        default=[name for name in roles.inputs if name in names],
        format_func=visible,
        key="role_inputs",
        help="What the model is given. Several columns are joined by a template.",
    )
    _reason(first, read, "input")
    target = second.selectbox(
        "Target",
        names,
        index=names.index(roles.target),
        format_func=visible,
        key="role_target",
        help="The right answer.",
    )
    _reason(second, read, "target")
    cells = st.columns(3)
    split = _optional(cells[0], "Split", names, roles.split, "role_split", "Says train, validation or test.")
    _reason(cells[0], read, "split")
    identity = _optional(cells[1], "Id", names, roles.id, "role_id", "Identifies each row; by default its line number.")
    _reason(cells[1], read, "id")
    together = "Rows with the same cell here, such as one customer's, always stay in the same split."
    group = _optional(cells[2], "Group", names, roles.group, "role_group", together)
    _reason(cells[2], read, "group")
    used = {*inputs, target, split, identity, group}
    metadata = st.multiselect(
        "Metadata",
        [name for name in names if name not in used],
        default=[name for name in roles.metadata if name not in used],
        format_func=visible,
        key="role_metadata",
        help="Saved with each row and never shown to a model.",
    )
    template = roles.template
    if len(inputs) > 1:
        usual = usual_template(inputs)
        template = st.text_area(
            "Template",
            value=template or usual,
            key=f"role_template_{'|'.join(inputs)}",
            height=90,
            help="How the inputs are joined; {column} stands for its cell.",
        )
        template = "" if template == usual else template
    else:
        template = ""
    return Roles(
        inputs=tuple(inputs),
        target=target,
        template=template,
        split=split,
        id=identity,
        group=group,
        metadata=tuple(metadata),
    )


def _optional(
    cell: DeltaGenerator, label: str, names: list[str], chosen: str | None, key: str, words: str
) -> str | None:
    options = [_NONE, *names]
    picked: str = cell.selectbox(
        label,
        options,
        index=options.index(chosen) if chosen in options else 0,
        format_func=lambda name: visible(name) if name else "none",
        key=key,
        help=words,
    )
    return picked or None


def _reason(cell: DeltaGenerator, read: Read, role: str) -> None:
    reason = read.guess.reasons.get(role) if read.guess is not None else None
    if reason:
        cell.caption(f"Guessed: {plain(reason)}")


def _kind(draft: Draft, guess: KindGuess) -> None:
    kind = draft.options.kind or guess.kind
    chosen = st.segmented_control(
        "Kind of answer",
        list(KINDS),
        default=kind,
        format_func=KINDS.__getitem__,
        required=True,
        key="answer_kind",
        help="A label is one of a few; a short answer is compared word by word; a record field by field; free text "
        "letter by letter (chrF).",
    )
    st.caption(f"Guessed: {plain(guess.reason)}")
    if chosen is not None and chosen is not kind:
        draft.choose(replace(draft.options, kind=chosen))
        st.rerun()


def _preview(table: Table, roles: Roles) -> None:
    first = table.only(range(min(_SHOWN_ROWS, table.rows)))
    rows_table(first, roles, most_characters=2000, key="mapped_rows", alt="The first rows as examples")
