"""A page with words of each script in charts, lanes and a slide, as the app's own parts draw them."""

import streamlit as st

from components.widgets.chart_card import chart_card
from components.widgets.parts import lanes, slide
from engine.charts.chart import Grid
from tests.browser.script_chart import word_chart
from tests.browser.scripts import WORDS

words = tuple(WORDS.values())
with st.container(key="chart"):
    chart_card(word_chart(), key="drawn_chart", height=420)
with st.container(key="confusion"):
    size = range(len(words))
    values = tuple(tuple(float(line == column) for column in size) for line in size)
    grid = Grid(
        title="Grid",
        caption="",
        alt="Words",
        lines=words,
        columns=words,
        values=values,
        texts=tuple(tuple(f"{value:g}" for value in line) for line in values),
    )
    chart_card(grid, key="drawn_grid", height=420)
with st.container(key="lane"):
    lanes(
        [
            {
                "id": script,
                "name": script,
                "light": "#0072b2",
                "dark": "#56b4e9",
                "fraction": 1.0,
                "counted": "answered",
                "time": "",
                "time_help": "",
                "figures": [],
                "bars": [],
                "preparing": None,
                "answer": {"mark": "right", "text": word, "target": ""},
            }
            for script, word in WORDS.items()
        ],
        key="drawn_lanes",
    )
with st.container(key="slide"):
    quotes = [[script, word] for script, word in WORDS.items()]
    slide({"kicker": "", "headline": "Words", "blocks": [{"kind": "quotes", "quotes": quotes}]}, key="drawn_slide")
