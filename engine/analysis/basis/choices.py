"""What was decided for each variant before its first row, in words with the figures that decided. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.analysis.figures import VariantFigures
from engine.core.run.label_prior import LabelPrior
from engine.core.run.shot_record import ShotRecord
from engine.core.variant import ShotChoice
from engine.metrics import wording as say

ABOUT = (
    "A model favours some label names over others, whatever the input. Prior correction removes this bias. Auto "
    "decides for each variant on rows that it was not shown, and leaves it off where the gain is within one standard "
    "error. Examples are the training rows that the others are most like; where there are more labels than examples, "
    "the nearest ones to each row if they are clearly better."
)
LEAST_TOLD_S = 0.5
"""A measurement that took less is told without its seconds."""
_WHICH_ONE = {ShotChoice.MIDDLE: "nearest to the middle of its label or of all rows", ShotChoice.DIVERSE: ""}
"""Where one example is shown."""
_WHICH = {
    ShotChoice.COVERING: "that the other training rows are most like",
    ShotChoice.NEAREST: "nearest to each row",
    ShotChoice.MIDDLE: "nearest to the middle of their label or of all rows",
    ShotChoice.DIVERSE: "most unlike each other",
}


def choice_sentences(figures: Iterable[VariantFigures]) -> tuple[str, ...]:
    """Say it of each variant for which something was decided."""
    told = (sentences_of(item.name, item.shots, item.priors, examples=item.variant.shots_k) for item in figures)
    return tuple(sentence for sentences in told for sentence in sentences)


def sentences_of(
    name: str, shots: ShotRecord | None, priors: Sequence[LabelPrior], *, examples: int
) -> tuple[str, ...]:
    """Say how one variant's examples were chosen, and whether its answers are corrected.

    Args:
        name: of the variant.
        shots: how its examples were chosen; None where they were drawn, or it shows none.
        priors: one for each draw; empty where nobody asked for correction.
        examples: how many it shows.
    """
    found = [] if shots is None else [shot_sentence(name, shots, examples)]
    return (*found, *([prior_sentence(name, priors)] if priors else []))


def shot_sentence(name: str, shots: ShotRecord, examples: int) -> str:
    """Say which examples a variant shows, and how both ways did where they were compared."""
    choice = ShotChoice(shots.choice)
    text = f"{name}: the {examples} examples {_WHICH[choice]}"
    if examples == 1:
        text = f"{name}: one example {_WHICH_ONE.get(choice, _WHICH[choice])}".rstrip()
    if shots.right_covering is None or shots.right_nearest is None:
        return f"{text}."
    same = "one" if examples == 1 else "ones"
    both = f"{say.share(shots.right_covering)} right with the same {same} in every prompt"
    rows = say.counted(shots.rows, "training row")
    return f"{text}; {both}, {say.share(shots.right_nearest)} with the nearest, on {rows}."


def prior_sentence(name: str, priors: Sequence[LabelPrior]) -> str:
    """Say whether a variant's answers are corrected, and what it gets right with and without; one or several draws.

    Args:
        name: of the variant.
        priors: one for each draw, at least one.
    """
    if len(priors) > 1:
        return " ".join(prior_sentence(f"{name}, draw {place}", [prior]) for place, prior in enumerate(priors, start=1))
    (prior,) = priors
    if not prior.measured:
        return f"{name}: no prior correction; {prior.reason}."
    split = "validation" if prior.split == "validation" else "training"
    figures = f"{say.share(prior.right_with)} right with it, {say.share(prior.right_without)} without"
    switch, rows = "on" if prior.corrected else "off", say.counted(prior.rows, f"{split} row")
    took = f", measured in {say.duration(prior.measure_s)}" if prior.measure_s >= LEAST_TOLD_S else ""
    return f"{name}: prior correction {switch}; {figures}, on {rows} that it was not shown{took}."
