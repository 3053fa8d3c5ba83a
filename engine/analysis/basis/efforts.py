"""What searching for settings came to, in rows and words. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from engine.analysis.figures import RunFigures, VariantFigures
from engine.analysis.verdict.claims import Claim, ClaimKind, Sentence, Strength
from engine.analysis.verdict.naming import the
from engine.analysis.verdict.ruling import Verdict, between
from engine.core.run.effort import Effort, Search, SearchEnd, Setting, Trial, TrialOutcome
from engine.core.techniques import TECHNIQUES, Technique, in_sentence, label
from engine.core.variant import TUNED_ENDING, no_rivals
from engine.metrics import wording as say
from engine.running.search.choosing import best_so_far, rows_in_common, shown_score
from engine.running.search.folds import FOLDS

ABOUT = (
    "Settings are judged on training and validation rows alone, each row by what was learned from others. The test "
    "rows are sealed until the one pass at the end. Every technique gets the same effort. A setting replaces "
    "the default only if its gain is more than luck alone would give the best of so many. In the verdict a default "
    "does not compete with its own tuned variant, unless a limit rules the tuned one out or the default is "
    "significantly better."
)
REPLAY = "The same trials again: --trials"
"""What stands before the numbers of trials that make a search again."""
_ENDS: Mapping[SearchEnd, str] = {
    SearchEnd.TIME: "another trial would not have ended in time",
    SearchEnd.TRIALS: "as many trials as were asked for",
    SearchEnd.EXHAUSTED: "nothing left to try",
    SearchEnd.STOPPED: "ended by you",
    SearchEnd.MONEY: "the rest of the spending limit is for the test rows",
    SearchEnd.IMPOSSIBLE: "nothing to search for here",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class EffortRow:
    """The search of one technique at a glance."""

    technique: str
    """Its label."""
    trials: int
    rows: int
    """Answers of all trials."""
    judged_rows: int
    """Labelled rows that the default and the best other setting answered; the default's where there is no other."""
    trainings: int
    seconds: float
    default_score: float | None
    """Mean primary score of the default's setting on the labelled rows, 0 to 1."""
    best_score: float | None
    """Of the best other setting."""
    best_so_far: float | None
    """The highest score of a whole trial, the default's among them, whether or not the search has ended."""
    used: str
    """The setting that is used, in words."""
    changed: bool
    ended: str
    """Why the search ended, in words; empty while it goes on."""


def effort_rows(searches: Mapping[str, Search]) -> tuple[EffortRow, ...]:
    """Tell what each search did and found."""
    return tuple(_row(search) for search in searches.values())


def _row(search: Search) -> EffortRow:
    trials = search.in_order
    default = trials[0] if trials else None
    best = trials[search.best] if search.best is not None else None
    return EffortRow(
        technique=label(search.technique),
        trials=len(trials),
        rows=search.rows,
        judged_rows=(rows_in_common(default, best) if best else default.rows) if default else 0,
        trainings=search.trainings,
        seconds=search.seconds,
        default_score=default.score if default else None,
        best_score=shown_score(best) if best else None,
        best_so_far=max((score for _seconds, score in best_so_far(trials)), default=None),
        used=_used(trials[search.chosen]) if search.chosen else setting_in_words({}),
        changed=search.changed,
        ended=_ENDS[search.ended] if search.ended else "",
    )


def setting_in_words(setting: Setting) -> str:
    """Write a setting as its knobs with their options; the default's is called that."""
    return ", ".join(f"{name}: {option}" for name, option in setting.items()) or "default"


def _used(trial: Trial) -> str:
    """Write the setting of a trial, and whether its label prior is taken away, which the trial decided."""
    corrected = "" if trial.corrected is None else f", prior correction: {'on' if trial.corrected else 'off'}"
    return f"{setting_in_words(trial.setting)}{corrected}"


def effort_sentences(searches: Mapping[str, Search]) -> tuple[str, ...]:
    """Say of each technique what its search did, what it found, and what is used."""
    return tuple(_sentence(search) for search in searches.values())


