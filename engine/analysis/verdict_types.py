"""The nouns of a verdict, and how two variants compare in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from engine.analysis.break_even import CostLine
from engine.core.interval import Interval
from engine.core.limits import Limits
from engine.core.variant import Technique, Variant
from engine.metrics.pairwise import Difference

SIMPLEST_FIRST: tuple[Technique, ...] = (
    Technique.CLASSIFIER,
    Technique.ZERO_SHOT,
    Technique.FEW_SHOT,
    Technique.RAG,
    Technique.LORA,
    Technique.RAG_LORA,
)
"""The classifier runs no language model at all; then each adds one thing to keep: shots, an index, weights, both."""

LITTLE = 0.05
"""A pick that is surely at most 5 points behind those it is tied with loses little."""


class Standing(StrEnum):
    """How the verdict came about."""

    WINNER = "winner"
    """One is better than all others that keep the limits."""
    TIED = "tied"
    """Several cannot be told apart, and taking the simplest surely loses little."""
    OPEN = "open"
    """Several cannot be told apart, and taking the simplest may lose much."""
    ALONE = "alone"
    """One alone keeps the limits."""
    NONE = "none"
    """None keeps the limits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """What the verdict needs of a variant."""

    variant: Variant
    name: str
    rows: int
    quality: Interval
    p50_s: Interval | None
    p95_s: Interval | None
    busy_s_per_call: float
    cost_usd_per_1k: Interval
    cost: CostLine
    prepare_s: float | None


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

    standing: Standing
    pick: str | None
    """Variant id."""
    leader: str | None
    """The variant of highest quality among those that keep the limits."""
    tied: tuple[str, ...]
    """Variants that cannot be told apart from the leader, the leader and the pick among them."""
    eliminated: tuple[Elimination, ...]
    pareto: tuple[str, ...]
    """Variants that no other beats on quality, p95 and cost at once, as measured."""
    headline: str
    sureness: Sentence
    reasons: tuple[Sentence, ...]
    changes: tuple[Sentence, ...]
    """What would change the verdict."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """All that the sentences are written from."""

    candidates: tuple[Candidate, ...]
    kept: tuple[Candidate, ...]
    tied: tuple[Candidate, ...]
    pick: Candidate | None
    leader: Candidate | None
    standing: Standing
    eliminated: tuple[Elimination, ...]
    differences: tuple[Difference, ...]
    limits: Limits
    is_share: bool

    def between(self, first: Candidate, second: Candidate) -> Difference | None:
        """Return the comparison of two variants, if there is one."""
        return between(self.differences, first.variant.id, second.variant.id)


def between(differences: Sequence[Difference], first: str, second: str) -> Difference | None:
    """Return the comparison of two variants, whichever comes first."""
    return next((item for item in differences if {item.first, item.second} == {first, second}), None)


def most_lost(differences: Sequence[Difference], pick: str, others: Sequence[str]) -> tuple[float, str] | None:
    """Return the most that the pick may be behind any of the others, by the 95 % intervals, and behind which.

    None where one of them was not compared with it. Negative where it is ahead of all for sure.
    """
    found = [(other, between(differences, pick, other)) for other in others]
    behind = [(-gap.seen_from(pick).low, other) for other, gap in found if gap is not None]
    return max(behind) if behind and len(behind) == len(found) else None
