"""A page of texts in several scripts, as Streamlit draws them under the app's frame."""

import streamlit as st

from components.ui.frame import DIRECTIONS

st.html(DIRECTIONS)
st.text("فاتورتي رقم 12 خاطئة.")
st.text("My invoice is wrong.")
st.code("החשבונית שגויה.", language=None, wrap_lines=True)
