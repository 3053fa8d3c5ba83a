"""What this machine's processor can do for training."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil

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


def training_threads() -> int:
    """Count the physical cores that this process may use: more threads only wait for each other."""
    physical = psutil.cpu_count(logical=False) or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, allowed))


def peak_rss_bytes() -> int:
    """Return the highest resident memory of this process so far; where it is not told, the memory now."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            # getrusage would count the parent's memory before exec as well.
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    memory = psutil.Process().memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))
