"""Decide: the saved runs."""
