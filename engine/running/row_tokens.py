"""About how many tokens a model reads and writes for a row: what its seconds go by. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.core.task import Example, Task
from engine.core.text.token_estimate import TURN_TOKENS, estimated_text_tokens
from engine.core.variant import PromptForm, ShotChoice, Variant

TOKENS_PER_WORD = 1.4
WRITTEN = 3.0
"""A token that is written takes as long as so many that are read: one at a time reaches a third of their rate."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowTokens:
    """Mean tokens of a task's rows."""

    row: float
    """Of a row's turn."""
    example: float
    """Of an example's two turns: its input and its answer."""
    answer: float
    instructions: float


def row_tokens(
    task: Task, answered: Iterable[Example], shown: Sequence[Example], *, answer: float | None = None
) -> RowTokens:
    """Estimate them from the texts of rows.

    Args:
        task: whose instructions are read.
        answered: whose inputs are read.
        shown: rows to learn from.
        answer: tokens of an answer; left out, the mean of the right answers to the rows to learn from.
    """
    return RowTokens(
        row=_mean([estimated_text_tokens(row.input) for row in answered]) + TURN_TOKENS,
        example=_mean([estimated_text_tokens(row.input + row.target) for row in shown]) + 2 * TURN_TOKENS,
        answer=_mean([estimated_text_tokens(row.target) for row in shown]) if answer is None else answer,
        instructions=estimated_text_tokens(task.instructions),
    )


def retrieved(variant: Variant, tokens: RowTokens) -> float:
    """Return the tokens of what is retrieved for a row."""
    spec = variant.retrieval
    if spec is None:
        return 0.0
    return spec.examples_k * tokens.example + spec.passages_k * spec.chunk_words * TOKENS_PER_WORD


def read_anew(variant: Variant, tokens: RowTokens) -> float:
    """Return the tokens that are read for each row: its own, what changes with it, and what stands after it.

    The rest of a prompt is kept by most backends.
    """
    nearest = variant.shots_k if variant.shot_choice is ShotChoice.NEAREST else 0
    after = tokens.instructions if variant.prompt.form is PromptForm.REPEATED else 0.0
    return tokens.row + retrieved(variant, tokens) + nearest * tokens.example + after


def work(variant: Variant, tokens: RowTokens) -> float:
    """Return what a row takes, in tokens read."""
    return read_anew(variant, tokens) + WRITTEN * tokens.answer


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
