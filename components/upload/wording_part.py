"""Part of the instructions: their language, and the words that stand for labels in prompts."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from components.ui.errors import fault
from components.ui.text import plain, visible
from components.upload.draft import Draft
from engine.core.errors import AdaptLabError
from engine.core.text.label_words import read_label_words, with_label_words
from engine.core.text.languages import language_name
from engine.core.text.prompt_template import ENGLISH, TEMPLATES
from engine.ingest.drafting import instruction_note, suggested_language
from engine.ingest.options import ImportOptions
from engine.ingest.steps import Guarded


def choose_language(draft: Draft, guarded: Guarded) -> ImportOptions:
    """Choose the language of the instructions; return the options with it."""
    found = guarded.before.before.before.languages
    first = dict.fromkeys([ENGLISH.language, suggested_language(found)])
    codes = [*first, *sorted(TEMPLATES.keys() - first, key=language_name)]
    with st.container():  # what follows keeps its place, and an expander its state, with and without the caption
        language = st.selectbox(
            "Language of the instructions",
            codes,
            index=codes.index(draft.options.instruction_language or ENGLISH.language),
            format_func=language_name,
            key="instruction_language",
            width=220,
            help="Of the draft, and of what prompts add to it. Small models often know English best.",
        )
        if note := instruction_note(TEMPLATES[language], found):
            st.caption(plain(note))
    return replace(draft.options, instruction_language="" if language == ENGLISH.language else language)


def choose_label_words(draft: Draft, guarded: Guarded) -> dict[str, str]:
    """Return the words for labels as typed; those chosen before where a line does not fit."""
    labels = guarded.answer.labels
    if not labels:
        return {}
    kept = {label: word for label, word in draft.options.label_words.items() if label in labels}
    with st.expander("Other words for the labels", expanded=bool(kept), icon=":material/label:"):
        typed = st.text_area(
            "One line for each label",
            value="\n".join(f"{label} = {word}" for label, word in kept.items()),
            key=f"label_words_{hash(labels)}",
            placeholder=f"{visible(labels[0])} = …",
            help="The model reads and writes the word; results show the label. A label without a line keeps its name.",
        )
        try:
            words = read_label_words(typed.splitlines())
            return dict(with_label_words(guarded.answer, words).label_words)
        except AdaptLabError as error:
            fault(error)
            return kept
