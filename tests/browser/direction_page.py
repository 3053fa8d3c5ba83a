"""A page of texts in several scripts, as Streamlit draws them under the app's frame."""

import polars as pl
import streamlit as st

from components.ui.frame import DIRECTIONS

st.html(DIRECTIONS)
st.text("فاتورتي رقم 12 خاطئة.", width="stretch")
st.text("My invoice is wrong.", width="stretch")
st.code("החשבונית שגויה.", language=None, wrap_lines=True)
rows = pl.DataFrame({"Input": ["فاتورتي رقم 12 خاطئة.", "My invoice is wrong.", "✗ החשבונית שגויה."]})
wide = {"Input": st.column_config.TextColumn(width=600)}
st.dataframe(rows, column_config=wide, hide_index=True, width=600, row_height=40)
