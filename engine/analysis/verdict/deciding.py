"""Which variant to choose under the user's limits, how sure that is, and what would change it. Pure functions.

Among the variants that no limit rules out as measured, the pick is, in this order: the only one left; one that is
significantly better than each other; one that is best as measured on quality, p95 and cost at once; the simplest one
whose loss against each rival is at most 5 points with its whole interval. Else nothing is picked: the rows are too few.

The leader is tested against its rivals alone, each pair at the whole level: to be named wrongly it would have to beat
the truly best one too. Source: S. Gutmann, Z. Maymin, "Is the selected population the best?", Ann. Statist. 15 (1987).
Other pairs are corrected by Holm's method over all pairs of the run. Measured in docs/statistics.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.analysis.basis.language_parts import LanguageParts
from engine.analysis.basis.row_looks import RowLooks
from engine.analysis.basis.training_rows import TrainingRows
from engine.analysis.figures import RunFigures, VariantFigures, best_corrected
from engine.analysis.qualities import best_of
from engine.analysis.tradeoff import best_on_all, dearness, pareto
from engine.analysis.verdict.basis import basis
from engine.analysis.verdict.changes import what_would_change
from engine.analysis.verdict.headline import headline
from engine.analysis.verdict.limits import eliminate
from engine.analysis.verdict.next_step import next_step
from engine.analysis.verdict.reasons import reasons
from engine.analysis.verdict.ruling import NEGLIGIBLE_LOSS, Outcome, Ruling, Verdict, between, lead, worst_loss
from engine.analysis.verdict.sureness import evidence, in_short, sureness
from engine.core.limits import Limits
from engine.metrics.pairwise import POWER, Difference


def decide(
    run: RunFigures,
    limits: Limits,
    *,
    training: TrainingRows | None = None,
    looks: RowLooks | None = None,
    languages: LanguageParts | None = None,
    aside: Sequence[VariantFigures] = (),
) -> Verdict:
    """Come to a verdict.

    Args:
        run: in figures.
        limits: the user's.
        training: what the variants learned from; without it, the number of training rows alone is told.
        looks: what was seen of the test rows before; without it, the run counts as the first look.
        languages: of the rows, and what the run goes without in them; without it, nothing is said of that.
        aside: defaults of techniques that stand with other settings; nothing that one of them beats is best as
            measured.
    """
    eliminated = tuple(found for item in run.figures if (found := eliminate(run, item, limits)) is not None)
    out = {item.variant_id for item in eliminated}
    kept = tuple(item for item in run.figures if item.variant.id not in out)
    leader = _leader(run.differences, kept)
    others = tuple(item for item in aside if eliminate(run, item, limits) is None)
    outcome, pick = _pick(run.differences, kept, leader, others, others_out=bool(eliminated))
    ruling = Ruling(
        run=run,
        limits=limits,
        outcome=outcome,
        pick=pick,
        leader=leader,
        kept=kept,
        eliminated=eliminated,
        training=training or TrainingRows(rows=len(run.plan.train_ids)),
        looks=looks or RowLooks(),
        languages=languages or LanguageParts(),
        rows_needed=_rows_needed(run.differences, kept, leader) if outcome is Outcome.UNDECIDED else None,
    )
    opening = headline(ruling)
    return Verdict(
        outcome=outcome,
        pick=pick.variant.id if pick else None,
        leader=leader.variant.id if leader else None,
        eliminated=eliminated,
        pareto=pareto(run.figures, run.differences),
        headline=opening.text,
        opening=opening.claims,
        sureness=sureness(ruling),
        in_short=in_short(ruling),
        next_step=next_step(ruling),
        evidence=evidence(ruling),
        basis=basis(ruling),
        reasons=reasons(ruling),
        changes=what_would_change(ruling),
        rows_needed=ruling.rows_needed,
    )


def corrected_under(run: RunFigures, limits: Limits) -> RunFigures:
    """Correct the interval of the best of those that meet the limits, where the best of all does not.

    The best of all has been corrected already; whoever is chosen in its place was chosen among those left.
    """
    kept = [item for item in run.figures if eliminate(run, item, limits) is None]
    if not kept or best_of(run.figures, run.out) in kept:
        return run
    corrected = {item.variant.id: item for item in best_corrected(kept, len(run.plan.test_ids), run.out)}
    return replace(run, figures=tuple(corrected.get(item.variant.id, item) for item in run.figures))


def _leader(differences: Sequence[Difference], kept: Sequence[VariantFigures]) -> VariantFigures | None:
    """Return the one that is furthest ahead of its nearest rival, on the rows that each pair shares.

    Where all have the same rows that is the one with the highest score; of equals, the simplest.
    """
    return max(
        kept,
        key=lambda item: (
            min((lead(differences, item, other) for other in kept if other is not item), default=0.0),
            -_upkeep(item),
        ),
        default=None,
    )


def _upkeep(item: VariantFigures) -> int:
    return item.variant.facts.upkeep


def _pick(
    differences: Sequence[Difference],
    kept: Sequence[VariantFigures],
    leader: VariantFigures | None,
    aside: Sequence[VariantFigures],
    *,
    others_out: bool,
) -> tuple[Outcome, VariantFigures | None]:
    if leader is None:
        return Outcome.NONE, None
    if len(kept) == 1:
        return (Outcome.NONE_RIGHT, None) if others_out and leader.is_silent else (Outcome.ALONE, leader)
    if all(_beats(differences, leader, item) for item in kept if item is not leader):
        return Outcome.WINNER, leader
    every = (*kept, *aside)
    any_right = any(item.quality.value > 0 for item in every)
    simplest_first = sorted(kept if any_right else (), key=lambda item: (_upkeep(item), dearness(item)))
    for item in simplest_first:
        ahead = all(lead(differences, item, other) >= 0 for other in every if other is not item)
        if ahead and best_on_all(item, every, differences):
            return Outcome.BEST_MEASURED, item
    for item in simplest_first:
        loss = worst_loss(differences, item, kept)
        if loss is not None and loss[0] <= NEGLIGIBLE_LOSS:
            return Outcome.SIMPLEST, item
    return Outcome.UNDECIDED if any_right else Outcome.NONE_RIGHT, None


def _beats(differences: Sequence[Difference], leader: VariantFigures, other: VariantFigures) -> bool:
    found = between(differences, leader.variant.id, other.variant.id)
    return found is not None and found.distinct and found.seen_from(leader.variant.id).value > 0


def _rows_needed(
    differences: Sequence[Difference], kept: Sequence[VariantFigures], leader: VariantFigures | None
) -> int | None:
    """Return about how many more rows would decide, by the sooner of two ways.

    Either the leader is shown to be better than each rival, or one of them is shown to be at most 5 points behind. Each
    rival gets its share of the 20 % by which the rows may fail to show it.
    """
    if leader is None:
        return None
    ways = [_rows_for(differences, leader, kept, bound=False)]
    ways += [_rows_for(differences, item, kept, bound=True) for item in kept]
    known = [rows for rows in ways if rows is not None]
    return min(known) if known else None


def _rows_for(
    differences: Sequence[Difference], item: VariantFigures, kept: Sequence[VariantFigures], *, bound: bool
) -> int | None:
    others = [other for other in kept if other is not item]
    needed = []
    power = 1 - (1 - POWER) / max(len(others), 1)
    for other in others:
        gap = between(differences, item.variant.id, other.variant.id)
        if gap is None:
            return None
        rows = (
            gap.rows_to_bound(item.variant.id, NEGLIGIBLE_LOSS, len(others), power=power)
            if bound
            else gap.rows_to_show(power=power)
        )
        if rows is None:
            return None
        needed.append(rows)
    return max(needed, default=None)
