"""What is missing on a machine, as it is told to the user."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something that is missing or scarce."""

    what: str
    mend: str
    needed: bool
    """The app cannot do its work without it; otherwise only a part of it is out of reach."""
