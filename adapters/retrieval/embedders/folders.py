"""sentence-transformers models in folders: those of `ADAPTLAB_MODELS`, of the Hugging Face cache, or named by path.

Only configurations are read here, to tell what is there. A folder is refused whose weights are not safetensors, or
whose configuration asks for code of its own: nothing of a folder is ever run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapters.models.stores import MAX_SCANNED_FILES, model_folders
from adapters.retrieval.embedders.bundled import BACKEND
from adapters.retrieval.embedders.digests import digest_of
from adapters.storage.files import read_object
from engine.core.embedder import EmbedderFacts
from engine.core.errors import UsageError

MODULES = "modules.json"
WEIGHTS = "model.safetensors"
_LIBRARY = "sentence_transformers."
_PICKLES = ("*.bin", "*.pt", "*.pkl", "*.pickle", "*.ckpt")
_HUB_FOLDER = re.compile(r"models--(?P<owner>.+?)--(?P<name>.+)")


def found() -> Iterator[EmbedderFacts]:
    """Yield the embedders of the user's folders and of the Hugging Face cache; those that are refused are left out."""
    for _store, root in model_folders():
        for place, path in enumerate(sorted(root.rglob(MODULES)) if root.is_dir() else []):
            if place >= MAX_SCANNED_FILES:
                return
            if path.is_file() and refusal(path.parent) is None:
                yield facts_of(path.parent)


def at(path: str) -> EmbedderFacts:
    """Return the embedder of a folder that the user named.

    Raises:
        UsageError: the folder does not hold one, or one that is refused.
    """
    folder = Path(path).expanduser().absolute()
    if (reason := refusal(folder)) is not None:
        raise reason
    return facts_of(folder)


def refusal(folder: Path) -> UsageError | None:
    """Return why a folder is not used as an embedder; None if it is."""
    modules = _read(folder / MODULES)
    if not isinstance(modules, list) or not modules:
        return UsageError(
            f"'{folder}' is not a sentence-transformers model: it has no {MODULES}.",
            "Name a folder that SentenceTransformer.save wrote, or that was downloaded whole.",
        )
    types = [str(module.get("type", "")) if isinstance(module, dict) else "" for module in modules]
    own_code = next((name for name in types if not name.startswith(_LIBRARY)), None)
    if own_code is not None or "auto_map" in _config(folder):
        return UsageError(
            f"The embedder in '{folder}' asks for code of its own ({own_code or 'auto_map'}), which is never run.",
            "Choose a model that sentence-transformers loads by itself.",
        )
    for place in (folder, *(path for path in folder.iterdir() if path.is_dir())):
        pickles = [path.name for pattern in _PICKLES for path in place.glob(pattern)]
        if pickles and not any(place.glob("*.safetensors")):
            return UsageError(
                f"The embedder in '{folder}' has weights in '{pickles[0]}', a form that can run code when it is read.",
                "Convert them to safetensors.",
            )
    if not any(folder.rglob("*.safetensors")):
        return UsageError(f"The embedder in '{folder}' has no weights in safetensors.", "Download it whole.")
    return None


def facts_of(folder: Path) -> EmbedderFacts:
    """Return what the configuration of a folder says."""
    config, own = _config(folder), read_object(folder / "sentence_bert_config.json")
    pooling = next((read_object(path) for path in sorted(folder.glob("*_Pooling/config.json"))), {})
    dense = next((read_object(path) for path in sorted(folder.glob("*_Dense/config.json"), reverse=True)), {})
    size = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    dimensions = dense.get("out_features") or pooling.get("word_embedding_dimension") or config.get("hidden_size")
    longest = own.get("max_seq_length") or config.get("max_position_embeddings")
    return EmbedderFacts(
        id=f"{_name(folder)}@{_digest(folder)}",
        backend=BACKEND,
        path=str(folder),
        languages=_card_languages(folder / "README.md"),
        dimensions=_whole(dimensions),
        longest_tokens=_whole(longest),
        size_bytes=size,
    )


def _name(folder: Path) -> str:
    """Name a folder: by the repository in the Hugging Face cache, else by its own name."""
    for part in reversed(folder.absolute().parts):
        if match := _HUB_FOLDER.fullmatch(part):
            return match["name"]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.absolute().name)


def _digest(folder: Path) -> str:
    """Digest what decides a vector: configurations, vocabularies, weights."""
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and (path.suffix in {".json", ".txt", ".model"} or path.name.endswith(".safetensors"))
    )
    return digest_of(folder, files)


def _card_languages(card: Path) -> tuple[str, ...]:
    """Read the languages that a model card's head lists; none where it has no head."""
    try:
        text = card.read_text(encoding="utf-8", errors="replace")[:20_000]
    except OSError:
        return ()
    head = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    if head is None:
        return ()
    listed = re.search(r"^languages?:[ \t]*(.*(?:\n[ \t]*-[ \t]*\S+)*)", head[1], re.MULTILINE)
    codes = re.findall(r"\b[a-z]{2}\b", listed[1]) if listed else []
    return tuple(dict.fromkeys(codes))


def _config(folder: Path) -> dict[str, Any]:
    return read_object(folder / "config.json") or read_object(folder / "0_Transformer" / "config.json")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
