"""What the trainer refuses before it starts a process, and that its side stays light."""

from __future__ import annotations

import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from adapters.models.gguf_header import read_header
from adapters.training import loop, trainer
from adapters.training.architectures import architecture_named, modules_for
from adapters.training.trainer import PeftTrainer
from engine.core.errors import (
    AdaptLabError,
    CancelledError,
    ModelFileError,
    NotEnoughMemoryError,
    UntrainableError,
    UsageError,
)
from engine.core.generation import ModelFacts, TokenPair
from engine.core.variant import LoraSpec

PAIRS = [TokenPair(prompt_ids=(1, 2, 3), answer_ids=(4, 5))]


def write_header(
    path: Path, facts: dict[str, int | str | float], tensors: tuple[str, ...] = ("token_embd.weight",)
) -> None:
    """Write the header of a GGUF file and no weights."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(facts) + 1)]
    # An array of strings, as a vocabulary is, stands first so that passing over it is tried.
    parts += [text("tokenizer.ggml.tokens"), struct.pack("<IIQ", 9, 8, 2), text("a"), text("bcd")]
    for name, value in facts.items():
        parts.append(text(name))
        if isinstance(value, str):
            parts += [struct.pack("<I", 8), text(value)]
        elif isinstance(value, float):
            parts += [struct.pack("<If", 6, value)]
        else:
            parts += [struct.pack("<IQ", 10, value)]
    for name in tensors:
        parts += [text(name), struct.pack("<IQQIQ", 2, 8, 100, 0, 0)]
    path.write_bytes(b"".join(parts))


def facts_of(name: str) -> dict[str, int | str | float]:
    """The facts of a small model."""
    return {
        "general.architecture": name,
        f"{name}.block_count": 2,
        f"{name}.embedding_length": 8,
        f"{name}.feed_forward_length": 16,
        f"{name}.attention.head_count": 2,
    }


def model_at(path: Path, architecture: str = "llama", parameters: int = 1000) -> ModelFacts:
    """What is known of the model in this file."""
    return ModelFacts(
        id="m",
        name="m",
        backend="llama.cpp",
        path=str(path),
        architecture=architecture,
        quantization="F32",
        size_bytes=1,
        context_tokens=64,
        parameters=parameters,
        chat_template=None,
        digest="d",
    )


def train(tmp_path: Path, **changes: Any) -> None:
    """Run a training to its end with these changes."""
    path = tmp_path / "m.gguf"
    if not path.exists():
        write_header(path, facts_of("llama"))
    arguments: dict[str, Any] = {
        "key": "k",
        "model": model_at(path),
        "pairs": PAIRS,
        "data_digest": "d",
        "spec": LoraSpec(),
        **changes,
    }
    list(PeftTrainer(tmp_path / "lora").train(**arguments))


@pytest.fixture(autouse=True)
def _no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        pytest.fail("a process was started")

    monkeypatch.setattr(trainer, "WorkerProcess", refuse)


def test_an_unknown_architecture_is_named_with_the_list(tmp_path: Path) -> None:
    """The user learns which model this is and which would do."""
    with pytest.raises(UntrainableError, match=r"'mamba'.*gemma2.*phi3.*qwen3"):
        train(tmp_path, model=model_at(tmp_path / "m.gguf", architecture="mamba"))


def test_too_little_memory_is_refused(tmp_path: Path) -> None:
    """A model that cannot fit is refused before anything is loaded."""
    with pytest.raises(NotEnoughMemoryError, match="GB"):
        train(tmp_path, model=model_at(tmp_path / "m.gguf", parameters=psutil.virtual_memory().total * 10))
    assert not (tmp_path / "lora").exists()


@pytest.mark.parametrize(
    ("more", "tensors", "said"),
    [
        ({"llama.expert_count": 8}, ("token_embd.weight",), "experts"),
        ({"llama.rope.scaling.type": "yarn"}, ("token_embd.weight",), "yarn"),
        ({}, ("token_embd.weight", "rope_factors_long.weight"), "longrope"),
    ],
)
def test_files_built_in_a_way_that_is_not_known_are_refused(
    tmp_path: Path, more: dict[str, Any], tensors: tuple[str, ...], said: str
) -> None:
    """Training them would train another model than the one that serves."""
    write_header(tmp_path / "m.gguf", {**facts_of("llama"), **more}, tensors)
    with pytest.raises(UntrainableError, match=said):
        train(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"pairs": []},
        {"pairs": [TokenPair(prompt_ids=(1,), answer_ids=())]},
        {"key": "../k"},
        {"spec": LoraSpec(rank=0)},
        {"spec": LoraSpec(learning_rate=0.0)},
        {"spec": LoraSpec(validation_share=1.0)},
        {"spec": LoraSpec(batch_size=0)},
    ],
)
def test_figures_that_make_no_sense_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Checked again in the adapter: widgets bound nothing that comes from elsewhere."""
    with pytest.raises(UsageError):
        train(tmp_path, **changes)


def test_a_training_cancelled_before_it_begins_starts_nothing(tmp_path: Path) -> None:
    """A queued training that is cancelled leaves no trace."""
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(CancelledError):
        train(tmp_path, cancel=cancel)
    assert not (tmp_path / "lora").exists()


def test_targets_are_mapped_to_what_phi3_has() -> None:
    """Phi-3 keeps q, k and v as one layer; wanting any of them trains that one, once."""
    phi3 = architecture_named("phi3")
    assert modules_for(phi3, LoraSpec().targets) == ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")
    assert modules_for(architecture_named("llama"), ("q_proj", "v_proj")) == ("q_proj", "v_proj")
    with pytest.raises(UntrainableError, match="lm_head"):
        modules_for(phi3, ("lm_head",))


def test_header_of_a_small_file(tmp_path: Path) -> None:
    """Facts are read, arrays passed over, and places of tensors found."""
    path = tmp_path / "m.gguf"
    write_header(path, {**facts_of("qwen3"), "qwen3.rope.freq_base": 500.0})
    header = read_header(path)
    assert header.architecture == "qwen3"
    assert header.whole("block_count") == 2
    assert header.number("rope.freq_base") == pytest.approx(500.0)
    place = header.tensors["token_embd.weight"]
    assert place.shape == (100, 8)
    assert place.offset_bytes % 32 == 0


@pytest.mark.parametrize("length", [0, 3, 4, 20, 40, 77, 150, 200])
def test_a_file_cut_short_anywhere_is_a_typed_error(tmp_path: Path, length: int) -> None:
    """A broken download must be told as such, never as a traceback or a hang."""
    whole, path = tmp_path / "whole.gguf", tmp_path / "m.gguf"
    write_header(whole, facts_of("llama"))
    path.write_bytes(whole.read_bytes()[:length])
    with pytest.raises(AdaptLabError) as caught:
        train(tmp_path)
    assert isinstance(caught.value, ModelFileError)


def test_a_missing_file_is_a_typed_error(tmp_path: Path) -> None:
    """A model moved away since it was listed."""
    with pytest.raises(ModelFileError, match="gone"):
        read_header(tmp_path / "gone.gguf")


def test_the_callers_bound_is_the_workers() -> None:
    """The estimate counts with the same longest sequence that the worker packs."""
    assert trainer._MOST_PACKED_TOKENS == loop.MOST_TOKENS


def test_the_callers_side_imports_nothing_heavy() -> None:
    """The web process must stay light and out of reach of native code."""
    code = (
        "import sys, adapters.training.trainer\n"
        "print([name for name in ('torch', 'transformers', 'peft', 'gguf', 'safetensors', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
