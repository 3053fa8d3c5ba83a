"""What a plan's trainings will take of the memory: asked of the trainer, for rows of about so many tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from engine.core.errors import AdaptLabError
from engine.core.generation import ModelFacts, RowTokens
from engine.core.task import Example
from engine.core.text.token_estimate import TURN_TOKENS, estimated_text_tokens
from engine.core.variant import LoraSpec

TrainingBytes = Callable[[ModelFacts, LoraSpec, Sequence[RowTokens], int], int]
"""Estimates a training's memory, as `engine.core.ports.Trainer.needed_bytes`."""


def training_memory(
    facts: ModelFacts,
    train: Sequence[Example],
    fetched: Mapping[LoraSpec, float],
    instructions: float,
    needed: TrainingBytes,
) -> int:
    """Return the bytes of the largest training; 0 where the trainer refuses the model, as it will when asked to train.

    Args:
        facts: the model that is trained.
        train: the rows.
        fetched: the tokens that each training's prompts hold of what is retrieved.
        instructions: tokens with which all prompts begin.
        needed: the trainer's estimate.
    """
    most = 0
    with suppress(AdaptLabError):
        for spec, tokens in fetched.items():
            rows = [_row_tokens(row, instructions + tokens) for row in train]
            most = max(most, needed(facts, spec, rows, round(instructions)) if rows else 0)
    return most


def _row_tokens(row: Example, begin: float) -> RowTokens:
    """Estimate the tokens of a row whose prompt begins with so many."""
    prompt = round(begin + estimated_text_tokens(row.input)) + 2 * TURN_TOKENS
    return RowTokens(prompt=prompt, answer=max(round(estimated_text_tokens(row.target)), 1) + 1)