def _sentence(search: Search) -> str:
    row = _row(search)
    if search.ended is SearchEnd.IMPOSSIBLE:
        why = next((trial.message for trial in search.trials.values() if trial.standing is TrialOutcome.FAILED), "")
        return f"{row.technique}: no settings were searched for. {search.reason or why}".strip()
    trained = f" and {say.counted(row.trainings, 'training')}" if row.trainings else ""
    if weights_s := sum(trial.weights_s for trial in search.trials.values()):
        trained += f" (without {say.duration(weights_s)} for the default's weights, which the run needs anyway)"
    spent = f"{say.counted(row.trials, 'setting')} in {say.duration(row.seconds)}"
    if found_s := sum(trial.found_s for trial in search.trials.values()):
        spent += f", counting {say.duration(found_s)} that its weights had taken before"
    spent += f", {say.counted(row.rows, 'answer')}{trained}"
    if search.ended is None:
        return f"{row.technique}: {spent} so far; the search is not finished."
    end = _end(search, row)
    if row.best_score is None or row.default_score is None:
        return f"{row.technique}: {spent}{end}. The default stays: {_why_kept(search)}."
    shares = f"{say.share(row.best_score)} against the default's {say.share(row.default_score)}"
    shares += f", compared on {say.counted(row.judged_rows, 'labelled row')}"
    if row.changed:
        return f"{row.technique}: {spent}{end}. The run uses {row.used}: {shares}."
    luck = ", which may be luck" if row.best_score > row.default_score else ""
    return f"{row.technique}: {spent}{end}. The default stays: the best other setting reached {shares}{luck}."


_TOLD_ENDS = (SearchEnd.EXHAUSTED, SearchEnd.STOPPED, SearchEnd.MONEY)


def _end(search: Search, row: EffortRow) -> str:
    if search.given_up_s:
        return f"; one more was given up after {say.duration(search.given_up_s)}, when the time was over"
    if search.ended is SearchEnd.TIME and search.next_s is not None:
        least = "at least " if search.passed else ""
        return f"; another would have taken {least}{say.duration(search.next_s)}, more than was left"
    return f"; {row.ended}" if search.ended in _TOLD_ENDS else ""


def _why_kept(search: Search) -> str:
    """Say why the default is kept where no other setting answered all rows."""
    others = search.in_order[1:]
    if not others:
        if search.given_up_s:
            return "the one other setting that was begun did not end in time"
        small = search.ended is SearchEnd.TIME
        return "the time was too short for another setting" if small else "no other setting was tried"
    failed = all(trial.standing is TrialOutcome.FAILED for trial in others)
    who = "the other one" if len(others) == 1 else "the others"
    return f"{who} failed" if failed else f"{who} fell behind on the first rows"


def amount(effort: Effort) -> str:
    """Write an effort: so many seconds, or so many trials, for each technique."""
    if effort.seconds is not None:
        return f"{say.duration(effort.seconds)} of search for each technique"
    counts = sorted(set(effort.trials.values()))
    if len(counts) == 1:
        return f"{say.counted(counts[0], 'trial')} for each technique"
    (first, count), *others = effort.trials.items()
    told = [f"{say.counted(count, 'trial')} for {_technique(first)}"]
    return say.listed([*told, *(f"{number} for {_technique(name)}" for name, number in others)])


def _technique(variant_id: str) -> str:
    """Write the technique of a default variant as written within a sentence, with its embedder if it has another."""
    name, _, embedder = variant_id.partition("@")
    return in_sentence(label(name)) + (f" with {embedder}" if embedder else "")


def curve_sentences(searches: Mapping[str, Search]) -> tuple[str, ...]:
    """Say what each search had reached when, where it rose above its default: the curve over seconds in words."""
    told = []
    for search in searches.values():
        curve = best_so_far(search.in_order)
        steps = [f"{say.share(score)} after {say.duration(seconds)}" for seconds, score in curve]
        if len(steps) > 1:
            told.append(f"{label(search.technique)}, best on labelled rows: {say.listed(steps)}.")
    return tuple(told)


def replay_sentence(searches: Mapping[str, Search]) -> str:
    """Say how the same trials are made again; empty where there were none."""
    return f"{REPLAY} {replay_option(searches)}" if searches else ""


