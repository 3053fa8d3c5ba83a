"""Write a finished run as the sample run that Start shows: `python tools/record_sample_run.py RUN`.

Make the run first: `python cli.py compare --task support-tickets --limit 100`. Both read `ADAPTLAB_HOME`.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from adapters.storage.sample_run import write_recorded  # noqa: E402
from wiring import open_lab  # noqa: E402

SAMPLE_RUN = ROOT / "data" / "sample_run"


def main(run_id: str) -> None:
    """Record one run."""
    recorded = open_lab().results.recorded(run_id)
    if recorded.manifest.status != "done":
        sys.exit(f"Run {run_id} is {recorded.manifest.status}. Resume it first.")
    write_recorded(recorded, SAMPLE_RUN)
    sys.stdout.write(f"Wrote {len(recorded.predictions)} predictions of {run_id} to {SAMPLE_RUN.relative_to(ROOT)}\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
