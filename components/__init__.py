"""Parts of screens that pages share: charts, lanes, tables, the palette, the keys of session state.

May import streamlit, plotly's data and `engine`; never `adapters`, `wiring` or `pages`.
"""
