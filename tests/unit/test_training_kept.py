"""Keeping LoRA weights: whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.models.scripted import FACTS
from adapters.storage.files import disk_is_full
from adapters.training.kept import FILE_NAMES, checked_key, find_weights, keep, note, start_partial
from engine.core.errors import DiskFullError, StoreError, UsageError
from engine.core.variant import LoraSpec
from engine.running.lora import lora_key

MANIFEST = {"key": "one", "base_digest": "b", "template_digest": "t", "train_s": 1.5}


def fill(folder: Path) -> None:
    """Write a whole result."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILE_NAMES:
        (folder / name).write_text("x")
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))


def test_a_whole_folder_is_found(tmp_path: Path) -> None:
    """What was kept is found again with its digests."""
    fill(tmp_path / "one")
    found = find_weights(tmp_path, "one")
    assert found is not None
    assert (found.base_digest, found.template_digest, found.train_s) == ("b", "t", 1.5)
    assert found.folder == tmp_path / "one"
    assert found.locator == str(tmp_path / "one" / "lora.gguf")


@pytest.mark.parametrize("lost", FILE_NAMES)
def test_a_folder_with_a_file_missing_is_not_found(tmp_path: Path, lost: str) -> None:
    """Half a result must never be served."""
    fill(tmp_path / "one")
    (tmp_path / "one" / lost).unlink()
    assert find_weights(tmp_path, "one") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({**MANIFEST, "key": "other"})])
def test_a_folder_with_a_broken_manifest_is_not_found(tmp_path: Path, text: str) -> None:
    """A manifest that cannot be trusted makes the weights unknown."""
    fill(tmp_path / "one")
    (tmp_path / "one" / "manifest.json").write_text(text)
    assert find_weights(tmp_path, "one") is None


def test_stale_partial_folders_go_and_living_ones_stay(tmp_path: Path) -> None:
    """What a killed training left is cleared by the next; another process's work is not touched."""
    dead = tmp_path / ".partial-old-999999999"
    alive = tmp_path / f".partial-other-{os.getppid()}"
    foreign = tmp_path / "kept-by-user"
    for folder in (dead, alive, foreign):
        folder.mkdir()
    mine = start_partial(tmp_path, "new")
    assert mine.is_dir()
    assert not dead.exists()
    assert alive.exists()
    assert foreign.exists()


def test_keeping_replaces_an_older_result(tmp_path: Path) -> None:
    """Training again under a key leaves the new weights alone in its folder."""
    fill(tmp_path / "one")
    (tmp_path / "one" / "leftover").write_text("x")
    partial = start_partial(tmp_path, "one")
    fill(partial)
    weights = keep(partial, tmp_path, "one")
    assert weights.folder == tmp_path / "one"
    assert not (tmp_path / "one" / "leftover").exists()
    assert not partial.exists()


@pytest.mark.parametrize(
    ("number", "error", "words"),
    [(errno.ENOSPC, DiskFullError, "no space left"), (errno.EROFS, StoreError, "cannot be written")],
)
def test_a_disk_that_takes_nothing_is_a_sentence_with_its_fix(
    number: int, error: type[StoreError], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a training, when its result is moved into place, and where something is noted beside it."""
    partial = start_partial(tmp_path, "one")
    fill(partial)
    fill(tmp_path / "done")

    def refuses(*_arguments: object, **_options: object) -> None:
        raise OSError(number, "refused")

    for name in ("mkdir", "rename", "write_bytes"):
        monkeypatch.setattr(Path, name, refuses)
    for step in (
        lambda: start_partial(tmp_path, "two"),
        lambda: keep(partial, tmp_path, "one"),
        lambda: note(tmp_path, "done", {"rows": 3}),
    ):
        with pytest.raises(error, match=words) as told:
            step()
        assert told.value.fix


def test_what_libraries_call_a_full_disk_is_told() -> None:
    """One that stands behind another error, or in the words of a library that has errors of its own."""
    assert disk_is_full(OSError(errno.EDQUOT, "over quota"))
    assert disk_is_full(RuntimeError("I/O error: No space left on device (os error 28)"))
    behind = RuntimeError("could not be saved")
    behind.__cause__ = OSError(errno.ENOSPC, "full")
    assert disk_is_full(behind)
    assert not disk_is_full(OSError(errno.EACCES, "refused"))


@pytest.mark.parametrize("key", ["", "..", "a/b", "../x", ".hidden", "a\\b", "x" * 200, "a b"])
def test_a_key_that_is_no_plain_name_is_refused(key: str) -> None:
    """A key becomes a folder's name, so it must not lead anywhere else."""
    with pytest.raises(UsageError):
        checked_key(key)


def test_weights_that_were_kept_before_are_found_under_the_same_key() -> None:
    """A field that says nothing is no part of the key: this one was written before there was `stop_after_epochs`."""
    facts = replace(FACTS, digest="d" * 64, chat_template="t")
    fields = {
        "rank": 8, "alpha": 16.0, "dropout": 0.0,
        "targets": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
        "epochs": 6, "learning_rate": 1e-3, "batch_size": 4, "seed": 0, "validation_share": 0.0,
        "patience_epochs": 2, "prompts": "plain",
    }  # fmt: skip
    text = json.dumps([facts.digest, facts.template_digest, "rows", fields], sort_keys=True)
    assert lora_key(facts, "rows", LoraSpec()) == hashlib.sha256(text.encode()).hexdigest()[:16]
