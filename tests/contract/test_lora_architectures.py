"""Every architecture that can be trained, as a tiny random model: what PyTorch computes is what llama.cpp serves.

Files are fp32, so both must agree almost to the bit; a wrong rotary base, window, soft cap, norm or row order
would show at once, with and without LoRA weights.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from adapters.models.gguf_header import GgufHeader, read_header
from adapters.training.architectures import ARCHITECTURES, Architecture, modules_for, refuse_unlike
from adapters.training.attention import use_packed_attention
from adapters.training.base_model import load_base, names_in_gguf
from adapters.training.gguf_lora import permuted, write_gguf_lora
from adapters.training.loop import packed_masks
from adapters.training.lora_layers import attach, state_of
from adapters.training.packing import pack
from engine.core.errors import UntrainableError

pytestmark = pytest.mark.timeout(300)

HEADS, KV_HEADS, HEAD_DIM, HIDDEN, FEED_FORWARD, LAYERS, VOCABULARY = 4, 2, 16, 64, 96, 6, 61
WINDOW = 12
COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "intermediate_size": FEED_FORWARD,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "pad_token_id": None,
    "bos_token_id": None,
    "eos_token_id": None,
    "initializer_range": 0.3,
}
GEMMA = {"head_dim": HEAD_DIM, "query_pre_attn_scalar": HEAD_DIM, "sliding_window": WINDOW}
CASES: dict[str, tuple[str, dict[str, Any], dict[str, float]]] = {
    "llama": (
        "llama",
        {"head_dim": HEAD_DIM, "rope_theta": 50_000.0, "tie_word_embeddings": False},
        {"rope.freq_base": 50_000.0},
    ),
    "llama stretched": ("llama", {"head_dim": HEAD_DIM, "tie_word_embeddings": True}, {"rope.freq_base": 10_000.0}),
    "qwen2": ("qwen2", {"rope_theta": 1_000_000.0, "tie_word_embeddings": True}, {"rope.freq_base": 1_000_000.0}),
    "qwen3": ("qwen3", {"head_dim": 32, "tie_word_embeddings": True}, {"rope.freq_base": 10_000.0}),
    "gemma2": (
        "gemma2",
        {**GEMMA, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
        {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "rope.freq_base": 10_000.0},
    ),
    "gemma3": ("gemma3", GEMMA, {"rope.freq_base": 1_000_000.0}),
    "phi3": ("phi3", {"tie_word_embeddings": False}, {"rope.freq_base": 10_000.0}),
}
"""Name to llama.cpp's architecture, transformers' settings, and facts of the file."""

SCORE = """
import json, sys, llama_cpp
from adapters.models.llama_cpp.loading import set_as_default
set_as_default()
wanted = json.load(sys.stdin)
found = []
for lora in wanted["loras"]:
    options = {} if lora is None else {"lora_path": lora}
    model = llama_cpp.Llama(
        wanted["model"], n_ctx=64, logits_all=True, verbose=False, n_threads=1, n_threads_batch=1,
        type_k=0, type_v=0, flash_attn=False, **options
    )
    model.eval(wanted["ids"])
    found.append(model.scores[: len(wanted["ids"])].tolist())
    model.close()
