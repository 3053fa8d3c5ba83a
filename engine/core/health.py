"""What is missing on a machine, as it is reported to the user."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something that is missing or scarce."""

    what: str
    fix: str
    needed: bool
    """The app cannot work without it; otherwise only a part of the app is unavailable."""
