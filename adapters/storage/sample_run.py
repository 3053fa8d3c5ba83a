"""The recorded run that ships with the app: a real one, written by `tools/record_sample_run.py`."""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict
from pathlib import Path

from engine.core.errors import StoreError
from engine.core.run.manifest import manifest_from_dict
from engine.core.run.prediction import prediction_from_json
from engine.services.recorded import RecordedRun

MANIFEST_NAME = "run.json"
PREDICTIONS_NAME = "predictions.jsonl.gz"


def read_recorded(folder: Path) -> RecordedRun | None:
    """Read a recorded run; None if there is none.

    Raises:
        StoreError: it is damaged.
    """
    if not (folder / MANIFEST_NAME).is_file():
        return None
    try:
        fields = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
        manifest = manifest_from_dict(fields)
        with gzip.open(folder / PREDICTIONS_NAME, "rt", encoding="utf-8") as lines:
            predictions = tuple(prediction_from_json(line) for line in lines)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"The recorded run in '{folder.name}' is damaged: {error}.",
            "Install Adapt Lab again, or make a run of your own.",
        ) from error
    return RecordedRun(run_id=manifest.plan.run_id, manifest=manifest, predictions=predictions)


def write_recorded(recorded: RecordedRun, folder: Path) -> None:
    """Write a recorded run, over an older one. The same run gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(recorded.manifest.to_dict(), indent=1, ensure_ascii=False) + "\n"
    (folder / MANIFEST_NAME).write_text(text, encoding="utf-8")
    lines = [json.dumps(asdict(prediction), ensure_ascii=False) + "\n" for prediction in recorded.predictions]
    (folder / PREDICTIONS_NAME).write_bytes(gzip.compress("".join(lines).encode(), mtime=0))
