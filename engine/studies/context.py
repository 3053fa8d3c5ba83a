"""Quality and latency as passages grow in number, and as the supporting one moves through them. Pure functions."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.analysis.figures import VariantFigures
from engine.analysis.marks import FigureName, Origin, marks_over_runs
from engine.analysis.run_table import RunTable
from engine.analysis.verdict.claims import Sentence
from engine.core.errors import UsageError
from engine.core.generation import ModelFacts
from engine.core.interval import Interval
from engine.core.run.plan import RunPlan
from engine.core.task import MADE_FROM, Document, Example, Task
from engine.core.techniques import Technique
from engine.core.variant import DecodingMode
from engine.metrics import wording as say
from engine.metrics.marks import marked
from engine.metrics.pairwise import compare_all, holm
from engine.running.defaults import TechniqueOptions
from engine.running.planning import plan_run
from engine.running.preflight.embedders import EmbedderChoice

SIZES = (1, 2, 4, 8)
ROWS = 60
"""Test rows, by default: prompts are long."""
AMONG = 8
"""Passages among which the supporting one moves, by default."""
LONG_CONTEXT_TOKENS = 4096
"""Room for the most passages."""


def number_plans(
    task: Task,
    facts: ModelFacts,
    *,
    sizes: Sequence[int],
    rows: int,
    decoding: DecodingMode,
    embedding: EmbedderChoice | None = None,
) -> dict[int, RunPlan]:
    """Plan a RAG run per number of passages, row by row, since latency is wanted."""
    return {
        size: plan_run(
            task,
            facts,
            techniques=[Technique.RAG],
            limit=rows,
            decoding=decoding,
            context_tokens=LONG_CONTEXT_TOKENS,
            options=TechniqueOptions(examples_k=0, passages_k=size),
            embedding=embedding or EmbedderChoice(),
        )
        for size in sizes
    }


def place_plans(
    task: Task, facts: ModelFacts, *, passages: int, rows: int, decoding: DecodingMode
) -> dict[str, tuple[Task, RunPlan]]:
    """Plan a bare-prompt run per place of the supporting passage, on the same questions, each with its task."""
    plans: dict[str, tuple[Task, RunPlan]] = {}
    for place in places_among(passages):
        made = context_task(task, passages=passages, place=place)
        plan = plan_run(
            made,
            facts,
            techniques=[Technique.ZERO_SHOT],
            limit=rows,
            train_rows=1,
            decoding=decoding,
            context_tokens=LONG_CONTEXT_TOKENS,
        )
        _task, same = plans.get(PLACES[0], (made, plan))
        plans[place] = made, replace(plan, test_ids=same.test_ids)
    return plans


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceGap:
    """One place against the best of them, on the same questions."""

    place: str
    best: str
    effect: Interval
    """Quality at this place minus quality at the best."""
    p_holm: float


def place_gaps(tables: Mapping[str, RunTable]) -> tuple[PlaceGap, ...]:
    """Compare every pair of places, corrected for their number, and return each place against the best."""
    places = [place for place in PLACES if place in tables]
    if len(places) < 2:
        return ()
    first = tables[places[0]]
    order = {example_id: row for row, example_id in enumerate(first.example_ids)}
    scores = np.zeros((len(places), len(order)))
    made = np.zeros(scores.shape, dtype=np.bool_)
    for line, place in enumerate(places):
        table = tables[place]
        for row, example_id in enumerate(table.example_ids):
            if example_id in order and table.made[0, row]:
                scores[line, order[example_id]], made[line, order[example_id]] = table.score[0, row], True
    best = places[int(np.argmax([scores[line, made[line]].mean() for line in range(len(places))]))]
    found = compare_all(places, scores, made)
    adjusted = holm([item.p_value for item in found])
    return tuple(
        PlaceGap(
            place=item.second if item.first == best else item.first,
            best=best,
            effect=item.seen_from(item.second if item.first == best else item.first),
            p_holm=p,
        )
        for item, p in zip(found, adjusted, strict=True)
        if best in {item.first, item.second}
    )


def place_words(gaps: Sequence[PlaceGap], passages: int) -> Sentence:
    """Say whether the supporting passage is lost somewhere among the others."""
    lost = [gap for gap in gaps if gap.p_holm < 0.05]
    if not gaps:
        return Sentence(text="Only one place was measured.")
    if lost:
        told = [
            f"{say.points(gap.effect.value)} ({say.span(-gap.effect.high, -gap.effect.low)}) lower "
            f"with it {_AT[gap.place]}"
            for gap in lost
        ]
        return Sentence(
            text=f"Among {passages} passages quality is highest with the answer {_AT[gaps[0].best]}; it is "
            f"{say.listed(told)}.",
            figures={gap.place: gap.effect.value for gap in lost},
        )
    worst = max(-gap.effect.low for gap in gaps)
    return Sentence(
        text=f"Among {passages} passages position makes no significant difference ("
        f"{say.bound('up to', max(worst, 0.0))} possible).",
        figures={"may_hang_on_it": worst},
    )


Found = tuple[VariantFigures, Origin]
"""The figures of a run's only variant, and where they come from."""


