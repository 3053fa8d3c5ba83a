"""Step 3: what stands in the table, what is odd about it, and what is done about that."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import polars as pl
import streamlit as st

from components.ui.errors import fault
from components.ui.text import count, inert, plain, short, visible
from components.upload.draft import CARD, Draft, next_button, worked_out
from engine.core.errors import AdaptLabError
from engine.core.generation import ModelFacts
from engine.core.task import AnswerKind
from engine.ingest.answer_kind import answer_spec, draft_instructions
from engine.ingest.checks.examine import examine
from engine.ingest.checks.work import build_rows
from engine.ingest.data_card import DataCard, Examined, Finding, Mend, counted
from engine.ingest.intake import TokenFacts, measure_tokens
from engine.services.lab import Laboratory

MENDS = {
    Mend.KEEP: "Keep as they are",
    Mend.DROP: "Leave out",
    Mend.MERGE: "Merge",
    Mend.TRIM: "Trim",
    Mend.MASK: "Mask",
    Mend.RENAME: "Add the line",
}
_ROWS_SHOWN = 200


def card_step(lab: Laboratory, draft: Draft) -> None:
    """Examine the table and show the data card with its findings."""
    model = choose_model(lab, draft, "card_model", "Lengths are counted in this model's tokens.")
    if draft.examined is None:
        draft.examined = worked_out(draft, "examined", "Looking at every row", _examining(draft))
        if draft.examined is None:
            next_button(draft, disabled=True)
            return
    card = draft.examined.card
    tokens = _tokens(lab, draft, model, draft.examined)
    _figures(card, tokens)
    if card.labels:
        _balance(card)
    st.subheader("Findings", anchor=False)
    if not card.findings:
        st.caption(":material/check_circle: Nothing odd was found.")
    for finding in card.findings:
        _finding(draft, finding)
    if not card.rows_kept:
        st.error("No row can be used. Look at the findings, and at the chosen columns.")
    next_button(draft, disabled=not card.rows_kept)


def choose_model(lab: Laboratory, draft: Draft, key: str, words: str) -> ModelFacts | None:
    """Let the user choose the model whose tokens are counted; None where there is no model."""
    models = {model.id: model for model in lab.models()}
    if not models:
        st.caption("No model was found, so tokens cannot be counted.")
        return None
    ids = list(models)
    chosen = st.selectbox(
        "Model",
        ids,
        index=ids.index(draft.model_id) if draft.model_id in ids else 0,
        format_func=lambda item: visible(models[item].name),
        key=key,
        help=words,
        width=360,
    )
    if chosen != draft.model_id:
        draft.model_id = chosen
        if draft.tokens is not None and draft.tokens.too_long:
            draft.examined = None  # which rows are too long is the model's affair
            draft.jobs.pop("examined", None)
        draft.tokens = None
        draft.jobs.pop("tokens", None)
    return models[chosen]


def _examining(draft: Draft) -> Callable[[Callable[[float], None], Event], Examined]:
    table, roles, kind, choices = draft.table, draft.roles, draft.kind or AnswerKind.SHORT, dict(draft.choices)
    too_long = draft.tokens.too_long if draft.tokens else frozenset[int]()

    def work(tell: Callable[[float], None], _stop: Event) -> Any:
        if table is None or roles is None:
            raise AdaptLabError("The table has not been read yet.", "Go back to the first step.")
        return examine(table, roles, kind, choices, too_long=too_long, report=tell)

    return work


def _tokens(lab: Laboratory, draft: Draft, model: ModelFacts | None, examined: Examined) -> TokenFacts | None:
    if model is None or not examined.rows:
        return None
    if draft.tokens is None:
        kind, roles, table = draft.kind or AnswerKind.SHORT, draft.roles, draft.table
        if roles is None or table is None:
            return None
        drafted = draft_instructions(answer_spec(kind, [row.target for row in examined.rows]), target=roles.target)
        counted: TokenFacts | None = worked_out(
            draft,
            "tokens",
            "Counting tokens",
            lambda tell, _stop: measure_tokens(lab.intake, model, drafted, build_rows(table, roles), tell),
        )
        draft.tokens = counted
        if counted is not None and counted.too_long:
            draft.examined = None  # now with the rows that do not fit as a finding
            draft.jobs.pop("examined", None)
            st.rerun()
    return draft.tokens


def _figures(card: DataCard, tokens: TokenFacts | None) -> None:
    found = {finding.id: len(finding.lines) for finding in card.findings}
    empty = found.get("empty_input", 0) + found.get("empty_target", 0)
    with st.container(horizontal=True):
        st.metric(
            "Rows used",
            f"{count(card.rows_kept)} of {count(card.rows_read)}",
            width="content",
            help="Rows that stay after what is chosen below, of those in the file.",
        )
        st.metric("Empty", count(empty), width="content", help="Rows without an input or a target.")
        st.metric(
            "Twice",
            count(found.get("duplicates", 0)),
            width="content",
            help="Rows with the same input and target as an earlier one.",
        )
        st.metric(
            "Conflicts",
            count(found.get("conflicts", 0)),
            width="content",
            help="Rows whose input stands elsewhere with another target.",
        )
        if card.labels:
            st.metric("Labels", count(len(card.labels)), width="content", help="Different targets.")
        if tokens is not None:
            st.metric(
                "Tokens, median",
                short(tokens.p50),
                width="content",
                help=f"Tokens of an input: the median of {count(tokens.counted)} rows that were counted.",
            )
            st.metric("p95", short(tokens.p95), width="content", help="95 % of the counted inputs are shorter.")
            st.metric("Longest", count(tokens.longest), width="content", help="Tokens of the longest counted input.")
            st.metric(
                "Room",
                count(max(tokens.room, 0)),
                width="content",
                help=f"Tokens left for an input beside {tokens.instructions} of instructions and the answer.",
            )
        else:
            st.metric(
                "Characters, median",
                short(card.input_characters["p50"]),
                width="content",
                help="Characters of an input.",
            )
    if tokens is not None and tokens.unchecked:
        st.caption(f"{count(tokens.unchecked)} more rows are long, and were not counted one by one.")
    scripts = ", ".join(f"{plain(name)} {count(rows)}" for name, rows in list(card.scripts.items())[:6])
    st.caption(f"Scripts, by rows: {scripts or 'none'}")


def _balance(card: DataCard) -> None:
    most = card.labels[0][1]
    words = f"Class balance: the most frequent label has {card.imbalance or 1:.1f} times the rows of the rarest"
    if card.imbalance == 1:
        words = f"Class balance: each label has {counted(most, 'row')}"
    with st.expander(words, expanded=len(card.labels) <= 12 and not card.findings):
        st.dataframe(
            pl.DataFrame(
                {"Label": [inert(label) for label, _ in card.labels], "Rows": [rows for _, rows in card.labels]},
                schema={"Label": pl.String, "Rows": pl.Int64},
            ),
            column_config={
                "Rows": st.column_config.ProgressColumn("Rows", format="%d", min_value=0, max_value=most),
            },
            hide_index=True,
            width="stretch",
            height="auto" if len(card.labels) <= 12 else 320,
            key="balance",
            alt="Rows of each label",
        )


def _finding(draft: Draft, finding: Finding) -> None:
    with st.container(border=True, gap="xsmall"):
        words, choice = st.columns([3, 2], vertical_alignment="center")
        with words:
            st.markdown(f"**{plain(finding.title)}** · {counted(len(finding.lines), 'row')}")
            st.caption(plain(finding.detail))
        chosen = choice.segmented_control(
            f"What to do: {plain(finding.title)}",
            list(finding.choices),
            default=finding.chosen,
            format_func=MENDS.__getitem__,
            required=True,
            key=f"mend_{finding.id}",
            label_visibility="collapsed",
        )
        with st.expander(f"Line {_start(finding)}"):
            _rows(draft, finding)
    if chosen is not None and chosen is not finding.chosen:
        draft.choices[finding.id] = chosen
        draft.void_from(CARD + 1)
        draft.examined = None
        draft.jobs.clear()
        st.rerun()


def _start(finding: Finding) -> str:
    shown = ", ".join(str(line) for line in finding.lines[:8])
    return shown + (", ..." if len(finding.lines) > 8 else "")


def _rows(draft: Draft, finding: Finding) -> None:
    if finding.samples:
        st.text("\n".join(visible(sample).replace("\n", " ")[:200] for sample in finding.samples))
    table, roles = draft.table, draft.roles
    if table is None or roles is None or finding.id == "ragged":
        return
    try:
        rows = build_rows(table.only(table.places_of(finding.lines[:_ROWS_SHOWN])), roles)
    except AdaptLabError as error:
        fault(error)
        return
    st.dataframe(
        pl.DataFrame(
            {
                "Line": [row.line for row in rows],
                "Input": [inert(row.input[:500]) for row in rows],
                "Target": [inert(row.target[:500]) for row in rows],
            },
            schema={"Line": pl.Int64, "Input": pl.String, "Target": pl.String},
        ),
        column_config={"Input": st.column_config.TextColumn(width="large")},
        hide_index=True,
        width="stretch",
        key=f"rows_{finding.id}",
    )
    if len(finding.lines) > _ROWS_SHOWN:
        st.caption(f"The first {_ROWS_SHOWN} of {count(len(finding.lines))} rows.")
