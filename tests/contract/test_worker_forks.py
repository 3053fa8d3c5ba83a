"""Retrieval workers that tests fork from one process do what one does that starts as the app starts it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from adapters.retrieval.retriever import LanceRetriever
from engine.core.errors import WorkerDiedError
from tests.helpers import FORKS, PRELOADED

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]
TEXTS = ["Where is my parcel?", "The lamp went out on day two."]


@pytest.fixture
def forks(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test a process that forks, of its own; it ends with its folder."""
    if not hasattr(os, "pidfd_open"):
        pytest.skip("this system has no pidfd: each worker starts as in the app")
    folder = tmp_path_factory.mktemp("f")
    (folder / "owner").write_text(str(os.getpid()), encoding="ascii")
    monkeypatch.setenv(FORKS, str(folder))
    monkeypatch.setenv("PYTHONPATH", str(PRELOADED), prepend=os.pathsep)
    yield folder
    (folder / "owner").unlink()
    until(lambda: not forking(folder))


def until(holds: object) -> None:
    """Wait for a state."""
    ends = time.monotonic() + 120
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < ends
        time.sleep(0.05)


def forking(folder: Path) -> list[psutil.Process]:
    """Return the process that forks in this folder, and its forks."""
    return [one for one in psutil.process_iter(["cmdline"]) if str(folder) in (one.info["cmdline"] or [])]


@pytest.mark.usefixtures("forks")
def test_a_fork_embeds_as_a_worker_that_starts_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are asked through the same adapter, with folders of their own, and give the same vectors."""
    found = []
    for name in ("forked", "alone"):
        retriever = LanceRetriever(tmp_path / name)
        found.append(retriever.embed(TEXTS).vectors)
        retriever.close()
        monkeypatch.delenv(FORKS, raising=False)
    np.testing.assert_array_equal(*found)


def test_a_fork_ends_with_the_process_that_it_stands_for(tmp_path: Path, forks: Path) -> None:
    """Whether its caller is done, or it is killed: no fork is left behind, and the next request has another one."""
    retriever = LanceRetriever(tmp_path)
    retriever.embed(TEXTS)
    assert len(forking(forks)) == 3, "the process that forks, a fork, and who looks after it"
    assert retriever.pid is not None
    os.kill(retriever.pid, signal.SIGKILL)
    until(lambda: len(forking(forks)) == 1)
    retriever.embed(TEXTS)
    retriever.close()
    until(lambda: len(forking(forks)) == 1)


def test_what_kills_a_fork_is_told_of_its_worker(tmp_path: Path, forks: Path) -> None:
    """A crash in native code ends the process that the caller knows by the same signal."""
    retriever = LanceRetriever(tmp_path)
    retriever.embed(TEXTS)
    worker = next(one for one in forking(forks) if not one.children())
    worker.send_signal(signal.SIGSEGV)
    with pytest.raises(WorkerDiedError, match="SIGSEGV"):
        for _ in range(1000):
            retriever.embed(TEXTS)
    retriever.close()
