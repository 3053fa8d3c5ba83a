"""Reading GGUF headers, whole and broken, and the catalog that is made of them."""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.models.catalog import Catalog
from adapters.models.gguf_header import read_header
from engine.core.errors import ModelFileError, UsageError
from engine.core.generation import ModelFacts


def text(value: str) -> bytes:
    """Write a GGUF string."""
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def fact(name: str, value: object) -> bytes:
    """Write a fact: text, whole number, float, or raw bytes that begin with the kind."""
    if isinstance(value, bytes):
        return text(name) + value
    if isinstance(value, str):
        return text(name) + struct.pack("<I", 8) + text(value)
    if isinstance(value, float):
        return text(name) + struct.pack("<If", 6, value)
    return text(name) + struct.pack("<II", 4, int(value))  # type: ignore[call-overload]


def gguf(facts: dict[str, object] | None = None, *, tensors: int = 1, offset: int = 0, tail: int = 256) -> bytes:
    """Write a small GGUF file of version 3 with one-dimensional F32 tensors."""
    all_facts: dict[str, object] = {"general.architecture": "llama", "llama.context_length": 64, **(facts or {})}
    data = b"GGUF" + struct.pack("<IQQ", 3, tensors, len(all_facts))
    data += b"".join(fact(name, value) for name, value in all_facts.items())
    for number in range(tensors):
        data += text(f"t{number}") + struct.pack("<IQIQ", 1, 8, 0, offset)
    return data + bytes(tail)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a models folder that the catalog looks into."""
    models = tmp_path / "models"
    models.mkdir()
    monkeypatch.setenv("ADAPTLAB_MODELS", str(models))
    return models


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """Open a catalog with digests of its own."""
    return Catalog(tmp_path / "digests.json")


def read_or_refuse(path: Path) -> bool:
    """Read a file's header; tell whether it was refused with a message of one line that names the file."""
    try:
        read_header(path)
    except ModelFileError as error:
        assert path.name in error.what
        assert error.fix
        return True
    return False


def test_facts_and_tensors_are_read(tmp_path: Path) -> None:
    """What a file says of itself is read, and tensors lie where the alignment puts them."""
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf({"general.name": "Tiny 日本", "x.list": struct.pack("<IIQ3H", 9, 2, 3, 1, 2, 3)}, tensors=2))
    header = read_header(path)
    assert header.architecture == "llama"
    assert header.facts["general.name"] == "Tiny 日本"
    assert header.whole("context_length") == 64
    assert header.tensors["t1"].shape == (8,)
    assert header.tensors["t0"].offset_bytes % 32 == 0
    with pytest.raises(ModelFileError, match=r"llama\.block_count"):
        header.number("block_count")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GGUF",
        b"GGML" + bytes(100),
        b"PK\x03\x04 a zip file that was renamed",
        b"<!DOCTYPE html><title>404</title>",
        b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
        b"GGUF" + struct.pack("<IQQ", 1, 0, 0) + bytes(64),
        b"GGUF" + struct.pack("<IQQ", 3, 2**63, 2**63),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**62) + bytes(64),
        gguf({"general.alignment": 0}),
        gguf({"general.alignment": "much"}),
        gguf({"general.alignment": float("nan")}),
        gguf({"odd": struct.pack("<I", 99) + bytes(8)}),
        gguf({"deep": struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 5000}),
        gguf({"long": struct.pack("<IIQ", 9, 8, 2**60)}),
        bytes(range(256)) * 64,
    ],
    ids=lambda data: repr(data[:8]) + str(len(data)),
)
def test_what_is_no_whole_gguf_is_refused(tmp_path: Path, data: bytes) -> None:
    """Garbage, other formats, big-endian files and impossible counts are one typed error, at once."""
    path = tmp_path / "broken.gguf"
    path.write_bytes(data)
    assert read_or_refuse(path)


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    """A missing file and a folder are errors of the file, too."""
    assert read_or_refuse(tmp_path / "missing.gguf")
    assert read_or_refuse(tmp_path)


