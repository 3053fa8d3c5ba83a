"""The memo: a run's report as one file to hand on, HTML that works offline or Markdown.

Imports the engine, jinja2, and reads Plotly's script from its wheel without importing it.
"""
