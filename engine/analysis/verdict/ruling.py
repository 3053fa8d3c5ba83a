"""The data types of a verdict: how it came about, and what was decided before it is put into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from engine.analysis.basis.language_parts import LanguageParts
from engine.analysis.basis.row_looks import RowLooks
from engine.analysis.basis.training_rows import TrainingRows
from engine.analysis.figures import RunFigures, VariantFigures
from engine.analysis.verdict.claims import Claim, Sentence
from engine.core.limits import Limits
from engine.metrics.pairwise import Difference

NEGLIGIBLE_LOSS = 0.05
"""A pick loses little if it is at most 5 points behind each rival with its whole interval."""


class Outcome(StrEnum):
    """How the verdict came about, in the order in which it is tried."""

    NONE = "none"
    """None meets the limits."""
    ALONE = "alone"
    """Only one meets the limits, as measured."""
    WINNER = "winner"
    """One is significantly better than each other that meets the limits."""
    BEST_MEASURED = "best as measured"
    """One is best on quality, p95 and cost at once, as measured."""
    SIMPLEST = "simplest"
    """The simplest one whose loss against each rival is at most 5 points with its whole interval."""
    NONE_RIGHT = "none right"
    """None got anything right: there is nothing to choose, however cheap they are."""
    UNDECIDED = "undecided"
    """Too few rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Elimination:
    """Why a variant is out."""

    variant_id: str
    name: str
    reason: Sentence
    certain: bool
    """Whether it certainly misses a limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The choice and its reasons."""

    outcome: Outcome
    pick: str | None
    """Variant id; None where no variant meets the limits and where the rows are too few to decide."""
    leader: str | None
    """The variant of highest quality among those that meet the limits as measured."""
    eliminated: tuple[Elimination, ...]
    pareto: tuple[str, ...]
    """Variants that no other beats on quality, p95 and cost at once, as measured."""
    headline: str
    """What to choose: the first of three lines."""
    opening: tuple[Claim, ...]
    """What the headline claims."""
    sureness: Sentence
    """How sure that is, in plain words, with the rows behind it: the second line."""
    in_short: str
    """The second line without the result, which a slide shows as figures."""
    next_step: Sentence
    """What to do next: the third line."""
    evidence: Sentence
    """The statistics behind the second line."""
    basis: Sentence
    """On what it rests: training rows, shots and seeds, and how often the test rows were looked at."""
    reasons: tuple[Sentence, ...]
    changes: tuple[Sentence, ...]
    """What would change the verdict."""
    rows_needed: int | None
    """About how many more rows would decide; None where it is decided, or where no number of rows would."""
    effort: Sentence = field(default_factory=lambda: Sentence(text=""))
    """With which search for settings it was reached, and whether that changed it; empty where there was none."""

    @property
    def lines(self) -> tuple[str, ...]:
        """What to choose, how sure that is, what to do next: what every screen and file shows first."""
        return tuple(text for text in (self.headline, self.sureness.text, self.next_step.text) if text)

    @property
    def why(self) -> tuple[str, ...]:
        """The statistics, every variant's figures, and on what they rest: what stands behind "Why"."""
        return tuple(one.text for one in (self.evidence, *self.reasons, self.effort, self.basis) if one.text)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Everything that is claimed, headline to reasons; what is said twice is claimed once."""
        said = (self.sureness, self.next_step, self.evidence, self.effort, self.basis, *self.reasons, *self.changes)
        return tuple(dict.fromkeys((*self.opening, *(claim for sentence in said for claim in sentence.claims))))


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    """What was decided, before it is put into words."""

    run: RunFigures
    limits: Limits
    outcome: Outcome
    pick: VariantFigures | None
    leader: VariantFigures | None
    kept: tuple[VariantFigures, ...]
    """Those that no limit rules out as measured."""
    eliminated: tuple[Elimination, ...]
    training: TrainingRows
    looks: RowLooks
    languages: LanguageParts
    rows_needed: int | None = None

    @property
    def subject(self) -> VariantFigures | None:
        """The variant that the sentences speak of: the pick, or the leader while nothing is decided."""
        return self.pick or self.leader

    @property
    def rivals(self) -> tuple[VariantFigures, ...]:
        """The others that meet the limits, nearest first by the rows that they share with the subject."""
        subject = self.subject
        others = [item for item in self.kept if item is not subject]
        return tuple(others if subject is None else sorted(others, key=lambda item: self.lead(subject, item)))

    @property
    def other(self) -> str:
        """What a rival is called: where the subject stands with what was found for it, its default is none."""
        subject = self.subject
        if subject is None or not any(item.variant.tuned for item in self.run.figures):
            return "other"
        alike = [item for item in self.run.figures if item.variant.technique is subject.variant.technique]
        return "other technique" if len(alike) == 1 else "other"

    def lead(self, first: VariantFigures, second: VariantFigures) -> float:
        """Return by how much the first scored more on the rows that both have; 0 where they share none."""
        return lead(self.run.differences, first, second)

    def between(self, first: VariantFigures, second: VariantFigures) -> Difference | None:
        """Return the comparison of two variants, if there is one."""
        return between(self.run.differences, first.variant.id, second.variant.id)

    def worst_loss(self, item: VariantFigures) -> tuple[float, VariantFigures] | None:
        """Return the most by which a variant may trail the best of its rivals, and which rival that is."""
        return worst_loss(self.run.differences, item, self.kept)


def between(differences: Sequence[Difference], first: str, second: str) -> Difference | None:
    """Return the comparison of two variants, whichever comes first."""
    return next((item for item in differences if {item.first, item.second} == {first, second}), None)


def lead(differences: Sequence[Difference], first: VariantFigures, second: VariantFigures) -> float:
    """Return by how much the first scored more on the rows that both have; 0 where they share none."""
    found = between(differences, first.variant.id, second.variant.id)
    return found.seen_from(first.variant.id).value if found is not None and found.rows else 0.0


def worst_loss(
    differences: Sequence[Difference], item: VariantFigures, kept: Sequence[VariantFigures]
) -> tuple[float, VariantFigures] | None:
    """Return the most by which a variant may trail the best of the others, and which one that is.

    None where there is no other, or where one of them was not compared with it.
    """
    others = [other for other in kept if other is not item]
    gaps = [(between(differences, item.variant.id, other.variant.id), other) for other in others]
    bounds = [(gap.at_worst(item.variant.id, len(others)), other) for gap, other in gaps if gap is not None]
    return max(bounds, key=lambda pair: pair[0]) if bounds and len(bounds) == len(others) else None
