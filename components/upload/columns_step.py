"""Step 2: which column is what, and which kind of answer the targets are."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.ui.errors import fault
from components.ui.text import count, inert, plain, visible
from components.upload.draft import COLUMNS, Draft, next_button, worked_out
from engine.core.errors import AdaptLabError
from engine.core.task import AnswerKind
from engine.ingest.answer_kind import guess_kind
from engine.ingest.build_task import SplitPlan
from engine.ingest.checks.work import build_rows
from engine.ingest.columns import Roles, check_roles, guess_roles, usual_template
from engine.ingest.table import Table
from engine.services.lab import Laboratory

KINDS = {
    AnswerKind.LABEL: "Label",
    AnswerKind.SHORT: "Short answer",
    AnswerKind.JSON: "Record (JSON)",
    AnswerKind.TEXT: "Free text",
}
_NONE = ""
_SHOWN_ROWS = 5


def columns_step(lab: Laboratory, draft: Draft) -> None:
    """Read the whole file, guess the roles, and let the user overrule them."""
    if draft.table is None:
        draft.table = worked_out(
            draft,
            "table",
            "Reading the whole file",
            lambda tell, _stop: lab.intake.read_table(draft.name, draft.data, draft.asked, tell),
        )
        if draft.table is None:
            next_button(draft, disabled=True)
            return
    table = draft.table
    if draft.roles is None:
        try:
            _guess(draft, table)
        except AdaptLabError as error:
            fault(error)
            next_button(draft, disabled=True)
            return
    st.caption(
        f"{count(table.rows)} rows, {count(len(table.header))} columns"
        + (f", {count(len(table.ragged))} rows set apart (see the data card)" if table.ragged else "")
        + f". {plain(' '.join(table.notes))}"
    )
    roles = _choose(draft, table)
    if roles != draft.roles:
        retargeted = draft.roles is None or roles.target != draft.roles.target
        draft.void_from(COLUMNS + 1)
        draft.roles = roles
        if retargeted:
            _guess_kind(draft, table)
            st.session_state.pop("answer_kind", None)
        st.rerun()
    _kind(draft)
    try:
        check_roles(table, roles)
    except AdaptLabError as error:
        fault(error)
        next_button(draft, disabled=True)
        return
    _preview(table, roles)
    next_button(draft)


def _guess(draft: Draft, table: Table) -> None:
    guess = guess_roles(table)
    draft.roles, draft.reasons = guess.roles, dict(guess.reasons)
    draft.split = SplitPlan(column=guess.roles.split)
    _guess_kind(draft, table)


def _guess_kind(draft: Draft, table: Table) -> None:
    if draft.roles is not None:
        guess = guess_kind(list(table.column(draft.roles.target)))
        draft.kind, draft.kind_reason = guess.kind, guess.reason


def _choose(draft: Draft, table: Table) -> Roles:
    roles = draft.roles or Roles(inputs=(), target=table.header[-1])
    names = list(table.header)
    first, second = st.columns(2)
    inputs = first.multiselect(
        "Input",
        names,
        default=[name for name in roles.inputs if name in names],
        format_func=visible,
        key="role_inputs",
        help="What the model is given. Several columns are joined by a template.",
    )
    _reason(first, draft, "input")
    target = second.selectbox(
        "Target",
        names,
        index=names.index(roles.target),
        format_func=visible,
        key="role_target",
        help="The right answer.",
    )
    _reason(second, draft, "target")
    cells = st.columns(3)
    split = _optional(cells[0], "Split", names, roles.split, "role_split", "Says train, validation or test.")
    _reason(cells[0], draft, "split")
    identity = _optional(cells[1], "Id", names, roles.id, "role_id", "Names each row; without one its line does.")
    _reason(cells[1], draft, "id")
    together = "Rows with the same cell here, such as one customer's, are never divided between splits."
    group = _optional(cells[2], "Group", names, roles.group, "role_group", together)
    _reason(cells[2], draft, "group")
    used = {*inputs, target, split, identity, group}
    metadata = st.multiselect(
        "Metadata",
        [name for name in names if name not in used],
        default=[name for name in roles.metadata if name not in used],
        format_func=visible,
        key="role_metadata",
        help="Kept beside each row and never shown to a model.",
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
    if split != roles.split:
        draft.split = replace(draft.split, column=split, meanings={})
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


def _reason(cell: st.delta_generator.DeltaGenerator, draft: Draft, role: str) -> None:
    if draft.reasons.get(role):
        cell.caption(f"Guessed: {plain(draft.reasons[role])}")


def _kind(draft: Draft) -> None:
    chosen = st.segmented_control(
        "Kind of answer",
        list(KINDS),
        default=draft.kind,
        format_func=KINDS.__getitem__,
        required=True,
        key="answer_kind",
        help="A label is one of a few; a short answer is compared word by word; a record field by field; free text "
        "letter by letter (chrF).",
    )
    st.caption(f"Guessed: {plain(draft.kind_reason)}")
    if chosen is not None and chosen is not draft.kind:
        draft.void_from(COLUMNS + 1)
        draft.kind = chosen


def _preview(table: Table, roles: Roles) -> None:
    rows = build_rows(table.only(range(min(_SHOWN_ROWS, table.rows))), roles)
    st.dataframe(
        pl.DataFrame(
            {
                "Line": [row.line for row in rows],
                "Input": [inert(row.input[:2000]) for row in rows],
                "Target": [inert(row.target[:2000]) for row in rows],
            },
            schema={"Line": pl.Int64, "Input": pl.String, "Target": pl.String},
        ),
        column_config={"Input": st.column_config.TextColumn(width="large")},
        hide_index=True,
        width="stretch",
        key="mapped_rows",
        alt="The first rows as examples",
    )
