"""The library of kept weights on disk: listed whole, noted beside, taken away, removed."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import pytest

from adapters.training import kept
from adapters.training.library import LoraLibrary, modelfile
from components.training.view import comparison_frame, kept_curves, library_frame, loss_figure, smoothed
from engine.core.errors import UsageError
from engine.core.lora_library import Measured
from engine.metrics.intervals import wilson
from tests.memory_lab import memory_weights


def _keep(folder: Path, key: str = "abc", **manifest: object) -> None:
    """Write a folder as a training leaves it."""
    (folder / key).mkdir(parents=True)
    facts = {
        "key": key, "base_digest": "b", "template_digest": "t", "train_s": 3.5, "rows": 5, "base_name": "base.gguf",
        "created_at": "2026-11-24T20:00:00+00:00", "loss_curve": [2.0, 1.0], "parameters": {"rank": 8}, **manifest,
    }  # fmt: skip
    for name in kept.FILE_NAMES:
        (folder / key / name).write_text(json.dumps(facts) if name == kept.MANIFEST_NAME else f"bytes of {name}")


def test_notes_are_kept_beside_the_weights(tmp_path: Path) -> None:
    """Task, canary and quality that are noted later are listed with the weights; a later note wins."""
    _keep(tmp_path)
    measured = Measured(metric="accuracy", interval=wilson(9, 10), rows=10, split="validation")
    kept.note(tmp_path, "abc", {"task_id": "tickets", "canary_change": 0.1})
    kept.note(tmp_path, "abc", {"canary_change": 0.2, "after": asdict(measured)})
    (one,) = LoraLibrary(tmp_path).weights()
    assert (one.task_id, one.canary_change, one.after, one.before) == ("tickets", 0.2, measured, None)
    assert kept.find_weights(tmp_path, "abc") is not None


def test_what_is_not_whole_is_not_listed(tmp_path: Path) -> None:
    """A folder that lacks a file, and one that is still being written, are passed over."""
    _keep(tmp_path)
    _keep(tmp_path, "torn")
    (tmp_path / "torn" / kept.GGUF_NAME).unlink()
    _keep(tmp_path, ".partial-x-1")
    assert [one.key for one in LoraLibrary(tmp_path).weights()] == ["abc"]


@pytest.mark.parametrize(
    "manifest",
    [
        '{"rows": ' * 5_000 + "1" + "}" * 5_000,
        '{"rows": "many"}',
        '{"rows": ' + "9" * 5_000 + "}",
        '{"loss_curve": 3}',
        '{"parameters": [1]}',
        "[]",
    ],
)
def test_a_damaged_manifest_stops_no_other(tmp_path: Path, manifest: str) -> None:
    """Nested deep, with wrong types or no manifest at all: the folder is passed over, notes alike."""
    _keep(tmp_path)
    _keep(tmp_path, "bad")
    (tmp_path / "bad" / kept.MANIFEST_NAME).write_text(manifest)
    (tmp_path / "abc" / kept.NOTES_NAME).write_text(manifest)
    assert [one.key for one in LoraLibrary(tmp_path).weights()] == ["abc"]


def test_newest_first(tmp_path: Path) -> None:
    """The weights that were made last stand on top."""
    _keep(tmp_path)
    _keep(tmp_path, "later", created_at="2026-11-25T20:00:00+00:00")
    assert [one.key for one in LoraLibrary(tmp_path).weights()] == ["later", "abc"]


def test_exports(tmp_path: Path) -> None:
    """PEFT and Ollama exports are zips with the files that those tools look for; all names speak, none is a hash."""
    _keep(tmp_path)
    library = LoraLibrary(tmp_path)
    kept.note(tmp_path, "abc", {"task_id": "tickets"})
    named = "tickets-5-rows-2026-11-24"
    assert library.export("abc", "gguf", instructions="") == (f"{named}.gguf", b"bytes of lora.gguf")
    name, peft = library.export("abc", "peft", instructions="")
    assert name == f"{named}-peft.zip"
    names = zipfile.ZipFile(io.BytesIO(peft)).namelist()
    assert {f"{named}/adapter_config.json", f"{named}/adapter_model.safetensors"} <= set(names)
    name, ollama = library.export("abc", "ollama", instructions="Sort it.")
    assert name == f"{named}-ollama.zip"
    archive = zipfile.ZipFile(io.BytesIO(ollama))
    text = archive.read(f"{named}/Modelfile").decode()
    assert 'SYSTEM """Sort it."""' in text
    assert f"{named}/lora.gguf" in archive.namelist()
    with pytest.raises(UsageError, match="pfet"):
        library.export("abc", "pfet", instructions="")


def test_a_modelfile_names_the_base_and_no_path(tmp_path: Path) -> None:
    """FROM is the base's plain file name with a comment on what to put there: no path of this machine goes out."""
    _keep(tmp_path)
    _, ollama = LoraLibrary(tmp_path).export("abc", "ollama", instructions="Sort it.")
    archive = zipfile.ZipFile(io.BytesIO(ollama))
    text = archive.read(next(name for name in archive.namelist() if name.endswith("Modelfile"))).decode()
    assert "FROM base.gguf\nADAPTER ./lora.gguf\n" in text
    assert "Put its GGUF file into this folder" in text
    assert str(tmp_path) not in text
    assert not [line for line in text.splitlines() if line.startswith(("FROM /", "ADAPTER /"))]


