"""Where GGUF files are on this machine: the user's folders, and the stores of Ollama, LM Studio and Hugging Face.

Stores are read and never written. Only names and sizes are looked at here; `catalog` reads the headers.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import ModelFileError

MODELS_VARIABLE = "ADAPTLAB_MODELS"
FIND_VARIABLE = "ADAPTLAB_FIND"
"""Set to `off`, nothing is looked for that the user did not name: neither stores nor servers."""
MAX_SCANNED_FILES = 2000
_PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)
_OLLAMA_MODEL = "application/vnd.ollama.image.model"
_EDGE_BYTES = 65_536


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFile:
    """A GGUF file, or the first of the parts of one, with the name it goes by."""

    path: Path
    name: str
    store: str
    """Where it was found, in words."""
    parts: tuple[Path, ...] = ()
    """All parts in order, for a file that was split; empty for a whole one."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that belong to it."""
        return self.parts or (self.path,)

    @property
    def size_bytes(self) -> int:
        """Size of all its files."""
        return sum(path.stat().st_size for path in self.files)


def finds_by_itself() -> bool:
    """Tell whether stores and servers may be looked for in their usual places."""
    return os.environ.get(FIND_VARIABLE, "").lower() != "off"


def ollama_folder() -> Path:
    """Return the folder in which an Ollama server of this user keeps its models."""
    return Path(os.environ.get("OLLAMA_MODELS") or Path.home() / ".ollama" / "models")


def found_files() -> Iterator[FoundFile | ModelFileError]:
    """Yield the files: the user's folders first, then the stores. Files with missing parts are yielded as errors."""
    count = 0
    for store, folder in model_folders():
        for path in sorted(folder.rglob("*.gguf")):
            count += 1
            if count > MAX_SCANNED_FILES:
                return
            if path.is_file():
                found = whole(path, store)
                if found is not None:
                    yield found
    if finds_by_itself():
        yield from _ollama_files(ollama_folder())


def model_folders() -> Iterator[tuple[str, Path]]:
    """Yield the user's folders of models, and those of other programs, each with what it is."""
    for folder in filter(None, os.environ.get(MODELS_VARIABLE, "").split(os.pathsep)):
        yield "folder", Path(folder).expanduser()
    if not finds_by_itself():
        return
    home = Path.home()
    yield "LM Studio", home / ".lmstudio" / "models"
    yield "LM Studio", home / ".cache" / "lm-studio" / "models"
    hub = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    root = os.environ.get("HF_HOME")
    yield "Hugging Face", Path(hub) if hub else Path(root) / "hub" if root else home / ".cache" / "huggingface" / "hub"


def whole(path: Path, store: str = "folder") -> FoundFile | ModelFileError | None:
    """Put a file together with its other parts; None for a part that is not the first."""
    match = _PART.fullmatch(path.name)
    if match is None:
        return FoundFile(path=path.resolve(), name=path.stem, store=store)
    if int(match["number"]) != 1:
        return None
    count = int(match["count"])
    parts = [path.with_name(f"{match['stem']}-{number:05}-of-{count:05}.gguf") for number in range(1, count + 1)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        return ModelFileError(
            f"'{match['stem']}' lacks {len(missing)} of its {count} parts, the first of them '{missing[0]}'.",
            "Download all parts into one folder.",
        )
    # The unresolved names are kept: llama.cpp finds the other parts by name, and a cache's links lead to digests.
    return FoundFile(path=path.absolute(), name=match["stem"], store=store, parts=tuple(parts))


def _ollama_files(root: Path) -> Iterator[FoundFile]:
    """Read Ollama's manifests: each names the blob that holds a model's weights."""
    manifests = root / "manifests"
    for path in sorted(manifests.rglob("*"))[:MAX_SCANNED_FILES] if manifests.is_dir() else []:
        try:
            layers = json.loads(path.read_text(encoding="utf-8"))["layers"] if path.is_file() else []
            digests = [str(layer["digest"]) for layer in layers if layer.get("mediaType") == _OLLAMA_MODEL]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        for digest in digests[:1]:
            blob = root / "blobs" / digest.replace(":", "-")
            if re.fullmatch(r"sha256-[0-9a-f]{64}", blob.name) and blob.is_file() and os.access(blob, os.R_OK):
                yield FoundFile(path=blob.resolve(), name=f"{path.parent.name}-{path.name}", store="Ollama's store")


Similarity = tuple[int, bytes]
"""Size, and a digest of beginning and end: the same for copies of one model."""


def likeness(found: FoundFile) -> Similarity:
    """Return what copies of one model have in common. Cheap, and good enough for a list."""
    first, last = found.files[0], found.files[-1]
    with first.open("rb") as file:
        head = file.read(_EDGE_BYTES)
    with last.open("rb") as file:
        file.seek(max(0, last.stat().st_size - _EDGE_BYTES))
        tail = file.read()
    return found.size_bytes, hashlib.sha256(head + tail).digest()


def digest_of_blob(path: Path) -> str:
    """Return the SHA-256 that the name of one of Ollama's blobs says; empty for another file."""
    match = re.fullmatch(r"sha256-([0-9a-f]{64})", path.name)
    return match[1] if match else ""


def is_projector(name: str, architecture: str, kind: str) -> bool:
    """Tell a vision projector from a language model, by its header or, failing that, its name."""
    return architecture == "clip" or kind == "mmproj" or name.lower().startswith("mmproj")
