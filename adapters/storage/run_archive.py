"""A run as one zip file, to be taken elsewhere: its manifest, and its predictions as JSON lines.

What comes in is untrusted: sizes are bounded, every record is checked, and nothing of it names a path.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import asdict, replace
from typing import Any

from adapters.storage.run_store import SqliteRunStore, prediction_from_dict
from engine.core.errors import UsageError
from engine.core.run.plan import plan_from_dict
from engine.core.run.prediction import Prediction

MANIFEST, PREDICTIONS = "run.json", "predictions.jsonl"
MOST_BYTES = 2_000_000_000
"""Of a file once unpacked; 100,000 predictions with their prompts take about 300 MB."""
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_STATUSES = {"done", "cancelled", "failed"}
_MEND = "Choose a file that was exported under Decide, History."


def pack_run(store: SqliteRunStore, run_id: str) -> bytes:
    """Return a run as a zip file."""
    manifest = {"run_id": run_id, **store.manifest(run_id)}
    lines = (json.dumps(asdict(prediction), ensure_ascii=False) for prediction in store.predictions(run_id))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False).encode("utf-8", "replace"))
        archive.writestr(PREDICTIONS, "\n".join(lines).encode("utf-8", "replace"))
    return buffer.getvalue()


def unpack_run(store: SqliteRunStore, data: bytes) -> str:
    """Take in a packed run and return its id. A run that was going on counts as stopped.

    Raises:
        UsageError: it is no packed run, is damaged, or is here already.
    """
    manifest, lines = _contents(data)
    try:
        run_id = str(manifest.pop("run_id"))
        status, started_at = str(manifest.pop("status")), str(manifest.pop("started_at"))
        if not _RUN_ID.fullmatch(run_id):
            raise UsageError(f"'{run_id[:80]}' is no run's name.", _MEND)
        plan = plan_from_dict(manifest["plan"])
        variants, examples = {variant.id for variant in plan.variants}, set(plan.test_ids)
        predictions = [_prediction(line, run_id) for line in lines if line.strip()]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"The file is no whole run ({type(error).__name__}: {error}).", _MEND) from error
    for prediction in predictions:
        if prediction.variant_id not in variants or prediction.example_id not in examples:
            raise UsageError(
                f"A prediction of '{prediction.variant_id}' on '{prediction.example_id}' is not in the run's plan.",
                _MEND,
            )
    if plan.run_id != run_id:
        raise UsageError(f"The plan is that of run '{plan.run_id}', not of '{run_id}'.", _MEND)
    store.import_run(run_id, started_at, status if status in _STATUSES else "cancelled", manifest, predictions)
    return run_id


def _contents(data: bytes) -> tuple[dict[str, Any], list[str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in (MANIFEST, PREDICTIONS):
                size = archive.getinfo(name).file_size
                if size > MOST_BYTES:
                    raise UsageError(f"'{name}' unpacks to {size / 1e9:.1f} GB.", "Runs of up to 2 GB can be taken in.")
            manifest = json.loads(_read(archive, MANIFEST))
            lines = _read(archive, PREDICTIONS).decode("utf-8").split("\n")
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise UsageError(f"The file is no packed run ({error}).", _MEND) from error
    if not isinstance(manifest, dict):
        raise UsageError("The file is no packed run (its manifest is no object).", _MEND)
    return manifest, lines


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read a member, whatever its header says of its size, up to the bound."""
    with archive.open(name) as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise UsageError(f"'{name}' unpacks to more than 2 GB.", "Runs of up to 2 GB can be taken in.")
    return data


def _prediction(line: str, run_id: str) -> Prediction:
    made = prediction_from_dict(json.loads(line))
    for name in ("variant_id", "technique", "example_id", "target", "text", "prompt"):
        if not isinstance(getattr(made, name), str):
            message = f"{name} is no text"
            raise TypeError(message)
    if made.score is not None and not 0 <= made.score <= 1:
        message = f"a score is {made.score!r}"
        raise ValueError(message)
    return replace(made, run_id=run_id)
