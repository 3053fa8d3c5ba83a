"""Put the fake laboratory in the place of `wiring`, in a server that has this folder on its PYTHONPATH."""

import os
import sys
import types

if any(name in " ".join(sys.orig_argv) for name in ("streamlit", "tools/serve.py")):
    from tests.fake_laboratory import HOSTILE, FakeLaboratory, fake_task

    def open_laboratory() -> FakeLaboratory:
        """Open a laboratory whose every answer and input is hostile, if asked for."""
        hostile = os.environ.get("STAND_IN_HOSTILE") == "1"
        lab = FakeLaboratory(
            speed=float(os.environ.get("STAND_IN_SPEED", "4")), task=fake_task(text=HOSTILE) if hostile else None
        )
        lab.answer_text = HOSTILE if hostile else ""
        return lab

    wiring = types.ModuleType("wiring")
    wiring.open_laboratory = open_laboratory  # type: ignore[attr-defined]
    sys.modules["wiring"] = wiring
