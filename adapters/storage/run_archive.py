"""A run as one zip file, to be used elsewhere: its manifest, its predictions as JSON lines, and its task.

What comes in is untrusted: sizes are bounded, every value is checked, answers are read and scored again, and nothing is
kept before all of it has passed.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

from adapters.archives import checked_entries, entry_lines, packed, read_entry
from adapters.storage.run_store import Row, SqliteRunStore, record_of
from adapters.storage.task_folder import read_task
from adapters.storage.task_zip import unpack_into
from adapters.tabular.source import check_size
from engine.analysis.memo import gather_memo
from engine.analysis.report import assess
from engine.analysis.run_table import RunTable, row_values, table_from_rows
from engine.core.errors import AdaptLabError, StoreError, TaskError, UsageError
from engine.core.limits import Limits
from engine.core.run.manifest import Manifest, manifest_from_dict
from engine.core.run.prediction import Prediction, prediction_as_written, with_whole_characters
from engine.core.run.soundness import is_run_id, manifest_fault, prediction_faults
from engine.core.task import Task
from engine.running.rescoring import rescored

MANIFEST, PREDICTIONS, TASK = "run.json", "predictions.jsonl", "task.zip"
MOST_BYTES = 2_000_000_000
"""Of a run once unpacked; 100,000 predictions with their prompts take about 300 MB."""
MOST_MANIFEST_BYTES = 20_000_000
MOST_LINE_BYTES = 4_000_000
"""Of one prediction, which holds its prompt and what was retrieved."""
_STATUSES = {"done", "cancelled", "failed"}
_KNOWN = {item.name for item in fields(Prediction)}
_NEEDED = {"usage", "timing", "passages", "failure"}
"""What every version has written of a prediction, besides the fields that have no default."""
_FIX = "Choose a file that was exported under Decide, History; runs of up to 2 GB, unpacked, can be imported."


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadRun:
    """A run from an archive: checked, its answers scored here, and not kept yet."""

    manifest: Manifest
    rows: tuple[Row, ...]
    new_task: bytes | None
    """The packed task that came with it, where none of its name is here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TasksHere:
    """The tasks of this machine, by whose rule and targets the answers of imported runs are scored."""

    get: Callable[[str], Task]
    pack: Callable[[str], bytes]
    keep: Callable[[str, bytes], str]
    """Checks and keeps a packed task, given its file's name; returns its id."""


def pack_run(store: SqliteRunStore, run_id: str, pack_task: Callable[[str], bytes]) -> bytes:
    """Return a run as a zip file, with its task where that is still here."""
    manifest = {"run_id": run_id, **store.manifest(run_id).to_dict()}
    lines = (json.dumps(asdict(prediction), ensure_ascii=False) for prediction in store.predictions(run_id))
    files = {
        MANIFEST: json.dumps(manifest, indent=2, ensure_ascii=False).encode("utf-8", "replace"),
        PREDICTIONS: "\n".join(lines).encode("utf-8", "replace"),
    }
    with contextlib.suppress(AdaptLabError):
        files[TASK] = pack_task(manifest["plan"]["task_id"])
    return packed(files.items())


def read_run(data: bytes, task_here: Callable[[str], Task]) -> ReadRun:
    """Read a packed run, check all of it, and score its answers. A run that was in progress counts as stopped.

    Args:
        data: the archive.
        task_here: returns the task of this name on this machine, by whose rule and targets the answers are scored. If
            there is none, they are scored by the task that is packed with the run.

    Raises:
        UsageError: it is not a packed run, is damaged, holds a value that cannot be, or its task is not here.
    """
    manifest = _manifest(data)
    task, new_task = _task_of(manifest, data, task_here)
    variants = {variant.id: variant for variant in manifest.plan.variants}
    examples = {example.id: example for example in task.examples}
    planned, seen = set(manifest.plan.test_ids), set[tuple[str, str]]()
    rows, values = [], []
    try:
        for line in entry_lines(data, PREDICTIONS, most_bytes=MOST_LINE_BYTES):
            if not line.strip():
                continue
            made = replace(_prediction(line), run_id=manifest.plan.run_id)
            place = made.variant_id, made.example_id
            if made.variant_id not in variants or made.example_id not in planned:
                raise _not_whole(f"a prediction of '{place[0][:80]}' on '{place[1][:80]}' is not in its plan")
            if place in seen:
                raise _not_whole(f"it holds the prediction of '{place[0][:80]}' on '{place[1][:80]}' twice")
            if made.technique != variants[made.variant_id].technique:
                raise _not_whole(f"'{place[0][:80]}' uses a different technique from the one in its plan")
            if made.example_id not in examples or made.target != examples[made.example_id].target:
                raise UsageError(
                    f"The task '{task.id}' has changed since the run: row '{place[1][:80]}' is different here.",
                    "Import the task as it was, then import the run.",
                )
            seen.add(place)
            scored = rescored(task, variants, examples, made)
            rows.append(record_of(scored))
            values.append(row_values(scored))
    except TaskError as error:
        raise UsageError(f"The file is not a packed run. {error.what}", _FIX) from error
    table = table_from_rows(list(variants), manifest.plan.test_ids, [row[:2] for row in rows], values)
    status = manifest.status if manifest.status in _STATUSES else "cancelled"
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    taken = replace(manifest, status=status, imported=True, imported_at=now, rescored=True, languages=None)
    if rows:
        _check_report(taken, task, table)
    return ReadRun(manifest=taken, rows=tuple(rows), new_task=new_task)


