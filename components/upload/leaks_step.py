"""Step 6: the leak guard, between what variants learn from and what they are tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl
import streamlit as st

from components.ui.text import inert, plain
from components.upload.draft import Draft, next_button, worked_out
from components.widgets.tables import show_table
from engine.ingest.data_card import Row
from engine.ingest.leaks.pairs import LeakPair, Similarity
from engine.ingest.leaks.record import LeakFix
from engine.ingest.leaks.thresholds import MEANING_ROWS, SHORT_WORDS
from engine.ingest.steps import (
    Compared,
    Documented,
    Guarded,
    Split,
    add_documents,
    compare_rows,
    guard_splits,
    sides_of,
)
from engine.metrics import wording as say
from engine.running.preflight.embedders import meanings_sentence
from engine.services.background.jobs import Job
from engine.services.lab import Lab

FIXES = {
    LeakFix.KEEP: "Keep them",
    LeakFix.DROP: "Drop the test rows",
    LeakFix.MOVE: "Move the test rows to training",
    LeakFix.DROP_LEARNING: "Drop the training rows",
}
_WORDS = {
    Similarity.EXACT: "the same",
    Similarity.NORMALIZED: "the same except for case and punctuation",
    Similarity.TYPING: "the same except for a typo",
    Similarity.ORDER: "the same words in another order",
    Similarity.WORD: "one word changed",
    Similarity.NEAR: "nearly the same words",
    Similarity.MEANING: "the same in other words",
    Similarity.DOCUMENT: "contained in a document",
}
_PAIRS_SHOWN = 500


def leaks_step(lab: Lab, draft: Draft) -> None:
    """Look for leaks, show them as pairs, and fix them as chosen."""
    split, documented = draft.find(Split), draft.find(Documented)
    if split is None:
        st.info("Split the rows first.")
        next_button(draft, disabled=True)
        return
    if documented is None:
        documented = add_documents(split, draft.options.documents)
        draft.take(documented)
    st.caption(
        "Test rows that also occur, or nearly occur, in what variants learn from make results look better than they "
        "are. The leak guard compares the test rows with the training and validation rows, which are also the source "
        "of few-shot examples, and with the documents."
    )
    similarity = st.slider(
        "Similarity threshold",
        0.5,
        1.0,
        draft.options.similarity,
        0.05,
        key="leak_similarity",
        width=360,
        help="Two rows of 8 to 12 words count as nearly the same if they share at least this part of their 5-letter "
        "sequences. Shorter rows need a little more, longer rows a little less. One changed word or letter "
        f"always counts; under {SHORT_WORDS} words only one changed letter does.",
    )
    if similarity != draft.options.similarity:
        draft.choose(replace(draft.options, similarity=similarity))
    compared = draft.find(Compared) or _compare(draft, documented, similarity)
    if compared is None:
        next_button(draft, disabled=True)
        return
    meanings, searching = _meanings(lab, draft, split)
    chosen = not searching and bool(compared.pairs or meanings) and _choose(draft)
    guarded = None if searching else draft.find(Guarded)
    if not searching and (chosen or guarded is None or guarded.meanings is not meanings):
        guarded = _guard(draft, compared, meanings)
    if guarded is None:
        if searching and compared.pairs:
            _show(split.before.examined.rows, compared.pairs)
        next_button(draft, disabled=True)
        return
    text = plain(guarded.record.sentence())
    (st.success if guarded.record.is_clear else st.info)(text, icon=":material/shield:")
    if guarded.record.pairs:
        _show(split.before.examined.rows, guarded.record.pairs)
    next_button(draft)


def _compare(draft: Draft, documented: Documented, similarity: float) -> Compared | None:
    compared = worked_out(
        draft,
        "pairs",
        "Comparing rows",
        lambda job: compare_rows(documented, similarity, job.tell),
        made_from=documented,
        choice=similarity,
    )
    if compared is not None:
        draft.take(compared)
    return compared


def _guard(draft: Draft, compared: Compared, meanings: tuple[LeakPair, ...] | None) -> Guarded | None:
    """Do what was chosen; rows that moved are compared again, which takes seconds where rows are many."""
    fix = draft.options.leaks
    guarded = worked_out(
        draft,
        "guard",
        "Applying the choice",
        lambda job: guard_splits(compared, fix, meanings, job.tell),
        made_from=compared,
        choice=(fix, meanings),
    )
    if guarded is not None:
        draft.take(guarded)
    return guarded


def _meanings(lab: Lab, draft: Draft, split: Split) -> tuple[tuple[LeakPair, ...] | None, bool]:
    """Compare meanings: at once up to `MEANING_ROWS` rows, beyond that when asked.

    Return what was found, None if it was not compared; and whether the comparison is running.
    """
    rows = len(split.splits)

    def work(job: Job[tuple[LeakPair, ...]]) -> tuple[LeakPair, ...]:
        return lab.embedders.find_meanings(split, report=job.tell, cancel=job)

    if "meanings" not in draft.jobs and rows > MEANING_ROWS:
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Compare meanings too", key="compare_meanings", icon=":material/psychology_alt:"):
                draft.begin("meanings", work, split)
                st.rerun()
            st.caption(
                f"Not done automatically above {say.number(MEANING_ROWS)} rows: embedding {say.number(rows)} rows "
                "takes many minutes.",
                width="content",
            )
        return None, False
    found = worked_out(draft, "meanings", "Comparing meanings", work, made_from=split)
    if found is not None:
        st.caption(
            "Meanings were compared too. A pair counts if the two rows are much nearer to each other than rows here "
            "usually are; check such pairs before you drop any."
        )
        missed = meanings_sentence(lab.embedders.for_texts([item.text for side in sides_of(split) for item in side]))
        if missed:
            st.caption(missed)
    return found, draft.jobs["meanings"].job.is_running


def _choose(draft: Draft) -> bool:
    """Let the user choose what to do; return whether the choice has changed."""
    chosen = st.segmented_control(
        "What to do",
        list(FIXES),
        default=draft.options.leaks,
        format_func=FIXES.__getitem__,
        required=True,
        key="leak_fix",
        wrap=True,
        help="The task records your choice, and each run's report states it.",
    )
    if chosen is None or chosen is draft.options.leaks:
        return False
    draft.choose(replace(draft.options, leaks=chosen))
    return True


def _show(rows: Sequence[Row], pairs: Sequence[LeakPair]) -> None:
    """Show the pairs; those of short rows apart, since one word is much of them."""
    short = [pair for pair in pairs if pair.short]
    usual = [pair for pair in pairs if not pair.short]
    if usual:
        _table(rows, usual, key="leak_pairs", alt="Test rows and what they are similar to")
    if short:
        st.markdown(f"**Rows under {SHORT_WORDS} words**, where one word is much of the row:")
        _table(rows, short, key="short_leak_pairs", alt="Short test rows and what they are similar to")


def _table(rows: Sequence[Row], pairs: Sequence[LeakPair], *, key: str, alt: str) -> None:
    by_place = {row.place: row for row in rows}
    shown = sorted(pairs, key=lambda pair: (list(_WORDS).index(pair.kind), -pair.similarity))[:_PAIRS_SHOWN]
    table: dict[str, list[object]] = {name: [] for name in _COLUMNS}
    for pair in shown:
        test = by_place[int(pair.test_id)]
        document = pair.kind is Similarity.DOCUMENT
        other = None if document else by_place[int(pair.other_id)]
        values = (
            _WORDS[pair.kind],
            pair.similarity,
            test.line,
            inert(test.input[:500]),
            inert(test.target[:100]),
            inert(pair.other_id) if other is None else str(other.line),
            "" if other is None else inert(other.input[:500]),
            "" if other is None else inert(other.target[:100]),
        )
        for name, value in zip(_COLUMNS, values, strict=True):
            table[name].append(value)
    show_table(
        pl.DataFrame(table, schema=_COLUMNS),
        column_config={
            "Similarity": st.column_config.NumberColumn(format="%.2f", help="1 is the same; else the share in common."),
            "Test row": st.column_config.TextColumn(width="medium"),
            "Similar to": st.column_config.TextColumn(width="medium"),
        },
        key=key,
        alt=alt,
    )
    if len(pairs) > _PAIRS_SHOWN:
        st.caption(f"The first {_PAIRS_SHOWN} of {say.number(len(pairs))} pairs.")


_COLUMNS = {
    "How": pl.String,
    "Similarity": pl.Float64,
    "Test line": pl.Int64,
    "Test row": pl.String,
    "Target": pl.String,
    "Line or document": pl.String,
    "Similar to": pl.String,
    "Its target": pl.String,
}
