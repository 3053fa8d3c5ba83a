"""The data types of a verdict, and how two variants compare in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from engine.analysis.figures import RunFigures, VariantFigures
from engine.core.limits import Limits
from engine.metrics.pairwise import Difference

NEGLIGIBLE_LOSS = 0.05
"""A pick loses little if, by the 95 % intervals, it is at most 5 points behind those it is tied with."""


class Outcome(StrEnum):
    """How the verdict came about."""

    WINNER = "winner"
    """One is significantly better than all others that meet the limits."""
    TIED = "tied"
    """Several do not differ significantly, and choosing the simplest loses little, by the 95 % intervals."""
    OPEN = "open"
    """Several do not differ significantly, and choosing the simplest may lose much."""
    ALONE = "alone"
    """Only one meets the limits."""
    NONE = "none"
    """None meets the limits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """A plain sentence and the figures behind it."""

    text: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Elimination:
    """Why a variant is out."""

    variant_id: str
    name: str
    reason: Sentence
    certain: bool
    """Whether the whole 95 % interval lies beyond the limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The choice and its reasons."""

    outcome: Outcome
    pick: str | None
    """Variant id."""
    leader: str | None
    """The variant of highest quality among those that meet the limits."""
    tied: tuple[str, ...]
    """Variants that do not differ significantly from the leader, including the leader and the pick."""
    eliminated: tuple[Elimination, ...]
    pareto: tuple[str, ...]
    """Variants that no other beats on quality, p95 and cost at once, as measured."""
    headline: str
    sureness: Sentence
    reasons: tuple[Sentence, ...]
    changes: tuple[Sentence, ...]
    """What would change the verdict."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    """What was decided, before it is put into words."""

    run: RunFigures
    limits: Limits
    outcome: Outcome
    pick: VariantFigures | None
    leader: VariantFigures | None
    kept: tuple[VariantFigures, ...]
    """Those that no limit rules out."""
    tied: tuple[VariantFigures, ...]
    eliminated: tuple[Elimination, ...]

    def between(self, first: VariantFigures, second: VariantFigures) -> Difference | None:
        """Return the comparison of two variants, if there is one."""
        return between(self.run.differences, first.variant.id, second.variant.id)


def between(differences: Sequence[Difference], first: str, second: str) -> Difference | None:
    """Return the comparison of two variants, whichever comes first."""
    return next((item for item in differences if {item.first, item.second} == {first, second}), None)


def most_lost(differences: Sequence[Difference], pick: str, others: Sequence[str]) -> tuple[float, str] | None:
    """Return the most by which the pick may trail any of the others, by the 95 % intervals, and which one that is.

    None where one of them was not compared with it. Negative where the intervals put it ahead of all.
    """
    found = [(other, between(differences, pick, other)) for other in others]
    behind = [(-gap.seen_from(pick).low, other) for other, gap in found if gap is not None]
    return max(behind) if behind and len(behind) == len(found) else None
