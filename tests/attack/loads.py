"""Mutated headers of a real GGUF file, each loaded by llama.cpp in its worker and asked for an answer."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from adapters.models import catalog
from adapters.models.catalog import Catalog
from adapters.models.model_store import LocalModels
from engine.core.errors import AdaptLabError
from engine.core.generation import Decoding, GenerateRequest, Message
from engine.core.variant import DecodingMode
from tests.attack.figures import HANG_S, Figures
from tests.attack.formats import bent_gguf

KIND = "gguf load"
_REGION_BYTES = 4_000


def packaged_model() -> Path:
    """Return the file of the model that ships."""
    with tempfile.TemporaryDirectory() as folder:
        return Path(Catalog(Path(folder) / "digests.json").models()[0].path)


def attack_loads(seeds: Sequence[int]) -> Figures:
    """List the mutated file of each seed, and load every one whose header passes, up to a tenth of the files.

    Odd seeds are changed among the facts, even ones where the tensors are listed.
    """
    found = Figures(kind=KIND)
    sound_file = packaged_model()
    with (
        tempfile.TemporaryDirectory(prefix="adaptlab-attack-") as folder,
        patch.object(catalog, "PACKAGED", ()),  # else a file that says the same is a copy of it
        patch.dict(os.environ, ADAPTLAB_MODELS=str(Path(folder) / "models")),
    ):
        path = Path(folder) / "models" / "m.gguf"
        path.parent.mkdir()
        shutil.copyfile(sound_file, path)
        _load(path, Path(folder), found)  # the sound one loads, or all of this would prove nothing
        assert found.read == 1, found.findings
        found = Figures(kind=KIND)
        tensors = path.read_bytes()[: 10 << 20].find(b"blk.0.")
        for seed in seeds:
            start = 0 if seed % 2 else tensors
            with path.open("r+b") as file:
                file.seek(start)
                sound = file.read(_REGION_BYTES)
                file.seek(start)
                file.write(bent_gguf(sound, random.Random(seed)))
            _load(path, Path(folder), found, seed, most=len(seeds) // 10)
            with path.open("r+b") as file:
                file.seek(start)
                file.write(sound)
    return found


def _load(path: Path, folder: Path, found: Figures, seed: int = -1, *, most: int = 1) -> None:
    """List the folder's models, load this file, and ask it for one answer."""
    started = time.perf_counter()
    found.files += 1
    found.inside += 1
    models = LocalModels(Catalog(folder / "digests.json"), [])
    try:
        listed = [model for model in models.list() if model.path == str(path)]
        if not listed:
            found.refused += 1
            return
        if found.past == most:
            found.read += 1
            return
        found.past += 1
        model = models.open(listed[0].id)
        model.load(slots=1, context_tokens=256)
        request = GenerateRequest(
            messages=(Message(role="user", content="Say a word."),),
            decoding=Decoding(mode=DecodingMode.FREE, max_tokens=4),
        )
        list(model.generate(request))
        found.worst_mb = max(found.worst_mb, model.rss_bytes / 1e6)
        found.read += 1
    except AdaptLabError as caught:
        found.refused += 1
        found.worker_deaths += int("ended during a request" in str(caught))
        if not caught.fix or "\n" in str(caught):
            found.findings.append(f"{KIND} {seed}: an error without a fix or of several lines: {str(caught)[:200]}")
    except BaseException as caught:
        place = traceback.extract_tb(caught.__traceback__)[-1]
        found.findings.append(
            f"{KIND} {seed}: {type(caught).__name__}: {str(caught)[:120]} ({place.name}:{place.lineno})"
        )
    finally:
        models.close()
        seconds = time.perf_counter() - started
        found.worst_s = max(found.worst_s, seconds)
        if seconds > HANG_S:
            found.findings.append(f"{KIND} {seed}: took {seconds:.1f} s")
