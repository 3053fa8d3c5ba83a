"""The training loop: batches in, matrices out. Knows nothing of files or processes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional

from adapters.training.lora_layers import LoraLinear, State, state_of
from adapters.training.packing import Packed, Row, pack, packed_length, split_by_size
from engine.core.variant import LoraSpec

MOST_TOKENS = 1024
"""Tokens of one packed sequence; a batch that is longer is computed in parts."""
MOST_LOGITS = 24_000_000
"""Logits held at once, in numbers (each is held about three times in fp32 during the loss)."""
WARMUP_SHARE = 0.1
MOST_GRADIENT_NORM = 1.0
WEIGHT_DECAY = 0.0


@dataclass(kw_only=True, slots=True)
class Curves:
    """What was measured during training."""

    losses: list[float] = field(default_factory=list)
    """Mean loss per answer token of each step."""
    validation_losses: list[float] = field(default_factory=list)
    """Mean loss per answer token of the rows held out, after each epoch; empty if none were."""
    best_epoch: int = 0
    epochs_done: int = 0
    tokens: int = 0
    """Tokens computed, forward and backward."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """The progress of training after a step."""

    step: int
    steps: int
    loss: float
    tokens: int
    """Tokens computed so far."""
    tokens_total: int
    """Tokens that all epochs will take, estimated."""
    validation_loss: float | None = None
    """After the last step of an epoch, where rows are held out."""


def most_targets(vocabulary: int) -> int:
    """Return how many answer tokens are computed at once, so that their logits stay within bounds."""
    return max(16, MOST_LOGITS // vocabulary)


def loss_sum(model: Any, packed: Packed) -> torch.Tensor:
    """Return the summed cross-entropy at the target positions; no other position gets logits."""
    config = model.config
    states = model.model(
        input_ids=packed.ids, position_ids=packed.positions, attention_mask=packed_masks(model, packed), use_cache=False
    ).last_hidden_state[0]
    logits = model.lm_head(states.index_select(0, packed.sources)).float()
    cap = getattr(config, "final_logit_softcapping", None)
    if cap is not None:
        logits = torch.tanh(logits / cap) * cap
    return functional.cross_entropy(logits, packed.targets, reduction="sum")


def packed_masks(model: Any, packed: Packed) -> torch.Tensor | dict[str, torch.Tensor]:
    """Build the mask, or one for each kind of layer where the architecture mixes kinds."""
    config = model.config
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if kinds is None:
        return packed.mask(model.dtype, window)
    return {kind: packed.mask(model.dtype, window if kind == "sliding_attention" else None) for kind in set(kinds)}


def train_layers(
    model: Any,
    layers: dict[str, LoraLinear],
    rows: Sequence[Row],
    spec: LoraSpec,
    *,
    held_out: Sequence[Row] = (),
    on_step: Callable[[Step | None], None],
) -> tuple[State, Curves]:
    """Train the low-rank layers; return the best matrices (the last, if no rows are held out) and the curves.

    Rows that are held out are given, or else are the spec's share of the rows. `on_step` is called with None before
    each part of a step, and with a `Step` after it; it may raise to stop.
    The same rows, spec, machine and versions give the same matrices.
    """
    shuffled = random.Random(spec.seed)
    torch.manual_seed(spec.seed)
    rows = list(rows)
    if not held_out and spec.validation_share > 0 and len(rows) > 1:
        shuffled.shuffle(rows)
        count = min(len(rows) - 1, max(1, round(len(rows) * spec.validation_share)))
        held_out, rows = rows[:count], rows[count:]
    targets = most_targets(model.config.vocab_size)
    parameters = [parameter for layer in layers.values() for parameter in (layer.a, layer.b)]
    optimizer = torch.optim.AdamW(parameters, lr=spec.learning_rate, weight_decay=WEIGHT_DECAY, fused=True)
    steps_an_epoch = -(-len(rows) // spec.batch_size)
    steps = steps_an_epoch * spec.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    curves = Curves()
    best: State | None = None
    done = 0
    for epoch in range(1, spec.epochs + 1):
        shuffled.shuffle(rows)
        model.train()
        for start in range(0, len(rows), spec.batch_size):
            batch = rows[start : start + spec.batch_size]
            curves.losses.append(_step(model, parameters, optimizer, batch, targets, curves, on_step))
            schedule.step()
            done = len(curves.losses)
            on_step(
                Step(
                    step=done,
                    steps=steps,
                    loss=curves.losses[-1],
                    tokens=curves.tokens,
                    tokens_total=round(curves.tokens / done * steps),
                )
            )
        curves.epochs_done = epoch
        if not held_out:
            if epoch == spec.stop_after_epochs:
                break
            continue
        curves.validation_losses.append(_validate(model, held_out, targets, on_step))
        on_step(
            Step(
                step=done,
                steps=steps,
                loss=curves.losses[-1],
                tokens=curves.tokens,
                tokens_total=round(curves.tokens / done * steps),
                validation_loss=curves.validation_losses[-1],
            )
        )
        if curves.validation_losses[-1] <= min(curves.validation_losses):
            best, curves.best_epoch = state_of(layers), epoch
        elif epoch - curves.best_epoch >= spec.patience_epochs:
            break
    if best is None:
        best, curves.best_epoch = state_of(layers), curves.epochs_done
    return best, curves


def _rate(step: int, steps: int) -> float:
    """Rise linearly over the first tenth of the steps, then fall linearly to almost nothing."""
    warmup = max(1, round(steps * WARMUP_SHARE))
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (steps - step) / max(1, steps - warmup))


def _step(
    model: Any,
    parameters: list[torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    batch: Sequence[Row],
    targets: int,
    curves: Curves,
    on_step: Callable[[Step | None], None],
) -> float:
    count = sum(len(answer) for _, answer in batch)
    total = 0.0
    for part in split_by_size(batch, most_tokens=MOST_TOKENS, most_targets=targets):
        on_step(None)
        loss = loss_sum(model, pack(part)) / count
        on_step(None)
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
        curves.tokens += packed_length(part)
    torch.nn.utils.clip_grad_norm_(parameters, MOST_GRADIENT_NORM)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return total


def _validate(
    model: Any,
    rows: Sequence[Row],
    targets: int,
    on_step: Callable[[Step | None], None],
) -> float:
    model.eval()
    total = 0.0
    with torch.no_grad():
        for part in split_by_size(rows, most_tokens=MOST_TOKENS, most_targets=targets):
            on_step(None)
            total += loss_sum(model, pack(part)).item()
    return total / sum(len(answer) for _, answer in rows)
