"""Which variants a verdict is about, where settings were searched for. Pure functions."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace

from engine.analysis.figures import RunFigures, VariantFigures, best_corrected, best_of
from engine.analysis.verdict.limits import eliminate
from engine.analysis.verdict.ruling import between
from engine.core.limits import Limits


def contenders(run: RunFigures, limits: Limits) -> RunFigures:
    """Return a run with one variant for each technique, with the settings that were found if there are any.

    What was found was fixed before a test row was read. A technique's default beside it would be a rival so near that
    hardly any number of rows could tell them apart. It contends as well where the limits rule out the tuned variant,
    and where it is proven to be the better of the two. All differences stay. Of one technique, nothing is left out.
    """
    tuned = {item.variant.technique: item for item in run.figures if item.variant.tuned}
    if not tuned or len({item.variant.technique for item in run.figures}) < 2:
        return run
    out = {
        item.variant.id
        for item in run.figures
        if (other := tuned.get(item.variant.technique)) is not None
        and item is not other
        and eliminate(other, limits) is None
        and not _proven_better(run, item, other)
    }
    return replace(run, figures=_without(run, out))


def _proven_better(run: RunFigures, item: VariantFigures, other: VariantFigures) -> bool:
    gap = between(run.differences, item.variant.id, other.variant.id)
    return gap is not None and gap.significant and gap.seen_from(item.variant.id).value > 0


def with_default_settings(run: RunFigures) -> RunFigures:
    """Return a run without its tuned variants."""
    out = {item.variant.id for item in run.figures if item.variant.tuned}
    differences = tuple(item for item in run.differences if not {item.first, item.second} & out)
    return replace(run, figures=_without(run, out), differences=differences)


def _without(run: RunFigures, out: AbstractSet[str]) -> tuple[VariantFigures, ...]:
    """Leave variants out; if the best was one of them, the best of the others is corrected for that it is the best."""
    kept = [item for item in run.figures if item.variant.id not in out]
    if kept and best_of(run.figures) not in kept:
        kept = best_corrected(kept, len(run.plan.test_ids))
    return tuple(kept)