def _manifest(data: bytes) -> Manifest:
    try:
        sizes = {str(entry.path): entry.size_bytes for entry in checked_entries("It", data, most_bytes=MOST_BYTES)}
        missing = {MANIFEST, PREDICTIONS} - sizes.keys()
        if missing:
            raise UsageError(f"The file is not a packed run. It holds no '{min(missing)}'.", _FIX)
        if sizes[MANIFEST] > MOST_MANIFEST_BYTES:
            raise UsageError("The file is not a packed run. Its manifest is larger than any run's.", _FIX)
        told = json.loads(read_entry(data, MANIFEST))
    except TaskError as error:
        raise UsageError(f"The file is not a packed run. {error.what}", _FIX) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The file is not a packed run ({_one_line(error)}).", _FIX) from error
    if not isinstance(told, dict):
        raise UsageError("The file is not a packed run (its manifest is not an object).", _FIX)
    run_id = str(told.pop("run_id", ""))
    if not run_id:
        raise UsageError("The file is not a packed run (its manifest names no run).", _FIX)
    if not is_run_id(run_id):
        raise UsageError(f"'{run_id[:80]}' is not a valid run id.", _FIX)
    try:
        manifest = manifest_from_dict(with_whole_characters(told))
    except StoreError as error:
        raise UsageError(error.what, error.fix) from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise _not_whole(_one_line(error)) from error
    if manifest.plan.run_id != run_id:
        raise UsageError(f"The plan is that of run '{manifest.plan.run_id[:80]}', not of '{run_id}'.", _FIX)
    if fault := manifest_fault(manifest):
        raise _not_whole(fault)
    return manifest


def _check_report(manifest: Manifest, task: Task, table: RunTable) -> None:
    """Draw up the report and the memo of a run that is not kept yet: one that cannot be reported stays out."""
    plan = manifest.plan
    try:
        report = assess(plan, task, table, manifest.conditions, Limits())
        gather_memo(plan.run_id, report, task, table, manifest, ())
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise _not_whole(f"no report can be made from it ({type(error).__name__}: {str(error)[:120]})") from error


def _task_of(manifest: Manifest, data: bytes, task_here: Callable[[str], Task]) -> tuple[Task, bytes | None]:
    """Return the task that a run was made on: as it is here, else as it is packed with the run, with its bytes."""
    name = manifest.plan.task_id
    missing = UsageError(
        f"The task '{name[:80]}' of this run is not on this machine, so its answers cannot be scored.",
        "Import the task first (Prepare, Upload), then the run.",
    )
    if "/" in name or "\\" in name:  # a name from elsewhere opens no folder here
        raise missing
    with contextlib.suppress(UsageError):
        return task_here(name), None
    try:
        packed = read_entry(data, TASK)
        check_size(TASK, len(packed))
        with tempfile.TemporaryDirectory(prefix="adaptlab-run-") as folder:
            unpack_into(TASK, packed, Path(folder))
            task = read_task(Path(folder))
    except AdaptLabError as error:
        raise missing from error
    if task.id != name:
        raise missing
    return task, packed


def _prediction(line: str) -> Prediction:
    try:
        names = json.loads(line).keys()
        odd = (names - _KNOWN) | (_NEEDED - names)
        if odd:
            raise _not_whole(f"a prediction has a missing or unknown field '{min(odd)[:80]}'")
        made = prediction_as_written(line)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise _not_whole(_one_line(error)) from error
    if fault := next(prediction_faults(made), ""):
        raise _not_whole(f"a prediction is not valid: {fault}")
    return made


def _one_line(error: Exception) -> str:
    """Write an error of a parser, which may be long, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _not_whole(what: str) -> UsageError:
    return UsageError(f"The file is not a whole run: {what}.", _FIX)
