"""Start: what the app does, a run to look at, and what to do next."""
