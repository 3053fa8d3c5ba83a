"""A model that its server is downloading, watched from a screen."""

from __future__ import annotations

import threading

from engine.core.errors import AdaptLabError, CancelledError
from engine.core.model_servers import ModelServers
from engine.core.ports import Progress


class Pull:
    """A model that is being got in the background; looked at by a screen."""

    def __init__(self, servers: ModelServers, name: str) -> None:
        """Begin."""
        self.name = name
        self._servers = servers
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self._progress = Progress(stage="Asking the server", fraction=0.0)
        self._error: AdaptLabError | None = None
        self._thread = threading.Thread(target=self._run, name=f"pull {name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for progress in self._servers.pull(self.name, cancel=self._cancel):
                with self._lock:
                    self._progress = progress
        except CancelledError:
            pass
        except AdaptLabError as error:
            with self._lock:
                self._error = error

    @property
    def progress(self) -> Progress:
        """How far it is."""
        with self._lock:
            return self._progress

    @property
    def error(self) -> AdaptLabError | None:
        """Why it failed; None if it did not."""
        with self._lock:
            return self._error

    @property
    def is_running(self) -> bool:
        """Tell whether it goes on."""
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Stop it; what has come is kept by the server."""
        self._cancel.set()
