"""Looks at test rows: which runs on a task have shown how well variants do on which of its rows.

Test rows wear out: whoever has seen results on them chooses what to try next with those results in mind. A look is
remembered after its run was deleted, with digests in the place of row ids, which may be the user's own.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from engine.core.run.infos import info_of
from engine.core.run.manifest import Manifest

_DIGEST_CHARACTERS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """A run, in what counts for the wear of its test rows."""

    run_id: str
    started_at: str
    """UTC, ISO 8601."""
    task_id: str
    task_digest: str
    rows: frozenset[str]
    """Digests of the ids of its test rows."""
    variants: int
    """How many were compared."""
    parent_run: str | None = None
    """The run that this one continues."""


def look_of(manifest: Manifest) -> Look:
    """Return a run as a look."""
    plan = manifest.plan
    return Look(
        run_id=plan.run_id,
        started_at=manifest.started_at,
        task_id=plan.task_id,
        task_digest=manifest.task_digest,
        rows=frozenset(_row_digest(example_id) for example_id in plan.test_ids),
        variants=len(plan.variants),
        parent_run=manifest.parent_run,
    )


def has_looked(manifest: Manifest, answers: int) -> bool:
    """Tell whether a run has shown results worth the name: it is done, or has at least half of its answers."""
    planned = info_of(manifest, answers).rows_total
    return answers > 0 and (manifest.status == "done" or 2 * answers >= planned)


def on_same_task(one: Look, other: Look) -> bool:
    """Tell whether two runs were on the same task, by its id or by its digest.

    New instructions, a new version of a score and added rows give a task another digest, and its test rows are worn all
    the same.
    """
    return one.task_id == other.task_id or (one.task_digest == other.task_digest != "")


def look_to_json(look: Look) -> str:
    """Write a look as text that `look_from_json` reads."""
    return json.dumps({**asdict(look), "rows": sorted(look.rows)})


def look_from_json(text: str) -> Look:
    """Read a look that `look_to_json` wrote."""
    fields = json.loads(text)
    return Look(**{**fields, "rows": frozenset(fields["rows"])})


def _row_digest(example_id: str) -> str:
    text = example_id.encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:_DIGEST_CHARACTERS]
