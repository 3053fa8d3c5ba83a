"""How sure a verdict is, and on what it rests. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.analysis.figures import VariantFigures
from engine.analysis.verdict.claims import Claim, ClaimKind, Sentence, Strength
from engine.analysis.verdict.limits import met, uncosted, untimed
from engine.analysis.verdict.naming import at_worst, lead_over_all, leads_by, may_meet, scored_more, the
from engine.analysis.verdict.ruling import Outcome, Ruling
from engine.core.embedder import embedder_name
from engine.metrics import wording as say
from engine.running.preflight.embedders import handicap_sentences

FIRST_LOOK_TOLD = 5
"""From this look at the same test rows on the verdict says how worn they are."""


def sureness(ruling: Ruling) -> Sentence:
    """Say how sure the choice is."""
    if ruling.subject is None:
        return _how_sure_of_none(ruling)
    return _SURENESS[ruling.outcome](ruling, ruling.subject)


def _how_sure_of_none(ruling: Ruling) -> Sentence:
    doubtful = [item for item in ruling.eliminated if may_meet(item.reason)]
    if doubtful:
        names = say.listed([item.name for item in doubtful])
        told = tuple(
            Claim(kind=ClaimKind.MAY_MEET, strength=Strength.POSSIBLE, who=item.variant_id) for item in doubtful
        )
        return Sentence(text=f"{names} might still meet them; more rows would tell.", claims=told)
    if all(item.certain for item in ruling.eliminated) and ruling.eliminated:
        return Sentence(text="This is certain: each misses a limit by more than chance allows.")
    return Sentence(text="Each misses a limit in this test.")


def _how_sure_of_limits(ruling: Ruling, pick: VariantFigures) -> Sentence:
    claims = met(pick, ruling.limits)
    doubtful = [item.name for item in ruling.eliminated if may_meet(item.reason)]
    parts = []
    if claims:
        certain = all(claim.strength is Strength.CERTAIN for claim in claims)
        sure = "with certainty" if certain else "in this test, but not with certainty"
        parts.append(f"It meets {'your limit' if len(claims) == 1 else 'your limits'} {sure}.")
    if doubtful:
        parts.append(f"{say.listed(doubtful)} may meet the limits too; more rows would tell.")
    if not parts and not ruling.limits.any_set:
        parts.append("No limit is set.")
    return Sentence(text=" ".join(parts), claims=claims)


def _nearest(ruling: Ruling, pick: VariantFigures) -> Sentence:
    nearest = ruling.rivals[0]
    gap = ruling.between(pick, nearest)
    if gap is None:
        return Sentence(text="")
    lead = lead_over_all(gap, pick, len(ruling.rivals))
    text = (
        f"Proven at the 5 % level: the nearest is {the(nearest)}, behind by {say.points(lead.value)} "
        f"({say.span(lead.low, lead.high)}, {say.probability(gap.p_value)})."
    )
    return Sentence(text=text, claims=(leads_by(pick, nearest, lead, gap.p_value),))


def _what_may_be_lost(ruling: Ruling, subject: VariantFigures) -> Sentence:
    claim = at_worst(ruling, subject, ClaimKind.AT_WORST)
    if claim is None or claim.value is None:
        return Sentence(text="Some of them were not compared on the same rows.")
    rival = the(next(item for item in ruling.rivals if item.variant.id == claim.whom[0]))
    word = "As measured, not proven" if ruling.outcome is Outcome.BEST_MEASURED else "Not decided"
    if claim.value <= 0:
        return Sentence(text=f"{word}, but no other is likely to be better.", claims=(claim,))
    text = f"{word}: {rival} could be up to {say.points(claim.value)} better than {the(subject)}."
    return Sentence(text=text, claims=(claim,))


def _ahead_as_measured(ruling: Ruling, pick: VariantFigures) -> Sentence:
    rival = ruling.rivals[0]
    ahead = ruling.lead(pick, rival)
    if ahead >= 0:
        others = "No other that meets your limits" if ruling.eliminated else "No other"
        return Sentence(text=f"{others} scored higher in this test.", claims=(scored_more(pick, rival, ahead),))
    text = f"In this test {the(rival)} scored {say.points(ahead)} more; the bound holds in 95 of 100 such runs."
    return Sentence(text=text, claims=(scored_more(rival, pick, -ahead),))


_SURENESS: Mapping[Outcome, Callable[[Ruling, VariantFigures], Sentence]] = {
    Outcome.ALONE: _how_sure_of_limits,
    Outcome.WINNER: _nearest,
    Outcome.BEST_MEASURED: _what_may_be_lost,
    Outcome.SIMPLEST: _ahead_as_measured,
    Outcome.UNDECIDED: _what_may_be_lost,
}


def basis(ruling: Ruling) -> Sentence:
    """Say on what the verdict rests: training rows, labels that had none, draws, and how worn the test rows are."""
    told = (part(ruling) for part in (_unchecked, _fewer, _handicapped, _language, _training, _unseen, _shown, _worn))
    parts = [part for part in told if part.text]
    text = " ".join(part.text for part in parts)
    return Sentence(text=text, claims=tuple(claim for part in parts for claim in part.claims))


def _unchecked(ruling: Ruling) -> Sentence:
    """Say where a limit could not be checked."""
    figures, limits, said = ruling.run.figures, ruling.limits, []
    if any(untimed(item, limits) for item in figures):
        said.append("Your limit on p95 was not checked: in batches no single answer is timed.")
    if any(uncosted(item, limits) for item in figures):
        said.append("Your limit on cost was not checked: another machine answered, and its price is not known.")
    return Sentence(text=" ".join(said))


def _fewer(ruling: Ruling) -> Sentence:
    """Say who has fewer rows than others, as those that left a race have."""
    figures = ruling.run.figures
    most = max((item.rows for item in figures), default=0)
    short = [item for item in figures if item.rows < most]
    if not short:
        return Sentence(text="")
    told = say.listed([f"{item.name} {item.rows:,}" for item in short])
    return Sentence(
        text=f"Not all answered {most:,} rows: {told}. Each pair is compared on the rows that both have.",
        claims=tuple(
            Claim(kind=ClaimKind.FEWER_ROWS, strength=Strength.MEASURED, who=item.variant.id, value=float(item.rows))
            for item in short
        ),
    )


def _handicapped(ruling: Ruling) -> Sentence:
    """Say which embedder was not trained on the language of the rows."""
    handicaps = ruling.run.plan.handicaps
    claims = tuple(
        Claim(
            kind=ClaimKind.EMBEDDER_HANDICAP,
            strength=Strength.MEASURED,
            who=item.variant.id,
            value=handicap.unknown_share,
        )
        for handicap in handicaps
        for item in ruling.run.figures
        if embedder_name(item.variant.embedder) == handicap.embedder
    )
    return Sentence(text=" ".join(handicap_sentences(handicaps)), claims=claims)


def _language(ruling: Ruling) -> Sentence:
    """Say in which languages the rows are, and what the run goes without in them."""
    return Sentence(text=ruling.languages.sentence())


def _training(ruling: Ruling) -> Sentence:
    run, subject, rows = ruling.run, ruling.subject, ruling.training.rows
    if not rows:
        return Sentence(text="")
    claims = [Claim(kind=ClaimKind.TRAINED_ON, strength=Strength.MEASURED, value=float(rows))]
    text = f"All of this is after {rows:,} training row{'s' if rows != 1 else ''}"
    draws = run.plan.draws
    if subject is not None and subject.drawn and draws > 1:
        text += f", and for {the(subject)} averaged over {draws} draws, each row answered with one of them"
    elif subject is not None and (drawn := _drawn(subject)):
        claims.append(Claim(kind=ClaimKind.DRAWN, strength=Strength.MEASURED, who=subject.variant.id))
        text += f", and for {the(subject)} {drawn}: others can move it by some points"
    return Sentence(text=f"{text}.", claims=tuple(claims))


def _unseen(ruling: Ruling) -> Sentence:
    """Say how many labels no training row had, and the most that can be right without them."""
    training = ruling.training
    without, most = len(training.labels_without_rows), training.highest_reachable
    if not without:
        return Sentence(text="")
    text = f"{without} of {training.labels} labels had no training row"
    if training.test_rows_without and most is not None:
        text += f": a variant that only knows labels it has seen gets at most {say.share(most)} right"
    claim = Claim(kind=ClaimKind.LABELS_WITHOUT_ROWS, strength=Strength.MEASURED, value=float(without), high=most)
    return Sentence(text=f"{text}.", claims=(claim,))


def _shown(ruling: Ruling) -> Sentence:
    """Say where fixed examples leave labels out: a model mostly answers with labels that it is shown."""
    labels = ruling.training.labels
    few = next((item for item in ruling.run.figures if 0 < item.fixed_shots < labels), None)
    if few is None:
        return Sentence(text="")
    shown = few.fixed_shots
    claim = Claim(
        kind=ClaimKind.LABELS_WITHOUT_ROWS,
        strength=Strength.MEASURED,
        who=few.variant.id,
        value=float(labels - shown),
    )
    text = f"The {shown} examples of {the(few)} show at most {shown} of the {labels} labels."
    return Sentence(text=text, claims=(claim,))


def _worn(ruling: Ruling) -> Sentence:
    """Say from the fifth look on how often these test rows were looked at, and what that does to the error."""
    looks = ruling.looks
    if looks.number < FIRST_LOOK_TOLD:
        return Sentence(text="")
    claim = Claim(
        kind=ClaimKind.LOOKS, strength=Strength.MEASURED, value=float(looks.number), high=float(looks.variants)
    )
    text = (
        f"This is look {looks.number} at these test rows, after {looks.variants} variants in {looks.runs} runs: if "
        f"each was chosen after the one before, the chance that one of them won by luck alone is about "
        f"{say.share(looks.chance_of_luck)}. Fresh test rows would tell."
    )
    return Sentence(text=text, claims=(claim,))


def _drawn(item: VariantFigures) -> str:
    """Name the draws that a variant's result depends on."""
    variant, parts = item.variant, []
    if item.fixed_shots:
        parts.append("with this one example" if item.fixed_shots == 1 else f"with these {item.fixed_shots} examples")
    if variant.lora is not None:
        parts.append(f"with training seed {variant.lora.seed}")
    return " and ".join(parts)
