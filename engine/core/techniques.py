"""The techniques: one record each, with everything about a technique except how it is prepared.

Adding a technique is a name in `Technique`, a record here, and what `engine.running.preparation.preparing` prepares for
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Technique(StrEnum):
    """How a foundation model is adapted; `classifier` is the baseline that generates nothing."""

    ZERO_SHOT = "zero-shot"
    FEW_SHOT = "few-shot"
    RAG = "rag"
    LORA = "lora"
    RAG_LORA = "rag+lora"
    CLASSIFIER = "classifier"


@dataclass(frozen=True, kw_only=True, slots=True)
class TechniqueStyle:
    """How a technique is drawn: colours from Okabe and Ito's colour-blind-safe set, adjusted for contrast."""

    light: str
    dark: str
    dash: str
    """Plotly's dash name or lengths in pixels: colour is never the only carrier."""
    symbol: str
    """Plotly's marker symbol."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TechniqueFacts:
    """The facts about one technique."""

    label: str
    """As shown on screen."""
    summary: str
    """What it is, in one sentence for an audience."""
    style: TechniqueStyle
    upkeep: int
    """How much there is to operate, least first: of equally good variants, the one with the least is chosen."""
    generates: bool = True
    """A language model answers."""
    shows_shots: bool = False
    """Every prompt contains some training rows, whatever is retrieved."""
    retrieves: bool = False
    """Nearest rows or passages are put into each prompt."""
    trains: bool = False
    """LoRA weights are trained."""
    fits: bool = False
    """A classifier is fitted on embeddings."""
    needs_labels: bool = False
    """It can only do tasks whose answers are labels."""
    in_learning_curve: bool = False
    """Offered when quality is measured against training rows."""

    @property
    def learns(self) -> bool:
        """Tell whether it needs training rows."""
        return self.shows_shots or self.retrieves or self.trains or self.fits


TECHNIQUES: Mapping[Technique, TechniqueFacts] = {
    Technique.ZERO_SHOT: TechniqueFacts(
        label="Zero-shot",
        summary="The instructions and the input, nothing else.",
        style=TechniqueStyle(light="#7a7f87", dark="#a3a8b1", dash="dot", symbol="circle"),
        upkeep=1,
    ),
    Technique.FEW_SHOT: TechniqueFacts(
        label="Few-shot",
        summary="A few chosen examples in every prompt.",
        style=TechniqueStyle(light="#0072b2", dark="#56b4e9", dash="dash", symbol="square"),
        upkeep=2,
        shows_shots=True,
        in_learning_curve=True,
    ),
    Technique.RAG: TechniqueFacts(
        label="RAG",
        summary="For each input, the nearest items are looked up and put into the prompt.",
        style=TechniqueStyle(light="#009e73", dark="#2fc59a", dash="solid", symbol="diamond"),
        upkeep=3,
        retrieves=True,
        in_learning_curve=True,
    ),
    Technique.LORA: TechniqueFacts(
        label="LoRA",
        summary="A small file, trained on the examples, changes the model itself.",
        style=TechniqueStyle(light="#d55e00", dark="#ff8a3d", dash="solid", symbol="triangle-up"),
        upkeep=4,
        trains=True,
        in_learning_curve=True,
    ),
    Technique.RAG_LORA: TechniqueFacts(
        label="RAG + LoRA",
        summary="The trained file and the looked-up examples together.",
        style=TechniqueStyle(light="#aa4499", dark="#d88bc8", dash="dashdot", symbol="star"),
        upkeep=5,
        retrieves=True,
        trains=True,
    ),
    Technique.CLASSIFIER: TechniqueFacts(
        label="Classifier",
        summary="No language model: a logistic regression on embeddings, trained on the examples.",
        style=TechniqueStyle(light="#c99700", dark="#f0c342", dash="longdash", symbol="hexagon"),
        upkeep=0,
        generates=False,
        fits=True,
        needs_labels=True,
        in_learning_curve=True,
    ),
}
"""All techniques, in the order in which they are shown."""


def label(technique: str) -> str:
    """Return a technique's name as shown on screen; an unknown name is returned unchanged."""
    facts = TECHNIQUES.get(technique)  # type: ignore[call-overload]
    return facts.label if facts is not None else technique


def in_sentence(name: str) -> str:
    """Write a label for the middle of a sentence: small letters, unless it holds other capitals than the first."""
    return name.lower() if name[1:] == name[1:].lower() else name


def the_variant(name: str) -> str:
    """Write a variant's name for the middle of a sentence: `the tuned classifier`, `few-shot`, `RAG`."""
    tuned = name.startswith("Tuned ")
    inside = name[0].lower() + name[1:] if tuned else in_sentence(name)
    return f"the {inside}" if inside.endswith("classifier") else inside


def able(*, labels: bool, training: bool = True) -> list[Technique]:
    """List the techniques that can do a task, in the order in which they are shown.

    Args:
        labels: whether the task's answers are labels.
        training: whether weights of the model can be trained here; those that need it are left out where not.
    """
    return [
        technique
        for technique, facts in TECHNIQUES.items()
        if (labels or not facts.needs_labels) and (training or not facts.trains)
    ]
