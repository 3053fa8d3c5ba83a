"""Checks of a table: `examine` runs them all, one file per group. Pure functions."""
