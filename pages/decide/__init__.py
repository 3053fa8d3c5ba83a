"""Decide: the runs that were kept."""
