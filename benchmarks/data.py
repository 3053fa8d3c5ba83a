"""Where measurements look for tables that are not part of the project."""

from __future__ import annotations

import os
from pathlib import Path

DATA = Path(os.environ.get("ADAPTLAB_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
"""The folder that `ADAPTLAB_DATA` names, else `shared/data` next to the checkout."""
