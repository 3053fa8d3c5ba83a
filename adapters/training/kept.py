"""Where trained LoRA weights are kept: one folder per key, complete or absent."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from adapters.storage.files import move_into_place, read_object, write_whole, writing
from engine.core.errors import UsageError
from engine.core.generation import LoraWeights

GGUF_NAME = "lora.gguf"
MANIFEST_NAME = "manifest.json"
NOTES_NAME = "notes.json"
"""What became known after the training: the task, the canary, the quality before and after."""
FILE_NAMES = ("adapter_config.json", "adapter_model.safetensors", GGUF_NAME, MANIFEST_NAME)
_PARTIAL = re.compile(r"\.partial-.+-(\d+)")
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,150}")


def checked_key(key: str) -> str:
    """Return the key; raise `UsageError` unless it can be a folder's name on every system."""
    if not _KEY.fullmatch(key):
        raise UsageError(f"'{key}' is not a valid key for LoRA weights.", "Use letters, digits, '.', '_' and '-'.")
    return key


def find_weights(lora_folder: Path, key: str) -> LoraWeights | None:
    """Return the weights kept under this key, or None unless every file is there and the manifest is sound."""
    folder = lora_folder / checked_key(key)
    if not all((folder / name).is_file() for name in FILE_NAMES):
        return None
    manifest = read_manifest(folder)
    if manifest.get("key") != key:
        return None
    try:
        return LoraWeights(
            key=key,
            locator=str(folder / GGUF_NAME),
            base_digest=str(manifest["base_digest"]),
            template_digest=str(manifest["template_digest"]),
            train_s=float(manifest["train_s"]),
            loading_s=float(manifest.get("loading_s", 0.0)),
            made_at=(folder / MANIFEST_NAME).stat().st_mtime,
            best_epoch=int(manifest["best_epoch"]) if manifest.get("validation_curve") else None,
        )
    except (OSError, KeyError, TypeError, ValueError):
        return None


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a folder's manifest; empty if it has none that can be read."""
    return read_object(folder / MANIFEST_NAME)


def read_notes(folder: Path) -> dict[str, Any]:
    """Read what was noted beside weights; empty if nothing readable was."""
    return read_object(folder / NOTES_NAME)


def note(lora_folder: Path, key: str, facts: Mapping[str, Any]) -> None:
    """Add facts to the notes beside weights; raise `UsageError` if there are none of this key."""
    folder = lora_folder / checked_key(key)
    if not folder.is_dir():
        raise UsageError(f"There are no LoRA weights '{key}'.", "Train them again.")
    notes = json.dumps({**read_notes(folder), **facts}, indent=1, ensure_ascii=False)
    with writing(folder):
        write_whole(folder / NOTES_NAME, notes.encode())


def start_partial(lora_folder: Path, key: str) -> Path:
    """Remove what dead trainings left and make an empty folder for a new one.

    Raises:
        StoreError: the folder cannot be made; a `DiskFullError` where no space is left.
    """
    with writing(lora_folder):
        lora_folder.mkdir(parents=True, exist_ok=True)
    for folder in lora_folder.glob(".partial-*"):
        match = _PARTIAL.fullmatch(folder.name)
        if match and not _still_written(folder, int(match.group(1))):
            shutil.rmtree(folder, ignore_errors=True)
    partial = lora_folder / f".partial-{key}-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    with writing(lora_folder):
        partial.mkdir()
    return partial


def keep(partial: Path, lora_folder: Path, key: str) -> LoraWeights:
    """Move a complete result into place, over an older one of the same key."""
    folder = lora_folder / key
    with writing(lora_folder):
        move_into_place(partial, folder)
    found = find_weights(lora_folder, key)
    if found is None:
        shutil.rmtree(folder, ignore_errors=True)
        raise UsageError(f"The result of training '{key}' is incomplete.", "Train again.")
    return found


def _still_written(folder: Path, pid: int) -> bool:
    """Tell whether the process that made this folder still runs; a later one with its number does not count."""
    if pid == os.getpid():
        return False
    try:
        return bool(psutil.Process(pid).create_time() <= folder.stat().st_mtime)
    except (psutil.Error, OSError):
        return False
