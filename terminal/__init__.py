"""The terminal: its arguments, its commands, and its output. `cli.py` is the entry point."""