def number_words(found: Mapping[int, Found]) -> Sentence:
    """Say how much more passages improved quality and what they cost."""
    sizes = sorted(found)
    (few, _origin), (many, _other) = ends = found[sizes[0]], found[sizes[-1]]
    text = _best_number(found)
    if len(sizes) < 2:
        return Sentence(text=text)
    if few.total_p50_s and many.total_p50_s and few.total_p50_s.value > 0:
        ratio = many.total_p50_s.value / few.total_p50_s.value
        text += (
            f" {sizes[-1]} passages take {say.times(ratio, ratio)} as long as {sizes[0]}, with "
            f"{many.prompt_tokens:,.0f} tokens instead of {few.prompt_tokens:,.0f}{_costs(ends)}."
        )
    return Sentence(text=text)


def _best_number(found: Mapping[int, Found]) -> str:
    qualities = {size: found[size][0].quality for size in sorted(found)}
    most = max(quality.value for quality in qualities.values())
    best = [size for size, quality in qualities.items() if quality.value == most]
    at = f"{say.listed([str(size) for size in best])} passage{'s' * (best != [1])}"
    how = "the same" if len(best) == len(qualities) > 1 else "highest"
    return f"Quality is {how} at {at}: {say.share_interval(qualities[best[0]])}."


def _costs(ends: tuple[Found, Found]) -> str:
    """Say what the most passages cost beside the fewest; nothing where a price is not known."""
    if not all(item.cost.is_known for item, _from in ends):
        return ""
    before, after = (
        marked(say.money(item.cost_usd_per_1k), mark)
        for (item, _from), mark in zip(ends, marks_over_runs(FigureName.COST, ends), strict=True)
    )
    return f", and cost {after} per 1,000 answers instead of {before}"


PREFIX = "context-"

PLACES = ("first", "middle", "last")
_AT = {"first": "first", "middle": "in the middle", "last": "last"}


def places_among(passages: int) -> tuple[str, ...]:
    """Return the places that so many passages have: of two, the middle one is the last."""
    return PLACES if passages > 2 else ("first", "last")[:passages]


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
    """Return a task of the supported rows, each with this many passages before its question.

    The others are drawn from all documents, the same for every place, so that rows differ only by the place.

    Raises:
        UsageError: no row has a marked passage, or there are too few sections, or no such place.
    """
    rows = supported_rows(task)
    every = sections(task.documents)
    if not rows:
        raise UsageError(f"No test row of '{task.id}' marks the passage that supports it.", "Choose policy-qa.")
    if not 1 <= passages <= len(every):
        raise UsageError(f"{passages} passages cannot be shown: there are {len(every)}.", "Ask for fewer.")
    if place not in PLACES:
        raise UsageError(f"'{place}' is not a place among passages.", f"Places: {', '.join(PLACES)}.")
    at = {"first": 0, "middle": passages // 2, "last": passages - 1}[place]
    made = []
    for example, holder in rows:
        rng = random.Random(f"{seed}:context:{example.id}")
        others = [section.text for section in every if section != holder]
        rng.shuffle(others)
        shown = [*others[:at], holder.text, *others[at : passages - 1]]
        made.append(replace(example, input="\n\n".join([*shown, example.input])))
    kept = tuple(example for example in task.examples if example.split != "test")
    return replace(
        task,
        id=f"{task.id}{MADE_FROM}{PREFIX}{passages}-{place}",
        title=f"{task.title}, supporting passage {place} of {passages}",
        examples=(*kept, *made),
        documents=(),
        card={**task.card, "made_from": f"{task.id}: {passages} passages, the supporting one {place}, seed {seed}"},
    )
