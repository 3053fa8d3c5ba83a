"""What a technique means on a task unless the user says otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.core.errors import UsageError, unknown_name
from engine.core.task import AnswerKind, Task
from engine.core.techniques import TECHNIQUES, Technique, able
from engine.core.variant import (
    DecodingSpec,
    LoraSpec,
    Reranker,
    RetrievalSpec,
    SearchMode,
    ShotChoice,
    TrainingPrompts,
    Variant,
)

MAX_SHOTS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class TechniqueOptions:
    """What the user may set of the techniques; None takes the default that fits the task."""

    shots_k: int | None = None
    """Few-shot: examples shown."""
    shot_choice: ShotChoice | None = None
    """Few-shot: which examples; auto decides between the same ones in every prompt and the nearest to each row."""
    examples_k: int | None = None
    """RAG: nearest training examples shown as shots."""
    passages_k: int | None = None
    """RAG: nearest document passages shown."""
    search: SearchMode | None = None
    """RAG: how the nearest are found."""
    reranker: Reranker | None = None
    """Hybrid search: how its two lists are joined."""
    chunk_words: int | None = None
    """Documents: words in a passage."""
    chunk_overlap_words: int | None = None
    """Documents: words that a passage repeats from the one before."""
    embedder: str | None = None
    """Embedder by name, as 'cli.py models' lists them; auto (the default) goes by the language of the rows. With
    several, separated by commas, RAG and classifier run once with each."""
    lora: LoraSpec | None = None
    lora_prompts: TrainingPrompts | None = None
    """RAG + LoRA: the prompts it is trained on; LoRA alone is always trained on plain ones."""


def technique_from_name(name: str) -> Technique:
    """Return the technique of this name.

    Raises:
        UsageError: there is none; the nearest names are offered.
    """
    try:
        return Technique(name.strip().lower())
    except ValueError:
        raise unknown_name("variant", name, [str(technique) for technique in TECHNIQUES]) from None


def default_variant(
    technique: Technique,
    task: Task,
    *,
    seed: int = 0,
    options: TechniqueOptions | None = None,
    decoding: DecodingSpec | None = None,
) -> Variant:
    """Specify a technique with the user's options, and sound defaults for this task where there are none."""
    chosen, facts = options or TechniqueOptions(), TECHNIQUES[technique]
    shots_k = default_shots(task) if chosen.shots_k is None else chosen.shots_k
    lora = LoraSpec() if chosen.lora is None else chosen.lora
    retrieval = _retrieval(task, chosen) if facts.retrieves else None
    if facts.trains and retrieval is not None:
        lora = replace(lora, prompts=chosen.lora_prompts or default_training_prompts(retrieval))
    return Variant(
        id=str(technique),
        technique=technique,
        shots_k=shots_k if facts.shows_shots else 0,
        shot_choice=(chosen.shot_choice or ShotChoice.AUTO) if facts.shows_shots else ShotChoice.DRAWN,
        retrieval=retrieval,
        lora=replace(lora, seed=seed) if facts.trains else None,
        decoding=decoding or DecodingSpec(),
    )


def _retrieval(task: Task, chosen: TechniqueOptions) -> RetrievalSpec:
    spec = default_retrieval(task)
    spec = replace(
        spec,
        examples_k=spec.examples_k if chosen.examples_k is None else chosen.examples_k,
        passages_k=spec.passages_k if chosen.passages_k is None else chosen.passages_k,
        mode=chosen.search or spec.mode,
        reranker=chosen.reranker or spec.reranker,
        chunk_words=spec.chunk_words if chosen.chunk_words is None else chosen.chunk_words,
        chunk_overlap_words=_overlap(spec, chosen),
    )
    if spec.examples_k + spec.passages_k == 0:
        raise UsageError("Retrieval is set to fetch nothing.", "Retrieve at least one example or passage.")
    if spec.passages_k and not task.documents:
        raise UsageError(f"The task '{task.id}' has no documents to take passages from.", "Retrieve only examples.")
    return spec


def _overlap(spec: RetrievalSpec, chosen: TechniqueOptions) -> int:
    """The user's overlap; else the usual one, made smaller where the chunks are small."""
    if chosen.chunk_overlap_words is not None:
        return chosen.chunk_overlap_words
    return min(spec.chunk_overlap_words, (chosen.chunk_words or spec.chunk_words) // 4)


def default_training_prompts(spec: RetrievalSpec) -> TrainingPrompts:
    """A model learns to read passages by training with passages; similar rows need no such training.

    On the validation rows of `policy-qa` (30 rows, one seed): token F1 52 % with served prompts, 29 % with plain ones.
    """
    return TrainingPrompts.SERVED if spec.passages_k else TrainingPrompts.PLAIN


def default_shots(task: Task) -> int:
    """One shot per label up to ten; four for other answers, three for long ones."""
    if task.has_labels:
        return min(max(len(task.answer.labels), 2), MAX_SHOTS)
    return 3 if task.answer.kind is AnswerKind.JSON else 4


def default_retrieval(task: Task) -> RetrievalSpec:
    """Similar rows as shots where answers are similar from row to row; passages where the task asks for facts."""
    if task.answer.kind is AnswerKind.SHORT and task.documents:
        # Chosen on the training and validation questions of `policy-qa`: `python cli.py bench retrieval`.
        return RetrievalSpec(
            examples_k=0,
            passages_k=3,
            mode=SearchMode.HYBRID,
            reranker=Reranker.LINEAR,
            chunk_words=40,
            chunk_overlap_words=6,
        )
    if task.has_labels:
        return RetrievalSpec(examples_k=4)
    return RetrievalSpec(examples_k=3)


def default_variants(
    techniques: Sequence[Technique],
    task: Task,
    *,
    seed: int = 0,
    options: TechniqueOptions | None = None,
    decoding: DecodingSpec | None = None,
) -> tuple[Variant, ...]:
    """Specify several techniques, each once.

    Raises:
        UsageError: none given, one given twice, or one that cannot do this task.
    """
    if not techniques:
        raise UsageError("No variant was chosen.", f"Choose from {', '.join(TECHNIQUES)}.")
    if len(set(techniques)) < len(techniques):
        raise UsageError("A variant was chosen twice.", "Name each once.")
    for technique in techniques:
        if technique not in able(labels=task.has_labels):
            raise UsageError(
                f"The {technique} cannot do '{task.id}', whose answers are not labels.", "Leave it out of the variants."
            )
    return tuple(
        default_variant(technique, task, seed=seed, options=options, decoding=decoding) for technique in techniques
    )
