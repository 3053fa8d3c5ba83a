"""Whether a prompt that lists all labels of a task fits into the context, found before a run. Nothing is cut silently.

Where it does not, techniques that need all labels in their prompts are refused with the figures, and retrieval shows
only the labels of the examples that it finds: those are then the only ones it can choose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.core.capabilities import Capabilities, Support
from engine.core.generation import Message, ModelFacts
from engine.core.run.plan import RunPlan
from engine.core.task import Example, Task
from engine.core.variant import DecodingMode, PriorCorrection, TrainingPrompts, Variant, effective_mode, variant_names
from engine.metrics import wording as say
from engine.running.preflight.context_size import stand_in_prompt
from engine.running.prompt_forms import with_labels
from engine.running.prompting import max_answer_tokens

Count = Callable[[Sequence[Sequence[Message]]], Sequence[int]]
"""Counts the tokens of prompts in the model's own chat template."""

LEAST_SHARE = 0.25
"""Labels that take less of the context than this are not why a prompt is too long: its rows or passages are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelRoom:
    """Prompts of a plan that do not fit for their labels."""

    room: int
    """Tokens of the context."""
    needed: Mapping[str, int]
    """By variant: tokens of a prompt with all labels, for a row and examples of middling length, and of its answer."""


def label_room(
    plan: RunPlan, task: Task, facts: ModelFacts, capabilities: Capabilities | None, count: Count
) -> LabelRoom:
    """Find the variants whose prompts would fit but for the number of labels.

    Rows differ in length: a single one that is too long fails alone, as it does with few labels. Tokens are counted
    only where the labels alone could take a good part of the context.

    Args:
        plan: of the run.
        task: names the labels.
        facts: the model that answers; a server gives as much context as its model reads.
        capabilities: of its backend; no plan is judged by tokens that are estimated.
        count: counts the tokens of prompts.
    """
    room = facts.context_tokens if facts.server else plan.context_tokens
    exact = not facts.server or (capabilities is not None and capabilities.counts_tokens is Support.YES)
    if not task.has_labels or not exact or not room or not plan.test_ids:
        return LabelRoom(room=room, needed={})
    one = with_labels(task, task.answer.labels[:1])
    if len(task.instructions.encode()) - len(one.instructions.encode()) < LEAST_SHARE * room:
        return LabelRoom(room=room, needed={})
    rows = _middling(task.rows(plan.train_ids))
    # A test row is looked at only where there is no other, and then nothing is chosen by it.
    query = (rows or _middling(task.rows(plan.test_ids)))[0].input
    asked = [_with_all_labels(variant) for variant in plan.variants if variant.generates]
    prompts = [stand_in_prompt(own, variant, query, rows) for variant in asked for own in (task, one)]
    longest = max(task.answer.words.values(), key=lambda word: len(word.encode()))
    label = [(Message(role="user", content=text),) for text in (longest, "")]
    *counted, labelled, empty = count([*prompts, *label])
    needed = {}
    for place, variant in enumerate(asked):
        choice = effective_mode(task, variant.decoding.mode) is DecodingMode.CHOICE
        answer = labelled - empty + 1 if choice else max_answer_tokens(task, variant.decoding.max_tokens)
        whole, without = counted[2 * place] + answer, counted[2 * place + 1] + answer
        if whole > room >= without:
            needed[variant.id] = whole
    return LabelRoom(room=room, needed=needed)


def _middling(rows: Sequence[Example]) -> list[Example]:
    """Sort rows so that those of middling length come first."""
    by_length = sorted(rows, key=lambda row: len(row.input))
    middle = len(by_length) // 2
    places = sorted(range(len(by_length)), key=lambda place: abs(place - middle))
    return [by_length[place] for place in places]


def can_choose_fewer(variant: Variant) -> bool:
    """Tell whether a variant can show some labels alone: those of the examples that it finds for a row.

    Weights that are trained on bare prompts have seen all labels in them.
    """
    if variant.retrieval is None or not variant.retrieval.examples_k:
        return False
    return variant.lora is None or variant.lora.prompts is TrainingPrompts.SERVED


def with_found_labels(plan: RunPlan, room: LabelRoom) -> RunPlan:
    """Return the plan with those variants choosing among labels of found examples whose prompts cannot hold all labels.

    Their label prior is not measured: it takes the probability of every label.
    """
    variants = []
    for variant in plan.variants:
        if variant.id in room.needed and variant.retrieval is not None and can_choose_fewer(variant):
            spec = replace(variant.retrieval, found_labels_only=True)
            decoding = replace(variant.decoding, prior_correction=PriorCorrection.OFF)
            variants.append(replace(variant, retrieval=spec, decoding=decoding))
        else:
            variants.append(variant)
    return replace(plan, variants=tuple(variants))


def label_room_told(
    plan: RunPlan, task: Task, facts: ModelFacts, room: LabelRoom
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what keeps the plan from running, with the figures and the way out, and what the user should know."""
    labels, context = say.number(len(task.answer.labels)), say.number(room.room)
    names = variant_names(plan.variants)
    refused = [v for v in plan.variants if v.id in room.needed and not _narrow(v)]
    problems = []
    if refused:
        told = say.listed(
            [f"{names[variant.id]} ({say.number(room.needed[variant.id])} tokens)" for variant in refused]
        )
        most = max(room.needed[variant.id] for variant in refused)
        parts = [
            f"With all {labels} labels, prompt and answer do not fit into the context of {context} tokens: {told}.",
            "Leave these variants out, or retrieve examples: RAG then shows only the labels of those that it finds.",
        ]
        if any(variant.retrieval is not None and variant.retrieval.examples_k for variant in refused):
            parts.append("RAG + LoRA does so if it is trained on what it retrieves (terminal: --lora-prompts served).")
        if not facts.server and most <= facts.context_tokens:
            reads = say.number(facts.context_tokens)
            parts.append(
                f"In the terminal, --context {most} gives these variants room; the model reads {reads} tokens."
            )
        problems.append(" ".join(parts))
    notes = [
        f"{names[variant.id]} shows in each prompt only the labels of the {variant.retrieval.examples_k} examples that "
        f"it finds, and can choose no other: with all {labels} labels a prompt takes "
        f"{say.number(room.needed[variant.id])} tokens, and the context has {context}. Its answers are not corrected "
        f"for a prior."
        for variant in plan.variants
        if variant.id in room.needed and variant.retrieval is not None and _narrow(variant)
    ]
    return tuple(problems), tuple(notes)


def _with_all_labels(variant: Variant) -> Variant:
    """Return a variant as if all labels fitted."""
    if variant.retrieval is None:
        return variant
    return replace(variant, retrieval=replace(variant.retrieval, found_labels_only=False))


def _narrow(variant: Variant) -> bool:
    return variant.retrieval is not None and variant.retrieval.found_labels_only
