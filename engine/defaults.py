"""What a technique means on a task unless the user says otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import UsageError, unknown_name
from engine.task import AnswerKind, Task
from engine.variant import LABELS, LoraSpec, RetrievalSpec, SearchMode, Technique, Variant

MAX_SHOTS = 10


def technique_from_name(name: str) -> Technique:
    """Return the technique of this name.

    Raises:
        UsageError: there is none; the nearest names are offered.
    """
    try:
        return Technique(name.strip().lower())
    except ValueError:
        raise unknown_name("variant", name, [str(technique) for technique in LABELS]) from None


def applies(technique: Technique, task: Task) -> bool:
    """Tell whether a technique can do this task: a classifier needs labels."""
    return technique is not Technique.CLASSIFIER or task.answer.kind is AnswerKind.LABEL


def default_variant(technique: Technique, task: Task, *, seed: int = 0) -> Variant:
    """Specify a technique with sound defaults for this task."""
    return Variant(
        id=str(technique),
        technique=technique,
        shots_k=default_shots(task) if technique is Technique.FEW_SHOT else 0,
        retrieval=default_retrieval(task) if technique in {Technique.RAG, Technique.RAG_LORA} else None,
        lora=LoraSpec(seed=seed) if technique in {Technique.LORA, Technique.RAG_LORA} else None,
    )


def default_shots(task: Task) -> int:
    """One shot per label up to ten; four for other answers, three for long ones."""
    if task.answer.kind is AnswerKind.LABEL:
        return min(max(len(task.answer.labels), 2), MAX_SHOTS)
    return 3 if task.answer.kind is AnswerKind.JSON else 4


def default_retrieval(task: Task) -> RetrievalSpec:
    """Similar rows as shots where answers are alike from row to row; passages where facts are asked for."""
    if task.answer.kind is AnswerKind.SHORT and task.documents:
        return RetrievalSpec(examples_k=0, passages_k=3, mode=SearchMode.HYBRID)
    if task.answer.kind is AnswerKind.LABEL:
        return RetrievalSpec(examples_k=4)
    return RetrievalSpec(examples_k=3)


def default_variants(techniques: Sequence[Technique], task: Task, *, seed: int = 0) -> tuple[Variant, ...]:
    """Specify several techniques, each once.

    Raises:
        UsageError: none given, one given twice, or one that cannot do this task.
    """
    if not techniques:
        raise UsageError("No variant was chosen.", f"Choose from {', '.join(LABELS)}.")
    if len(set(techniques)) < len(techniques):
        raise UsageError("A variant was chosen twice.", "Name each once.")
    for technique in techniques:
        if not applies(technique, task):
            raise UsageError(
                f"The {technique} cannot do '{task.id}', whose answers are not labels.", "Leave it out of the variants."
            )
    return tuple(default_variant(technique, task, seed=seed) for technique in techniques)
