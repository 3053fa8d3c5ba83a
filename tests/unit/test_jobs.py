"""Work beside a screen: it waits for the machine or refuses, is stopped, says its errors, and leaves the machine free."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.core.errors import CancelledError, ModelError, UsageError
from engine.core.run.events import PredictionMade, RunEnded, RunQueued
from engine.core.techniques import Technique
from engine.services.background.jobs import Job, JobBook, Lock, in_turn
from tests.memory_lab import MODEL, TASK, memory_lab, until

PATIENCE_S = 60.0


class Machine:
    """One machine; takes note of what is told when it is given back."""

    def __init__(self) -> None:
        """Begin free."""
        self._lock = threading.Lock()
        self.at_release: Callable[[], object] = lambda: None
        self.released: list[object] = []
        self.asked = 0

    @contextlib.contextmanager
    def lock(self) -> Iterator[bool]:
        """Try to take it."""
        self.asked += 1
        free = self._lock.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self.released.append(self.at_release())
                self._lock.release()

    @property
    def is_free(self) -> bool:
        """Tell whether nobody has it."""
        return not self._lock.locked()


@pytest.fixture
def machine() -> Machine:
    """Return a free machine."""
    return Machine()


def ended(job: Job[Any]) -> Job[Any]:
    """Start a job, and wait for its end."""
    job.start()
    assert job.wait(PATIENCE_S)
    return job


def raising(error: BaseException) -> Callable[[Job[Any]], Any]:
    """Return work that raises."""

    def work(_job: Job[Any]) -> None:
        raise error

    return work


def test_a_job_that_waits_begins_when_the_machine_is_free(machine: Machine) -> None:
    """While the machine is taken nothing of the work is done; then all of it is, with the machine."""
    free_at_work: list[bool] = []

    def work(_job: Job[str]) -> str:
        free_at_work.append(machine.is_free)
        return "result"

    job = Job("x", work, lock=Lock.WAIT, machine=machine.lock)
    with machine.lock():
        before = machine.asked
        job.start()
        until(lambda: machine.asked >= before + 2)  # it has asked more than once
        assert (job.status, job.is_running, free_at_work) == ("waiting", True, [])
    assert job.wait(PATIENCE_S)
    assert (job.status, job.result, job.error, job.is_running) == ("done", "result", None, False)
    assert free_at_work == [False]


def test_a_job_that_refuses_says_so_at_once(machine: Machine) -> None:
    """With the machine taken it fails with a fix, without having begun; with a free machine it is done."""
    begun: list[int] = []

    def work(_job: Job[None]) -> None:
        begun.append(1)

    with machine.lock():
        job = ended(Job("x", work, lock=Lock.REFUSE, machine=machine.lock))
        assert job.status == "failed"
        assert isinstance(job.error, UsageError)
        assert "in progress" in job.error.what
        assert job.error.fix
        assert begun == []
    assert ended(Job("x", work, lock=Lock.REFUSE, machine=machine.lock)).status == "done"
    assert begun == [1]


def test_a_job_without_a_lock_minds_no_one(machine: Machine) -> None:
    """Reading a file goes on beside a run, and takes the machine from nobody."""
    with machine.lock():
        before = machine.asked
        job = ended(Job("x", lambda _job: 7, lock=Lock.NONE, machine=machine.lock))
        assert (job.status, job.result, machine.asked) == ("done", 7, before)
    assert ended(Job("x", lambda _job: 7)).result == 7


def test_a_job_is_cancelled_while_it_waits(machine: Machine) -> None:
    """It ends without having begun, and does not take the machine afterwards."""
    begun: list[int] = []
    job = Job("x", lambda _job: begun.append(1), lock=Lock.WAIT, machine=machine.lock)
    with machine.lock():
        job.start()
        until(lambda: machine.asked >= 2)
        job.cancel()
        assert job.wait(PATIENCE_S)
    assert (job.status, job.error, job.result, begun) == ("cancelled", None, None, [])
    assert machine.is_free
    assert len(machine.released) == 1  # that of this test alone


def test_a_job_is_cancelled_at_its_next_step(machine: Machine) -> None:
    """Work looks whether it is to stop when it tells how far it is; what it would have done next is not done."""
    seen: list[int] = []
    reached = threading.Event()
    leave = threading.Event()

    def steps() -> Iterator[int]:
        yield 1
        yield 2
        yield 3

    def take(step: int) -> None:
        seen.append(step)
        if step == 2:
            reached.set()
            assert leave.wait(PATIENCE_S)

    job: Job[None] = Job("x", lambda own: own.follow(steps(), take), lock=Lock.WAIT, machine=machine.lock).start()
    assert reached.wait(PATIENCE_S)
    assert not job.is_set()
    job.cancel()
    assert job.is_set()
    leave.set()
    assert job.wait(PATIENCE_S)
    assert (job.status, job.error, seen) == ("cancelled", None, [1, 2])
    assert machine.is_free


@pytest.mark.parametrize("lock", list(Lock))
def test_an_error_surfaces_with_its_fix(machine: Machine, lock: Lock) -> None:
    """A typed error is kept as it is; a fault of ours becomes one that names it and says what to do."""
    told = ModelError("The file is gone.", "Look at its path.")
    job = ended(Job("x", raising(told), lock=lock, machine=machine.lock))
    assert (job.status, job.error, job.result) == ("failed", told, None)
    job = ended(Job("x", raising(ZeroDivisionError("by nought")), lock=lock, machine=machine.lock))
    assert job.status == "failed"
    assert job.error is not None
    assert job.error.what == "ZeroDivisionError: by nought"
    assert job.error.fix
    assert ended(Job("x", raising(CancelledError("stopped")), lock=lock, machine=machine.lock)).status == "cancelled"
    assert machine.is_free


@pytest.mark.parametrize(
    ("work", "status"),
    [
        (lambda _job: None, "done"),
        (raising(ModelError("x")), "failed"),
        (raising(ValueError("x")), "failed"),
        (raising(CancelledError("x")), "cancelled"),
    ],
)
@pytest.mark.parametrize("lock", [Lock.WAIT, Lock.REFUSE])
def test_the_machine_is_free_before_the_status_says_so(machine: Machine, lock: Lock, work: Any, status: str) -> None:
    """Whoever reads that a job is over may start the next: the machine is given back while it still says `working`."""
    job: Job[None] = Job("x", work, lock=lock, machine=machine.lock)
    machine.at_release = lambda: (job.status, job.is_running)
    assert ended(job).status == status
    assert machine.released == [("working", True)]
    assert machine.is_free


def test_two_jobs_take_turns(machine: Machine) -> None:
    """Never are two at work at once, and both are done."""
    at_work: list[int] = []
    most: list[int] = []

    def work(_job: Job[None]) -> None:
        at_work.append(1)
        most.append(len(at_work))
        at_work.pop()

    jobs = [Job(str(n), work, lock=Lock.WAIT, machine=machine.lock).start() for n in range(4)]
    assert all(job.wait(PATIENCE_S) for job in jobs)
    assert ([job.status for job in jobs], most) == (["done"] * 4, [1] * 4)


def test_who_stops_listening_gives_the_machine_back(machine: Machine) -> None:
    """A caller that leaves the steps in the middle, as a terminal does that is interrupted, keeps nothing."""
    steps = in_turn(machine.lock, lambda: iter([1, 2, 3]), stopped=lambda: False)
    assert next(steps) == 1
    assert not machine.is_free
    steps.close()
    assert machine.is_free


def test_waiting_is_told_once(machine: Machine) -> None:
    """What is told of the waiting comes once, however long it takes, and before the work's own steps."""
    told: list[str] = []
    with machine.lock():
        steps = in_turn(machine.lock, lambda: iter(["work"]), stopped=lambda: False, waiting=["queued"])
        told.append(next(steps))
        listener = threading.Thread(target=lambda: told.extend(steps))
        before = machine.asked
        listener.start()
        until(lambda: machine.asked >= before + 2)
    listener.join(PATIENCE_S)
    assert told == ["queued", "work"]