json.dump(found, open(wanted["result"], "w"))
"""


def random_model(architecture: Architecture, settings: dict[str, Any]) -> Any:
    """A model of random weights, norms included."""
    torch.manual_seed(3)
    config = AutoConfig.for_model(architecture.model_type, **COMMON, **settings)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                offset = 0.0 if architecture.norm_offset or name.endswith("bias") else 1.0
                parameter.copy_(offset + 0.3 * torch.randn_like(parameter))
    return model.eval()


def write_model(path: Path, model: Any, architecture: Architecture, facts: dict[str, float], stretch: bool) -> None:
    """Write a model as llama.cpp's converter does."""
    config, name = model.config, architecture.name
    head_dim = getattr(config, "head_dim", None) or HIDDEN // HEADS
    writer = gguf.GGUFWriter(str(path), name)
    writer.add_block_count(LAYERS)
    writer.add_context_length(256)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)
    writer.add_rope_dimension_count(head_dim)
    if name in ("qwen3", "gemma2", "gemma3"):
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    if name.startswith("gemma"):
        writer.add_sliding_window(WINDOW)
    for fact, value in facts.items():
        writer.add_float32(f"{name}.{fact}", value)
    writer.add_tokenizer_model("none")
    if stretch:
        writer.add_tensor("rope_freqs.weight", (1 + torch.arange(head_dim // 2) / 4).numpy())
    header = GgufHeader(facts={"general.architecture": name, f"{name}.block_count": LAYERS}, tensors={})
    names = names_in_gguf(header)
    for module, tensor in model.named_parameters():
        values, target = tensor.detach(), names.get_name(module, try_suffixes=(".weight", ".bias"))
        if architecture.norm_offset and target.endswith("norm.weight"):
            values = values + architecture.norm_offset
        if architecture.rows_permuted and (".attn_q." in target or ".attn_k." in target):
            values = permuted(values, HEADS if ".attn_q." in target else KV_HEADS)
        writer.add_tensor(target, values.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def torch_scores(model: Any, ids: list[int]) -> torch.Tensor:
    """Logits at every position, computed with the attention and masks that training uses."""
    with torch.no_grad():
        packed = pack([(ids, (0,))])
        states = model.model(
            input_ids=packed.ids, position_ids=packed.positions, attention_mask=packed_masks(model, packed)
        ).last_hidden_state[0]
        logits: torch.Tensor = model.lm_head(states[: len(ids)])
        cap = getattr(model.config, "final_logit_softcapping", None)
        return logits if cap is None else torch.tanh(logits / cap) * cap


@pytest.mark.parametrize("case", CASES)
def test_llama_cpp_and_pytorch_agree(case: str, tmp_path: Path) -> None:
    """The file is read as llama.cpp reads it, and LoRA weights written for it do the same in both."""
    name, settings, facts = CASES[case]
    architecture = ARCHITECTURES[name]
    original = random_model(architecture, settings)
    path, lora_path, result = tmp_path / "base.gguf", tmp_path / "lora.gguf", tmp_path / "result.json"
    write_model(path, original, architecture, facts, stretch=case == "llama stretched")
    header = read_header(path)
    refuse_unlike(header)
    model = load_base(path, header, architecture, torch.float32)
    for (one_name, one), (other_name, other) in zip(
        model.state_dict().items(), original.state_dict().items(), strict=True
    ):
        assert one_name == other_name
        assert torch.allclose(one, other, atol=1e-6), one_name
    use_packed_attention(model)
    ids = torch.randint(0, VOCABULARY, (40,), generator=torch.Generator().manual_seed(1)).tolist()
    base = torch_scores(model, ids)
    modules = modules_for(architecture, ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"))
    layers = attach(model, modules, rank=3, alpha=5.0, dropout=0.0)
    for layer in layers.values():
        torch.nn.init.normal_(layer.b, std=0.3)
    tuned = torch_scores(model, ids)
    write_gguf_lora(lora_path, state_of(layers), header, architecture, alpha=5.0, base_digest="none")
    wanted = {"model": str(path), "loras": [None, str(lora_path)], "ids": ids, "result": str(result)}
    done = subprocess.run(
        [sys.executable, "-c", SCORE],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    served_base, served_tuned = (torch.tensor(scores) for scores in json.loads(result.read_text()))
    scale = float(base.std())
    assert float((tuned - base).abs().max()) > scale / 2
    assert float((served_base - base).abs().max()) < 0.01 * scale
    assert float((served_tuned - tuned).abs().max()) < 0.01 * scale


def test_a_file_that_lacks_a_tensor_is_refused(tmp_path: Path) -> None:
    """A file cut to other tensors must not be trained with what memory happened to hold."""
    architecture = ARCHITECTURES["llama"]
    model = random_model(architecture, CASES["llama"][1])
    del model.model.layers[2].mlp.up_proj
    path = tmp_path / "base.gguf"
    write_model(path, model, architecture, CASES["llama"][2], stretch=False)
    with pytest.raises(UntrainableError, match="up_proj"):
        load_base(path, read_header(path), architecture, torch.float32)
