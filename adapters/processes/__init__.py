"""Worker processes: started, called, cancelled, and reported when they crash (`client`); how they serve (`server`).

Messages are JSON lines over the worker's standard input and output; nothing is pickled.
"""
