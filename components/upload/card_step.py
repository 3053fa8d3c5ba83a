"""Step 3: what is in the table, what is unusual about it, and how that is handled."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import streamlit as st

from components.ui.text import inert, plain, visible
from components.upload.draft import Draft, next_button, worked_out
from components.upload.language_part import language_part
from components.upload.rows_table import rows_table
from components.widgets.tables import show_table
from engine.core.generation import ModelFacts
from engine.ingest.data_card import DataCard, Finding, Fix
from engine.ingest.intake import TokenFacts
from engine.ingest.steps import Checked, Mapped, check_rows, count_tokens
from engine.metrics import wording as say
from engine.services.lab import Lab

FIXES = {
    Fix.KEEP: "Keep as they are",
    Fix.DROP: "Leave out",
    Fix.MERGE: "Merge",
    Fix.TRIM: "Trim",
    Fix.MASK: "Mask",
    Fix.RENAME: "Add the line number",
}
_ROWS_SHOWN = 200


def card_step(lab: Lab, draft: Draft) -> None:
    """Examine the table and show the data card with its findings."""
    mapped = draft.find(Mapped)
    if mapped is None:
        st.info("Choose the columns first.")
        next_button(draft, disabled=True)
        return
    model = choose_model(lab, draft.model_id, "card_model", "Lengths are measured in this model's tokens.")
    draft.model_id = None if model is None else model.id
    checked = draft.find(Checked) or _check(draft, mapped, model)
    if checked is None:
        next_button(draft, disabled=True)
        return
    card = checked.examined.card
    tokens = _tokens(lab, draft, model, checked)
    _figures(card, tokens)
    language_part(lab, draft, checked, model)
    if card.labels:
        _balance(card)
    st.header("Findings", anchor=False)
    if not card.findings:
        st.caption(":material/check_circle: Nothing unusual was found.")
    for finding in card.findings:
        _finding(draft, mapped, finding)
    if not card.rows_kept:
        st.error("No row can be used. Check the findings and the chosen columns.")
    next_button(draft, disabled=not card.rows_kept)


def choose_model(lab: Lab, model_id: str | None, key: str, words: str) -> ModelFacts | None:
    """Let the user choose the model whose tokens are counted; None if there is no model."""
    models = {model.id: model for model in lab.models.list()}
    if not models:
        st.caption("No model was found, so tokens cannot be counted.")
        return None
    ids = list(models)
    chosen = st.selectbox(
        "Model",
        ids,
        index=ids.index(model_id) if model_id in ids else 0,
        format_func=lambda item: visible(models[item].name),
        key=key,
        help=words,
        width=360,
    )
    return models[chosen]


def _check(draft: Draft, mapped: Mapped, model: ModelFacts | None) -> Checked | None:
    fixes = draft.options.fixes
    counted = draft.jobs.get("tokens")
    facts: TokenFacts | None = None
    if counted is not None and model is not None and counted.choice == model.id:
        facts = counted.job.result
    too_long = frozenset[int]() if facts is None else facts.too_long
    checked = worked_out(
        draft,
        "examined",
        "Checking every row",
        lambda job: check_rows(mapped, fixes, too_long=too_long, report=job.tell),
        made_from=mapped,
        choice=(fixes, too_long),
    )
    if checked is not None:
        draft.take(checked)
    return checked


def _tokens(lab: Lab, draft: Draft, model: ModelFacts | None, checked: Checked) -> TokenFacts | None:
    if model is None or not checked.examined.rows:
        return None
    mapped = checked.before
    facts = worked_out(
        draft,
        "tokens",
        "Counting tokens",
        lambda job: count_tokens(mapped, lab.tables, model, job.tell),
        made_from=mapped,
        choice=model.id,
    )
    if facts is not None and facts.too_long != checked.too_long:
        draft.take(mapped)  # now with the rows that do not fit this model as a finding
        st.rerun()
    return facts


def _figures(card: DataCard, tokens: TokenFacts | None) -> None:
    found = {finding.id: len(finding.lines) for finding in card.findings}
    empty = found.get("empty_input", 0) + found.get("empty_target", 0)
    with st.container(horizontal=True):
        st.metric(
            "Rows used",
            f"{say.number(card.rows_kept)} of {say.number(card.rows_read)}",
            width="content",
            help="Rows that remain after the choices below, out of the rows in the file.",
        )
        st.metric("Empty", say.number(empty), width="content", help="Rows without an input or a target.")
        st.metric(
            "Duplicates",
            say.number(found.get("duplicates", 0)),
            width="content",
            help="Rows with the same input and target as an earlier one.",
        )
        st.metric(
            "Same input, different answers",
            say.number(found.get("conflicts", 0)),
            width="content",
            help="Rows whose input also occurs with another target.",
        )
        if card.labels:
            st.metric("Labels", say.number(len(card.labels)), width="content", help="Different targets.")
        if tokens is not None:
            st.metric(
                "Tokens, median",
                say.short(tokens.p50),
                width="content",
                help=f"Tokens of an input: the median of the {say.number(tokens.counted)} rows that were counted.",
            )
            st.metric("p95", say.short(tokens.p95), width="content", help="95 % of the counted inputs are shorter.")
            st.metric(
                "Longest", say.number(tokens.longest), width="content", help="Tokens of the longest counted input."
            )
            st.metric(
                "Space for an input, tokens",
                say.number(max(tokens.room, 0)),
                width="content",
                help=f"Tokens left for an input after {tokens.instructions} tokens of instructions and the answer.",
            )
        else:
            st.metric(
                "Characters, median",
                say.short(card.input_characters["p50"]),
                width="content",
                help="Characters of an input.",
            )
    if tokens is not None and tokens.unchecked:
        st.caption(f"{say.number(tokens.unchecked)} more rows are long; their tokens were not counted exactly.")


def _balance(card: DataCard) -> None:
    most = card.labels[0][1]
    words = f"Class balance: the most frequent label has {card.imbalance or 1:.1f} times the rows of the rarest"
    if card.imbalance == 1:
        words = f"Class balance: each label has {say.counted(most, 'row')}"
    with st.expander(words, expanded=len(card.labels) <= 12 and not card.findings):
        show_table(
            pl.DataFrame(
                {"Label": [inert(label) for label, _ in card.labels], "Rows": [rows for _, rows in card.labels]},
                schema={"Label": pl.String, "Rows": pl.Int64},
            ),
            column_config={
                "Rows": st.column_config.ProgressColumn("Rows", format="%d", min_value=0, max_value=most),
            },
            height="auto" if len(card.labels) <= 12 else 320,
            key="balance",
            alt="Rows of each label",
        )


def _finding(draft: Draft, mapped: Mapped, finding: Finding) -> None:
    with st.container(border=True, gap="xsmall"):
        words, choice = st.columns([3, 2], vertical_alignment="center")
        with words:
            st.markdown(f"**{plain(finding.title)}** · {say.counted(len(finding.lines), 'row')}")
            st.caption(plain(finding.detail))
        chosen = choice.segmented_control(
            f"What to do: {plain(finding.title)}",
            list(finding.choices),
            default=finding.chosen,
            format_func=FIXES.__getitem__,
            required=True,
            key=f"fix_{finding.id}",
            label_visibility="collapsed",
        )
        with st.expander(f"Line {_start(finding)}"):
            _rows(mapped, finding)
    if chosen is not None and chosen is not finding.chosen:
        draft.choose(replace(draft.options, fixes={**draft.options.fixes, finding.id: chosen}))
        st.rerun()


def _start(finding: Finding) -> str:
    shown = ", ".join(str(line) for line in finding.lines[:8])
    return shown + (", ..." if len(finding.lines) > 8 else "")


def _rows(mapped: Mapped, finding: Finding) -> None:
    if finding.samples:
        st.text("\n".join(visible(sample).replace("\n", " ")[:200] for sample in finding.samples), width="stretch")
    if finding.id == "ragged":
        return
    table = mapped.before.table
    named = table.only(table.places_of(finding.lines[:_ROWS_SHOWN]))
    rows_table(named, mapped.roles, most_characters=500, key=f"rows_{finding.id}")
    if len(finding.lines) > _ROWS_SHOWN:
        st.caption(f"The first {_ROWS_SHOWN} of {say.number(len(finding.lines))} rows.")
