"""Write a finished run as the sample run that Start shows: `python tools/record_sample_run.py RUN`.

Make the run first: `python cli.py compare --task support-tickets --limit 100`. Both read `ADAPTLAB_HOME`.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from adapters.storage.sample_run import write_recorded  # noqa: E402
from engine.services.recorded import RecordedRun  # noqa: E402
from wiring import SAMPLE_RUN, open_shelf  # noqa: E402


def main(run_id: str) -> None:
    """Record one run."""
    store = open_shelf().store
    manifest = store.manifest(run_id)
    if manifest["status"] != "done":
        sys.exit(f"Run {run_id} is {manifest['status']}. Resume it first.")
    predictions = tuple(store.predictions(run_id))
    write_recorded(RecordedRun(manifest={"run_id": run_id, **manifest}, predictions=predictions), SAMPLE_RUN)
    sys.stdout.write(f"{len(predictions)} predictions of {run_id} are in {SAMPLE_RUN.relative_to(ROOT)}\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
