"""What docs/backends.md promises of vLLM, at a real server and the front door. Opt-in, as `tests/contract/test_vllm.py`.

The server serves the model that ships, with LoRA weights named `tickets`, and allows weights to be loaded while it runs:
`make vllm` starts such a one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from safetensors.numpy import load_file, save_file

import cli
from adapters.models.openai_compatible.client import Client
from engine.core.errors import ModelError
from tests.contract.conftest import vllm_at, vllm_url

pytestmark = [pytest.mark.model, pytest.mark.timeout(1800)]
WEIGHTS = "tickets"
TASK = ("--task", "support-tickets")


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> str:
    """Return the address of the server that was named."""
    return vllm_url(request.config)


@pytest.fixture(scope="module")
def kept_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home folder for the file."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def model(url: str, kept_home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Add the server as the user would; return the id of its model."""
    monkeypatch.setenv("ADAPTLAB_HOME", str(kept_home))
    assert cli.main(["models", "--add", f"big={url}"]) == 0
    return f"big/{vllm_at(url).facts.name}"


class Weights:
    """The LoRA weights that a server holds, changed while it runs."""

    def __init__(self, url: str) -> None:
        """Take the server, and the folder of the weights that it was started with."""
        self.client = Client("vllm", url)
        self.folder = next((Path(one["root"]) for one in self.client.models() if one["id"] == WEIGHTS), None)

    def unload(self, name: str) -> None:
        """Have the server forget weights."""
        self.client.post("/v1/unload_lora_adapter", {"lora_name": name})

    def unload_all(self) -> None:
        """Have it forget all."""
        for one in self.client.models():
            if one.get("parent"):
                self.unload(one["id"])


@pytest.fixture
def weights(url: str, model: str) -> Iterator[Weights]:
    """Let weights be changed; afterwards the server holds those that it was started with, and no others."""
    held = Weights(url)
    if held.folder is None or not held.folder.is_dir():
        pytest.skip(f"the server serves no LoRA weights '{WEIGHTS}' from this machine")
    try:
        held.unload(WEIGHTS)
    except ModelError as error:
        pytest.skip(f"the server does not change weights while it runs: {error}")
    yield held
    held.unload_all()
    assert cli.main(["models", "--load-lora", f"{model}={WEIGHTS}:{held.folder}"]) == 0


def compared(model: str, out: Path, *arguments: str, task: tuple[str, ...] = TASK) -> dict[str, dict[str, Any]]:
    """Compare; return the figures by variant."""
    assert cli.main(["compare", *task, "--model", model, *arguments, "--out", str(out)]) == 0
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return {one["variant"]: one for one in summary["variants"]}


def test_five_techniques_answer(model: str, tmp_path: Path) -> None:
    """Prompts, retrieval, and the weights that the server serves by name, which are not trained here."""
    found = compared(
        model,
        tmp_path,
        "--variants",
        "zero-shot,few-shot,rag,lora,rag+lora",
        "--limit",
        "3",
        "--prior-correction",
        "off",
    )
    assert {name: (one["n"], one["n_failed"]) for name, one in found.items()} == dict.fromkeys(found, (3, 0))
    assert found["lora"]["prepare_reused"]
    rows = pl.read_parquet(tmp_path / "predictions.parquet")
    assert len(rows) == 15
    shares = {
        (row["variant_id"], row["example_id"]): json.loads(row["probabilities"]) for row in rows.iter_rows(named=True)
    }
    assert all(sum(one.values()) <= 1 + 1e-6 and one for one in shares.values())
    for weighted, plain in (("lora", "zero-shot"), ("rag+lora", "rag")):
        assert any(shares[weighted, row] != shares[plain, row] for row in rows["example_id"])


def test_kept_prompts_are_counted(model: str, tmp_path: Path) -> None:
    """`--enable-prompt-tokens-details` tells how much of a prompt was kept: examples are the same in every row."""
    found = compared(model, tmp_path, "--variants", "few-shot", "--limit", "3", "--prior-correction", "off")
    tokens = found["few-shot"]["tokens"]
    assert 0 < tokens["cached_prompt_mean"] < tokens["prompt_mean"]


def test_every_label_has_a_probability_so_that_a_prior_can_be_taken_away(model: str, tmp_path: Path) -> None:
    """Prior correction, which servers that list a few tokens cannot have, is measured here."""
    compared(model, tmp_path, "--variants", "zero-shot", "--limit", "2", "--prior-correction", "on")
    manifest = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    (prior,) = manifest["prepared"]["zero-shot"]["priors"]
    assert prior["corrected"]
    assert len(prior["log_prior"]) == 5


def test_many_rows_in_flight_have_no_latency(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ADAPTLAB_ROWS_IN_FLIGHT=16` with `--throughput`: rows per second, and no latency of single rows."""
    monkeypatch.setenv("ADAPTLAB_ROWS_IN_FLIGHT", "16")
    found = compared(
        model, tmp_path, "--variants", "zero-shot", "--limit", "16", "--throughput", "--prior-correction", "off"
    )
    assert found["zero-shot"]["examples_per_s"] > 0
    assert found["zero-shot"]["n_failed"] == 0
    assert found["zero-shot"]["total_s"]["p50"] is None


def test_records_keep_to_their_schema(model: str, tmp_path: Path) -> None:
    """JSON under a schema: every record is valid."""
    compared(model, tmp_path, "--variants", "zero-shot", "--limit", "2", task=("--task", "order-extraction"))
    texts = pl.read_parquet(tmp_path / "predictions.parquet")["text"]
    assert len(texts) == 2
    assert all(isinstance(json.loads(text), dict) for text in texts)


def test_weights_are_loaded_while_the_server_runs(
    model: str, weights: Weights, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without weights LoRA is refused with the reason; loaded by `models --load-lora` they answer; two are one too many."""
    asked = ["--variants", "lora", "--limit", "1", "--prior-correction", "off"]
    assert cli.main(["compare", *TASK, "--model", model, *asked]) != 0
    assert "serves no LoRA weights" in capsys.readouterr().err
    assert cli.main(["models", "--load-lora", f"{model}=first:{weights.folder}"]) == 0
    assert compared(model, tmp_path, *asked)["lora"]["n_failed"] == 0
    assert cli.main(["models", "--load-lora", f"{model}=second:{weights.folder}"]) == 0
    capsys.readouterr()
    assert cli.main(["compare", *TASK, "--model", model, *asked]) != 0
    assert "several LoRA weights" in capsys.readouterr().err
    assert cli.main(["models", "--load-lora", f"{model}=third:{tmp_path}"]) != 0


def test_a_canary_finds_weights_that_change_nothing(
    model: str, weights: Weights, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights of zeros are served like any others, and no row is answered with them."""
    folder = tmp_path / "zeros"
    assert weights.folder is not None
    shutil.copytree(weights.folder, folder)
    path = folder / "adapter_model.safetensors"
    save_file({name: 0 * tensor for name, tensor in load_file(path).items()}, path)
    assert cli.main(["models", "--load-lora", f"{model}=zeros:{folder}"]) == 0
    assert cli.main(["compare", *TASK, "--model", model, "--variants", "lora", "--limit", "1"]) != 0
    assert "change nothing" in capsys.readouterr().err
