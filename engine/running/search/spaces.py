"""What can be tried of each technique: knobs as data, and what turning them makes of a variant. Pure functions.

A technique has the knobs of its parts, so that a new technique is searched without a change here. The options are few
and far apart, because some dozens of rows cannot tell near ones from each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from engine.core.embedder import ENGLISH_EMBEDDER
from engine.core.run.effort import Setting
from engine.core.task import Task
from engine.core.variant import (
    ClassifierKind,
    DecodingMode,
    LabelWords,
    PromptForm,
    PromptSpec,
    Reranker,
    SearchMode,
    ShotChoice,
    ShotOrder,
    TrainingPrompts,
    Variant,
    effective_mode,
)
from engine.running.preparation.shots import settled
from engine.running.prompt_forms import descriptions, written_labels

Fields = Mapping[str, Any]
"""Values of a variant's fields, by dotted path."""
BY_DEFAULT = "default"
"""The option of every knob that leaves the variant as it is."""
MOST_SHOTS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Knob:
    """One thing that can be set in several ways."""

    name: str
    options: Mapping[str, Fields]
    """What each option sets, by its name on screen; the default's is not among them."""
    trains: bool = False
    """A setting that turns it needs weights of its own."""


Space = tuple[Knob, ...]


def space_of(variant: Variant, task: Task) -> Space:
    """Return the knobs of a variant on a task; options that change nothing are left out, and so are empty knobs."""
    if len(task.answer.labels) <= variant.shots_k or not task.has_labels:  # else `auto` compares two ways
        variant = replace(variant, shot_choice=settled(variant.shot_choice))
    trained_as_served = variant.lora is not None and variant.lora.prompts is TrainingPrompts.SERVED
    knobs = []
    for applies, make in _PARTS:
        for knob in make(variant, task) if applies(variant) else ():
            changing = {name: fields for name, fields in knob.options.items() if _with(variant, fields) != variant}
            if changing:
                knobs.append(replace(knob, options=changing, trains=knob.trains or trained_as_served))
    return tuple(knobs)


def takes_training(space: Space, setting: Setting) -> bool:
    """Tell whether a setting answers with other weights than the default's."""
    return any(knob.trains and knob.name in setting for knob in space)


def turned(variant: Variant, space: Space, setting: Setting) -> Variant:
    """Return the variant with a setting."""
    for knob in space:
        variant = _with(variant, knob.options.get(setting.get(knob.name, BY_DEFAULT), {}))
    return variant


def is_sound(variant: Variant) -> bool:
    """Tell whether a setting makes sense: retrieval that fetches nothing does not."""
    return variant.retrieval is None or variant.retrieval.examples_k + variant.retrieval.passages_k > 0


def all_settings(space: Space) -> Iterator[Setting]:
    """Yield every setting of a space, the default's first."""
    for options in product(*((BY_DEFAULT, *knob.options) for knob in space)):
        yield setting_of(dict(zip((knob.name for knob in space), options, strict=True)))


def longest_setting(space: Space) -> Setting:
    """Return the setting with the longest prompts, as far as the options tell: a server needs room for it."""
    longest = {}
    for knob in space:
        counts = [name for name in knob.options if name.isdecimal()]
        if counts:
            longest[knob.name] = max(counts, key=int)
        elif PromptForm.REPEATED in knob.options:
            longest[knob.name] = str(PromptForm.REPEATED)
    return longest


def setting_of(options: Mapping[str, str]) -> Setting:
    """Return the options that are not the default's."""
    return {name: option for name, option in options.items() if option != BY_DEFAULT}


def _with(variant: Variant, fields: Fields) -> Variant:
    for path, value in fields.items():
        first, _, rest = path.partition(".")
        whole = replace(getattr(variant, first), **{rest: value}) if rest else value
        variant = replace(variant, **{first: whole})
    return variant


def _prompt(variant: Variant, task: Task) -> Iterable[Knob]:
    forms = [form for form in PromptForm if form is not PromptForm.LISTED or task.has_labels]
    yield Knob(name="prompt", options={str(form): {"prompt.form": form} for form in forms})
    if effective_mode(task, variant.decoding.mode) is not DecodingMode.CHOICE:
        return
    words = written_labels(task, PromptSpec(label_words=LabelWords.SPACED))
    if words != task.answer.words:
        yield Knob(name="labels", options={"in plain words": {"prompt.label_words": LabelWords.SPACED}})
    if descriptions(task):
        yield Knob(name="descriptions of labels", options={"left out": {"prompt.descriptions": False}})