def test_the_time_left_is_guessed_once_there_is_something_to_guess_from() -> None:
    """At first nothing is known; later what is left is a share of what was spent; at the end nothing is left."""
    left: list[float | None] = []

    def work(job: Job[None]) -> None:
        for fraction in (0.0, 0.01, 0.5, 1.0):
            job.tell(fraction)
            left.append(job.left_s)

    ended(Job("x", work))
    assert left[:2] == [None, None]
    assert left[2] is not None
    assert left[2] >= 0
    assert left[3] == 0


def test_the_last_jobs_are_remembered() -> None:
    """The oldest is forgotten first; one that goes on is named; closing asks all of them to stop."""
    book: JobBook[Job[None]] = JobBook(2)
    leave = threading.Event()

    def work(job: Job[None]) -> None:
        assert leave.wait(PATIENCE_S)
        job.tell(1.0)

    first, second = ended(Job("1", lambda _job: None)), Job("2", work).start()
    book.add("1", first)
    book.add("2", second)
    assert book.running_id() == "2"
    third = ended(Job("3", lambda _job: None))
    book.add("3", third)
    assert [book.find(name) for name in ("1", "2", "3")] == [None, second, third]
    assert [name for name, _job in book.entries()] == ["2", "3"]
    book.cancel("unheard-of")
    book.close()
    assert second.is_set()
    leave.set()
    assert second.wait(PATIENCE_S)
    assert (second.status, book.running_id()) == ("cancelled", None)
    book.forget("2")
    assert book.find("2") is None


