"""What turns a user's files into tasks: the protocol that adapters implement, and what is measured through it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.core.generation import Message, ModelFacts
from engine.core.ports import BuiltIndex
from engine.core.run.plan import CONTEXT_TOKENS
from engine.core.steps import CancelSignal, Progress
from engine.core.task import AnswerSpec, Document, Task
from engine.core.variant import ANSWER_TOKENS
from engine.ingest.data_card import Row
from engine.ingest.leaks.meaning import find_meaning_leaks
from engine.ingest.leaks.pairs import LeakPair
from engine.ingest.leaks.record import Sides
from engine.ingest.progress import Report, part_of
from engine.ingest.table import DETECTED, FirstLook, ReadOptions, Table
from engine.metrics.intervals import quantile
from engine.running.prompting import build_prompt

_SAMPLE_ROWS = 300
_MOST_COUNTED = 2000
_EMBEDDING_PART = 0.9
"""Of the time that comparing meanings takes; the rest compares the vectors."""


class Intake(Protocol):
    """Reads tables and documents, counts tokens, embeds, and keeps tasks."""

    def first_look(self, name: str, data: bytes, asked: ReadOptions) -> FirstLook:
        """Read the first rows of a table."""
        ...

    def read_table(self, name: str, data: bytes, asked: ReadOptions, report: Report | None = None) -> Table:
        """Read a whole table."""
        ...

    def read_path(self, path: Path, asked: ReadOptions = DETECTED) -> Table:
        """Read a whole table from a file on this machine; the format is detected."""
        ...

    def read_document(self, name: str, data: bytes) -> Document:
        """Read a document as Markdown."""
        ...

    def count_tokens(self, model_id: str, prompts: Sequence[Sequence[Message]]) -> list[int]:
        """Count the tokens of prompts in the model's own chat template."""
        ...

    def render(self, model_id: str, messages: Sequence[Message]) -> tuple[str, int]:
        """Return the exact text a model is sent, and its tokens."""
        ...

    def embed(
        self,
        texts: Sequence[str],
        *,
        embedder: str = "",
        report: Report | None = None,
        cancel: CancelSignal | None = None,
    ) -> NDArray[np.float32]:
        """Embed texts as unit vectors, shape (texts, dimensions); without an embedder's id, by the bundled one."""
        ...

    def chunks(self, documents: Sequence[Document]) -> list[int]:
        """Return into how many passages each document is cut for retrieval."""
        ...

    def index(
        self, task: Task, cancel: CancelSignal | None = None, *, embedder: str = ""
    ) -> Iterator[Progress | BuiltIndex]:
        """Build the index that a run with this embedder and default settings will look for."""
        ...

    def saved_id(self, task: Task) -> str | None:
        """Return the id under which this task is kept; None if it is not."""
        ...

    def save(self, task: Task) -> str:
        """Keep a task; return the id by which it is found."""
        ...

    def pack(self, task_id: str) -> bytes:
        """Pack a task as a zip archive."""
        ...

    def unpack(self, name: str, data: bytes) -> str:
        """Keep a packed task; return its id."""
        ...

    def close(self) -> None:
        """End worker processes."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenFacts:
    """How long inputs are for a model."""

    model: str
    p50: float | None
    p95: float | None
    longest: int
    """Of the rows counted: a sample, and the longest ones."""
    counted: int
    instructions: int
    """Tokens of the instructions and the chat template."""
    room: int
    """Tokens that an input may have."""
    too_long: frozenset[int]
    """Places of rows that do not fit."""
    unchecked: int
    """Rows so long that they may not fit, and were not counted for lack of time."""


def measure_tokens(
    intake: Intake, model: ModelFacts, instructions: str, rows: Sequence[Row], report: Report | None = None
) -> TokenFacts:
    """Count the tokens of a sample of the rows, and of all rows that may not fit into the context.

    A text has at most as many tokens as UTF-8 bytes in the tokenizers used here, so short rows need no counting.
    """
    system = Message(role="system", content=instructions.strip())

    def count(chosen: Sequence[Row]) -> list[int]:
        return intake.count_tokens(
            model.id, [(system, Message(role="user", content=row.input.strip())) for row in chosen]
        )

    base = intake.count_tokens(model.id, [(system, Message(role="user", content=""))])[0]
    room = min(CONTEXT_TOKENS, model.context_tokens) - ANSWER_TOKENS - base
    step = max(len(rows) // _SAMPLE_ROWS, 1)
    sample = list(rows[::step])[:_SAMPLE_ROWS]
    lengths = [tokens - base for tokens in count(sample)]
    suspects = [row for row in rows if len(row.input) * 4 > room and len(row.input.encode("utf-8", "replace")) > room]
    suspects.sort(key=lambda row: -len(row.input))
    if report:
        report(0.5)
    checked = suspects[:_MOST_COUNTED]
    counts = [tokens - base for tokens in count(checked)] if checked else []
    longest = max([*lengths, *counts], default=0)
    if report:
        report(1.0)
    return TokenFacts(
        model=model.id,
        p50=quantile(lengths, 0.5),
        p95=quantile(lengths, 0.95),
        longest=longest,
        counted=len(sample) + len(checked),
        instructions=base,
        room=room,
        too_long=frozenset(row.place for row, tokens in zip(checked, counts, strict=True) if tokens > room),
        unchecked=len(suspects) - len(checked),
    )


def compare_meanings(
    intake: Intake,
    sides: Sides,
    *,
    embedder: str,
    report: Report | None = None,
    cancel: CancelSignal | None = None,
) -> list[LeakPair]:
    """Embed both sides, by the embedder of this id, and find test rows that say the same as a row on the learning side.

    Raises:
        UsageError: a run is in progress.
        RetrievalError: there is no embedder.
        CancelledError: it was stopped.
    """
    learn, test = sides
    tell = report or (lambda _fraction: None)
    texts = [item.text for item in (*test, *learn)]
    vectors = intake.embed(texts, embedder=embedder, report=part_of(tell, 0.0, _EMBEDDING_PART), cancel=cancel)
    return find_meaning_leaks(
        learn,
        test,
        vectors[len(test) :],
        vectors[: len(test)],
        report=part_of(tell, _EMBEDDING_PART, 1.0),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptPreview:
    """What a model would be sent for one row."""

    text: str
    tokens: int


def preview_prompt(
    intake: Intake, model_id: str, *, instructions: str, answer: AnswerSpec, query: str
) -> PromptPreview:
    """Render the zero-shot prompt of one row exactly as a run would send it."""
    task = Task(
        id="preview", title="", summary="", instructions=instructions, answer=answer,
        primary_scorer="", scorers=(), examples=(),
    )  # fmt: skip
    text, tokens = intake.render(model_id, build_prompt(task, query).messages)
    return PromptPreview(text=text, tokens=tokens)
