"""The same questions with their supporting passage at a chosen place among others: tasks made to try the context.

A passage stands in the input as retrieval would put it there (`engine.prompting.build_prompt`), so that a bare prompt
on these rows is what RAG would send, had it found just these passages in this order. Pure functions.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import UsageError
from engine.perturbing import MARK
from engine.task import Document, Example, Task

PREFIX = "context-"
PLACES = ("first", "middle", "last")


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of a document under one heading."""

    document: str
    text: str
    """With the headings above it in its first line."""


def sections(documents: Sequence[Document]) -> list[Section]:
    """Cut documents at their Markdown headings of the second level; each part begins with the headings above it."""
    found = []
    for document in documents:
        title, heading = document.name, ""
        lines: list[str] = []
        for line in [*document.text.splitlines(), "## "]:
            if line.startswith("# "):
                title = line[2:].strip()
            elif line.startswith("## "):
                body = "\n".join(lines).strip()
                if body:
                    above = f"{title} > {heading}" if heading else title
                    found.append(Section(document=document.name, text=f"{above}\n{body}"))
                heading, lines = line[3:].strip(), []
            else:
                lines.append(line)
    return found


def supported_rows(task: Task, *, split: str = "test") -> list[tuple[Example, Section]]:
    """Return the rows that one marked passage supports, each with the section that holds it."""
    by_document: dict[str, list[Section]] = {}
    for section in sections(task.documents):
        by_document.setdefault(section.document, []).append(section)
    found = []
    for example in task.split(split):
        marks: Sequence[Mapping[str, Any]] = example.metadata.get("supporting", ())
        if len(marks) != 1:
            continue
        passage = str(marks[0].get("passage", ""))
        holder = next((s for s in by_document.get(str(marks[0].get("document")), ()) if passage in s.text), None)
        if passage and holder is not None:
            found.append((example, holder))
    return found


def context_task(task: Task, *, passages: int, place: str, seed: int = 0) -> Task:
    """Return a task of the supported rows, each with so many passages before its question.

    The others are drawn from all documents, the same for every place, so that rows differ by the place alone.

    Raises:
        UsageError: no row has a marked passage, or there are too few sections, or no such place.
    """
    rows = supported_rows(task)
    every = sections(task.documents)
    if not rows:
        raise UsageError(f"No test row of '{task.id}' marks the passage that supports it.", "Choose policy-qa.")
    if not 1 <= passages <= len(every):
        raise UsageError(f"{passages} passages cannot be shown of {len(every)}.", "Ask for fewer.")
    if place not in PLACES:
        raise UsageError(f"'{place}' is no place among passages.", f"Places: {', '.join(PLACES)}.")
    at = {"first": 0, "middle": passages // 2, "last": passages - 1}[place]
    made = []
    for example, holder in rows:
        dice = random.Random(f"{seed}:context:{example.id}")
        others = [section.text for section in every if section != holder]
        dice.shuffle(others)
        shown = [*others[:at], holder.text, *others[at : passages - 1]]
        made.append(replace(example, input="\n\n".join([*shown, example.input])))
    kept = tuple(example for example in task.examples if example.split != "test")
    return replace(
        task,
        id=f"{task.id}{MARK}{PREFIX}{passages}-{place}",
        title=f"{task.title}, supporting passage {place} of {passages}",
        examples=(*kept, *made),
        documents=(),
        card={**task.card, "made_from": f"{task.id}: {passages} passages, the supporting one {place}, seed {seed}"},
    )


def is_context_task(task_id: str) -> bool:
    """Tell whether a task was made to try the context."""
    return MARK in task_id and task_id.rpartition(MARK)[2].startswith(PREFIX)
