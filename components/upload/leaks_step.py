"""Step 6: the leak guard, between what variants learn from and what they are tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
import streamlit as st

from components.ui.text import count, inert, plain
from components.upload.draft import Draft, next_button, worked_out
from engine.ingest.build_task import LeakMend, leak_sides, mend_leaks, record_leaks
from engine.ingest.data_card import Row
from engine.ingest.intake import compare_meanings
from engine.ingest.leaks import LeakPair, Likeness, Text, find_leaks
from engine.services.lab import Laboratory

MENDS = {
    LeakMend.KEEP: "Keep them",
    LeakMend.DROP: "Drop the test rows",
    LeakMend.MOVE: "Move the test rows to training",
    LeakMend.DROP_LEARNING: "Drop the training rows",
}
_WORDS = {
    Likeness.EXACT: "the same",
    Likeness.NORMALIZED: "the same but for case and signs",
    Likeness.NEAR: "nearly the same words",
    Likeness.MEANING: "the same in other words",
    Likeness.DOCUMENT: "stands in a document",
}
_PAIRS_SHOWN = 500
_ROUNDS = 5


def leaks_step(lab: Laboratory, draft: Draft) -> None:
    """Look for leaks, show them as pairs, and mend them as chosen."""
    splits, rows = draft.splits, draft.examined.rows if draft.examined else ()
    if splits is None or not rows:
        st.info("Split the rows first.")
        next_button(draft, disabled=True)
        return
    st.caption(
        "A test row that stands, or nearly stands, where variants learn makes them look better than they are. "
        "Compared are the test rows with training and validation rows, from which few-shot examples are drawn too, "
        "and with the documents."
    )
    alike = st.slider(
        "How alike",
        0.5,
        1.0,
        draft.alike,
        0.05,
        key="leak_alike",
        width=360,
        help="Share of 5-letter pieces in common from which two rows count as nearly the same.",
    )
    if alike != draft.alike:
        draft.alike = alike
        draft.compare_again()
    documents = [Text(id=document.name, text=document.text) for document in draft.documents]
    sides = leak_sides(rows, splits)
    if draft.pairs is None:
        draft.pairs = worked_out(
            draft,
            "pairs",
            "Comparing rows",
            lambda tell, _stop: tuple(find_leaks(*sides, documents, alike=alike, report=tell)),
        )
        if draft.pairs is None:
            next_button(draft, disabled=True)
            return
    _meanings(lab, draft, sides)
    known = {(pair.test_id, pair.other_id) for pair in draft.pairs}
    meant = [pair for pair in draft.meaning_pairs or () if (pair.test_id, pair.other_id) not in known]
    pairs = (*draft.pairs, *meant)
    if draft.record is None:
        _settle(draft, rows, splits, pairs, documents)
    if pairs:
        _choose(draft, rows, splits, pairs, documents)
    if draft.record is not None:
        text = plain(draft.record.sentence())
        (st.success if not draft.record.found else st.info)(text, icon=":material/shield:")
    if pairs:
        _show(rows, pairs)
    next_button(draft)


def _meanings(lab: Laboratory, draft: Draft, sides: tuple[Sequence[Text], Sequence[Text]]) -> None:
    known = draft.pairs or ()
    if draft.meaning_pairs is None and not draft.meanings_asked:
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Compare meanings too", key="compare_meanings", icon=":material/psychology_alt:"):
                draft.meanings_asked = True
                st.rerun()
            texts = len({item.text for side in sides for item in side})
            st.caption(f"Embeds {count(texts)} texts here; some minutes for 20,000.", width="content")
    if draft.meaning_pairs is None and draft.meanings_asked:
        found = worked_out(
            draft,
            "meanings",
            "Embedding the rows",
            lambda tell, stop: tuple(
                compare_meanings(lab.intake, sides, alike=draft.meaning_alike, known=known, report=tell, cancel=stop)
            ),
        )
        job = draft.jobs.get("meanings")
        if found is not None:
            draft.meaning_pairs = found
            draft.record = None
        elif job is None or job.done:
            draft.meanings_asked = False
            draft.jobs.pop("meanings", None)
    if draft.meaning_pairs is not None:
        st.caption(
            f"Meanings were compared too: pairs from a cosine of {draft.meaning_alike:.2f} are shown. "
            "Nearness says alike, not equal; look at them before you drop any."
        )


def _settle(
    draft: Draft,
    rows: Sequence[Row],
    splits: Mapping[int, str],
    pairs: Sequence[LeakPair],
    documents: Sequence[Text],
) -> None:
    """Do what was chosen; rows moved to training may be like other test rows, and then those follow."""
    after = mend_leaks(splits, pairs, draft.leak_mend)
    left: list[LeakPair] = list(pairs)
    for _ in range(_ROUNDS if draft.leak_mend is not LeakMend.KEEP and pairs else 0):
        left = find_leaks(*leak_sides(rows, after), documents, alike=draft.alike)
        if not left:
            break
        after = mend_leaks(after, left, draft.leak_mend)
    draft.splits_after = after
    draft.record = record_leaks(
        splits,
        after,
        pairs,
        draft.leak_mend,
        left=len(left),
        alike=draft.alike,
        meaning_alike=draft.meaning_alike if draft.meaning_pairs is not None else None,
        documents=len(documents),
    )


def _choose(
    draft: Draft,
    rows: Sequence[Row],
    splits: Mapping[int, str],
    pairs: Sequence[LeakPair],
    documents: Sequence[Text],
) -> None:
    chosen = st.segmented_control(
        "What to do",
        list(MENDS),
        default=draft.leak_mend,
        format_func=MENDS.__getitem__,
        required=True,
        key="leak_mend",
        wrap=True,
        help="What is done is written into the task, and each run's report states it.",
    )
    if chosen is not None and chosen is not draft.leak_mend:
        draft.leak_mend = chosen
        draft.saved_id = None
        _settle(draft, rows, splits, pairs, documents)


def _show(rows: Sequence[Row], pairs: Sequence[LeakPair]) -> None:
    by_place = {row.place: row for row in rows}
    shown = sorted(pairs, key=lambda pair: (list(_WORDS).index(pair.likeness), -pair.alike))[:_PAIRS_SHOWN]
    table: dict[str, list[object]] = {name: [] for name in _COLUMNS}
    for pair in shown:
        test = by_place[int(pair.test_id)]
        document = pair.likeness is Likeness.DOCUMENT
        other = None if document else by_place[int(pair.other_id)]
        values = (
            _WORDS[pair.likeness],
            pair.alike,
            test.line,
            inert(test.input[:500]),
            inert(test.target[:100]),
            inert(pair.other_id) if other is None else str(other.line),
            "" if other is None else inert(other.input[:500]),
            "" if other is None else inert(other.target[:100]),
        )
        for name, value in zip(_COLUMNS, values, strict=True):
            table[name].append(value)
    st.dataframe(
        pl.DataFrame(table, schema=_COLUMNS),
        column_config={
            "Alike": st.column_config.NumberColumn(format="%.2f", help="1 is the same; else the share in common."),
            "Test row": st.column_config.TextColumn(width="medium"),
            "Is like": st.column_config.TextColumn(width="medium"),
        },
        hide_index=True,
        width="stretch",
        key="leak_pairs",
        alt="Test rows and what they are like",
    )
    if len(pairs) > _PAIRS_SHOWN:
        st.caption(f"The first {_PAIRS_SHOWN} of {count(len(pairs))} pairs.")


_COLUMNS = {
    "How": pl.String,
    "Alike": pl.Float64,
    "Test line": pl.Int64,
    "Test row": pl.String,
    "Target": pl.String,
    "Line or document": pl.String,
    "Is like": pl.String,
    "Its target": pl.String,
}
