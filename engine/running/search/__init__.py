"""Searching for good settings of each technique, with the same effort, on labelled rows that are not tested."""
