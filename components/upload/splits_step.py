"""Step 4: which rows are for training and which ones for testing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import polars as pl
import streamlit as st

from components.ui.errors import fault
from components.ui.text import inert, plain, visible
from components.upload.draft import Draft, next_button
from components.widgets.tables import show_table
from engine.core.errors import AdaptLabError
from engine.core.task import AnswerKind
from engine.core.text.ordering import alphabetical
from engine.ingest.build_task import SplitPlan
from engine.ingest.row_languages import import_locale, language_warnings
from engine.ingest.splitting import LEFT_OUT, split_meanings, split_warnings
from engine.ingest.splitting import SPLITS as NAMES
from engine.ingest.steps import Checked, Mapped, Split, plan_for, split_rows
from engine.ingest.table import Table
from engine.metrics import wording as say

_MOST_VALUES = 30


def splits_step(draft: Draft) -> None:
    """Split by the column, or by seed with shares; show the rows of each split and warn about small ones."""
    checked = draft.find(Checked)
    if checked is None:
        st.info("Check the data card first.")
        next_button(draft, disabled=True)
        return
    mapped = checked.before
    known = plan = plan_for(mapped, draft.options)
    if mapped.roles.split is not None:
        ways = {"column": f"By the column '{visible(mapped.roles.split)}'", "seed": "At random, by seed"}
        way = st.segmented_control(
            "How",
            list(ways),
            default="column" if plan.column else "seed",
            format_func=lambda w: plain(ways[w]),
            required=True,
            key="split_way",
            help="If the file has its own splits, prefer them.",
        )
        plan = replace(plan, column=mapped.roles.split if way == "column" else None)
    plan = _by_column(mapped.before.table, plan, plan.column) if plan.column else _by_seed(mapped, plan)
    if plan != known:
        draft.choose(replace(draft.options, split=plan))
    split = draft.find(Split)
    if split is None:
        try:
            split = split_rows(checked, plan)
        except AdaptLabError as error:
            fault(error)
            next_button(draft, disabled=True)
            return
        draft.take(split)
    _result(split)
    next_button(draft)


def _by_column(table: Table, plan: SplitPlan, column: str) -> SplitPlan:
    counts = Counter(table.column(column))
    known = split_meanings([value for value, _ in counts.most_common(_MOST_VALUES)])
    meanings = dict(plan.meanings)
    options = [*NAMES, LEFT_OUT]
    with st.container(horizontal=True):
        for value, guessed in known.items():
            standing = meanings.get(value, guessed)
            chosen = st.selectbox(
                f"{plain(value) or '(empty)'} · {say.counted(counts[value], 'row')}",
                options,
                index=options.index(standing) if standing in options else options.index(LEFT_OUT),
                format_func=lambda name: name or "left out",
                key=f"meaning_{value}",
                width=220,
                help="Which split these rows belong to.",
            )
            meanings[value] = chosen
    return replace(plan, meanings=meanings)


def _by_seed(mapped: Mapped, plan: SplitPlan) -> SplitPlan:
    group = mapped.roles.group
    with st.container(horizontal=True, vertical_alignment="bottom"):
        test = st.number_input(
            "Test share, %",
            1,
            98,
            round(plan.shares.get("test", 0.4) * 100),
            key="share_test",
            width=150,
            help="Rows that every variant answers. More rows, narrower intervals.",
        )
        kept_aside = round(plan.shares.get("validation", 0) * 100)
        validation = st.number_input(
            "Validation share, %",
            0,
            98 - int(test),
            min(kept_aside, 98 - int(test)),
            key="share_validation",
            width=150,
            help="Rows reserved for choosing settings; the leak guard treats them like training rows.",
        )
        seed = st.number_input(
            "Seed",
            0,
            2**31 - 1,
            plan.seed,
            key="split_seed",
            width=130,
            help="The same seed splits the same way.",
        )
        keep = plan.keep_groups
        if group is not None:
            keep = st.toggle(
                f"Keep '{plain(group)}' together",
                value=keep,
                key="split_groups",
                help="Rows with the same cell in this column are never in both training and test.",
            )
    shares = {"train": 1 - (test + validation) / 100, "validation": validation / 100, "test": test / 100}
    if mapped.kind is AnswerKind.LABEL:
        st.caption("Each label is split by the same shares.")
    return replace(plan, shares=shares, seed=int(seed), keep_groups=keep)


def _result(split: Split) -> None:
    rows, splits = split.before.examined.rows, split.splits
    totals = Counter(splits.values())
    with st.container(horizontal=True):
        for name in NAMES:
            st.metric(f"{name.capitalize()} rows", say.number(totals[name]), width="content", help=_HELP[name])
        if len(splits) < len(rows):
            st.metric("Left out", say.number(len(rows) - len(splits)), width="content", help="Rows in no split.")
    by_target = split.before.before.kind is AnswerKind.LABEL
    for words in (*split_warnings(rows, splits, by_target=by_target), *language_warnings(split.languages)):
        st.warning(plain(words), icon=":material/warning:")
    if by_target:
        per_label: dict[str, Counter[str]] = {}
        for row in rows:
            if row.place in splits:
                per_label.setdefault(row.target, Counter())[splits[row.place]] += 1
        locale = import_locale(split.languages, split.before.before.roles.target, None)
        labels = alphabetical(per_label, locale)
        with st.expander("Rows of each label", expanded=len(labels) <= 12):
            show_table(
                pl.DataFrame(
                    {
                        "Label": [inert(label) for label in labels],
                        **{name.capitalize(): [per_label[label][name] for label in labels] for name in NAMES},
                    }
                ),
                height="auto" if len(labels) <= 12 else 320,
                key="split_labels",
            )


_HELP = {
    "train": "Rows that few-shot, retrieval, LoRA and the classifier may learn from.",
    "validation": "Rows reserved for choosing settings.",
    "test": "Rows that every variant answers.",
}
