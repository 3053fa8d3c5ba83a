"""Put a lab in memory in the place of `wiring`, in a server that has this folder on its PYTHONPATH."""

import os
import sys
import types

if any(name in " ".join(sys.orig_argv) for name in ("streamlit", "tools/serve.py")):
    from tests.memory_lab import HOSTILE, HOSTILE_LABELS, LABELS, MemoryLab, memory_lab, memory_task

    def open_lab() -> MemoryLab:
        """Open a lab whose inputs and answers, or whose labels, title and documents are hostile, if asked for."""
        hostile = os.environ.get("STAND_IN_HOSTILE", "")
        answers, labels = hostile == "1", hostile == "labels"
        task = memory_task(
            labels=HOSTILE_LABELS if labels else LABELS,
            text=HOSTILE if answers else "Where is my parcel? Order",
            title=HOSTILE_LABELS[0] if labels else "Support tickets",
        )
        return memory_lab(
            speed=float(os.environ.get("STAND_IN_SPEED", "4")),
            task=task if hostile else None,
            text=HOSTILE if answers else "",
        )

    wiring = types.ModuleType("wiring")
    wiring.open_lab = open_lab  # type: ignore[attr-defined]
    sys.modules["wiring"] = wiring
