"""Models: listed, described, accepted; and where the rows of a task go when one of them answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.core.capabilities import Capabilities
from engine.core.errors import AdaptLabError, UsageError
from engine.core.generation import ModelFacts, ModelOffer
from engine.core.model_servers import ModelServers
from engine.core.run.manifest import Manifest
from engine.core.steps import Progress
from engine.running.preflight.backend_checks import sends_rows_to
from engine.services.background.jobs import Job, JobBook, SteppedJob
from engine.services.measuring.model_check import ModelChecks
from engine.services.measuring.speed_test import SpeedTests
from engine.services.workspace import ModelStore, Workspace

MOST_PULLS = 20
"""Downloads that are remembered."""


class Pull(SteppedJob[None]):
    """A download that a server carries out; after a cancel, the server keeps what has arrived."""

    def __init__(self, servers: ModelServers, name: str) -> None:
        """Describe it."""
        super().__init__(f"pull {name}", self._pull)
        self.name = name
        self._servers = servers
        self.progress: Progress = Progress(stage="Asking the server", fraction=0.0)

    def _pull(self, _job: Job[None]) -> None:
        for step in self._servers.pull(self.name, cancel=self):
            self.take(step)


class Models:
    """The models of this machine and of its servers."""

    def __init__(self, workspace: Workspace) -> None:
        """Read from this store."""
        self._store = workspace.models
        self.servers: ModelServers = workspace.servers
        self.speed_tests = SpeedTests(workspace)
        self.checks = ModelChecks(workspace)
        self.pulls: JobBook[Pull] = JobBook(MOST_PULLS)

    def has_changed(self, manifest: Manifest) -> bool:
        """Tell whether a run's model is another today under the same name; one that is not there now tells nothing."""
        return model_has_changed(self._store, manifest)

    def pull(self, name: str) -> None:
        """Have the Ollama server download a model, unless it is downloading it already."""
        self.pulls.begin(name, lambda: Pull(self.servers, name))

    def last_pull(self) -> Pull | None:
        """Return the download that was begun last in this process."""
        entries = self.pulls.entries()
        return entries[-1][1] if entries else None

    def list(self) -> list[ModelFacts]:
        """List models, those at servers last."""
        return self._store.list()

    def get(self, model_id: str) -> ModelFacts:
        """Return a model with its digest.

        Raises:
            UsageError: there is none of this id; the nearest names are offered.
        """
        return self._store.get(model_id)

    def capabilities(self, facts: ModelFacts) -> Capabilities:
        """Return what is known beforehand of what a model's backend can do."""
        return self._store.capabilities(facts)

    def offers(self) -> Sequence[ModelOffer]:
        """List models that are installed and wait for their terms to be accepted."""
        return self._store.offers()

    def accept(self, model_id: str) -> None:
        """Accept a model's terms, so that it can be used."""
        self._store.accept(model_id)

    def refused(self) -> Sequence[str]:
        """Say which files of the user's folders cannot be used, and why."""
        return self._store.refused()

    def set_aside(self) -> Sequence[str]:
        """Say which files are not models of their own: vision projectors and copies."""
        return self._store.set_aside()

    def sends_rows_to(self, model_id: str) -> str:
        """Return the host that a model's inputs are sent to; empty if they stay on this machine."""
        facts = next((facts for facts in self._store.list() if facts.id == model_id), None)
        return "" if facts is None else sends_rows_to(facts)


def model_has_changed(models: ModelStore, manifest: Manifest) -> bool:
    """Tell whether a run's model is another today under the same name; one that is not there now tells nothing."""
    try:
        facts = models.get(manifest.plan.model_id)
    except AdaptLabError:
        return False
    return bool(manifest.model.digest) and facts.digest != manifest.model.digest


def model_changed_since(facts: ModelFacts, run_id: str) -> UsageError:
    """Build the error for a run whose model is another today under the same name."""
    what = "The server" if facts.server else "The file"
    return UsageError(f"{what} of model '{facts.id}' has changed since run {run_id}.", "Start a new run.")


def facts_by_name(models: ModelStore, name: str) -> ModelFacts:
    """Return a model's facts with the name that it was asked by as its id: the path of a file finds it again.

    Raises:
        UsageError: there is no such model.
    """
    return replace(models.get(name), id=name)
