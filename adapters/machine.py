"""What machine this is, as far as a run's figures depend on it."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

PACKAGES = (
    "llama-cpp-python", "torch", "transformers", "peft", "lancedb", "sentence-transformers", "streamlit", "ollama",
    "openai",
)  # fmt: skip


def machine_facts() -> dict[str, Any]:
    """Return processor, cores, memory and system; no names of users or hosts."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(logical=False) or os.cpu_count() or 1,
        "threads": os.cpu_count() or 1,
        "memory_bytes": int(psutil.virtual_memory().total),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def free_memory_bytes() -> int:
    """Return the memory that is free for new work."""
    return int(psutil.virtual_memory().available)


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