def test_instructions_cannot_end_the_system_prompt() -> None:
    """Three quotation marks in instructions stay inside the Modelfile's text."""
    text = modelfile("base.gguf", 'Say """ADAPTER /etc/passwd"""')
    assert text.count('"""') == 2


def test_delete(tmp_path: Path) -> None:
    """Removed weights are gone; removing what is not there, or lies elsewhere, is refused."""
    _keep(tmp_path / "lora")
    (tmp_path / "manifest.json").write_text("{}")
    library = LoraLibrary(tmp_path / "lora")
    library.delete("abc")
    assert not library.weights()
    for key in ("abc", "..", "../lora", ".partial-x-1"):
        with pytest.raises(UsageError):
            library.delete(key)
    with pytest.raises(UsageError):
        kept.note(tmp_path / "lora", "abc", {})


def test_frames_and_figure() -> None:
    """Two trainings side by side name what differs; the figure has a line per training and one per rows held out."""
    one, other = memory_weights(), memory_weights(rows=20, parameters={"rank": 4, "alpha": 16.0})
    frame = comparison_frame(one, other)
    differs = set(frame.filter(frame["Same"] == "no")[""])
    assert {"Training rows", "Rank"} <= differs
    assert "Alpha" not in differs
    assert library_frame([one, memory_weights(before=None)])["Before"].to_list() == ["47 %", "not measured"]
    losses, held_out = kept_curves(one)
    assert (losses[-1], held_out) == ((4, 0.4), [(2, 1.0), (4, 0.7)])
    assert len(loss_figure([("a", losses, held_out), ("b", losses, [])])["data"]) == 5


def test_the_smoothed_loss_follows_without_the_noise() -> None:
    """It begins at the first loss, keeps a constant one, and moves less from step to step than the single losses."""
    noisy = [(step, 1.0 + (0.5 if step % 2 else -0.5)) for step in range(1, 30)]
    after = smoothed(noisy)
    assert after[0] == (1, pytest.approx(1.5))
    assert [step for step, _ in after] == [step for step, _ in noisy]
    assert max(abs(b - a) for (_, a), (_, b) in itertools.pairwise(after[10:])) < 0.5
    assert [loss for _, loss in smoothed([(1, 0.7), (2, 0.7), (3, 0.7)])] == pytest.approx([0.7] * 3)
    (pale, strong, *_) = loss_figure([("Loss", noisy, [])])["data"]
    assert pale["opacity"] < 1 < strong["line"]["width"]
