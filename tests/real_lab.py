"""A real lab with the real model on a small task, for tests of what a whole run does."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.core.run.events import Event, RunEnded
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.techniques import Technique
from engine.services.lab import Lab
from engine.services.workspace import Workspace
from tests.helpers import SMOLLM2, keep_table
from wiring import open_workspace

PROMPTS = (Technique.ZERO_SHOT, Technique.FEW_SHOT)
PATIENCE_S = 120.0


class RealLab:
    """A lab on a home folder of its own, with a small task."""

    def __init__(self, home: Path, csv: Path) -> None:
        """Open it."""
        self.home = home
        self.csv = csv
        self.workspace: Workspace = open_workspace(home)
        self.lab = Lab(self.workspace)
        self.task_id = self.add(csv)

    def add(self, csv: Path) -> str:
        """Keep a CSV as a task."""
        return keep_table(self.lab, csv)

    def plan(self, techniques: Sequence[Technique] = PROMPTS, *, task_id: str = "", **options: object) -> RunPlan:
        """Plan a run on the small task."""
        return self.lab.plans.make(
            task_id=task_id or self.task_id, model_id=SMOLLM2, techniques=techniques, **options  # type: ignore[arg-type]
        )  # fmt: skip

    def carry_out(
        self,
        plan: RunPlan,
        watch: Callable[[Event], object] = lambda _event: None,
        *,
        cancel: threading.Event | None = None,
    ) -> RunEnded:
        """Carry a plan out in this thread, showing each event to `watch`; return the end."""
        last: Event | None = None
        for event in self.lab.runs.carry_out(plan, cancel or threading.Event(), resume=False):
            watch(event)
            last = event
        assert isinstance(last, RunEnded)
        return last

    def rows(self, plan: RunPlan) -> list[Prediction]:
        """Return what is kept, after checking that every variant has every row once."""
        rows = self.lab.results.predictions(plan.run_id)
        wanted = {(variant.id, example) for variant in plan.variants for example in plan.test_ids}
        assert {(row.variant_id, row.example_id) for row in rows} == wanted
        assert len(rows) == len(wanted)
        return rows

    def wait(self, run_id: str, *statuses: str) -> str:
        """Wait until a run has one of these statuses."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            status = self.lab.runs.snapshot(run_id).status
            if status in statuses:
                return status
            time.sleep(0.02)
        raise AssertionError(f"{run_id} is {self.lab.runs.snapshot(run_id)}")

    def kill_model_worker(self) -> None:
        """Kill the model worker as the OOM killer would."""
        for model in self.workspace.models._open.values():  # type: ignore[attr-defined]
            os.kill(model.worker_pid, signal.SIGKILL)  # type: ignore[attr-defined]


def essence(rows: Sequence[Prediction]) -> set[tuple[object, ...]]:
    """What must be equal between two runs of one plan."""
    return {(row.variant_id, row.example_id, row.answer, row.text, row.score) for row in rows}