def _shots(_variant: Variant, task: Task) -> Iterable[Knob]:
    labels = len(task.answer.labels)
    counts = {2, *(labels * times for times in (1, 2, 3))} if task.has_labels else {1, 2, 4, 8}
    counts = {count for count in counts if count <= MOST_SHOTS} | ({10} if labels > MOST_SHOTS else set())
    yield Knob(name="examples", options={str(count): {"shots_k": count} for count in sorted(counts)})
    middle = "nearest to their label's middle" if task.has_labels else "nearest to the middle of all"
    chosen = {
        "at random": ShotChoice.DRAWN,
        "covering": ShotChoice.COVERING,
        "nearest to the row": ShotChoice.NEAREST,
        middle: ShotChoice.MIDDLE,
        "most unlike each other": ShotChoice.DIVERSE,
    }
    yield Knob(
        name="which examples",
        options={name: {"shot_choice": choice} for name, choice in chosen.items()},
    )
    if task.has_labels:
        yield Knob(name="order", options={"by label": {"shot_order": ShotOrder.BY_LABEL}})


def _retrieval(variant: Variant, task: Task) -> Iterable[Knob]:
    spec = variant.retrieval
    reads_passages = spec is not None and spec.passages_k > 0
    examples = (0, 2, 4) if reads_passages else (1, 2, 4, 8, 12)
    yield Knob(name="examples", options={str(count): {"retrieval.examples_k": count} for count in examples})
    yield Knob(
        name="search",
        options={
            "vector": {"retrieval.mode": SearchMode.VECTOR},
            "full-text": {"retrieval.mode": SearchMode.FULL_TEXT},
            "hybrid, linear": {"retrieval.mode": SearchMode.HYBRID, "retrieval.reranker": Reranker.LINEAR},
            "hybrid, rrf": {"retrieval.mode": SearchMode.HYBRID, "retrieval.reranker": Reranker.RECIPROCAL_RANK},
        },
    )
    yield Knob(name="order", options={"nearest first": {"retrieval.nearest_first": True}})
    if task.has_labels:
        yield Knob(name="balance", options={"over labels": {"retrieval.spread": True}})
    if task.documents:
        passages = (1, 2, 3, 5) if reads_passages else (1, 2)
        yield Knob(name="passages", options={str(count): {"retrieval.passages_k": count} for count in passages})
    if reads_passages:
        yield Knob(
            name="words in a passage",
            options={
                str(words): {"retrieval.chunk_words": words, "retrieval.chunk_overlap_words": words // 6}
                for words in (20, 40, 80, 120)
            },
        )


def _lora(variant: Variant, _task: Task) -> Iterable[Knob]:
    ranks = {str(rank): {"lora.rank": rank, "lora.alpha": 2.0 * rank} for rank in (4, 8, 16, 32)}
    yield Knob(name="rank", options=ranks, trains=True)
    rates = {f"{rate:g}": {"lora.learning_rate": rate} for rate in (5e-4, 1e-3, 2e-3)}
    yield Knob(name="learning rate", options=rates, trains=True)
    epochs = {f"up to {count}": {"lora.epochs": count} for count in (1, 2, 4, 6, 10)}
    yield Knob(name="epochs", options=epochs, trains=True)
    if variant.retrieval is not None:
        prompts = {str(prompts): {"lora.prompts": prompts} for prompts in TrainingPrompts}
        yield Knob(name="training prompts", options=prompts, trains=True)


def _classifier(variant: Variant, _task: Task) -> Iterable[Knob]:
    kinds: dict[str, Fields] = {
        "logistic": {"classifier.kind": ClassifierKind.LOGISTIC},
        "word TF-IDF": {"classifier.kind": ClassifierKind.WORDS},
        "character TF-IDF": {"classifier.kind": ClassifierKind.CHARACTERS},
    }
    if not variant.embedder or variant.embedder.startswith(f"{ENGLISH_EMBEDDER}@"):  # the only one that is trained
        kinds["encoder trained whole"] = {"classifier.kind": ClassifierKind.ENCODER}
    for count in (1, 3, 5, 9):
        fields = {"classifier.kind": ClassifierKind.NEIGHBOURS, "classifier.neighbours": count}
        kinds[f"{count} nearest"] = fields
    yield Knob(name="classifier", options=kinds)
    yield Knob(name="label descriptions", options={"as rows": {"classifier.label_rows": True}})


_PARTS: tuple[tuple[Callable[[Variant], bool], Callable[[Variant, Task], Iterable[Knob]]], ...] = (
    (lambda variant: variant.generates and not variant.facts.trains, _prompt),
    (lambda variant: variant.facts.shows_shots, _shots),
    (lambda variant: variant.facts.retrieves, _retrieval),
    (lambda variant: variant.facts.trains, _lora),
    (lambda variant: variant.facts.fits, _classifier),
)
"""The knobs of each part of a technique, and who has that part. Weights are trained on the task's own prompts."""
