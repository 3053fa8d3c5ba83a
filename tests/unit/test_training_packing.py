"""Packing: what it lays out, and that loss and gradients are those of the padded batch."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import AutoConfig, AutoModelForCausalLM

from adapters.training.attention import use_packed_attention
from adapters.training.loop import loss_sum
from adapters.training.lora_layers import attach
from adapters.training.packing import Row, common_prefix, pack, packed_length, split_by_size

VOCABULARY = 97

torch.set_num_threads(1)
COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "pad_token_id": None,
    "bos_token_id": None,
    "eos_token_id": None,
}
GEMMA = {"head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 6}
MODELS: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"sliding_window": 6},
    "qwen2": {},
    "qwen3": {"head_dim": 8},
    "gemma2": {**GEMMA, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0},
    "gemma3_text": {**GEMMA, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
    "phi3": {"sliding_window": 6},
}
PLAIN = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
FUSED = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")


def rows_with_prefix(*, prefix: int, count: int, seed: int = 1) -> list[Row]:
    """Make rows of unlike lengths that share their first tokens."""
    chance = random.Random(seed)

    def some(low: int, high: int) -> list[int]:
        return [chance.randrange(VOCABULARY) for _ in range(chance.randint(low, high))]

    shared = some(prefix, prefix)
    return [(tuple(shared + [number + 1] + some(2, 9)), tuple(some(1, 4))) for number in range(count)]


def padded_loss(model: Any, rows: list[Row]) -> torch.Tensor:
    """The plain way: one row a sequence, padded on the right, transformers' own attention, all logits."""
    longest = max(len(prompt) + len(answer) for prompt, answer in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    attended = torch.zeros(len(rows), longest, dtype=torch.long)
    labels = torch.full((len(rows), longest), -100)
    for number, (prompt, answer) in enumerate(rows):
        whole = torch.tensor([*prompt, *answer])
        ids[number, : len(whole)] = whole
        attended[number, : len(whole)] = 1
        labels[number, len(prompt) : len(whole)] = torch.tensor(answer)
    logits = model(input_ids=ids, attention_mask=attended, use_cache=False).logits
    return functional.cross_entropy(
        logits[:, :-1].reshape(-1, VOCABULARY), labels[:, 1:].reshape(-1), ignore_index=-100, reduction="sum"
    )


def tiny_model(kind: str) -> tuple[Any, dict[str, Any]]:
    """A random model of one architecture in fp32 with random low-rank layers."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **COMMON, **MODELS[kind])
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
    model.requires_grad_(requires_grad=False)
    layers = attach(model, FUSED if kind == "phi3" else PLAIN, rank=3, alpha=6.0, dropout=0.0)
    for layer in layers.values():
        torch.nn.init.normal_(layer.b, std=0.2)
    return model, layers


def gradients(layers: dict[str, Any], loss: torch.Tensor) -> torch.Tensor:
    """All gradients of the low-rank matrices as one vector."""
    parameters = [part for layer in layers.values() for part in (layer.a, layer.b)]
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, parameters)])


@pytest.mark.parametrize("kind", MODELS)
def test_packed_and_padded_batches_have_the_same_loss_and_gradients(kind: str) -> None:
    """The whole speed-up rests on this: packing changes nothing but the time, windows and soft caps included."""
    model, layers = tiny_model(kind)
    rows = rows_with_prefix(prefix=12, count=5)
    plain = padded_loss(model, rows)
    plain_gradients = gradients(layers, plain)
    use_packed_attention(model)
    packed = loss_sum(model, pack(rows))
    packed_gradients = gradients(layers, packed)
    assert packed.item() == pytest.approx(plain.item(), rel=1e-5)
    assert plain_gradients.norm() > 0
    assert torch.allclose(packed_gradients, plain_gradients, rtol=1e-3, atol=1e-5 * plain_gradients.abs().max().item())


def test_long_sequences_take_the_fused_kernel_to_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch at long sequences must not change what is learned."""
    model, layers = tiny_model("llama")
    use_packed_attention(model)
    rows = rows_with_prefix(prefix=12, count=5)
    ours = gradients(layers, loss_sum(model, pack(rows)))
    monkeypatch.setattr("adapters.training.attention._FUSED_FROM_TOKENS", 1)
    fused = gradients(layers, loss_sum(model, pack(rows)))
    assert torch.allclose(ours, fused, rtol=1e-3, atol=1e-5 * ours.abs().max().item())


def test_parts_of_a_batch_add_up_to_the_batch() -> None:
    """A batch that is too long for one sequence is computed in parts, with the same gradients."""
    model, layers = tiny_model("qwen3")
    use_packed_attention(model)
    rows = rows_with_prefix(prefix=12, count=6)
    whole = gradients(layers, loss_sum(model, pack(rows)))
    parts = list(split_by_size(rows, most_tokens=40, most_targets=100))
    assert len(parts) > 1
    summed = sum((gradients(layers, loss_sum(model, pack(part))) for part in parts), torch.zeros(()))
    assert torch.allclose(whole, summed, rtol=1e-3, atol=1e-5 * whole.abs().max().item())


def test_layout_of_a_small_batch() -> None:
    """The layout, written out by hand: prefix once, positions go on from it, last answer token not fed."""
    rows: list[Row] = [((1, 2, 3), (7, 8)), ((1, 2, 4, 5), (9,))]
    packed = pack(rows, round_to=1)
    assert packed.ids.tolist() == [[1, 2, 3, 7, 4, 5]]
    assert packed.positions.tolist() == [[0, 1, 2, 3, 2, 3]]
    assert packed.segments.tolist() == [0, 0, 1, 1, 2, 2]
    assert packed.sources.tolist() == [2, 3, 5]
    assert packed.targets.tolist() == [7, 8, 9]
    assert packed_length(rows) == packed.ids.numel()
    seen = packed.mask(torch.float32)[0, 0] == 0
    assert seen[5].tolist() == [True, True, False, False, True, True]
    assert seen[3].tolist() == [True, True, True, True, False, False]


def test_filling_up_is_seen_by_no_row() -> None:
    """Lengths are rounded up; what fills up is not a target and takes part in no row."""
    rows: list[Row] = [((1, 2, 3), (7, 8)), ((1, 2, 4, 5), (9,))]
    plain, filled = pack(rows, round_to=1), pack(rows, round_to=4)
    assert filled.ids.shape == (1, 8)
    assert filled.sources.tolist() == plain.sources.tolist()
    seen = filled.mask(torch.float32)[0, 0] == 0
    assert not seen[:6, 6:].any()
    assert seen.any(dim=1).all()


@pytest.mark.parametrize(
    ("prompts", "shared"),
    [
        ([(1, 2, 3), (1, 2, 3)], 2),
        ([(1, 2, 3)], 2),
        ([(1, 2), (3, 4)], 0),
        ([(5,), (5, 6)], 0),
    ],
)
def test_prefix_leaves_each_row_its_last_prompt_token(prompts: list[tuple[int, ...]], shared: int) -> None:
    """The last prompt token predicts the first answer token, so each row keeps its own."""
    assert common_prefix([(prompt, (1,)) for prompt in prompts]) == shared


def test_a_row_that_exceeds_the_bound_stands_alone() -> None:
    """No row is ever dropped or cut for its length."""
    rows: list[Row] = [((1,) * 50, (2,)), ((1, 3), (2,)), ((1, 4), (2,))]
    parts = list(split_by_size(rows, most_tokens=10, most_targets=10))
    assert [row for part in parts for row in part] == rows
    assert parts[0] == [rows[0]]
