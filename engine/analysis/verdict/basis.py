"""On what a verdict rests: training rows, labels without any, draws, handicaps, and how worn the test rows are.

Pure functions. Each sentence stands behind "Why".
"""

from __future__ import annotations

from engine.analysis.basis.wholeness import ended_early
from engine.analysis.figures import VariantFigures
from engine.analysis.verdict.claims import Claim, ClaimKind, Sentence, Strength
from engine.analysis.verdict.limits import uncosted, unknown_costs, untimed
from engine.analysis.verdict.naming import start, the
from engine.analysis.verdict.ruling import Ruling
from engine.core.embedder import embedder_name
from engine.core.variant import variant_names
from engine.metrics import wording as say
from engine.running.preflight.embedders import handicap_sentences

REPEATS = 4
"""Who gives a fourth of the different answers that are wanted, or fewer, repeats itself."""
FEWEST_REPEATING = 20
"""On fewer rows nothing is said of repeating."""
FIRST_LOOK_TOLD = 5
"""From this look at the same test rows on the verdict says how worn they are."""
_IN_BATCHES = "in batches no single answer is timed"


def basis(ruling: Ruling) -> Sentence:
    """Say on what the verdict rests: training rows, labels that had none, draws, and how worn the test rows are."""
    told = (part(ruling) for part in _PARTS)
    parts = [part for part in told if part.text]
    text = " ".join(part.text for part in parts)
    return Sentence(text=text, claims=tuple(claim for part in parts for claim in part.claims))


def _unchecked(ruling: Ruling) -> Sentence:
    """Say where a limit could not be checked."""
    figures, limits, said = ruling.run.figures, ruling.limits, []
    if unknown := [item for item in figures if untimed(item, limits)]:
        silent = all(item.is_silent for item in unknown) and not ruling.run.plan.throughput
        why = f"{say.listed([the(item) for item in unknown])} answered no row" if silent else _IN_BATCHES
        said.append(f"Your limit on p95 was not checked: {why}.")
    if why := unknown_costs([item for item in figures if uncosted(item, limits)]):
        said.append(f"Your limit on cost was not checked: {why}.")
    return Sentence(text=" ".join(said))


def _unanswered(ruling: Ruling) -> Sentence:
    """Say who has no answer to any row: a lead over such a variant is one over its failures."""
    silent = [the(item) for item in ruling.run.figures if item.is_silent]
    if not silent:
        return Sentence(text="")
    return Sentence(text=f"{start(say.listed(silent))} answered no row: each counts as wrong, and the rows say why.")


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


def _ended(ruling: Ruling) -> Sentence:
    """Say that a clear lead ended the run, whose quality is then overestimated."""
    stopped, plan = ruling.run.stopped_early, ruling.run.plan
    if stopped is None:
        return Sentence(text="")
    leader = variant_names(plan.variants)[stopped.variant_id]  # who may be left out where defaults alone are judged
    return Sentence(text=ended_early(leader, stopped.rows, len(plan.test_ids)))


def _continued(ruling: Ruling) -> Sentence:
    """Say that rows were added: from what a race saved, or after an earlier verdict."""
    plan, said = ruling.run.plan, []
    if plan.saved_rows:
        were = "was" if plan.saved_rows == 1 else "were"
        said.append(
            f"{say.counted(plan.saved_rows, 'further row')} {were} answered with what the race spared, since the "
            f"planned ones did not tell which of those left is the best; the tests allow for both looks."
        )
    if times := plan.looks - (plan.saved_rows > 0):
        often = {1: "once", 2: "twice"}.get(times, f"{say.count(times)} times")
        said.append(f"Rows were added {often} after a verdict on fewer; the tests allow for every such look.")
    return Sentence(text=" ".join(said))


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
    all_served = any(item.weights_served for item in run.figures) and not any(item.learns for item in run.figures)
    if not rows or all_served:
        return Sentence(text="")
    claims = [Claim(kind=ClaimKind.TRAINED_ON, strength=Strength.MEASURED, value=float(rows))]
    text = f"All of this is after {say.counted(rows, 'training row')}"
    draws = run.plan.draws
    if subject is not None and subject.by_chance and draws > 1:
        text += f", and {the(subject)} is averaged over {draws} draws, each row answered with one of them"
    elif subject is not None and (drawn := _drawn(subject)):
        claims.append(Claim(kind=ClaimKind.DRAWN, strength=Strength.MEASURED, who=subject.variant.id))
        text += f", and {the(subject)} was measured {drawn}; another choice could shift its result by some points"
    return Sentence(text=f"{text}.", claims=tuple(claims))


def _served(ruling: Ruling) -> Sentence:
    """Say whose weights came with the server: what they learned from is unknown, the test rows perhaps."""
    served = [the(item) for item in ruling.run.figures if item.weights_served]
    if not served:
        return Sentence(text="")
    text = (
        f"The weights of {say.listed(served)} came with the server: what they were trained on is not known here, and "
        "test rows may have been among that."
    )
    return Sentence(text=text)


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
    if shown == 1:
        text = f"The one example of {the(few)} shows one of the {labels} labels."
    return Sentence(text=text, claims=(claim,))


def _found_labels(ruling: Ruling) -> Sentence:
    """Say who could choose only among the labels of the examples that it found, since all did not fit."""
    for item in ruling.run.figures:
        spec = item.variant.retrieval
        if spec is not None and spec.found_labels_only:
            found = f"labels of the {spec.examples_k} examples" if spec.examples_k > 1 else "label of the one example"
            return Sentence(
                text=f"In each prompt {the(item)} saw, and could choose, only the {found} that it found: the names of "
                f"all {ruling.training.labels} do not fit."
            )
    return Sentence(text="")


def _repeats(ruling: Ruling) -> Sentence:
    """Say who repeats itself in free text: it may repeat its examples, which a score of form alone rewards."""
    wanted, said = ruling.run.different_targets or 0, []
    for item in ruling.run.figures:
        given, answered = item.different_answers, item.rows - item.failed
        if not wanted or given is None or answered < FEWEST_REPEATING or given * REPEATS > min(wanted, answered):
            continue
        answers = "one and the same answer" if given == 1 else f"only {say.number(given)} different answers"
        said.append(
            f"To {say.number(answered)} rows {the(item)} gave {answers}, where "
            f"{say.number(wanted)} are wanted: it repeats itself, and a score of form alone does not show that."
        )
    return Sentence(text=" ".join(said))


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
    if variant.lora is not None and not item.weights_served:
        parts.append(f"with training seed {variant.lora.seed}")
    return " and ".join(parts)


_PARTS = (
    _unchecked,
    _unanswered,
    _fewer,
    _ended,
    _continued,
    _handicapped,
    _language,
    _training,
    _served,
    _unseen,
    _shown,
    _found_labels,
    _repeats,
    _worn,
)
