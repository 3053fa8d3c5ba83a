"""What the training libraries take of this machine's memory: measured by its first training, used by later ones.

It differs by hundreds of megabytes between builds of one version (for graphics cards or without), so no constant fits.
"""

from __future__ import annotations

import contextlib
import functools
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from adapters.storage.files import read_object, write_whole

FILE_NAME = "libraries.json"
PACKAGES = ("torch", "transformers", "peft", "gguf", "numpy")
DEFAULT_ANONYMOUS_BYTES = 450_000_000
"""Measured: Python 3.11 with torch 2.15 (the build with CUDA), transformers 5.24 and peft 0.21 on Linux."""
DEFAULT_RESIDENT_BYTES = 780_000_000
"""Of the same, with the pages that map files: for systems that do not separate the two."""
_SOUND = range(50_000_000, 20_000_000_000)
"""A measurement outside these bounds is ignored."""


def known_libraries_bytes(lora_folder: Path) -> int:
    """Return what was measured on this machine with the current versions, else what was measured elsewhere."""
    known = _read(lora_folder).get(_machine())
    if known is not None:
        return known
    return DEFAULT_ANONYMOUS_BYTES if platform.system() == "Linux" else DEFAULT_RESIDENT_BYTES


def keep_libraries_bytes(lora_folder: Path, measured: int) -> None:
    """Keep a measurement unless there is one; a full disk only makes the estimate less exact."""
    _versioned.cache_clear()  # the training was another process, which may have found newer ones
    kept = _read(lora_folder)
    if measured in _SOUND and _machine() not in kept:
        with contextlib.suppress(OSError):
            write_whole(lora_folder / FILE_NAME, json.dumps({**kept, _machine(): measured}, indent=1).encode())


def _read(lora_folder: Path) -> dict[str, int]:
    kept = read_object(lora_folder / FILE_NAME)
    return {machine: measured for machine, measured in kept.items() if isinstance(measured, int) and measured in _SOUND}


def _machine() -> str:
    """Name this machine and the versions on it: a home folder may travel, and packages are updated."""
    from adapters.machine import machine_facts

    facts = machine_facts()
    return ", ".join(
        (facts.processor, f"{facts.cores} cores", facts.system, f"Python {facts.python}", *map(_versioned, PACKAGES))
    )


@functools.cache
def _versioned(package: str) -> str:
    """Name a package with its version, read once: pages ask for the estimate each time that they are drawn."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package}"
