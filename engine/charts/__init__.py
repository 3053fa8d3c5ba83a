"""Charts as data: what is shown, apart from how it is drawn. Screens and the memo draw the same charts.

Imports the engine's figures alone; `plotly_form` and `svg_form` are pure functions and import no drawing library.
"""
