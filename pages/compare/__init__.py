"""Compare: the live run."""
