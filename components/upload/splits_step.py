"""Step 4: which rows train and which ones test."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import polars as pl
import streamlit as st

from components.ui.errors import fault
from components.ui.text import count, inert, plain, visible
from components.upload.draft import SPLITS, Draft, next_button
from engine.core.errors import AdaptLabError
from engine.core.task import AnswerKind
from engine.ingest.build_task import SplitPlan, assign_splits
from engine.ingest.data_card import counted
from engine.ingest.splitting import LEFT_OUT, split_meanings, split_warnings
from engine.ingest.splitting import SPLITS as NAMES

_MOST_VALUES = 30


def splits_step(draft: Draft) -> None:
    """Split by the column, or by seed with shares; show the rows of each side and what is thin."""
    table, roles, examined, kind = draft.table, draft.roles, draft.examined, draft.kind
    if table is None or roles is None or examined is None or kind is None:
        st.info("Look at the data card first.")
        next_button(draft, disabled=True)
        return
    plan = draft.split
    if roles.split is not None:
        ways = {"column": f"By the column '{visible(roles.split)}'", "seed": "Drawn by seed"}
        way = st.segmented_control(
            "How",
            list(ways),
            default="column" if plan.column else "seed",
            format_func=lambda w: plain(ways[w]),
            required=True,
            key="split_way",
            help="Where the file has splits of its own, they are the better ones.",
        )
        plan = replace(plan, column=roles.split if way == "column" else None)
    plan = _by_column(draft, plan.column) if plan.column else _by_seed(draft)
    if plan != draft.split:
        draft.split = plan
        draft.void_from(SPLITS)
    try:
        draft.splits = draft.splits or assign_splits(table, examined.rows, roles, plan, kind)
    except AdaptLabError as error:
        fault(error)
        next_button(draft, disabled=True)
        return
    _result(draft, draft.splits)
    next_button(draft)


def _by_column(draft: Draft, column: str) -> SplitPlan:
    plan = replace(draft.split, column=column)
    table = draft.table
    if table is None:
        return plan
    counts = Counter(table.column(column))
    known = split_meanings([value for value, _ in counts.most_common(_MOST_VALUES)])
    meanings = dict(plan.meanings)
    options = [*NAMES, LEFT_OUT]
    with st.container(horizontal=True):
        for value, guessed in known.items():
            standing = meanings.get(value, guessed)
            chosen = st.selectbox(
                f"{plain(value) or '(empty)'} · {counted(counts[value], 'row')}",
                options,
                index=options.index(standing) if standing in options else options.index(LEFT_OUT),
                format_func=lambda name: name or "left out",
                key=f"meaning_{value}",
                width=220,
                help="Which split these rows belong to.",
            )
            meanings[value] = chosen
    return replace(plan, meanings=meanings)


def _by_seed(draft: Draft) -> SplitPlan:
    plan = replace(draft.split, column=None)
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
            help="Rows kept aside for choosing settings; counted as learning rows.",
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
        if draft.roles is not None and draft.roles.group is not None:
            keep = st.toggle(
                f"Keep '{plain(draft.roles.group)}' together",
                value=keep,
                key="split_groups",
                help="Rows with the same cell there are never on both sides.",
            )
    shares = {"train": 1 - (test + validation) / 100, "validation": validation / 100, "test": test / 100}
    if draft.kind is AnswerKind.LABEL:
        st.caption("Each label is divided by the same shares.")
    return replace(plan, shares=shares, seed=int(seed), keep_groups=keep)


def _result(draft: Draft, splits: dict[int, str]) -> None:
    rows = draft.examined.rows if draft.examined else ()
    totals = Counter(splits.values())
    with st.container(horizontal=True):
        for name in NAMES:
            st.metric(f"{name.capitalize()} rows", count(totals[name]), width="content", help=_HELP[name])
        if len(splits) < len(rows):
            st.metric("Left out", count(len(rows) - len(splits)), width="content", help="Rows of no split.")
    by_target = draft.kind is AnswerKind.LABEL
    for words in split_warnings(rows, splits, by_target=by_target):
        st.warning(plain(words), icon=":material/warning:")
    if by_target:
        per_label: dict[str, Counter[str]] = {}
        for row in rows:
            if row.place in splits:
                per_label.setdefault(row.target, Counter())[splits[row.place]] += 1
        labels = sorted(per_label)
        with st.expander("Rows of each label", expanded=len(labels) <= 12):
            st.dataframe(
                pl.DataFrame(
                    {
                        "Label": [inert(label) for label in labels],
                        **{name.capitalize(): [per_label[label][name] for label in labels] for name in NAMES},
                    }
                ),
                hide_index=True,
                width="stretch",
                height="auto" if len(labels) <= 12 else 320,
                key="split_labels",
            )


_HELP = {
    "train": "Rows that shots, retrieval, LoRA and the classifier may learn from.",
    "validation": "Rows kept aside for choosing settings.",
    "test": "Rows that every variant answers.",
}
