"""What machine this is, as far as a run's figures depend on it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from importlib import metadata
from pathlib import Path

import psutil

from adapters.checkup import check_machine
from adapters.storage.home import machine_lock
from engine.core.health import Finding
from engine.core.run.manifest import MachineFacts

PACKAGES = (
    "llama-cpp-python", "torch", "transformers", "peft", "lancedb", "sentence-transformers", "streamlit", "ollama",
    "openai",
)  # fmt: skip


class LocalMachine:
    """This machine, and the lock that lets one piece of work at a time measure it."""

    def __init__(self, home: Path) -> None:
        """Lock in this folder."""
        self._home = home

    def facts(self) -> MachineFacts:
        """Return what the figures of a run depend on."""
        return machine_facts()

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the packages that decide what is computed."""
        return versions()

    def free_memory_bytes(self) -> int:
        """Return the memory that is free for new work."""
        return int(psutil.virtual_memory().available)

    def lock(self) -> AbstractContextManager[bool]:
        """Try to take the machine; yields whether it was free."""
        return machine_lock(self._home)

    def check(self, *, models: int) -> Sequence[Finding]:
        """Say what is missing or scarce."""
        return check_machine(self._home, models=models)


@cache
def machine_facts() -> MachineFacts:
    """Return processor, cores, memory and system; no names of users or hosts."""
    return MachineFacts(
        processor=_processor(),
        cores=psutil.cpu_count(logical=False) or os.cpu_count() or 1,
        threads=os.cpu_count() or 1,
        memory_bytes=int(psutil.virtual_memory().total),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
    )


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide what is computed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "missing"
    return found


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                if name and name != "unknown":
                    return name
    except OSError:
        pass
    return platform.processor() or platform.machine()
