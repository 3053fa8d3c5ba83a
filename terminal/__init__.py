"""The terminal: its arguments, its commands, and what it shows. `cli.py` is the door."""
