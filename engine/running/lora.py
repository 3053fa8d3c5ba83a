"""LoRA weights for a run, a training or the playground: found or trained in one way, and tried before they are used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from engine.core.errors import CanaryError, TrainingError
from engine.core.generation import (
    Completion,
    Decoding,
    GenerateRequest,
    LoraWeights,
    Message,
    ModelFacts,
    TokenPair,
    completion_of,
)
from engine.core.ports import LanguageModel, Trainer
from engine.core.steps import CancelSignal, Progress
from engine.core.task import Example, Task
from engine.core.variant import DecodingMode, LoraSpec, PromptSpec
from engine.running.answering import ReadyVariant, RunContext
from engine.running.preflight.backend_checks import lora_comes_with_the_server
from engine.running.prompting import build_prompt, training_answer

CANARY_LEAST_CHANGE = 1e-4
"""Smallest change of a class probability to count; numerical noise between two evaluations of one base is exactly 0."""

CANARY_TOKENS = 48
"""Length of the free text that is compared where there are no probabilities."""

TrainingPair = tuple[tuple[Message, ...], str]
"""A prompt and its right answer."""


def training_pairs(task: Task, train: Sequence[Example], prompt: PromptSpec | None = None) -> list[TrainingPair]:
    """Return the prompts, as the plain variant serves them, with their right answers."""
    return [
        (build_prompt(task, row.input, prompt=prompt).messages, training_answer(task, row, prompt)) for row in train
    ]


def find_or_train(
    model: LanguageModel,
    trainer: Trainer,
    texts: Sequence[TrainingPair],
    spec: LoraSpec,
    *,
    about: Mapping[str, Any],
    cancel: CancelSignal,
    held_out: Sequence[TrainingPair] = (),
) -> Generator[Progress, None, tuple[LoraWeights, bool]]:
    """Train weights on these prompts and answers, or find existing ones; yields progress.

    Args:
        model: the base; its tokenizer makes the training rows.
        trainer: trains and keeps.
        texts: prompts and answers.
        spec: how to train.
        about: what the weights are for, noted beside them once they are trained.
        cancel: stops a training; it leaves nothing behind.
        held_out: prompts and answers that are not trained on, but decide after which epoch training is best ended.

    Returns:
        The weights, and whether they existed before.

    Raises:
        AdaptLabError: the training was refused, stopped or failed, or the weights fit another base.
    """
    pairs = model.tokenize_pairs(texts)
    held = model.tokenize_pairs(held_out) if held_out else []
    digest = data_digest([*pairs, *held])
    if held:
        digest = f"{digest}:{len(held)}"
    key = lora_key(model.facts, digest, spec)
    weights = trainer.find(key)
    found = weights is not None
    if weights is None:
        for step in trainer.train(
            key=key, model=model.facts, pairs=pairs, held_out=held, data_digest=digest, spec=spec, cancel=cancel
        ):
            if isinstance(step, LoraWeights):
                weights = step
            else:
                yield step
    if weights is None:
        raise TrainingError("The trainer ended without weights.", "Start it again.")
    check_belonging(weights, model.facts)
    if not found:
        trainer.note(key, {**about, "rows": len(texts)})
    return weights, found


def servers_weights(model: LanguageModel) -> LoraWeights | None:
    """Return the weights that the model's server holds; None where weights are those that were trained here.

    Raises:
        AdaptLabError: the server holds none, or several.
    """
    return model.served_lora() if lora_comes_with_the_server(model.facts, model.capabilities) else None


def kept_weights(trainer: Trainer, key: str | None, facts: ModelFacts) -> LoraWeights:
    """Return weights that were trained before.

    Raises:
        TrainingError: there are none of this key, or they fit another base.
    """
    weights = trainer.find(key) if key else None
    if weights is None:
        raise TrainingError("There are no LoRA weights for this.", "Train some under Prepare, Train.")
    check_belonging(weights, facts)
    return weights


def data_digest(pairs: Sequence[TokenPair]) -> str:
    """Digest of training rows as token ids."""
    text = json.dumps([[pair.prompt_ids, pair.answer_ids] for pair in pairs])
    return hashlib.sha256(text.encode()).hexdigest()


def lora_key(facts: ModelFacts, digest: str, spec: LoraSpec) -> str:
    """Name LoRA weights by all that decides them: base, template, rows, parameters."""
    fields = asdict(spec)
    if spec.stop_after_epochs is None:  # weights that were kept before there was such a field are found again
        del fields["stop_after_epochs"]
    text = json.dumps([facts.digest, facts.template_digest, digest, fields], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_belonging(weights: LoraWeights, facts: ModelFacts) -> None:
    """First half of the canary: the weights were trained on this very base and template.

    Raises:
        CanaryError: they were not.
    """
    if weights.base_digest != facts.digest:
        raise CanaryError(
            f"The LoRA weights were trained on a base with digest {weights.base_digest[:12]}, not {facts.digest[:12]}.",
            "Train them again on this model.",
        )
    if weights.template_digest != facts.template_digest:
        raise CanaryError(
            "The LoRA weights were trained with another chat template.", "Train them again on this model."
        )


def run_canary(context: RunContext, trainer: Trainer, ready: ReadyVariant, example: Example) -> float:
    """Second half of the canary: the weights change this base's output. Return the largest change of a probability.

    Where a backend gives no probabilities, free text is compared, and a change counts as 1. What was found is noted
    beside weights that are kept here.

    Raises:
        CanaryError: they change nothing.
    """
    labels = tuple(context.task.answer.words.values()) or ("yes", "no")
    request = GenerateRequest(
        messages=build_prompt(context.task, example.input, prompt=ready.variant.prompt).messages,
        decoding=Decoding(mode=DecodingMode.CHOICE, labels=labels),
        slot="canary",
        lora=ready.lora,
        lora_scale=ready.variant.lora_scale,
    )
    tuned = _completion(context, request)
    base = _completion(context, replace(request, lora=None))
    if tuned.probabilities and base.probabilities:
        change = _largest_change(tuned.probabilities, base.probabilities)
        same = change < CANARY_LEAST_CHANGE and tuned.probabilities.keys() == base.probabilities.keys()
        if same and ready.variant.lora_scale:
            raise CanaryError(
                f"The LoRA weights change nothing: the largest change of a probability is {change:.2g}.",
                "Train again with a higher learning rate or more epochs.",
            )
    else:
        change = _changed_text(context, request)
    if ready.lora is not None and ready.lora.key is not None:
        trainer.note(ready.lora.key, {"canary_change": change})
    return change


def _largest_change(tuned: Mapping[str, float], base: Mapping[str, float]) -> float:
    """Return by how much a label's probability changes at least, at the label where that is most.

    A label that only one side names has at the other at most what is missing from 1 there.
    """
    changes = [abs(tuned[label] - base[label]) for label in tuned if label in base]
    for one, other in ((tuned, base), (base, tuned)):
        rest = max(1.0 - sum(other.values()), 0.0)
        changes += [value - rest for label, value in one.items() if label not in other]
    return max(changes, default=0.0)


def _changed_text(context: RunContext, request: GenerateRequest) -> float:
    """Compare free text where a backend gives no probabilities: the same letters throughout count as no change."""
    written = replace(request, decoding=Decoding(mode=DecodingMode.FREE, max_tokens=CANARY_TOKENS))
    if _completion(context, written).text == _completion(context, replace(written, lora=None)).text:
        raise CanaryError(
            f"The LoRA weights change nothing: {CANARY_TOKENS} tokens of free text are the same with and without them.",
            "Train again with a higher learning rate or more epochs, or check that the server uses them.",
        )
    return 1.0


def _completion(context: RunContext, request: GenerateRequest) -> Completion:
    return completion_of(context.model.generate(request, cancel=context.cancel))
