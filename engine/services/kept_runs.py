"""Kept runs that are looked at: each is read once for each state that it was kept in, a part at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator

from engine.analysis.progress import LiveRun
from engine.core.ports import RunStore
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
        self._lock = threading.Lock()
        self._folded: OrderedDict[str, tuple[Manifest, int, LiveRun]] = OrderedDict()

    def find(self, run_id: str) -> LiveRun:
        """Return a run as it is kept now.

        Raises:
            UsageError: there is no such run.
        """
        with self._lock:
            manifest, answers = self._store.manifest(run_id), self._store.count(run_id)
            kept = self._folded.get(run_id)
            if kept is None or kept[:2] != (manifest, answers):
                live = fold_in_order(manifest, _in_test_order(self._store, manifest.plan))
                live.settle()
                kept = self._folded[run_id] = (manifest, answers, live)
            self._folded.move_to_end(run_id)
            while len(self._folded) > MOST_REMEMBERED:
                self._folded.popitem(last=False)
        return kept[2]


def _in_test_order(store: RunStore, plan: RunPlan) -> Iterator[Prediction]:
    for first in range(0, len(plan.test_ids), ROWS_AT_ONCE):
        ids = plan.test_ids[first : first + ROWS_AT_ONCE]
        place = {example_id: number for number, example_id in enumerate(ids)}
        yield from sorted(store.predictions(plan.run_id, ids), key=lambda made: place[made.example_id])
