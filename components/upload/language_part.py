"""Part of the data card: the languages of the text columns, by split, and what the model pays for them."""

from __future__ import annotations

import polars as pl
import streamlit as st

from components.ui.text import inert, plain
from components.upload.draft import Draft, worked_out
from components.widgets.tables import show_table
from engine.core.generation import ModelFacts
from engine.ingest.row_languages import (
    language_warnings,
    main_language,
    scripts_in_words,
    shares_in_words,
)
from engine.ingest.steps import Checked
from engine.ingest.token_price import token_price
from engine.metrics import wording as say
from engine.services.lab import Lab


def language_part(lab: Lab, draft: Draft, checked: Checked, model: ModelFacts | None) -> None:
    """Show languages and scripts by column and split, warnings, and tokens per row against the English tasks."""
    found = checked.examined.card.languages
    if not found:
        return
    if len(found) == 1:
        st.caption(
            f"Language of '{plain(found[0].column)}': {plain(shares_in_words(found[0].languages))}. "
            f"{scripts_in_words(found[0].languages)}."
        )
    else:
        show_table(
            pl.DataFrame(
                {
                    "Column": [inert(one.column) for one in found],
                    "Split": [one.split or "all" for one in found],
                    "Rows": [one.rows for one in found],
                    "Languages": [shares_in_words(one.languages) for one in found],
                    "Script": [scripts_in_words(one.languages) for one in found],
                }
            ),
            key="languages",
            alt="Languages of each text column, by split",
        )
    for words in language_warnings(found):
        st.warning(plain(words), icon=":material/translate:")
    if model is not None and not main_language(found).is_english:
        _price(lab, draft, checked, model)


def _price(lab: Lab, draft: Draft, checked: Checked, model: ModelFacts) -> None:
    price = worked_out(
        draft,
        "token_price",
        "Counting tokens of English rows",
        lambda _job: token_price(
            lab.tables, model.id, [row.input for row in checked.examined.rows], lab.tasks.english_texts()
        ),
        made_from=checked,
        choice=model.id,
    )
    if price is not None:
        st.metric(
            "Tokens compared with English",
            say.times(price.times_per_row, price.times_per_row),
            width="content",
            help="Mean tokens of a row, divided by those of the English tasks that ship. Tokens cost time and context.",
        )
        st.caption(plain(price.sentence()))
