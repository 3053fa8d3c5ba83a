"""The caller's side of a worker process.

A worker is a module of this project run by the same Python. Requests and answers are JSON lines. When the
worker dies the caller gets a `WorkerDiedError`, and the next request starts a new one.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from engine.core.errors import CancelledError, LimitExceededError, WorkerDiedError, WorkerError, error_from_name
from engine.core.steps import CancelSignal

ROOT = Path(__file__).resolve().parents[2]
POLL_S = 0.02
CANCEL_GRACE_S = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one request may take; a worker that takes more is ended."""

    seconds: float
    rss_bytes: int
    """More resident memory than the worker had when the request began."""


class WorkerProcess:
    """One worker process, started when first asked; requests run one at a time."""

    def __init__(self, module: str, *, name: str, environment: Mapping[str, str] | None = None) -> None:
        """Describe the worker that runs `python -m module`; errors refer to it as `name`."""
        self._module = module
        self._name = name
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[bytes | None] = queue.Queue()
        self._last_words: collections.deque[str] = collections.deque(maxlen=20)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The worker's process id while it runs."""
        alive = self._process is not None and self._process.poll() is None
        return self._process.pid if alive and self._process else None

    @property
    def rss_bytes(self) -> int:
        """Resident memory of the worker now; 0 when it does not run."""
        pid = self.pid
        if pid is None:
            return 0
        with contextlib.suppress(psutil.Error):
            return int(psutil.Process(pid).memory_info().rss)
        return 0

    def start(self) -> bool:
        """Start the worker unless it runs; tell whether a new one was started."""
        if self.pid is not None:
            return False
        environment = {**os.environ, **self._environment, "PYTHONUNBUFFERED": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(
            part for part in (str(ROOT), environment.get("PYTHONPATH", "")) if part
        )
        self._answers = queue.Queue()
        self._last_words = collections.deque(maxlen=self._last_words.maxlen)
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
        for target, arguments in (
            (_read_answers, (self._process, self._answers)),
            (_read_last_words, (self._process, self._last_words)),
        ):
            threading.Thread(target=target, args=arguments, daemon=True).start()
        return True

    def stream(
        self,
        operation: str,
        payload: Mapping[str, Any],
        *,
        cancel: CancelSignal | None = None,
        limits: Limits | None = None,
    ) -> Generator[dict[str, Any], None, None]:
        """Send one request; yield its events as they come, then a last message that holds `result`.

        Raises:
            WorkerDiedError: the process ended before its last message.
            LimitExceededError: the request took more than it may; the process was ended.
            CancelledError: `cancel` was set; the worker has stopped this request.
            AdaptLabError: whatever typed error the worker reported.
        """
        with self._lock:
            self.start()
            number = next(self._numbers)
            watch = None if limits is None else _Watch(self, limits)
            self._send({"id": number, "operation": operation, **payload})
            finished = False
            try:
                for message in self._messages(number, cancel, watch):
                    finished = "result" in message
                    yield message
            except GeneratorExit:
                raise
            except BaseException:
                finished = True
                raise
            finally:
                if not finished:
                    self._abandon(number)

    def call(self, operation: str, payload: Mapping[str, Any], *, cancel: CancelSignal | None = None) -> Any:
        """Send one request and return its result, ignoring its events."""
        result: Any = None
        for message in self.stream(operation, payload, cancel=cancel):
            result = message.get("result")
        return result

    def close(self) -> None:
        """End the worker: close its input, which tells it to exit, and kill it if it does not."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            if process.stdin:
                process.stdin.close()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=5)

    def kill(self) -> None:
        """End the worker at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=5)

    def _send(self, message: Mapping[str, Any]) -> None:
        line = json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        process = self._process
        if process is None or process.stdin is None:
            raise self._died()
        try:
            process.stdin.write(line)
            process.stdin.flush()
        except OSError as error:
            raise self._died() from error

    def _messages(self, number: int, cancel: CancelSignal | None, watch: _Watch | None) -> Iterator[dict[str, Any]]:
        cancelled_at: float | None = None
        while True:
            if watch is not None:
                watch.check()
            if cancel is not None and cancel.is_set():
                if cancelled_at is None:
                    cancelled_at = time.monotonic()
                    self._send({"operation": "cancel", "cancels": number})
                elif time.monotonic() - cancelled_at > CANCEL_GRACE_S:
                    self.kill()
                    raise CancelledError(f"The {self._name} was stopped.")
            try:
                line = self._answers.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if line is None:
                if cancelled_at is not None:
                    raise CancelledError(f"The {self._name} was stopped.")
                raise self._died()
            message = self._parsed(line)
            if message.get("id") != number:
                continue
            if "error" in message:
                error = message["error"]
                raise error_from_name(str(error.get("type")), str(error.get("what")), str(error.get("fix", "")))
            yield message
            if "result" in message:
                return

    def _abandon(self, number: int) -> None:
        """Stop a request whose caller has left, so that the next one finds the worker free."""
        with contextlib.suppress(WorkerError):
            self._send({"operation": "cancel", "cancels": number})
        deadline = time.monotonic() + CANCEL_GRACE_S
        while time.monotonic() < deadline:
            try:
                line = self._answers.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if line is None:
                return
            message = self._parsed(line)
            if message.get("id") == number and ("result" in message or "error" in message):
                return
        self.kill()

    def _parsed(self, line: bytes) -> dict[str, Any]:
        try:
            message = json.loads(line)
        except ValueError as error:
            raise WorkerError(f"The {self._name} sent a broken message: {line[:80]!r}.", "Try again.") from error
        if not isinstance(message, dict):
            raise WorkerError(f"The {self._name} sent a broken message: {line[:80]!r}.", "Try again.")
        return message

    def _died(self) -> WorkerDiedError:
        code = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(timeout=2)
        reason = "unknown reason"
        if code is not None and code < 0:
            reason = f"signal {signal.Signals(-code).name}"
            if code == -signal.SIGKILL:
                reason += ", perhaps out of memory"
        elif code is not None:
            reason = f"exit code {code}"
        words = [line for line in self._last_words if line.strip()]
        said = f" Last output: {words[-1][:200]}" if words else ""
        what = f"The {self._name} ended during a request ({reason}).{said}"
        return WorkerDiedError(
            what, "Try again. If memory is short, close other programs first, or choose a smaller model.", reason
        )


class _Watch:
    """Ends a worker whose request takes more than it may."""

    def __init__(self, worker: WorkerProcess, limits: Limits) -> None:
        self._worker, self._limits = worker, limits
        self._ends_at = time.monotonic() + limits.seconds
        self._most_bytes = worker.rss_bytes + limits.rss_bytes

    def check(self) -> None:
        of_memory = self._worker.rss_bytes > self._most_bytes
        if of_memory or time.monotonic() > self._ends_at:
            self._worker.kill()
            raise LimitExceededError(
                "The request took more memory or time than it is allowed; its process was ended.", of_memory=of_memory
            )


def _read_answers(process: subprocess.Popen[bytes], answers: queue.Queue[bytes | None]) -> None:
    if process.stdout is not None:
        with contextlib.suppress(OSError, ValueError):
            for line in process.stdout:
                answers.put(line)
    answers.put(None)


def _read_last_words(process: subprocess.Popen[bytes], words: collections.deque[str]) -> None:
    if process.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            for line in process.stderr:
                words.append(line.decode("utf-8", "replace").rstrip())
