"""Background work of a screen: in a thread, reported step by step, cancelled on request.

A run's measurements must not share the cores, so most work takes the lock of the machine. It waits for its turn, as a
training does; or fails at once if the machine is in use, as a question in the playground does; or needs no lock, as
reading a file does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Any, Generic, TypeVar

from engine.core.errors import AdaptLabError, CancelledError, machine_taken
from engine.core.steps import Progress, seconds_left

POLL_S = 0.2

Step = TypeVar("Step")
Result = TypeVar("Result")
MachineLock = Callable[[], AbstractContextManager[bool]]


class Lock(StrEnum):
    """What a job does about the machine's lock."""

    WAIT = "wait"
    REFUSE = "refuse"
    NONE = "none"


def in_turn(
    machine: MachineLock,
    work: Callable[[], Iterator[Step]],
    *,
    stopped: Callable[[], bool],
    waiting: Iterable[Step] = (),
    waits: bool = True,
) -> Iterator[Step]:
    """Do the work in the caller's thread once the machine is free. It is free again when this generator ends.

    Args:
        machine: tries to take the machine; yields whether it was free.
        work: yields its steps.
        stopped: whether to give up waiting.
        waiting: steps that are yielded once if the machine is in use.
        waits: whether to wait for the machine, or to fail when it is in use.

    Raises:
        UsageError: the machine is in use, and the work does not wait.
        CancelledError: it was stopped while it waited.
    """
    told = False
    while True:
        with machine() as free:
            if free:
                yield from work()
        if free:
            return
        if not waits:
            raise machine_taken()
        if not told:
            told = True
            yield from waiting
        if stopped():
            raise CancelledError("Stopped while waiting.", "Start it again at any time.")
        time.sleep(POLL_S)


class Job(Generic[Result]):
    """One piece of work in a thread of its own.

    `status` is `waiting`, `working`, `done`, `cancelled` or `failed`; `result` and `error` are set at the end.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Job[Result]], Result],
        *,
        lock: Lock = Lock.NONE,
        machine: MachineLock | None = None,
    ) -> None:
        """Describe the work.

        Args:
            name: of the thread.
            work: does it; gets this job, to report its progress and to check whether it should stop.
            lock: what to do about the machine.
            machine: tries to take the machine; needed unless `lock` is none.
        """
        self._name, self._work, self._lock, self._machine = name, work, lock, machine
        self._cancel = threading.Event()
        self._ended = threading.Event()
        self._started_s = time.monotonic()
        self.status = "waiting"
        self.result: Result | None = None
        self.error: AdaptLabError | None = None
        self.fraction = 0.0

    def start(self) -> Job[Result]:
        """Begin in the background."""
        threading.Thread(target=self._carry_out, name=self._name, daemon=True).start()
        return self

    def is_set(self) -> bool:
        """Tell whether it should stop: a job is the cancel signal of its work."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        """Ask it to stop."""
        self._cancel.set()

    def tell(self, fraction: float) -> None:
        """Take the share that is done, 0 to 1.

        Raises:
            CancelledError: it was asked to stop.
        """
        self.fraction = fraction
        if self._cancel.is_set():
            raise CancelledError("Stopped.", "Start it again at any time.")

    def follow(self, steps: Iterator[Step], take: Callable[[Step], object]) -> None:
        """Hand each step of the work on, until it ends or is asked to stop.

        Raises:
            CancelledError: it was asked to stop.
        """
        for step in steps:
            take(step)
            self.tell(self.fraction)

    @property
    def is_running(self) -> bool:
        """Tell whether it has not ended yet."""
        return not self._ended.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for its end; tell whether it has ended."""
        return self._ended.wait(timeout_s)

    @property
    def left_s(self) -> float | None:
        """Estimate the seconds left; None while that is unknown."""
        return None if self.fraction < 0.02 else seconds_left(time.monotonic() - self._started_s, self.fraction, 1.0)

    def _carry_out(self) -> None:
        try:
            if self._lock is Lock.NONE or self._machine is None:
                self._do()
            else:
                waits = self._lock is Lock.WAIT
                for _ in in_turn(self._machine, self._do_once, stopped=self.is_set, waits=waits):
                    pass
        except CancelledError:
            status = "cancelled"
        except AdaptLabError as error:
            self.error, status = error, "failed"
        except Exception as error:  # the thread's end: a bug of ours must reach the screen  # noqa: BLE001
            self.error, status = AdaptLabError(f"{type(error).__name__}: {error}", "Try again."), "failed"
        else:
            status = "done"
        self.status = status
        self._ended.set()

    def _do(self) -> None:
        self.status = "working"
        self.result = self._work(self)

    def _do_once(self) -> Iterator[None]:
        self._do()
        yield None


class SteppedJob(Job[Result]):
    """A job that shows the last step of its work as `progress`."""

    progress: Progress | None = None

    def take(self, step: Progress) -> None:
        """Take a step.

        Raises:
            CancelledError: it was asked to stop.
        """
        self.progress = step
        self.tell(step.fraction)


AnyJob = TypeVar("AnyJob", bound="Job[Any]")


class JobBook(Generic[AnyJob]):
    """The last jobs by id; the oldest is forgotten first, once there are too many. Safe to use from several threads."""

    def __init__(self, most: int) -> None:
        """Remember this many."""
        self._most = most
        self._jobs: dict[str, AnyJob] = {}
        self._lock, self._beginning = threading.Lock(), threading.Lock()

    def add(self, job_id: str, job: AnyJob) -> None:
        """Remember a job."""
        with self._lock:
            self._jobs.pop(job_id, None)
            self._jobs[job_id] = job
            while len(self._jobs) > self._most:
                self._jobs.pop(next(iter(self._jobs)))

    def begin(self, job_id: str, make: Callable[[], AnyJob]) -> AnyJob:
        """Make, remember and start a job, unless one of this id is running; return it.

        Of two threads that begin one job, the second gets the first one's.
        """
        with self._beginning:
            standing = self.find(job_id)
            if standing is not None and standing.is_running:
                return standing
            job = make()
            self.add(job_id, job)
        job.start()
        return job

    def find(self, job_id: str) -> AnyJob | None:
        """Return a job; None if none of this id is remembered."""
        with self._lock:
            return self._jobs.get(job_id)

    def forget(self, job_id: str) -> None:
        """Forget a job."""
        with self._lock:
            self._jobs.pop(job_id, None)

    def entries(self) -> list[tuple[str, AnyJob]]:
        """Return all jobs with their ids, the oldest first."""
        with self._lock:
            return list(self._jobs.items())

    def running(self) -> list[tuple[str, AnyJob]]:
        """Return the jobs that are running or waiting, with their ids."""
        return [(job_id, job) for job_id, job in self.entries() if job.is_running]

    def running_id(self) -> str | None:
        """Return the id of a job that is running or waiting."""
        return next((job_id for job_id, job in self.entries() if job.is_running), None)

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop."""
        if (job := self.find(job_id)) is not None:
            job.cancel()

    def close(self) -> None:
        """Ask all to stop."""
        for _job_id, job in self.entries():
            job.cancel()
