"""What a plan will take, before it starts: rough figures from sizes, shown as estimates."""

from __future__ import annotations

from collections.abc import Sequence

from engine.laboratory import Preflight
from engine.ports import ModelFacts
from engine.run import RunPlan
from engine.task import Task
from engine.variant import LoraSpec, Technique, TrainingPrompts, Variant

CHARACTERS_PER_TOKEN = 4.0
TOKENS_PER_WORD = 1.4
TURN_TOKENS = 6
FLOPS_PER_CORE = 60e9
"""Measured with SmolLM2-135M Q4_1 in llama.cpp and AVX-512: 225 fresh tokens/s a core, at 2 x 135M flops a token."""
TRAINING_PASSES = 1.1
"""A token forward and backward, in units of a token read while answering: 410 tokens/s on two such cores with bf16."""
WORKER_START_S = 8.0
WORKER_BYTES = 150_000_000
RETRIEVAL_BYTES = 700_000_000
TRAINER_BYTES = 900_000_000


def estimate_run(
    plan: RunPlan,
    task: Task,
    facts: ModelFacts,
    *,
    cores: int,
    free_memory_bytes: int,
    trainable: Sequence[str],
) -> Preflight:
    """Estimate time and memory of a plan, and say what stands in its way."""
    rows = len(plan.test_ids)
    by_id = {example.id: example for example in task.examples}
    row_tokens = _mean([len(by_id[i].input) for i in plan.test_ids]) / CHARACTERS_PER_TOKEN + TURN_TOKENS
    shot_tokens = _mean([len(by_id[i].input) for i in plan.train_ids]) / CHARACTERS_PER_TOKEN + 2 * TURN_TOKENS
    instructions = len(task.instructions) / CHARACTERS_PER_TOKEN
    tokens_per_s = FLOPS_PER_CORE * cores / (2 * max(facts.parameters, 1)) if facts.parameters else 1e6
    seconds = sum(
        rows
        * _row_seconds(variant, row_tokens, shot_tokens, plan.max_tokens if not task.answer.labels else 1, tokens_per_s)
        for variant in plan.variants
    )
    trainings = {variant.lora: variant for variant in plan.variants if variant.lora is not None}
    lora = next(iter(trainings), None)
    training_s = sum(
        _training_seconds(
            spec,
            len(plan.train_ids),
            row_tokens + (_fetched_tokens(variant, shot_tokens) if spec.prompts is TrainingPrompts.SERVED else 0.0),
            instructions,
            tokens_per_s,
        )
        for spec, variant in trainings.items()
    )
    retrieves = any(v.retrieval or v.technique is Technique.CLASSIFIER for v in plan.variants)
    answering = facts.size_bytes + WORKER_BYTES + (RETRIEVAL_BYTES if retrieves else 0)
    memory = max(answering, (TRAINER_BYTES + 5 * facts.parameters) if lora is not None else 0)
    problems = _problems(plan, facts, trainable, memory, free_memory_bytes, lora)
    notes = [facts.terms] if facts.terms else []
    return Preflight(
        predictions=rows * len(plan.variants),
        estimated_s=seconds + training_s + WORKER_START_S * (1 + retrieves),
        estimated_training_s=training_s,
        estimated_memory_bytes=int(memory),
        free_memory_bytes=free_memory_bytes,
        problems=tuple(problems),
        notes=tuple(notes),
    )


def _row_seconds(
    variant: Variant, row_tokens: float, shot_tokens: float, answer_tokens: float, tokens_per_s: float
) -> float:
    if not variant.generates:
        return 0.02
    fetched = _fetched_tokens(variant, shot_tokens)
    # Decoding token by token reaches about a third of the prefill rate.
    return (row_tokens + fetched + 3 * answer_tokens) / tokens_per_s


def _fetched_tokens(variant: Variant, shot_tokens: float) -> float:
    spec = variant.retrieval
    if spec is None:
        return 0.0
    return spec.examples_k * shot_tokens + spec.passages_k * spec.chunk_words * TOKENS_PER_WORD


def _training_seconds(spec: LoraSpec, rows: int, row_tokens: float, instructions: float, tokens_per_s: float) -> float:
    batches = -(-rows // spec.batch_size)
    tokens = spec.epochs * (rows * row_tokens + batches * instructions)
    return WORKER_START_S + TRAINING_PASSES * tokens / tokens_per_s


def _problems(
    plan: RunPlan,
    facts: ModelFacts,
    trainable: Sequence[str],
    memory: float,
    free: int,
    lora: LoraSpec | None,
) -> list[str]:
    problems = []
    if lora is not None and facts.architecture not in trainable:
        problems.append(
            f"LoRA cannot be trained on architecture '{facts.architecture}' "
            f"(can: {', '.join(sorted(trainable))}). Leave LoRA out, or choose another model."
        )
    if not plan.train_ids and any(v.technique is not Technique.ZERO_SHOT for v in plan.variants):
        problems.append("There are no training rows. Choose zero-shot alone, or at least one training row per class.")
    if memory > free:
        problems.append(
            f"About {memory / 1e9:.1f} GB of memory are needed, {free / 1e9:.1f} GB are free. "
            "Close other programs or choose a smaller model."
        )
    return problems


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else 0.0
