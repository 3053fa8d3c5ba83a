"""Which variants a verdict is about, where settings were searched for. Pure functions."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace

from engine.analysis.figures import RunFigures, VariantFigures, best_corrected, best_of
from engine.analysis.verdict.limits import eliminate
from engine.core.limits import Limits


def contenders(run: RunFigures, limits: Limits) -> RunFigures:
    """Return a run with one variant for each technique: with the settings that were found, or else by default.

    What was found was fixed before a test row was read, so that nothing is chosen on the test rows. A technique's
    default beside it would be a rival so near that hardly any number of rows could tell them apart. It stands in where
    the limits rule out the tuned one and not the default.
    """
    tuned = {item.variant.technique: item for item in run.figures if item.variant.tuned}
    if not tuned:
        return run
    out = set[str]()
    for item in run.figures:
        other = tuned.get(item.variant.technique)
        if other is None or item is other:
            continue
        stands_in = eliminate(other, limits) is not None and eliminate(item, limits) is None
        out.add(other.variant.id if stands_in else item.variant.id)
    return _without(run, out)


def with_default_settings(run: RunFigures) -> RunFigures:
    """Return a run without its tuned variants."""
    return _without(run, {item.variant.id for item in run.figures if item.variant.tuned})


def _without(run: RunFigures, out: AbstractSet[str]) -> RunFigures:
    """Leave variants out; if the best was one of them, the best of the others is corrected for that it is the best."""
    kept: list[VariantFigures] = [item for item in run.figures if item.variant.id not in out]
    if kept and best_of(run.figures) not in kept:
        kept = best_corrected(kept, len(run.plan.test_ids))
    differences = tuple(item for item in run.differences if not {item.first, item.second} & out)
    return replace(run, figures=tuple(kept), differences=differences)
