"""Making variants ready: shots chosen, index built, classifier fitted, LoRA weights trained and tested."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, replace

from engine.core.errors import CanaryError, CancelledError, ModelError, RetrievalError, TrainingError
from engine.core.generation import Completion, Decoding, GenerateRequest, Message, ModelFacts, TokenPair
from engine.core.ports import LoraWeights, Prepared, Progress, Trainer
from engine.core.run.events import Event, Notice, PreparationProgress, VariantReady
from engine.core.task import AnswerKind, Example, Task
from engine.core.variant import DecodingMode, LoraSpec, Technique, TrainingPrompts
from engine.running.answering import Desk, ReadyVariant, answer_row, next_prediction, retrieve
from engine.running.backend_checks import lora_comes_with_the_server
from engine.running.prompting import build_prompt, training_answer
from engine.running.sampling import choose_shots

CANARY_LEAST_CHANGE = 1e-4
"""Least change of a class probability; numerical noise between two evaluations of one base is exactly 0."""

CANARY_TOKENS = 48
"""Length of the free text that is compared where there are no probabilities."""

Keep = Callable[[ReadyVariant], None]


def prepare(desk: Desk, trainer: Trainer, train: Sequence[Example], keep: Keep) -> Iterator[Event]:
    """Make all variants ready one by one, handing each to `keep`; yields progress.

    Raises:
        AdaptLabError: a variant cannot be made ready.
    """
    for variant in desk.plan.variants:
        ready = ReadyVariant(variant=variant)
        prepare_s, reused = 0.0, False
        if variant.shots_k:
            by_target = desk.task.answer.kind is AnswerKind.LABEL
            shots = choose_shots(train, variant.shots_k, seed=desk.plan.seed, by_target=by_target)
            ready = replace(ready, shots=shots)
        if variant.retrieval is not None:
            documents = desk.task.documents if variant.retrieval.passages_k else ()
            index = yield from _until_ready(
                variant.id, desk.retriever.index(train, documents, variant.retrieval, cancel=desk.cancel)
            )
            ready = replace(ready, index_id=index.id)
            prepare_s, reused = prepare_s + index.build_s, reused or index.reused
        if variant.technique is Technique.CLASSIFIER:
            fitted = yield from _until_ready(
                variant.id, desk.retriever.fit_classifier(train, seed=desk.plan.seed, cancel=desk.cancel)
            )
            ready = replace(ready, classifier_id=fitted.id)
            prepare_s, reused = prepare_s + fitted.build_s, reused or fitted.reused
        if variant.lora is not None and lora_comes_with_the_server(desk.model.capabilities):
            ready, reused = replace(ready, lora_path=desk.model.served_lora()), True
        elif variant.lora is not None:
            weights, found = yield from _lora(desk, trainer, train, ready, variant.lora)
            ready = replace(ready, lora_path=str(weights.gguf), lora_key=weights.key)
            prepare_s, reused = prepare_s + weights.train_s, reused or found
        keep(ready)
        yield VariantReady(variant_id=variant.id, prepare_s=prepare_s, reused=reused)


def _until_ready(variant_id: str, steps: Iterator[Progress | Prepared]) -> Generator[Event, None, Prepared]:
    for step in steps:
        if isinstance(step, Prepared):
            return step
        yield PreparationProgress(variant_id=variant_id, progress=step)
    raise RetrievalError("The retrieval worker ended without a result.", "Start the run again.")


def training_pairs(task: Task, train: Sequence[Example]) -> list[tuple[tuple[Message, ...], str]]:
    """Return the prompts, as the plain variant serves them, with their right answers."""
    return [(build_prompt(task, example.input).messages, training_answer(example)) for example in train]


def data_digest(pairs: Sequence[TokenPair]) -> str:
    """Digest of training rows as token ids."""
    text = json.dumps([[pair.prompt_ids, pair.answer_ids] for pair in pairs])
    return hashlib.sha256(text.encode()).hexdigest()


def lora_key(facts: ModelFacts, digest: str, spec: LoraSpec) -> str:
    """Name LoRA weights by all that decides them: base, template, rows, parameters."""
    text = json.dumps([facts.digest, facts.template_digest, digest, asdict(spec)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _lora(
    desk: Desk, trainer: Trainer, train: Sequence[Example], ready: ReadyVariant, spec: LoraSpec
) -> Generator[Event, None, tuple[LoraWeights, bool]]:
    variant_id = ready.variant.id
    texts = training_pairs(desk.task, train)
    if spec.prompts is TrainingPrompts.SERVED:
        texts = yield from _served_pairs(desk, train, ready)
    pairs = desk.model.tokenize_pairs(texts)
    digest = data_digest(pairs)
    key = lora_key(desk.model.facts, digest, spec)
    weights, found = trainer.find(key), True
    if weights is None:
        found = False
        steps = trainer.train(
            key=key, model=desk.model.facts, pairs=pairs, data_digest=digest, spec=spec, cancel=desk.cancel
        )
        for step in steps:
            if isinstance(step, LoraWeights):
                weights = step
            else:
                yield PreparationProgress(variant_id=variant_id, progress=step)
    if weights is None:
        raise TrainingError("The trainer ended without weights.", "Start the run again.")
    check_belonging(weights.base_digest, weights.template_digest, desk.model.facts)
    if not found:
        plan = desk.plan
        facts = {"task_id": plan.task_id, "model_id": plan.model_id, "seed": plan.seed, "rows": len(train)}
        trainer.note(key, facts)
    return weights, found


def _served_pairs(
    desk: Desk, train: Sequence[Example], ready: ReadyVariant
) -> Generator[Event, None, list[tuple[tuple[Message, ...], str]]]:
    """Build the training prompts with what the variant retrieves for each row, as it will be served."""
    pairs = []
    for place, example in enumerate(train):
        if desk.cancel.is_set():
            raise CancelledError("The run was stopped.")
        found = retrieve(desk, ready, example, without=example.id)
        built = build_prompt(desk.task, example.input, shots=ready.shots, passages=found.passages)
        pairs.append((built.messages, training_answer(example)))
        progress = Progress(stage="Retrieving for training", fraction=(place + 1) / len(train))
        yield PreparationProgress(variant_id=ready.variant.id, progress=progress)
    return pairs


def check_belonging(weights_digest: str, weights_template: str, facts: ModelFacts) -> None:
    """First half of the canary: the weights were trained on this very base and template.

    Raises:
        CanaryError: they were not.
    """
    if weights_digest != facts.digest:
        raise CanaryError(
            f"The LoRA weights were trained on a base with digest {weights_digest[:12]}, not {facts.digest[:12]}.",
            "Train them again on this model.",
        )
    if weights_template != facts.template_digest:
        raise CanaryError(
            "The LoRA weights were trained with another chat template.", "Train them again on this model."
        )


def run_canary(desk: Desk, ready: ReadyVariant, example: Example) -> float:
    """Second half of the canary: the weights change this base's output. Return the largest change of a probability.

    Where a backend gives no probabilities, free text is compared, and a change counts as 1.

    Raises:
        CanaryError: they change nothing.
    """
    labels = desk.task.answer.labels or ("yes", "no")
    request = GenerateRequest(
        messages=build_prompt(desk.task, example.input).messages,
        decoding=Decoding(mode=DecodingMode.CHOICE, labels=labels),
        slot="canary",
        lora=ready.lora_path,
        lora_scale=ready.variant.lora_scale,
    )
    tuned = _completion(desk, request)
    base = _completion(desk, replace(request, lora=None))
    if not (tuned.probabilities and base.probabilities):
        return _changed_text(desk, request)
    change = max(abs(tuned.probabilities[label] - base.probabilities[label]) for label in labels)
    if change < CANARY_LEAST_CHANGE and ready.variant.lora_scale:
        raise CanaryError(
            f"The LoRA weights change nothing: the largest change of a probability is {change:.2g}.",
            "Train again with a higher learning rate or more epochs.",
        )
    return change


def _changed_text(desk: Desk, request: GenerateRequest) -> float:
    """Compare free text where a backend gives no probabilities: the same letters throughout count as no change."""
    written = replace(request, decoding=Decoding(mode=DecodingMode.FREE, max_tokens=CANARY_TOKENS))
    if _completion(desk, written).text == _completion(desk, replace(written, lora=None)).text:
        raise CanaryError(
            f"The LoRA weights change nothing: {CANARY_TOKENS} tokens of free text are the same with and without them.",
            "Train again with a higher learning rate or more epochs, or look whether the server uses them.",
        )
    return 1.0


def _completion(desk: Desk, request: GenerateRequest) -> Completion:
    for piece in desk.model.generate(request, cancel=desk.cancel):
        if isinstance(piece, Completion):
            return piece
    raise ModelError("The backend ended without an answer.", "Try again.")


def warm_up(desk: Desk, variants: Sequence[ReadyVariant], example: Example) -> Iterator[Event]:
    """Answer one training row with each variant, unscored, so that no measured row pays for a cold start."""
    for place, ready in enumerate(variants):
        progress = Progress(stage="Warming up", fraction=place / len(variants))
        yield PreparationProgress(variant_id=ready.variant.id, progress=progress)
        prediction = next_prediction(answer_row(desk, ready, example, 0))
        if prediction.failure is not None:
            yield Notice(text=f"Warm-up of {ready.variant.id} failed: {prediction.failure.message}")
