"""Tables in and out: files of many kinds as tables of text, tables as tasks, predictions as Parquet and safe CSV.

`reader` is the one way in: the screens and the terminal both read tables through it.
"""