def replay_option(searches: Mapping[str, Search]) -> str:
    """Return the option of `compare` that makes the same trials again."""
    return ",".join(
        f"{variant_id.removesuffix(TUNED_ENDING)}={max(len(search.trials), 1)}{_folds(search)}{_passed(search)}"
        for variant_id, search in searches.items()
    )


def _passed(search: Search) -> str:
    """Write which of the proposed settings are passed over before its last trial: `-3-9..25`."""
    count = len(search.trials)
    numbers = [number for place, number in enumerate(search.passed) if number - place < count]
    told = []
    for _trials_before, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        first, *others = (number for _place, number in run)
        told.append(f"-{first}..{others[-1]}" if others else f"-{first}")
    return "".join(told)


def _folds(search: Search) -> str:
    """Write how many folds its trials answer, where these are not all; weights always answer one."""
    trains = TECHNIQUES[Technique(search.technique)].trains
    return f"x{search.folds}" if 0 < search.folds < FOLDS and not trains else ""


def effort_basis(
    run: RunFigures, contending: Sequence[VariantFigures], verdict: Verdict, by_default: Verdict
) -> Sentence:
    """Say with which effort a verdict was reached, and whether it is another one than the default settings come to.

    Args:
        run: in figures.
        contending: those of its variants that the verdict is about.
        verdict: on each technique with the settings that were found for it.
        by_default: on the default ones alone.
    """
    effort = run.plan.effort
    if effort is None:
        return Sentence(text="")
    if not effort.settled:
        return Sentence(text="The search for settings was not finished.")
    tuned = [variant for variant in run.plan.variants if variant.tuned]
    text = f"Settings were searched for: {amount(effort)}."
    if not tuned:
        text += " Every technique keeps its default."
        return Sentence(text=text, claims=(_effort_claim(effort, by_default),))
    text += f" Each technique is judged with the settings found for it{_also_by_default(contending)}."
    if verdict.pick is None and by_default.pick is None:
        text += " The default settings alone lead to no choice either."
    elif _same(run, verdict, by_default):
        text += " The default settings alone lead to the same technique."
    elif by_default.pick is None:
        text += " The default settings alone lead to no choice."
    elif verdict.pick is None:
        text += f" With the default settings it would be {the(run.of(by_default.pick))}; "
        text += "with the settings that were found, nothing is chosen."
    else:
        text += " That overturned the verdict: with the default settings alone it would be "
        text += f"{the(run.of(by_default.pick))}."
    return Sentence(text=text, claims=(_effort_claim(effort, by_default),))


def _also_by_default(contending: Sequence[VariantFigures]) -> str:
    """Name the techniques whose default contends beside the tuned variant."""
    pairs = no_rivals([item.variant for item in contending])
    both = [the(item) for item in contending if item.variant.id in pairs]
    return f", {say.listed(both)} also by default" if both else ""


def _effort_claim(effort: Effort, by_default: Verdict) -> Claim:
    value = effort.seconds if effort.seconds is not None else float(max(effort.trials.values(), default=0))
    return Claim(kind=ClaimKind.EFFORT, strength=Strength.MEASURED, who=by_default.pick or "", value=value)


def _same(run: RunFigures, verdict: Verdict, by_default: Verdict) -> bool:
    picks = [run.of(one.pick).variant.technique if one.pick else None for one in (verdict, by_default)]
    return picks[0] is picks[1]


def tuning_gains(run: RunFigures) -> tuple[str, ...]:
    """Say what tuning was worth on the test rows: each tuned variant against its default, paired, with the interval."""
    told = []
    for item in run.figures:
        default = item.variant.default_id
        gap = between(run.differences, item.variant.id, default) if item.variant.tuned else None
        if gap is None:
            continue
        seen = gap.seen_from(item.variant.id)
        way = f"{say.points(seen.value)} {'more' if seen.value > 0 else 'less'} than" if seen.value else "as much as"
        low, high = (seen.low, seen.high) if seen.value >= 0 else (-seen.high, -seen.low)
        rows = "test rows" if gap.rows == item.rows else f"{say.counted(gap.rows, 'test row')} that both answered"
        told.append(f"{item.name} scores {way} its default on the {rows} ({say.span(low, high)}).")
    return tuple(told)
