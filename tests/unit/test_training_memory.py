"""The memory estimate: grows with what it should, refuses with both figures, and knows this machine's libraries."""

from __future__ import annotations

import dataclasses
import json
import mmap
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from adapters.training import libraries
from adapters.training.libraries import FILE_NAME, keep_libraries_bytes, known_libraries_bytes
from adapters.training.machine import AnonymousPeak, anonymous_bytes, peak_rss_bytes
from adapters.training.memory import MemoryEstimate, Shape, estimate, refuse_if_too_large
from engine.core.errors import NotEnoughMemoryError
from engine.core.variant import LoraSpec

SMOLLM2 = Shape(
    parameters=134_515_008,
    hidden=576,
    layers=30,
    feed_forward=1536,
    heads=9,
    kv_heads=3,
    head_dim=64,
    vocabulary=49_152,
)


MEASURED_MB = 300


def estimated(
    *,
    shape: Shape = SMOLLM2,
    spec: LoraSpec | None = None,
    tokens: int = 400,
    weight_bytes: int = 2,
    libraries_bytes: int = 450_000_000,
) -> int:
    """The estimated peak of a usual training, but for what is given."""
    spec = spec or LoraSpec()
    needed = estimate(
        shape,
        spec,
        packed_tokens=tokens,
        packed_targets=34,
        weight_bytes=weight_bytes,
        modules=spec.targets,
        libraries_bytes=libraries_bytes,
    )
    return needed.estimated_peak_bytes


def test_more_of_anything_needs_more_memory() -> None:
    """Longer batches, wider weights, higher rank and larger models all cost memory."""
    usual = estimated()
    assert estimated(tokens=800) > usual
    assert estimated(weight_bytes=4) > usual
    assert estimated(spec=LoraSpec(rank=64)) > usual
    assert estimated(shape=dataclasses.replace(SMOLLM2, parameters=1_700_000_000)) > usual + 2_500_000_000
    assert estimated(libraries_bytes=600_000_000) == usual + 150_000_000


def test_a_model_of_a_billion_needs_its_weights_in_full() -> None:
    """The weights alone are a floor that the estimate must never undercut."""
    shape = dataclasses.replace(SMOLLM2, parameters=1_000_000_000)
    assert estimated(shape=shape, tokens=1) > 2_000_000_000
    assert estimated(shape=shape, tokens=1, weight_bytes=4) > 4_000_000_000


def test_refusal_gives_both_figures() -> None:
    """The user learns what is needed and what there is."""
    needed = MemoryEstimate(
        libraries_bytes=1024**3,
        weights_bytes=0,
        lora_bytes=0,
        activations_bytes=0,
        logits_bytes=0,
        loading_bytes=0,
    )
    refuse_if_too_large(needed, 1024**3)
    with pytest.raises(NotEnoughMemoryError, match=r"1.1 GB.*537 MB"):
        refuse_if_too_large(needed, 512 * 1024**2)


def test_the_libraries_count_as_measured_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first training measured is what later ones count with, until the machine or a version is another."""
    default = known_libraries_bytes(tmp_path)
    assert default in {libraries.DEFAULT_ANONYMOUS_BYTES, libraries.DEFAULT_RESIDENT_BYTES}
    keep_libraries_bytes(tmp_path, MEASURED_MB * 10**6)
    assert known_libraries_bytes(tmp_path) == MEASURED_MB * 10**6
    monkeypatch.setattr(libraries, "version", lambda _package: "9.9")
    libraries._versioned.cache_clear()  # as in another process
    assert known_libraries_bytes(tmp_path) == default
    keep_libraries_bytes(tmp_path, 2 * MEASURED_MB * 10**6)
    assert known_libraries_bytes(tmp_path) == 2 * MEASURED_MB * 10**6
    monkeypatch.undo()
    libraries._versioned.cache_clear()
    assert known_libraries_bytes(tmp_path) == MEASURED_MB * 10**6


def test_the_first_measurement_stays(tmp_path: Path) -> None:
    """Measured once: an estimate does not change from one training to the next."""
    keep_libraries_bytes(tmp_path, MEASURED_MB * 10**6)
    keep_libraries_bytes(tmp_path, 2 * MEASURED_MB * 10**6)
    assert known_libraries_bytes(tmp_path) == MEASURED_MB * 10**6


@pytest.mark.parametrize("measured", [0, -1, 10**12])
def test_a_measurement_that_cannot_be_is_not_kept(tmp_path: Path, measured: int) -> None:
    """A figure that the system got wrong must not refuse every training from then on."""
    keep_libraries_bytes(tmp_path, measured)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["", "[]", "{", "text", "huge"])
def test_a_damaged_file_of_measurements_counts_as_none(tmp_path: Path, damage: str) -> None:
    """The estimate falls back to the default, and the next training's measurement is kept."""
    default = known_libraries_bytes(tmp_path)
    keep_libraries_bytes(tmp_path, MEASURED_MB * 10**6)
    path = tmp_path / FILE_NAME
    kept: dict[str, Any] = json.loads(path.read_text())
    content = {"text": json.dumps(dict.fromkeys(kept, "much")), "huge": json.dumps(dict.fromkeys(kept, 10**15))}
    path.write_text(content.get(damage, damage))
    assert known_libraries_bytes(tmp_path) == default
    keep_libraries_bytes(tmp_path, MEASURED_MB * 10**6)
    assert known_libraries_bytes(tmp_path) == MEASURED_MB * 10**6


def test_a_folder_that_refuses_does_not_fail_a_training(tmp_path: Path) -> None:
    """The weights are made: a measurement that cannot be kept is passed over."""
    (tmp_path / "file").write_text("in the way")
    keep_libraries_bytes(tmp_path / "file" / "lora", MEASURED_MB * 10**6)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell mapped files apart")
def test_pages_that_map_files_do_not_count(tmp_path: Path) -> None:
    """They can be given back and read again; what was allocated cannot."""
    size = 64 * 2**20
    path = tmp_path / "weights"
    path.write_bytes(bytes(size))
    before = anonymous_bytes()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert sum(mapped[place] for place in range(0, size, mmap.PAGESIZE)) == 0
        assert anonymous_bytes() - before < size // 2
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as held:  # never pages of an earlier test
        held.write(b"x" * size)
        assert anonymous_bytes() - before > size // 2


def test_a_peak_that_is_over_was_seen() -> None:
    """Memory that was held for a while and given back counts towards the peak."""
    with AnonymousPeak() as peak:
        before = peak.read()
        held = mmap.mmap(-1, 256 * 2**20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        held.write(b"x" * len(held))
        seen = threading.Event()
        deadline = time.monotonic() + 30
        while peak._seen < before + len(held) // 2 and time.monotonic() < deadline:
            seen.wait(0.01)
        held.close()
    assert before + 128 * 2**20 < peak.read() <= peak_rss_bytes()
