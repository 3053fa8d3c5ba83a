"""The verdict's third line: what to do next. Pure functions."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from engine.analysis.figures import VariantFigures
from engine.analysis.qualities import best_of
from engine.analysis.verdict.basis import FIRST_LOOK_TOLD
from engine.analysis.verdict.claims import Claim, ClaimKind, LimitKind, Sentence, Strength
from engine.analysis.verdict.limits import meets_all_certainly, uncosted, untimed
from engine.analysis.verdict.naming import may_meet, the
from engine.analysis.verdict.ruling import Outcome, Ruling
from engine.metrics import wording as say


def next_step(ruling: Ruling) -> Sentence:
    """Say what to do next."""
    if not ruling.run.figures:
        return Sentence(text="")
    return _unanswered(ruling) or _after_answers(ruling)


def _unanswered(ruling: Ruling) -> Sentence | None:
    """Point at the failures where all that could be chosen, or be helped over a limit, failed on every row.

    Also where nothing is decided and one of them did: more rows would be more failures.
    """
    concerned = ruling.kept or [best_of(ruling.run.figures, ruling.run.out)]
    silent = [the(item) for item in concerned if item.is_silent]
    if len(silent) == len(concerned):
        return Sentence(text="Next: open a row and see why it failed; then run again.")
    if silent and ruling.outcome is Outcome.UNDECIDED:
        return Sentence(text=f"Next: open a row and see why {silent[0]} failed; then run again.")
    return None


def _after_answers(ruling: Ruling) -> Sentence:
    if ruling.subject is None:
        return _remedy(ruling)
    if len(ruling.run.figures) == 1:
        more = len(ruling.run.plan.variants) > 1
        return Sentence(text="Next: let the others answer too." if more else "Next: run another variant beside it.")
    if ruling.outcome is Outcome.UNDECIDED:
        return _more_rows(ruling)
    if ruling.outcome is Outcome.NONE_RIGHT:
        return Sentence(text="Next: open some rows and see what was answered; then try clearer instructions.")
    return Sentence(text=f"Next: {_before_use(ruling)}.")


def _before_use(ruling: Ruling) -> str:
    """Say what to check before a choice is relied on."""
    looks = ruling.looks.number
    if looks >= FIRST_LOOK_TOLD:
        return f"confirm it on fresh test rows; this is look {looks} at the same ones"
    if not ruling.limits.any_set:
        return "say what you need in quality, time and cost; a limit can change the choice"
    if ruling.pick is not None and untimed(ruling.pick, ruling.limits):
        return "run it without throughput mode; your limit on p95 can be checked then"
    if ruling.pick is not None and uncosted(ruling.pick, ruling.limits):
        return "find out what its answers cost; your limit on cost was not checked"
    if ruling.outcome is Outcome.ALONE and ruling.pick is not None:
        doubt = any(may_meet(item.reason) for item in ruling.eliminated)
        if doubt or not meets_all_certainly(ruling.run, ruling.pick, ruling.limits):
            return "test more rows to be certain of the limits"
    return "try it on fresh rows from daily use before you rely on it"


def _more_rows(ruling: Ruling) -> Sentence:
    needed = ruling.rows_needed
    if needed is not None:
        claim = Claim(kind=ClaimKind.ROWS_NEEDED, strength=Strength.ESTIMATED, value=float(needed))
        rows = f"{say.about(needed)} more row{'' if needed == 1 else 's'}"
        return Sentence(text=f"Next: test about {rows}; that should settle it.", claims=(claim,))
    if any(gap.rows == 0 for gap in ruling.run.differences):
        return Sentence(text="Next: have every variant answer the same rows.")
    return Sentence(text="Next: choose by time and cost; more rows are unlikely to settle the quality.")


def _remedy(ruling: Ruling) -> Sentence:
    """Name what may help the variant of highest quality with the limits that it misses, and only with those."""
    nearest = best_of(ruling.run.figures, ruling.run.out)
    out = next(item for item in ruling.eliminated if item.variant_id == nearest.variant.id)
    missed = {claim.limit for claim in out.reason.claims if claim.kind is ClaimKind.MISSES and claim.limit}
    claim = Claim(kind=ClaimKind.REMEDY, strength=Strength.POSSIBLE, who=nearest.variant.id)
    closest = f"{the(nearest)}, the closest in quality," if len(ruling.run.figures) > 1 else the(nearest)
    return Sentence(text=f"Next: {_what_may_help(nearest, closest, missed)}.", claims=(claim,))


def _what_may_help(nearest: VariantFigures, closest: str, missed: AbstractSet[LimitKind]) -> str:
    if missed == {LimitKind.QUALITY}:
        end = closest.removesuffix(",")
        if nearest.labelled(1):
            return f"label more training rows for {end}; the learning curve shows what they bring"
        return f"try a larger model or clearer instructions for {end}"
    if LimitKind.QUALITY in missed:
        return f"relax a limit or try another model; {closest} misses more than one"
    means = {LimitKind.P95: "faster", LimitKind.COST: "cheaper"}
    wanted = " and ".join(word for limit, word in means.items() if limit in missed)
    way = "a smaller model, a shorter prompt" if nearest.variant.generates else "another embedder"
    return f"make {closest} {wanted}: {way} or another machine"
