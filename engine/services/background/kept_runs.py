"""Kept runs that are looked at: each is read once for each state that it was kept in, a part at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine.analysis.progress import LiveRun
from engine.core.ports import RunStore
from engine.core.run.editions import Newest
from engine.core.run.manifest import Manifest
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.services.recorded import fold_in_order

MOST_REMEMBERED = 8
ROWS_AT_ONCE = 500
"""Answers hold their prompts: a run of 100,000 is never in memory as a whole."""


class KeptRuns:
    """Folds the runs of a store. Safe to call from several threads."""

    def __init__(self, store: RunStore) -> None:
        """Begin with none."""
        self._store = store
        self._folded: Newest[tuple[Manifest, int], LiveRun] = Newest(MOST_REMEMBERED)

    def find(self, run_id: str) -> LiveRun:
        """Return a run as it is kept now.

        Raises:
            UsageError: there is no such run.
        """
        manifest = self._store.manifest(run_id)
        return self._folded.of(
            run_id, (replace(manifest, note=""), self._store.count(run_id)), lambda: self._folded_now(manifest)
        )

    def _folded_now(self, manifest: Manifest) -> LiveRun:
        live = fold_in_order(manifest, _in_test_order(self._store, manifest.plan))
        live.release_rows()
        return live


def _in_test_order(store: RunStore, plan: RunPlan) -> Iterator[Prediction]:
    for first in range(0, len(plan.test_ids), ROWS_AT_ONCE):
        ids = plan.test_ids[first : first + ROWS_AT_ONCE]
        place = {example_id: number for number, example_id in enumerate(ids)}
        yield from sorted(store.predictions(plan.run_id, (plan, ids)), key=lambda made: place[made.example_id])
