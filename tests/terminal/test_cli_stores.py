"""Model files in the terminal: other programs' stores are found and only read; what is no model is left out."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.terminal.reading import Run
from tests.unit.test_gguf_header import gguf

pytestmark = pytest.mark.timeout(120)
PLACES = ("ADAPTLAB_FIND", "ADAPTLAB_MODELS", "OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
HUB = "hub/models--maker--three"


@pytest.fixture
def somebody(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a user's folder whose stores are looked into."""
    folder = tmp_path / "somebody"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    for name in PLACES:
        monkeypatch.delenv(name, raising=False)
    return folder


def put(path: Path, name: str, **facts: object) -> Path:
    """Write a small model of this name, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gguf({"general.name": name, **facts}))
    return path


def put_in_hub(root: Path) -> None:
    """Write a model as a cache of Hugging Face holds it: a link to a blob."""
    blob, link = put(root / HUB / "blobs/abc", "three"), root / HUB / "snapshots/1/Three.gguf"
    link.parent.mkdir(parents=True)
    link.symlink_to(blob)


def put_at_ollama(root: Path) -> None:
    """Write a model as Ollama's store holds it: a manifest that names a blob."""
    data = gguf({"general.name": "two"})
    digest = hashlib.sha256(data).hexdigest()
    manifest = root / "manifests/registry.ollama.ai/library/two/1b"
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"}
    manifest.write_text(json.dumps({"layers": [layer]}), encoding="utf-8")
    (root / "blobs").mkdir()
    (root / f"blobs/sha256-{digest}").write_bytes(data)


def listed(run: Run) -> tuple[set[str], dict[str, Any]]:
    """Return the ids of the files that `models` lists, packages left out, and all that it says."""
    code, out, err = run("models", "--json")
    assert code == 0, err
    told = json.loads(out)
    files = {one["id"] for one in told["models"] if one["backend"] == "llama.cpp"}
    return files - {"smollm2-135m-instruct", "gemma3-270m"}, told


def state_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return the bytes and the time of change of everything in a folder."""
    return {
        str(path.relative_to(folder)): (path.read_bytes() if path.is_file() else b"", path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def test_stores_of_other_programs_are_found_and_only_read(run: Run, somebody: Path) -> None:
    """Models of LM Studio, Ollama and Hugging Face are listed by themselves, and no file or time there changes."""
    put(somebody / ".lmstudio/models/maker/repo/One-Q8_0.gguf", "one")
    put_at_ollama(somebody / ".ollama/models")
    put_in_hub(somebody / ".cache/huggingface")
    before = state_of(somebody)
    ids, told = listed(run)
    assert ids == {"one-q8-0", "two-1b", "three"}
    assert (told["refused"], told["set_aside"]) == ([], [])
    assert run("models")[0] == 0
    assert state_of(somebody) == before


@pytest.mark.parametrize(
    ("variable", "place"),
    [("OLLAMA_MODELS", ""), ("HF_HOME", ""), ("HF_HUB_CACHE", "hub")],
    ids=lambda text: text or ".",
)
def test_stores_elsewhere_are_found_by_their_variables(
    run: Run, somebody: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, place: str
) -> None:
    """The variables by which Ollama and Hugging Face are told another folder are followed."""
    elsewhere = tmp_path / "elsewhere"
    put_at_ollama(elsewhere) if variable == "OLLAMA_MODELS" else put_in_hub(elsewhere)
    assert listed(run)[0] == set()
    monkeypatch.setenv(variable, str(elsewhere / place))
    assert listed(run)[0] == {"two-1b" if variable == "OLLAMA_MODELS" else "three"}


def test_with_the_search_off_only_named_folders_are_used(
    run: Run, somebody: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ADAPTLAB_MODELS` names several folders; `ADAPTLAB_FIND=off` leaves the stores alone."""
    put(somebody / ".lmstudio/models/stored.gguf", "stored")
    put(somebody / "models/mine.gguf", "mine")
    put(tmp_path / "data/gguf/deep/other.gguf", "other")
    monkeypatch.setenv("ADAPTLAB_MODELS", os.pathsep.join(["~/models", str(tmp_path / "data/gguf")]))
    assert listed(run)[0] == {"mine", "other", "stored"}
    monkeypatch.setenv("ADAPTLAB_FIND", "off")
    assert listed(run)[0] == {"mine", "other"}
    assert "stored" not in run("models")[1]


def test_a_split_file_is_listed_once_and_whole(run: Run, somebody: Path) -> None:
    """A model in parts stands under its first part with the size of all; with a part missing it is refused by name."""
    folder = somebody / ".lmstudio/models"
    first = put(folder / "Big-00001-of-00002.gguf", "big", **{"split.count": 2})
    second = folder / "Big-00002-of-00002.gguf"
    second.write_bytes(gguf(tensors=2, offset=32))
    ids, told = listed(run)
    assert ids == {"big"}
    (big,) = [one for one in told["models"] if one["id"] == "big"]
    assert big["size_bytes"] == first.stat().st_size + second.stat().st_size
    second.unlink()
    ids, told = listed(run)
    assert ids == set()
    assert "lacks 1 of its 2 parts" in told["refused"][0]
    assert f"Not usable: {told['refused'][0]}" in run("models")[1]


def test_copies_projectors_and_embedding_models_are_left_out_by_name(
    run: Run, somebody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of copies the first is listed; what answers nothing by itself is no model; `models` says each of these."""
    store = somebody / ".lmstudio/models"
    mine = put(somebody / "models/mine.gguf", "same")
    store.mkdir(parents=True)
    (store / "theirs.gguf").write_bytes(mine.read_bytes())
    put(store / "mmproj-model-f16.gguf", "sees")
    put(store / "vectors.gguf", "embeds", **{"llama.pooling_type": 1})
    monkeypatch.setenv("ADAPTLAB_MODELS", str(mine.parent))
    ids, told = listed(run)
    assert ids == {"mine"}
    assert sorted(told["set_aside"]) == [
        "mmproj-model-f16.gguf is a vision projector: it goes with the model beside it.",
        "theirs.gguf is a copy of mine.",
        "vectors.gguf is an embedding model: it is listed with the embedders.",
    ]
    code, out, _ = run("models")
    assert code == 0
    for words in told["set_aside"]:
        assert f"Left out: {words}" in out
