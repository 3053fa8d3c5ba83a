"""A model that its server is downloading, watched from a screen."""

from __future__ import annotations

from engine.core.model_servers import ModelServers
from engine.core.steps import Progress
from engine.services.jobs import Job, SteppedJob


class Pull(SteppedJob[None]):
    """A running download; after a cancel, the server keeps what has arrived."""

    def __init__(self, servers: ModelServers, name: str) -> None:
        """Begin at once."""
        super().__init__(f"pull {name}", self._pull)
        self.name = name
        self._servers = servers
        self.progress: Progress = Progress(stage="Asking the server", fraction=0.0)
        self.start()

    def _pull(self, _job: Job[None]) -> None:
        for step in self._servers.pull(self.name, cancel=self):
            self.take(step)
