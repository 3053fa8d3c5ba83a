"""Put a lab in memory in the place of `wiring`, in a server that has this folder on its PYTHONPATH."""

import os
import sys
import types

if any(name in " ".join(sys.orig_argv) for name in ("streamlit", "tools/serve.py")):
    from tests.memory_lab import HOSTILE, MemoryLab, memory_lab, memory_task

    def open_lab() -> MemoryLab:
        """Open a lab whose every answer and input is hostile, if asked for."""
        hostile = os.environ.get("STAND_IN_HOSTILE") == "1"
        return memory_lab(
            speed=float(os.environ.get("STAND_IN_SPEED", "4")),
            task=memory_task(text=HOSTILE) if hostile else None,
            text=HOSTILE if hostile else "",
        )

    wiring = types.ModuleType("wiring")
    wiring.open_lab = open_lab  # type: ignore[attr-defined]
    sys.modules["wiring"] = wiring
