"""The energy meter, on a made-up powercap folder."""

from __future__ import annotations

from pathlib import Path

from adapters.energy import RaplMeter


def _package(root: Path, name: str, label: str, energy_uj: int) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "name").write_text(label + "\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")
    (folder / "max_energy_range_uj").write_text("1000000\n")
    return folder / "energy_uj"


def test_counts_packages_once_and_over_the_wrap(tmp_path):
    """Joules add up over packages, parts of a package are left out, and a counter that starts over goes on."""
    first = _package(tmp_path, "intel-rapl:0", "package-0", 900_000)
    _package(tmp_path, "intel-rapl:0:0", "core", 0)
    _package(tmp_path, "intel-rapl:1", "psys", 0)
    meter = RaplMeter(tmp_path)
    first.write_text("100000\n")
    assert meter.read_joules() == 0.2
    first.write_text("300000\n")
    assert abs(meter.read_joules() - 0.4) < 1e-9


def test_without_counters_there_is_no_figure(tmp_path):
    """A machine without RAPL, or one that hides it, yields None and never a zero."""
    assert RaplMeter(tmp_path).read_joules() is None
    file = _package(tmp_path, "intel-rapl:0", "package-0", 1)
    meter = RaplMeter(tmp_path)
    file.unlink()
    assert meter.read_joules() is None
