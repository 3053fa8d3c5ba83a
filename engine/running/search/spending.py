"""What a search may spend at a closed API: what the run's own rows will need is left alone. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from engine.running.answering import RunContext
from engine.running.preparation.priors import count_rows, tells_all
from engine.running.search.seeker import Seeker


def leaves_enough(context: RunContext, seekers: Sequence[Seeker], seeker: Seeker, left_usd: float | None) -> bool:
    """Tell whether the next trial of a technique leaves enough of the limit for the rows of the run.

    The trial is expected to cost as much as the dearest of that technique so far; the first of a technique, as much as
    the cheapest that cost something. The very first is always made: without it nothing is known.

    Args:
        context: of the search.
        seekers: of all techniques.
        seeker: the one whose turn it is.
        left_usd: of the limit; None where there is none.
    """
    known = [trial.cost_usd for one in seekers for trial in one.trials if trial.cost_usd > 0]
    if left_usd is None or not known:
        return True
    first = min(known) if seeker.variant.generates else 0.0
    expected = max((trial.cost_usd for trial in seeker.trials), default=first)
    return expected == 0.0 or expected + rows_usd(context, seekers) <= left_usd


def rows_usd(context: RunContext, seekers: Sequence[Seeker]) -> float:
    """Return what the rows of the run will cost, judged by the answers of the trials so far.

    A tuned variant is expected to cost as much as the dearest setting of its technique, for any may be chosen; one of
    which nothing was tried yet, as much as the cheapest answer that cost something. The rows that a label prior is
    measured on and that of the warm-up are counted in.
    """
    plan, total = context.plan, 0.0
    least = min((usd for seeker in seekers for usd in _each_usd(seeker) if usd > 0), default=0.0)
    for seeker in seekers:
        each = _each_usd(seeker) or [least if seeker.variant.generates else 0.0]
        for variant in plan.variants:
            if variant.default_id == seeker.variant.default_id:
                rows = len(plan.test_ids) + count_rows(plan, context.task, variant, told=tells_all(context)) + 1
                total += rows * (max(each) if variant.tuned else each[0])
    return total


def _each_usd(seeker: Seeker) -> list[float]:
    """Return what an answer cost in each trial."""
    return [trial.cost_usd / trial.rows for trial in seeker.trials if trial.rows]
