"""LoRA weights at a real llama-server: switched per request, off for the base, and the same as in llama.cpp here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest

from adapters.models.gguf_header import read_header
from adapters.models.llama_cpp.client import LlamaCppModel
from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.dialects import LLAMA_SERVER
from adapters.models.openai_compatible.listing import list_models
from adapters.models.openai_compatible.model import OpenAICompatibleModel
from engine.core.errors import UnsupportedError
from engine.core.generation import ModelFacts
from tests import served
from tests.contract.test_language_model import ask
from tests.helpers import NEAR_TIE, complete, lora_at

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(300),
]
KEY = "0123456789abcdef"
COLOURS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def weights(smollm2: ModelFacts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write random LoRA weights on two layers: enough to change every answer, quick to make."""
    path = tmp_path_factory.mktemp("lora") / KEY / "lora.gguf"
    path.parent.mkdir()
    header, generator = read_header(Path(smollm2.path)), np.random.default_rng(5)
    writer = gguf.GGUFWriter(str(path), header.architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    for name in ("blk.4.ffn_down.weight", "blk.20.attn_output.weight"):
        rows, columns = header.tensors[name].shape
        writer.add_tensor(f"{name}.lora_a", generator.normal(0, 0.4, (4, columns)).astype(np.float32))
        writer.add_tensor(f"{name}.lora_b", generator.normal(0, 0.4, (rows, 4)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def with_lora(smollm2: ModelFacts, weights: Path) -> Iterator[OpenAICompatibleModel]:
    """Start a llama-server that holds these weights, on by default, as its own default is."""
    with served.llama_server(smollm2.path, str(weights)) as url:
        client = Client("contract", url)
        (facts,) = list_models(client)
        model = OpenAICompatibleModel(facts, client, LLAMA_SERVER)
        model.load(slots=2, context_tokens=1024)
        yield model
        model.close()


def test_weights_are_on_for_lora_and_off_for_the_base(
    with_lora: OpenAICompatibleModel, loaded_smollm2: LlamaCppModel, weights: Path
) -> None:
    """The base answers without the weights though the server's default is with them; both agree with llama.cpp here."""
    held = with_lora.served_lora()
    assert held == lora_at(KEY)
    changes = []
    for text in ("Which one?", "Name one.", "What do you like best?"):  # nothing that the model is sure of
        request = ask(text, system="Name a colour.", labels=COLOURS)
        base, tuned = complete(with_lora, request), complete(with_lora, replace(request, lora=held))
        for theirs, here in ((base, None), (tuned, lora_at(weights))):
            ours = complete(loaded_smollm2, replace(request, lora=here))
            assert theirs.probabilities == pytest.approx(ours.probabilities, abs=NEAR_TIE)  # another build's kernels
        changes += [abs(base.probabilities[label] - tuned.probabilities[label]) for label in COLOURS]
    assert max(changes) > 0.05


def test_other_weights_are_refused(with_lora: OpenAICompatibleModel) -> None:
    """Weights that the server does not hold are not taken for those it holds."""
    with pytest.raises(UnsupportedError, match="does not serve"):
        complete(with_lora, replace(ask("Where?"), lora=lora_at("/elsewhere/lora.gguf")))
