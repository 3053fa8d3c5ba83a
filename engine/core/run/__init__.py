"""A run as data: its plan, its events, its predictions, its manifest, and what lists say of it."""
