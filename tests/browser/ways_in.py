"""The addresses, with their tokens, of the apps that run just now.

A file of its own: pytest loads conftest.py under another name than the tests that import from it, so that a list in
there would exist twice.
"""

from __future__ import annotations

WAYS_IN: list[str] = []
