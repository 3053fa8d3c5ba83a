"""How many threads a computation gets."""

from __future__ import annotations

import psutil
import pytest

from adapters.cores import THREADS, usable_cores


@pytest.mark.parametrize(("told", "cores"), [("", 4), ("1", 1), ("3", 3), ("9", 4), ("0", 4), ("4,2", 4), ("-1", 4)])
def test_fewer_threads_are_used_where_the_environment_says_so(
    told: str, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What numerical libraries are told holds for llama.cpp, too; never more than there are cores."""
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 4)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3, 4, 5, 6, 7}, raising=False)
    monkeypatch.setenv(THREADS, told)
    assert usable_cores() == cores