def test_of_two_threads_that_begin_one_job_the_second_gets_the_first_ones() -> None:
    """Two quick presses must not start the same work twice, of which only one could be stopped."""
    book: JobBook[Job[None]] = JobBook(2)
    making, leave, made = threading.Event(), threading.Event(), []

    def make() -> Job[None]:
        made.append(Job("1", lambda _job: leave.wait(PATIENCE_S) and None))
        making.set()
        assert not begun.wait(0.2), "the second thread did not wait"
        return made[-1]

    found, begun = [], threading.Event()

    def second() -> None:
        assert making.wait(PATIENCE_S)
        found.append(book.begin("1", make))
        begun.set()

    thread = threading.Thread(target=second)
    thread.start()
    found.append(book.begin("1", make))
    thread.join(PATIENCE_S)
    leave.set()
    assert len(made) == 1
    assert found == [made[0], made[0]]


def test_a_run_ends_when_the_machine_is_free() -> None:
    """In the caller's thread the end is told after the machine was given back, so that the next run need not wait."""
    lab = memory_lab(speed=200)
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.ZERO_SHOT], limit=3)
    for event in lab.runs.carry_out(plan, threading.Event(), resume=False):
        with lab.memory.machine.lock() as free:
            assert free == isinstance(event, RunEnded), event
    assert lab.results.manifest(plan.run_id).status == "done"


def test_a_run_that_waits_says_so_and_can_be_stopped() -> None:
    """A queued run ends as cancelled in the store as well, and makes no prediction."""
    lab, cancel = memory_lab(speed=200), threading.Event()
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.ZERO_SHOT], limit=3)
    lab.memory.machine.taken = True
    events = lab.runs.carry_out(plan, cancel, resume=False)
    assert next(events) == RunQueued(run_id=plan.run_id, ahead="another run on this machine")
    cancel.set()
    (last,) = events
    assert isinstance(last, RunEnded)
    assert (last.status, bool(last.fix)) == ("cancelled", True)
    assert lab.results.manifest(plan.run_id).status == "cancelled"
    lab.memory.machine.taken = False
    resumed = list(lab.runs.carry_out(plan, threading.Event(), resume=True))
    assert resumed[-1] == RunEnded(status="done")
    assert len([event for event in resumed if isinstance(event, PredictionMade)]) == 3


def test_a_background_run_is_over_when_the_machine_is_free() -> None:
    """As soon as a run's snapshot says `done`, a question in the playground is not refused for it."""
    lab = memory_lab(speed=200)
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.ZERO_SHOT], limit=3)
    run_id = lab.runs.start(plan)
    while lab.runs.snapshot(run_id).is_running:
        pass
    with lab.memory.machine.lock() as free:
        assert free
    assert (lab.runs.snapshot(run_id).status, lab.runs.current_id()) == ("done", None)
