"""Measurements of the promised speed. Run them with `make bench`; README.md lists the figures and the machine."""
