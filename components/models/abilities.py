"""What a backend can do, as a table: one row per capability, with the reason where the answer is not a plain yes."""

from __future__ import annotations

import polars as pl

from components.ui.text import inert
from engine.core.capabilities import TITLES, Capabilities


def abilities_frame(capabilities: Capabilities) -> pl.DataFrame:
    """Return the table."""
    rows = [
        {"What": title, "Can it?": str(getattr(capabilities, name)), "Why": inert(capabilities.reason(name))}
        for name, title in TITLES.items()
    ]
    return pl.DataFrame(rows)
