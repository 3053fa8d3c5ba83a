"""Which variants a verdict is about, where settings were searched for. Pure functions."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace

from engine.analysis.figures import RunFigures, VariantFigures, best_corrected
from engine.analysis.qualities import best_of
from engine.analysis.verdict.limits import eliminate
from engine.analysis.verdict.ruling import between
from engine.core.limits import Limits
from engine.core.variant import no_rivals


def contenders(run: RunFigures, limits: Limits) -> RunFigures:
    """Return a run with one variant for each technique, with the settings that were found if there are any.

    What was found was fixed before a test row was read. A technique's default beside it would be a rival so near that
    hardly any number of rows could tell them apart. It contends as well where the limits rule out the tuned variant,
    where that one left a race before it, and where it is proven to be the better of the two. All differences stay.
    """
    pairs = no_rivals([item.variant for item in run.figures])
    out = {
        default
        for default, tuned in pairs.items()
        if eliminate(run, run.of(tuned), limits) is None
        and not _left_first(run, tuned, default)
        and not _proven_better(run, default, tuned)
    }
    return replace(run, figures=_without(run, out)) if out else run


def _left_first(run: RunFigures, first: str, second: str) -> bool:
    return first in run.out and run.out[first] < run.of(second).rows


def _proven_better(run: RunFigures, first: str, second: str) -> bool:
    gap = between(run.differences, first, second)
    return gap is not None and gap.significant and gap.seen_from(first).value > 0


def with_default_settings(run: RunFigures) -> RunFigures:
    """Return a run without its tuned variants."""
    out = {item.variant.id for item in run.figures if item.variant.tuned}
    differences = tuple(item for item in run.differences if not {item.first, item.second} & out)
    return replace(run, figures=_without(run, out), differences=differences)


def _without(run: RunFigures, out: AbstractSet[str]) -> tuple[VariantFigures, ...]:
    """Leave variants out; if the best was one of them, the best of the others is corrected for that it is the best."""
    kept = [item for item in run.figures if item.variant.id not in out]
    if kept and best_of(run.figures, run.out) not in kept:
        kept = best_corrected(kept, len(run.plan.test_ids), run.out)
    return tuple(kept)
