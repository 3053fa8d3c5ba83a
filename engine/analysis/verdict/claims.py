"""What a verdict claims: every sentence of it is written from one or more typed claims.

`cli.py bench claims` judges each kind against simulated runs whose truth is known, and
`benchmarks.claims.consistency` proves that no verdict holds two claims that deny each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ClaimKind(StrEnum):
    """What is claimed. `who` is the variant spoken of, `whom` are those that it is compared with."""

    ONLY_MEETS = "only one meets the limits"
    """`who` meets every limit that could be checked of it, and each of `whom` misses one."""
    NONE_MEETS = "none meets the limits"
    """Each of `whom` misses a limit."""
    MEETS = "meets a limit"
    MISSES = "misses a limit"
    MAY_MEET = "may still meet the limits"
    """`who` misses a limit as measured, and more rows may show that it meets all."""
    BETTER = "better"
    """`who` scores higher than each of `whom`."""
    LEAD = "lead"
    """`who` scores higher than the one in `whom` by `value`, between `low` and `high`."""
    AHEAD = "ahead as measured"
    """`who` scored `value` more than the one in `whom`, on these rows."""
    BEST_MEASURED = "best as measured on quality, p95 and cost"
    AT_WORST = "at worst behind by"
    """`who` is at most `value` behind each of `whom`."""
    NO_RISK = "no risk"
    """The same where `value` is at most 5 points, and `who` is chosen for it."""
    CANNOT_BE_TOLD = "cannot be told"
    """These rows do not show which of `who` and the one in `whom` is better; `who` leads by `low` to `high`."""
    SCORES = "scores"
    """`who` scores `value`, between `low` and `high`."""
    ROWS_NEEDED = "rows needed"
    """About `value` more rows would decide."""
    TRAINED_ON = "trained on"
    """`value` labelled rows were there to learn from."""
    EMBEDDER_HANDICAP = "embedder not trained on the language"
    """What embedded the rows of `who` was not trained on their language; it does not know a share of `value` of their
    tokens, where that was counted."""
    LABELS_WITHOUT_ROWS = "labels without rows"
    """`value` labels had no training row, or none among the examples that `who` shows; a variant that learns from rows
    can be right on at most a share of `high`."""
    DRAWN = "drawn"
    """`who` holds for the one draw of shots or the one training seed that it was measured with."""
    FEWER_ROWS = "fewer rows"
    """`who` answered `value` rows, fewer than another one, and is compared on the rows that both have."""
    EFFORT = "effort"
    """Settings were searched for, `value` seconds or trials for each technique; with the default settings alone `who`
    would have been chosen, or nothing where it is empty."""
    LOOKS = "looks"
    """These test rows were looked at in `value` runs, by `high` variants."""
    CHEAPER_ABOVE = "cheaper above a volume"
    CAPACITY = "capacity"
    PROMPT_NEEDS = "a prompt alone needs"
    LABELS_COST = "labels cost"
    REMEDY = "remedy"


class Strength(StrEnum):
    """How sure a claim is."""

    CERTAIN = "certain"
    """False in at most 2.5 of 100 runs."""
    PROVEN = "proven"
    """False in at most 5 of 100 runs."""
    MEASURED = "measured"
    """True of the rows of this run; other rows may say otherwise."""
    POSSIBLE = "possible"
    ESTIMATED = "estimated"
    """Computed from assumptions."""


class LimitKind(StrEnum):
    """Which limit is spoken of."""

    QUALITY = "quality"
    P95 = "p95"
    COST = "cost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One claim of a verdict. Shares are 0 to 1, seconds in s, sums in USD."""

    kind: ClaimKind
    strength: Strength
    who: str = ""
    """Variant id; empty where the run is spoken of."""
    whom: tuple[str, ...] = ()
    limit: LimitKind | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """A plain sentence and what it was written from: claims in a verdict, figures in a study."""

    text: str
    claims: tuple[Claim, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
