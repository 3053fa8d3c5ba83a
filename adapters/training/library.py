"""The library of kept LoRA weights: listed, removed, and exported as a PEFT folder, a GGUF file or for Ollama."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

from adapters.archives import packed
from adapters.training import kept
from engine.core.errors import UsageError
from engine.core.interval import Interval
from engine.core.lora_library import KeptWeights, Measured, export_name, speaking_name

_PEFT_FILES = ("adapter_config.json", "adapter_model.safetensors")


class LoraLibrary:
    """Reads the folders that `adapters.training.trainer` makes: `engine.core.lora_library.Library`."""

    def __init__(self, lora_folder: Path) -> None:
        """Look under this folder."""
        self._folder = lora_folder

    def weights(self) -> list[KeptWeights]:
        """List the weights that are kept complete, newest first; any other folder is skipped."""
        found = []
        for path in self._folder.glob("*/" + kept.MANIFEST_NAME):
            if path.parent.name.startswith(".") or kept.find_weights(self._folder, path.parent.name) is None:
                continue
            with contextlib.suppress(TypeError, ValueError, OverflowError, RecursionError, OSError):
                found.append(_kept_weights(path.parent))
        return sorted(found, key=lambda one: one.created_at, reverse=True)

    def delete(self, key: str) -> None:
        """Remove weights; raise `UsageError` if there are none of this key."""
        shutil.rmtree(self._existing(key), ignore_errors=True)

    def export(self, key: str, form: str, *, instructions: str) -> tuple[str, bytes]:
        """Return a file name and its bytes in one of the forms of `EXPORTS`.

        Args:
            key: of the weights.
            form: `peft`, `gguf` or `ollama`.
            instructions: the task's instructions, for the Modelfile's system prompt; may be empty.

        Raises:
            UsageError: an unknown key or form.
        """
        folder = self._existing(key)
        one = _kept_weights(folder)
        name, inside = export_name(one, form), speaking_name(one)
        if form == "gguf":
            return name, (folder / kept.GGUF_NAME).read_bytes()
        if form == "peft":
            names = (*_PEFT_FILES, kept.MANIFEST_NAME)
            return name, packed((f"{inside}/{file}", (folder / file).read_bytes()) for file in names)
        files = {
            f"{inside}/Modelfile": modelfile(one.base_name, instructions).encode(),
            f"{inside}/{kept.GGUF_NAME}": (folder / kept.GGUF_NAME).read_bytes(),
        }
        return name, packed(files.items())

    def _existing(self, key: str) -> Path:
        folder = self._folder / kept.checked_key(key)
        if key.startswith(".") or not (folder / kept.MANIFEST_NAME).is_file():
            raise UsageError(f"There are no LoRA weights '{key}'.", "Check the list again.")
        return folder


def modelfile(base_name: str, instructions: str) -> str:
    """Write a Modelfile: base, weights, greedy decoding, and the instructions that the weights were trained under.

    Source: docs/modelfile.mdx of https://github.com/ollama/ollama. The chat template is left to the base's GGUF.
    """
    lines = [
        "# FROM is the model that the weights were trained on. Put its GGUF file into this folder under this name, or",
        "# write where the file is, or the name of the same model in Ollama: the same quantization, no other.",
        "# Then, in this folder: ollama create my-model -f Modelfile",
        f"FROM {base_name}",
        f"ADAPTER ./{kept.GGUF_NAME}",
        "PARAMETER temperature 0",
    ]
    if instructions.strip():
        quoted = instructions.strip().replace('"""', '" " "')
        lines.append(f'SYSTEM """{quoted}"""')
    return "\n".join(lines) + "\n"


def _kept_weights(folder: Path) -> KeptWeights:
    manifest, notes = kept.read_manifest(folder), kept.read_notes(folder)
    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.is_file()}
    return KeptWeights(
        key=folder.name,
        created_at=str(manifest.get("created_at", "")),
        base_name=str(manifest.get("base_name", "")),
        base_digest=str(manifest.get("base_digest", "")),
        template_digest=str(manifest.get("template_digest", "")),
        size_bytes=files.get(kept.GGUF_NAME, 0),
        rows=int(manifest.get("rows", 0)),
        train_s=float(manifest.get("train_s", 0.0)),
        peak_rss_bytes=int(manifest.get("peak_rss_bytes", 0)),
        parameters=dict(manifest.get("parameters", {})),
        loss_curve=tuple(map(float, manifest.get("loss_curve", ()))),
        validation_curve=tuple(map(float, manifest.get("validation_curve", ()))),
        best_epoch=int(manifest.get("best_epoch", 0)),
        epochs_done=int(manifest.get("epochs_done", 0)),
        task_id=str(notes.get("task_id", "")),
        model_id=str(notes.get("model_id", "")),
        seed=notes.get("seed"),
        canary_change=notes.get("canary_change"),
        before=_measured(notes.get("before")),
        after=_measured(notes.get("after")),
        files=files,
    )


def _measured(data: Any) -> Measured | None:
    if not isinstance(data, dict):
        return None
    try:
        fields = json.loads(json.dumps(data))
        return Measured(**{**fields, "interval": Interval(**fields["interval"])})
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
