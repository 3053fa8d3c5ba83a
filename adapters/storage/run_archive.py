"""A run as one zip file, to be used elsewhere: its manifest, and its predictions as JSON lines.

What comes in is untrusted: sizes are bounded, every record is checked, and nothing of it names a path.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import asdict, fields, replace
from typing import Any

from adapters.archives import checked_entries, read_entry
from adapters.storage.run_store import SqliteRunStore
from engine.core.errors import StoreError, TaskError, UsageError
from engine.core.run.manifest import manifest_from_dict
from engine.core.run.prediction import Prediction, prediction_from_json

MANIFEST, PREDICTIONS = "run.json", "predictions.jsonl"
MOST_BYTES = 2_000_000_000
"""Of a run once unpacked; 100,000 predictions with their prompts take about 300 MB."""
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_STATUSES = {"done", "cancelled", "failed"}
_KNOWN = {item.name for item in fields(Prediction)}
_NEEDED = {"usage", "timing", "passages", "failure"}
"""What every version has written of a prediction, besides the fields that have no default."""
_FIX = "Choose a file that was exported under Decide, History; runs of up to 2 GB, unpacked, can be imported."


def pack_run(store: SqliteRunStore, run_id: str) -> bytes:
    """Return a run as a zip file."""
    manifest = {"run_id": run_id, **store.manifest(run_id).to_dict()}
    lines = (json.dumps(asdict(prediction), ensure_ascii=False) for prediction in store.predictions(run_id))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False).encode("utf-8", "replace"))
        archive.writestr(PREDICTIONS, "\n".join(lines).encode("utf-8", "replace"))
    return buffer.getvalue()


def unpack_run(store: SqliteRunStore, data: bytes) -> str:
    """Import a packed run and return its id. A run that was in progress counts as stopped.

    Raises:
        UsageError: it is not a packed run, is damaged, or is here already.
    """
    told, lines = _contents(data)
    try:
        run_id = str(told.pop("run_id"))
        if not _RUN_ID.fullmatch(run_id):
            raise UsageError(f"'{run_id[:80]}' is not a valid run id.", _FIX)
        manifest = manifest_from_dict(told)
        predictions = [_prediction(line, run_id) for line in lines if line.strip()]
    except StoreError as error:
        raise UsageError(error.what, error.fix) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"The file is not a whole run ({type(error).__name__}: {error}).", _FIX) from error
    variants, examples = {variant.id for variant in manifest.plan.variants}, set(manifest.plan.test_ids)
    for prediction in predictions:
        if prediction.variant_id not in variants or prediction.example_id not in examples:
            raise UsageError(
                f"A prediction of '{prediction.variant_id}' on '{prediction.example_id}' is not in the run's plan.",
                _FIX,
            )
    if manifest.plan.run_id != run_id:
        raise UsageError(f"The plan is that of run '{manifest.plan.run_id}', not of '{run_id}'.", _FIX)
    status = manifest.status if manifest.status in _STATUSES else "cancelled"
    store.import_run(replace(manifest, status=status, imported=True), predictions)
    return run_id


def _contents(data: bytes) -> tuple[dict[str, Any], list[str]]:
    try:
        names = {str(entry.path) for entry in checked_entries("It", data, most_bytes=MOST_BYTES)}
        missing = {MANIFEST, PREDICTIONS} - names
        if missing:
            raise UsageError(f"The file is not a packed run. It holds no '{min(missing)}'.", _FIX)
        manifest = json.loads(read_entry(data, MANIFEST))
        lines = read_entry(data, PREDICTIONS).decode("utf-8").split("\n")
    except TaskError as error:
        raise UsageError(f"The file is not a packed run. {error.what}", _FIX) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The file is not a packed run ({error}).", _FIX) from error
    if not isinstance(manifest, dict):
        raise UsageError("The file is not a packed run (its manifest is not an object).", _FIX)
    return manifest, lines


def _prediction(line: str, run_id: str) -> Prediction:
    made = prediction_from_json(line)
    names = json.loads(line).keys()
    odd = (names - _KNOWN) | (_NEEDED - names)
    if odd:
        message = f"a prediction has a missing or unknown field '{min(odd)}'"
        raise ValueError(message)
    for name in ("variant_id", "technique", "example_id", "target", "text", "prompt"):
        if not isinstance(getattr(made, name), str):
            message = f"{name} is not text"
            raise TypeError(message)
    if made.score is not None and not 0 <= made.score <= 1:
        message = f"a score is {made.score!r}"
        raise ValueError(message)
    return replace(made, run_id=run_id)
