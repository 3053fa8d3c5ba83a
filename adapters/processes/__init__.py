"""Worker processes: how one is started, asked, cancelled and mourned (`client`), and how one serves (`server`).

Messages are JSON lines over the worker's standard input and output; nothing is pickled.
"""
