"""One retrieval worker for all tests of a process: its libraries take seconds, and each request names its folder.

What it has read of a folder it remembers, so that no test may use the folder of an earlier one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from adapters.processes.client import WorkerProcess

OF_ONE_TEST = ("ADAPTLAB_HOME", "ADAPTLAB_ROWS_IN_FLIGHT", "ADAPTLAB_SCRIPTED", "COLUMNS", "PYTEST_CURRENT_TEST")
"""Beginnings of the names of variables that the worker does not read."""


class SharedWorker(WorkerProcess):
    """A worker that stays when its caller is done with it, and starts again where a test has set another environment."""

    _begun_with: Mapping[str, str] = {}

    def start(self) -> bool:
        """Start the worker unless it runs in the environment of now; tell whether a new one was started."""
        now = {name: value for name, value in os.environ.items() if not name.startswith(OF_ONE_TEST)}
        if now != self._begun_with:
            super().close()
        self._begun_with = now
        return super().start()

    def close(self) -> None:
        """Leave the worker to the next caller."""

    def end(self) -> None:
        """End the worker."""
        super().close()