@given(data=st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changed_bytes_never_raise_anything_else(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever bytes stand in a file, it is read or refused: no other exception, no hang."""
    whole = bytearray(
        gguf({"general.file_type": 3, "a.b": "text", "l": struct.pack("<IIQ", 9, 8, 1) + text("x")}, tail=8)
    )
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "fuzz.gguf"
    path.write_bytes(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    read_or_refuse(path)
    with contextlib.suppress(ModelFileError):
        Catalog(tmp_path / "digests.json").model(str(path))


@given(data=st.binary(max_size=300))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_never_raise_anything_else(tmp_path: Path, data: bytes) -> None:
    """Random bytes behind a right beginning are read or refused."""
    path = tmp_path / "fuzz.gguf"
    path.write_bytes(b"GGUF\x03\x00\x00\x00" + data)
    read_or_refuse(path)


@pytest.mark.model
@pytest.mark.parametrize("share", [0.0, 0.00001, 0.001, 0.01, 0.02, 0.5])
def test_a_real_file_cut_short_is_refused(smollm2: ModelFacts, catalog: Catalog, tmp_path: Path, share: float) -> None:
    """A download that broke off, anywhere, is refused before any native code sees it."""
    path = tmp_path / "cut.gguf"
    with Path(smollm2.path).open("rb") as file:
        path.write_bytes(file.read(int(smollm2.size_bytes * share)))
    with pytest.raises(ModelFileError, match=r"cut\.gguf"):
        catalog.model(str(path))


@pytest.mark.model
def test_the_embedded_model_is_known(smollm2: ModelFacts) -> None:
    """The model that ships is found in its package with all its facts."""
    assert (smollm2.architecture, smollm2.quantization, smollm2.licence) == ("llama", "Q4_1", "Apache-2.0")
    assert smollm2.parameters == pytest.approx(135e6, rel=0.01)
    assert smollm2.context_tokens >= 2048
    assert smollm2.chat_template
    assert len(smollm2.digest) == 64
    assert "site-packages" in smollm2.path


def test_a_folder_is_scanned_and_broken_files_are_named(folder: Path, catalog: Catalog) -> None:
    """One broken file hides no other: good ones are listed, broken ones come with their reasons."""
    (folder / "sub").mkdir()
    (folder / "sub" / "My Model (v2).gguf").write_bytes(gguf({"general.name": "Mine"}))
    (folder / "cut.gguf").write_bytes(gguf(offset=10_000))
    (folder / "noise.gguf").write_bytes(b"noise" * 50)
    (folder / "vision.gguf").write_bytes(gguf({"general.architecture": "clip", "clip.context_length": 9}))
    (folder / "text-type.gguf").write_bytes(gguf({"general.file_type": "four", "llama.context_length": 2.5}))
    (folder / "dangling.gguf").symlink_to(folder / "nowhere.gguf")
    (folder / "readme.txt").write_text("no model")
    found = {facts.id: facts for facts in catalog.models()}
    assert found["my-model-v2"].name == "Mine"
    assert found["my-model-v2"].context_tokens == 64
    assert not {"vision", "cut", "noise", "dangling", "text-type"} & set(found)
    assert len(catalog.refused) == 2
    assert any("cut.gguf" in reason for reason in catalog.refused)
    assert any("noise.gguf" in reason for reason in catalog.refused)


def test_several_folders_and_equal_names(tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ADAPTLAB_MODELS` takes several folders, missing ones too; equal file names stay apart."""
    one, two = tmp_path / "one", tmp_path / "two"
    for number, models in enumerate((one, two)):
        models.mkdir()
        (models / "same.gguf").write_bytes(gguf({"general.name": f"Model {number}"}))
    monkeypatch.setenv("ADAPTLAB_MODELS", os.pathsep.join([str(one), "", str(tmp_path / "missing"), str(two)]))
    found = {facts.id: facts.name for facts in catalog.models()}
    assert found["same"] == "Model 0"
    assert found["same-2"] == "Model 1"
    digests = {catalog.model(name).digest for name in ("same", "same-2")}
    assert len(digests) == 2


def test_a_digest_is_kept_until_the_file_changes(folder: Path, catalog: Catalog, tmp_path: Path) -> None:
    """Hashing happens once per file; a changed file gets a new digest, and a damaged note is made again."""
    path = folder / "m.gguf"
    path.write_bytes(gguf())
    first = catalog.model("m").digest
    assert catalog.model("m").digest == first
    (tmp_path / "digests.json").write_text("{broken")
    assert Catalog(tmp_path / "digests.json").model("m").digest == first
    path.write_bytes(gguf({"general.name": "changed"}))
    assert catalog.model("m").digest != first


def test_unknown_models_come_with_the_nearest(folder: Path, catalog: Catalog) -> None:
    """A typo names what was probably meant; a path that is not there says so."""
    (folder / "tiny-llama.gguf").write_bytes(gguf())
    with pytest.raises(UsageError, match="Did you mean tiny-llama"):
        catalog.model("tiny-lama")
    with pytest.raises(UsageError, match="There is no file"):
        catalog.model("/nowhere/model.gguf")
