"""What this machine's processor can do for training, and what memory a training takes of it."""

from __future__ import annotations

import platform
import threading
from pathlib import Path
from typing import Self

import psutil

SAMPLE_S = 0.02
"""Reading takes 0.1 ms, and memory rises layer by layer, over seconds."""
_FAST_BF16 = {"avx512_bf16", "amx_bf16"}


def has_fast_bf16() -> bool:
    """Tell whether the processor multiplies bf16 in hardware; elsewhere bf16 is emulated and slower than fp32."""
    if platform.machine() == "arm64" and platform.system() == "Darwin":
        return False
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return not _FAST_BF16.isdisjoint(flags.split())


def peak_rss_bytes() -> int:
    """Return the highest resident memory of this process so far; where it is not reported, the memory now."""
    # getrusage would count the parent's memory before exec as well.
    told = _told("VmHWM")
    if told is not None:
        return told
    memory = psutil.Process().memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))


def anonymous_bytes() -> int:
    """Return the memory of this process that the system cannot take back, in memory or swapped out.

    Pages that map files, such as those of libraries and of the model's file, do not count: they can be read again.
    Where the system does not separate the two (Linux does), all resident memory counts.
    """
    resident = _told("RssAnon")
    if resident is None:
        return int(psutil.Process().memory_info().rss)
    return resident + (_told("VmSwap") or 0)


class AnonymousPeak:
    """Follows `anonymous_bytes` of this process from the start to the end of a `with` block, in a thread.

    The system keeps only a peak of all resident memory, so this one is sampled: what lasts for less than
    `SAMPLE_S` may be missed.
    """

    def __init__(self) -> None:
        """Begin when the block begins."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._seen = 0

    def __enter__(self) -> Self:
        """Start to follow."""
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop."""
        self._over.set()
        self._thread.join()

    def read(self) -> int:
        """Return the highest value so far, in bytes."""
        return max(self._seen, anonymous_bytes())

    def _follow(self) -> None:
        while not self._over.wait(SAMPLE_S):
            self._seen = self.read()


def _told(name: str) -> int | None:
    """Return a size in bytes that Linux reports for this process under this name; None elsewhere."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith(f"{name}:")), None)
    return int(found.split()[1]) * 1024 if found else None
