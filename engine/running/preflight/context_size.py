"""How much context the longest prompt of a run needs, found before the model is loaded. Nothing is cut silently."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from engine.core.generation import Message
from engine.core.run.prediction import Passage
from engine.core.task import Example, Task
from engine.core.text.segments import size_spans
from engine.core.variant import Variant
from engine.running.answering import RunContext
from engine.running.prompt_forms import with_labels
from engine.running.prompting import build_prompt, max_answer_tokens

_SPARE_WORDS = 1.1
"""Chunks of documents are cut at sentences, and so may be a little longer than was asked for."""


def context_needed(context: RunContext, train: Sequence[Example], test: Sequence[Example]) -> int:
    """Return tokens of context for the longest prompt of any variant and its answer, counted by the model.

    Which examples are shown, and what retrieval will find, is not known yet: the longest training rows stand in for
    them, so this is an upper bound.
    """
    longest, answer = 0, 0
    for variant in context.plan.variants:
        if variant.generates and test:
            query = max((example.input for example in test), key=len)
            rows = sorted(train, key=lambda row: len(row.input) + len(row.target), reverse=True)
            longest = max(longest, context.model.count_tokens(stand_in_prompt(context.task, variant, query, rows)))
            answer = max(answer, max_answer_tokens(context.task, variant.decoding.max_tokens))
    return longest + answer


def stand_in_prompt(task: Task, variant: Variant, query: str, rows: Sequence[Example]) -> tuple[Message, ...]:
    """Return a prompt of a variant with the first of these rows in the place of the examples that it would show.

    Passages are of the longest document.

    Args:
        task: of the run.
        variant: whose prompt.
        query: the input that is asked about.
        rows: training rows.
    """
    shots = tuple(rows[: variant.shots_k])
    passages: list[Passage] = []
    if variant.retrieval is not None:
        passages += [
            Passage(id=row.id, kind="example", text=row.input, score=0.0, target=row.target)
            for row in rows[: variant.retrieval.examples_k]
        ]
        longest = max((document.text for document in task.documents), key=len, default="")
        words = list(itertools.islice(size_spans(longest), round(variant.retrieval.chunk_words * _SPARE_WORDS)))
        text = longest[: words[-1][1]] if words else ""
        passages += [
            Passage(id=str(place), kind="document", text=text, score=0.0)
            for place in range(variant.retrieval.passages_k)
        ]
    if variant.retrieval is not None and variant.retrieval.found_labels_only:
        task = with_labels(task, {passage.target for passage in passages if passage.kind == "example"}, variant.prompt)
    return build_prompt(task, query, prompt=variant.prompt, shots=shots, passages=passages).messages
