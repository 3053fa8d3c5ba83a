"""Training of an encoder on pairs of training rows, so that rows of one label come close. Only in the worker.

SetFit's first phase (Tunstall et al. 2022, "Efficient Few-Shot Learning Without Prompts", arXiv 2209.11055): the cosine
similarity of two rows is drawn to 1 where they have the same label and to 0 where they do not, by mean squared error.
sentence-transformers' trainer would do it and needs the package `datasets`; its loss needs nothing more, and the loop
around it is this short.

A step takes few rows and many pairs of them: a row is embedded once for all its pairs, and embedding is what takes the
time.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss
from transformers import get_linear_schedule_with_warmup

from adapters.cores import usable_cores
from adapters.retrieval.encoder import Encoder
from engine.core.steps import check_cancelled, seconds_left

ANCHORS = 8
"""Rows that a step is built around; each brings a row of its own label."""
ROUNDS = 2
"""How often each training row is an anchor, between the fewest and the most steps.

Measured on four draws of 50 rows of `support-tickets`, the 55 other rows of its training and validation splits held
out: 74 % right on average (66 % before the training), 74 % with 4 rounds; with twice the learning rate 72 %.
"""
FEWEST_STEPS = 12
MOST_STEPS = 60
LONGEST_TOKENS = 128
"""Of a longer text the training reads the beginning: bounds the time and the memory of a step."""
GROUP_ROWS = 8
"""Rows of similar length that are embedded at once: they are padded to the longest of them alone."""
LEARNING_RATE = 1e-4
"""Peak of the schedule, which rises over a tenth of the steps and then falls to 0."""
WEIGHT_DECAY = 0.01
LONGEST_GRADIENT = 1.0
"""Gradients are scaled down to this norm."""

Report = Callable[[float, float | None, str], None]
"""Receives the share that is done (0 to 1), the estimated seconds left, and which step it was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What one step learns from."""

    rows: tuple[int, ...]
    """Different training rows."""
    pairs: tuple[tuple[int, int], ...]
    """Places in `rows`."""
    targets: tuple[float, ...]
    """For each pair 1 if its rows have the same label, else 0."""


def plan_steps(targets: Sequence[str], *, seed: int) -> list[Step]:
    """Draw the steps of a training: the same labels and seed give the same ones.

    A step's pairs are all pairs of one label among its rows, and as many pairs of two labels, at least one per anchor
    where there are so many.
    """
    draw = random.Random(seed)
    by_label: dict[str, list[int]] = {}
    for row, target in enumerate(targets):
        by_label.setdefault(target, []).append(row)
    deck: list[int] = []
    steps = []
    for _ in range(min(MOST_STEPS, max(FEWEST_STEPS, math.ceil(len(targets) * ROUNDS / ANCHORS)))):
        rows: set[int] = set()
        for _ in range(ANCHORS):
            if not deck:
                deck = draw.sample(range(len(targets)), len(targets))
            anchor = deck.pop()
            others = [row for row in by_label[targets[anchor]] if row != anchor]
            rows |= {anchor, draw.choice(others)} if others else {anchor}
        steps.append(_step(sorted(rows), targets, draw))
    return steps


def train_encoder(
    texts: Sequence[str], targets: Sequence[str], *, seed: int, report: Report, cancel: threading.Event
) -> Encoder:
    """Train an encoder; the same rows and seed give the same one on the same machine.

    Raises:
        CancelledError: `cancel` was set between two steps.
    """
    steps = plan_steps(targets, seed=seed)
    with _repeatable(seed):
        encoder = Encoder()
        _train(encoder, texts, steps, report, cancel)
    encoder.model.zero_grad(set_to_none=True)
    _give_back_memory()
    return encoder


def _step(rows: Sequence[int], targets: Sequence[str], draw: random.Random) -> Step:
    pairs = [(first, second) for first in range(len(rows)) for second in range(first + 1, len(rows))]
    same = [pair for pair in pairs if targets[rows[pair[0]]] == targets[rows[pair[1]]]]
    different = [pair for pair in pairs if targets[rows[pair[0]]] != targets[rows[pair[1]]]]
    different = draw.sample(different, min(len(different), max(len(same), ANCHORS)))
    return Step(
        rows=tuple(rows),
        pairs=(*same, *different),
        targets=(1.0,) * len(same) + (0.0,) * len(different),
    )


@contextlib.contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """Make torch's draws and sums repeatable within the block, and leave its settings as they were."""
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(mode=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(mode=before[0])
            torch.set_num_threads(before[1])


def _train(
    encoder: Encoder, texts: Sequence[str], steps: Sequence[Step], report: Report, cancel: threading.Event
) -> None:
    torch.set_num_threads(usable_cores())
    model = encoder.model.train()
    loss_of = CosineSimilarityLoss(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = get_linear_schedule_with_warmup(optimizer, len(steps) // 10, len(steps))
    started_s = time.monotonic()
    for number, step in enumerate(steps, 1):
        check_cancelled(cancel, "Training the encoder was stopped.", "Nothing was kept.")
        vectors = _embed(encoder, [texts[row] for row in step.rows])
        first, second = torch.tensor(step.pairs).T
        loss = loss_of.compute_loss_from_embeddings([vectors[first], vectors[second]], torch.tensor(step.targets))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), LONGEST_GRADIENT)
        optimizer.step()
        schedule.step()
        left_s = seconds_left(time.monotonic() - started_s, number, len(steps))
        report(number / len(steps), left_s, f"step {number} of {len(steps)}")
    model.eval()


def _give_back_memory() -> None:
    """Free what the training took, 0.5 GB, which the process would keep for itself else."""
    # Modules refer to each other in circles.
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _embed(encoder: Encoder, texts: Sequence[str]) -> torch.Tensor:
    """Embed texts so that gradients can flow; return shape (texts, dimensions)."""
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    groups = [order[first : first + GROUP_ROWS] for first in range(0, len(order), GROUP_ROWS)]
    parts = [
        encoder.model(encoder.features([texts[place] for place in group], longest_tokens=LONGEST_TOKENS))
        for group in groups
    ]
    vectors = torch.cat([part["sentence_embedding"] for part in parts])
    return vectors[torch.argsort(torch.tensor(order))]
