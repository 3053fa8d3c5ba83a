"""The columns of a table of differences: their ends, what corrects them, and what would settle them."""

from __future__ import annotations

from typing import Any

import streamlit as st


def difference_columns(what: str) -> dict[str, Any]:
    """Describe the columns that every table of differences has; `what` is compared, as in `the change's interval`."""
    number = st.column_config.NumberColumn
    return {
        "95 % low": number(format="%+.1f", help=f"Lower end of the {what}'s 95 % interval."),
        "95 % high": number(format="%+.1f", help=f"Upper end of the {what}'s 95 % interval."),
        "p (Holm)": number(
            format="%.4f", help="p, corrected for the number of comparisons in this table; below 0.05 is significant."
        ),
        "Rows still needed": number(
            format="localized",
            help="About how many more rows would make the difference significant, if the measured gap is real.",
        ),
    }
