"""A GGUF answers on every processor that llama.cpp is compiled for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import llama_cpp
import pytest
from llama_cpp import llama_cpp as bindings

from adapters.models.llama_cpp.loading import set_as_default
from adapters.models.llama_cpp.native import NativeModel
from tests.sentencepiece_gguf import write_sentencepiece

BUILDS = {
    "Xeon with AMX": (b"CPU : AVX2 = 1 | AVX512_BF16 = 1 | AMX_INT8 = 1 | LLAMAFILE = 1 | REPACK = 1 | ", False),
    "EPYC": (b"CPU : AVX2 = 1 | AVX512_BF16 = 1 | LLAMAFILE = 1 | REPACK = 1 | ", True),
    "ARM": (b"CPU : NEON = 1 | ARM_FMA = 1 | REPACK = 1 | ", True),
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[bool]:
    """Say what llama.cpp was built for; note for each model that is loaded whether its weights may be reordered."""
    noted: list[bool] = []
    load = bindings.llama_model_load_from_file

    def loaded(path: bytes, parameters: Any) -> Any:
        noted.append(bool(parameters.use_extra_bufts))
        return load(path, parameters)

    monkeypatch.setattr(bindings, "llama_print_system_info", lambda: request.param)
    monkeypatch.setattr(bindings, "llama_model_default_params", bindings.llama_model_default_params)
    for module in (llama_cpp, bindings):
        monkeypatch.setattr(module, "llama_model_load_from_file", loaded)
    return noted


@pytest.mark.parametrize(("asked", "repacked"), BUILDS.values(), ids=BUILDS, indirect=["asked"])
def test_weights_stay_in_their_order_where_llama_cpp_would_use_amx(
    tmp_path: Path, asked: list[bool], repacked: bool
) -> None:
    path = write_sentencepiece(tmp_path / "words.gguf")
    NativeModel(str(path), vocabulary_only=True).free()
    set_as_default()
    llama_cpp.Llama(str(path), vocab_only=True, verbose=False).close()
    assert asked == [repacked, repacked]
