"""The lab: what screens and terminal use, as services over this machine's adapters. Built by `wiring.open_lab`."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.health import Finding
from engine.core.run.manifest import MachineFacts
from engine.services.background.at_work import AtWork
from engine.services.embedders import Embedders
from engine.services.exports import Exports
from engine.services.models import Models
from engine.services.more_rows import RowAdder
from engine.services.plans import Plans
from engine.services.playground import Playground
from engine.services.results import Results
from engine.services.runs import Runs, classify_kept_runs
from engine.services.studies import Studies
from engine.services.tasks import Tasks
from engine.services.trainings import Trainings
from engine.services.workspace import Workspace


class Lab:
    """Services, each safe to call from several threads."""

    def __init__(self, workspace: Workspace) -> None:
        """Open on these adapters."""
        self._workspace = workspace
        classify_kept_runs(workspace)
        self.tables = workspace.intake
        """Turns a user's files into tasks."""
        self.tasks = Tasks(workspace)
        self.models = Models(workspace)
        self.embedders = Embedders(workspace)
        self.plans = Plans(workspace, self.embedders)
        self.runs = Runs(workspace, self.plans)
        self.more_rows = RowAdder(workspace, self.plans.kept)
        self.results = Results(workspace, self.embedders)
        self.exports = Exports(workspace, self.results)
        self.lora = Trainings(workspace)
        self.studies = Studies(workspace, self.plans, self.runs, self.results, self.embedders)
        self.playground = Playground(workspace)
        self.at_work = AtWork(
            runs=self.runs,
            studies=self.studies,
            trainings=self.lora,
            models=self.models,
            tasks=self.tasks,
        )

    def machine(self) -> MachineFacts:
        """Return facts of this machine."""
        return self._workspace.machine.facts()

    def check_machine(self) -> Sequence[Finding]:
        """Say what is missing on this machine, each with its fix."""
        return self._workspace.machine.check(models=len(self.models.list()))

    def close(self) -> None:
        """Stop everything that is running and end all workers."""
        self.playground.close()
        self.lora.close()
        self.models.speed_tests.close()
        self.models.checks.close()
        self.models.pulls.close()
        self.studies.close()
        self.runs.close()
        self._workspace.close()
