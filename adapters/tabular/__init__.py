"""Tables in and out: files of many kinds as tables of text, tables as tasks, predictions as Parquet and safe CSV.

`reader` is the one way in: every front door reads a table through it.
"""
