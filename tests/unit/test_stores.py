"""Where GGUF files are found: folders and other programs' stores, split files, copies, projectors; and what fits."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import pytest

from adapters.models.catalog import Catalog
from adapters.models.fit import cache_bytes_per_token, estimated_bytes, refuse_if_it_does_not_fit
from adapters.models.gguf_header import read_header
from engine.core.errors import ModelError, ModelFileError, UsageError
from tests.unit.test_gguf_header import gguf

SHAPE = {
    "llama.block_count": 4,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 8,
    "llama.attention.head_count_kv": 2,
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a home folder whose stores are looked into, and no folder of models."""
    folder = tmp_path / "somebody"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in (
        "ADAPTLAB_FIND",
        "ADAPTLAB_MODELS",
        "OLLAMA_MODELS",
        "HF_HOME",
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
    ):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """Open a catalog."""
    return Catalog(tmp_path / "digests.json")


def ids(catalog: Catalog) -> set[str]:
    """List the ids that were found, packages left out."""
    return {facts.id for facts in catalog.models()} - {"smollm2-135m-instruct", "gemma3-270m"}


def put(path: Path, data: bytes) -> Path:
    """Write a file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_stores_of_other_programs_are_found(home: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """LM Studio's, Hugging Face's and Ollama's models are listed without being named, and only while that is wanted."""
    put(home / ".lmstudio/models/maker/repo/One-Q8_0.gguf", gguf({"general.name": "one"}))
    blob = put(home / ".cache/huggingface/hub/models--m--r/blobs/abc", gguf({"general.name": "two"}))
    link = home / ".cache/huggingface/hub/models--m--r/snapshots/1/Two.gguf"
    link.parent.mkdir(parents=True)
    link.symlink_to(blob)
    data = gguf({"general.name": "three"})
    digest = hashlib.sha256(data).hexdigest()
    put(home / f".ollama/models/blobs/sha256-{digest}", data)
    layers = [
        {"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:" + "0" * 64},
        {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"},
    ]
    manifests = home / ".ollama/models/manifests/registry.ollama.ai/library"
    put(manifests / "three/1b", json.dumps({"layers": layers}).encode())
    put(manifests / "broken/latest", b"{")
    put(manifests / "away/latest", json.dumps({"layers": [{**layers[1], "digest": "sha256:../../etc"}]}).encode())
    assert ids(catalog) == {"one-q8-0", "two", "three-1b"}
    assert catalog.model("three-1b").digest == digest
    assert catalog.refused == []
    monkeypatch.setenv("ADAPTLAB_FIND", "off")
    assert ids(catalog) == set()


def test_nothing_is_written_into_a_store(home: Path, catalog: Catalog) -> None:
    """A store is another program's: looking at it changes no file and no time."""
    path = put(home / ".lmstudio/models/a/b/One.gguf", gguf())
    before = [(p, p.stat().st_mtime_ns) for p in sorted(home.rglob("*"))]
    catalog.models()
    assert catalog.model("one").path == str(path)
    assert [(p, p.stat().st_mtime_ns) for p in sorted(home.rglob("*"))] == before


def test_the_parts_of_a_split_file_are_one_model(home: Path, catalog: Catalog) -> None:
    """A model in parts is listed once, under its first part, with the size and the numbers of all."""
    folder = home / ".lmstudio/models"
    first = put(folder / "Big-00001-of-00002.gguf", gguf({"split.count": 2}))
    second = put(folder / "Big-00002-of-00002.gguf", gguf(tensors=2, offset=32))
    assert ids(catalog) == {"big"}
    facts = catalog.model("big")
    assert facts.path == str(first)
    assert facts.size_bytes == first.stat().st_size + second.stat().st_size
    assert facts.parameters == 3 * 8
    assert facts.digest == hashlib.sha256(first.read_bytes() + second.read_bytes()).hexdigest()
    second.unlink()
    assert ids(catalog) == set()
    assert "lacks 1 of its 2 parts" in catalog.refused[0]
    with pytest.raises(ModelFileError, match="lacks"):
        catalog.model(str(first))


def test_a_later_part_by_itself_is_refused_by_name(home: Path, catalog: Catalog) -> None:
    """Naming the second part of a split file says to name the first."""
    path = put(home / "Big-00002-of-00002.gguf", gguf())
    with pytest.raises((ModelFileError, UsageError), match="later part"):
        catalog.model(str(path))


def test_copies_are_listed_once(home: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same model in a folder and in a store is one model, and the copy is told."""
    data = gguf({"general.name": "same"})
    put(home / "mine/mine.gguf", data)
    put(home / ".lmstudio/models/theirs.gguf", data)
    put(home / ".lmstudio/models/other.gguf", gguf({"general.name": "else"}))
    monkeypatch.setenv("ADAPTLAB_MODELS", str(home / "mine"))
    assert ids(catalog) == {"mine", "other"}
    assert catalog.set_aside == ["theirs.gguf is a copy of mine."]


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("mmproj-model-f16.gguf", {}),
        ("vision.gguf", {"general.architecture": "clip"}),
        ("vision.gguf", {"general.type": "mmproj"}),
    ],
)
def test_a_vision_projector_is_set_aside(home: Path, catalog: Catalog, name: str, facts: dict[str, object]) -> None:
    """A projector answers nothing by itself: it is not a model, and is told as what it is."""
    put(home / ".lmstudio/models" / name, gguf(facts))
    assert ids(catalog) == set()
    assert "vision projector" in catalog.set_aside[0]


@pytest.mark.parametrize(("kind", "form"), [(4, "I"), (5, "i"), (10, "Q")])
def test_layers_without_attention_need_no_cache(tmp_path: Path, kind: int, form: str) -> None:
    """A hybrid model says for each layer how many heads it has, none where it has no attention."""
    heads = [0, 2, 0, 4]
    told = struct.pack(f"<IIQ{len(heads)}{form}", 9, kind, len(heads), *heads)
    header = read_header(put(tmp_path / "a.gguf", gguf(SHAPE | {"llama.attention.head_count_kv": told})))
    assert header.lists == {"llama.attention.head_count_kv": tuple(heads)}
    assert cache_bytes_per_token(header) == 6 * (8 + 8) * 2


def test_what_does_not_fit_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    """The estimate is the file, a KV cache per slot and buffers; what exceeds free memory is refused with both figures."""
    header = read_header(put(tmp_path / "a.gguf", gguf(SHAPE)))
    assert cache_bytes_per_token(header) == 4 * 2 * (8 + 8) * 2
    room = {"size_bytes": 10**9, "slots": 7, "context_tokens": 2048}
    needed = estimated_bytes(header, **room)
    assert needed > 10**9 + 7 * 2048 * 256
    refuse_if_it_does_not_fit(header, "a", **room, free_bytes=needed)
    with pytest.raises(ModelError, match=r"needs about 1\.2 GB") as caught:
        refuse_if_it_does_not_fit(header, "a", **room, free_bytes=needed - 1)
    assert caught.value.fix
    bare = read_header(put(tmp_path / "b.gguf", gguf()))
    assert cache_bytes_per_token(bare) == 0
