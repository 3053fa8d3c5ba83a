"""Measured energy, where the processor counts it: RAPL through Linux's powercap files.

Since Linux 5.10 the files are readable by root alone unless the owner of the machine opens them; where they cannot be
read there is no meter, and energy is estimated from CPU time. Files: Documentation/power/powercap/powercap.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MICROJOULES_PER_JOULE = 1e6


@dataclass(slots=True)
class _Counter:
    path: Path
    range_uj: int
    last_uj: int
    joules: float = 0.0


class RaplMeter:
    """Counts joules of all processor packages since it was made."""

    def __init__(self, root: Path = Path("/sys/class/powercap")) -> None:
        """Find the packages' counters."""
        self._counters: list[_Counter] = []
        for folder in sorted(root.glob("intel-rapl:[0-9]*")):
            if folder.name.count(":") > 1:  # parts of a package would be counted twice
                continue
            try:
                if not (folder / "name").read_text(encoding="ascii").startswith("package"):
                    continue
                start = int((folder / "energy_uj").read_text(encoding="ascii"))
                most = int((folder / "max_energy_range_uj").read_text(encoding="ascii"))
            except (OSError, ValueError):
                continue
            self._counters.append(_Counter(path=folder / "energy_uj", range_uj=most, last_uj=start))

    def read_joules(self) -> float | None:
        """Return joules since the meter was made; None where nothing is counted."""
        if not self._counters:
            return None
        for counter in self._counters:
            try:
                now = int(counter.path.read_text(encoding="ascii"))
            except (OSError, ValueError):
                return None
            step = now - counter.last_uj
            counter.joules += (step if step >= 0 else step + counter.range_uj) / MICROJOULES_PER_JOULE
            counter.last_uj = now
        return sum(counter.joules for counter in self._counters)
