"""What a search is made of: what may be tried, what is tried next, on which rows, and which setting is used."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.storage.task_folder import read_task
from engine.analysis.basis.efforts import curve_sentences, effort_sentences
from engine.core.run.effort import Search, SearchEnd, Trial, TrialOutcome
from engine.core.task import Example
from engine.core.techniques import TECHNIQUES, Technique, able
from engine.core.variant import DecodingSpec, ShotChoice, Variant
from engine.running.defaults import default_variant
from engine.running.search.choosing import best_so_far, choose, comparable, expected_best
from engine.running.search.folds import FOLDS, folds_of, pooled, seal_of
from engine.running.search.proposing import Proposer
from engine.running.search.spaces import all_settings, is_sound, setting_of, space_of, turned
from tests.helpers import small_task

_SMALL = small_task(train=24, test=12)
TASK = replace(
    _SMALL,
    examples=tuple(replace(row, input=f"{row.split} {row.input}") for row in _SMALL.examples),
)
"""No test row has the input of a training row."""
SHIPPED = ("support-tickets", "policy-qa", "order-extraction", "house-style")


# ---- spaces ----


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("technique", list(TECHNIQUES))
def test_every_option_changes_something(name: str, technique: Technique) -> None:
    """No option of any knob is what the default does already, and each can be turned alone."""
    task = read_task(Path(__file__).parents[2] / "data" / "tasks" / name)
    if technique not in able(labels=task.has_labels):
        return
    variant = replace(default_variant(technique, task), tuned=True)
    space = space_of(variant, task)
    assert space, "something can be tried of every technique"
    plain = replace(variant, shot_choice=ShotChoice.COVERING) if variant.shot_choice is ShotChoice.AUTO else variant
    assert turned(variant, space, {}) == variant
    for knob in space:
        for option in knob.options:
            one = turned(plain, space, {knob.name: option})
            assert one != plain, (knob.name, option)
            assert one.id == variant.id
    assert len({knob.name for knob in space}) == len(space)


PROMISED = {
    "support-tickets": {
        "zero-shot": {"prompt": 5, "labels": 1, "descriptions of labels": 1},
        "few-shot": {"prompt": 5, "labels": 1, "descriptions of labels": 1, "examples": 3, "which examples": 4, "order": 1},
        "rag": {"prompt": 5, "labels": 1, "descriptions of labels": 1, "examples": 4, "search": 3, "order": 1, "balance": 1,
                "passages": 2},
        "lora": {"rank": 3, "learning rate": 2, "epochs": 4},
        "rag+lora": {"examples": 4, "search": 3, "order": 1, "balance": 1, "passages": 2, "rank": 3, "learning rate": 2,
                     "epochs": 4, "training prompts": 1},
        "classifier": {"classifier": 7, "label descriptions": 1},
    },
    "policy-qa": {
        "zero-shot": {"prompt": 4},
        "few-shot": {"prompt": 4, "examples": 3, "which examples": 4},
        "rag": {"prompt": 4, "examples": 2, "search": 3, "order": 1, "passages": 3, "words in a passage": 3},
        "lora": {"rank": 3, "learning rate": 2, "epochs": 4},
        "rag+lora": {"examples": 2, "search": 3, "order": 1, "passages": 3, "words in a passage": 3, "rank": 3,
                     "learning rate": 2, "epochs": 4, "training prompts": 1},
    },
}  # fmt: skip
"""How many options beside the default's each knob has: the table of docs/fairness.md."""


@pytest.mark.parametrize("name", PROMISED)
def test_what_the_docs_promise_is_tried(name: str) -> None:
    """A knob or an option that is lost is seen here."""
    task = read_task(Path(__file__).parents[2] / "data" / "tasks" / name)
    for technique, counts in PROMISED[name].items():
        space = space_of(replace(default_variant(Technique(technique), task), tuned=True), task)
        assert {knob.name: len(knob.options) for knob in space} == counts, technique


def test_settings_leave_out_what_is_the_default() -> None:
    """A setting names what was turned."""
    assert setting_of({"prompt": "brief", "order": "default"}) == {"prompt": "brief"}


# ---- what is tried next ----


def _variant(technique: Technique = Technique.ZERO_SHOT) -> Variant:
    return replace(default_variant(technique, TASK, decoding=DecodingSpec()), tuned=True)


@given(st.integers(0, 1000), st.sampled_from([Technique.ZERO_SHOT, Technique.FEW_SHOT, Technique.CLASSIFIER]))
@settings(max_examples=15)
def test_the_default_is_first_and_nothing_is_tried_twice(seed: int, technique: Technique) -> None:
    """Every sound setting is proposed once, the default's first, until nothing is left."""
    variant = _variant(technique)
    space = space_of(variant, TASK)
    proposer, random = Proposer(variant, space, seed=seed), np.random.default_rng(seed)
    sound = {turned(variant, space, one) for one in all_settings(space) if is_sound(turned(variant, space, one))}
    seen: list[Variant] = []
    while len(seen) < 60 and (setting := proposer.next()) is not None:
        if not seen:
            assert setting == {}
        seen.append(turned(variant, space, setting))
        proposer.end(setting, float(random.random()), whole=True)
    assert len(set(seen)) == len(seen)
    assert set(seen) <= sound
    assert len(seen) == min(len(sound), 60)


@given(st.integers(0, 1000), st.integers(1, 14))
@settings(max_examples=15)
def test_a_replayed_search_proposes_what_it_would_have(seed: int, stopped_after: int) -> None:
    """After a stop anywhere the proposals go on as if there had been none."""
    variant = _variant(Technique.FEW_SHOT)
    space = space_of(variant, TASK)

    def score(setting: Any) -> float:
        return (zlib.crc32(repr(sorted(setting.items())).encode()) % 97) / 97

    whole = Proposer(variant, space, seed=seed)
    trials: list[Trial] = []
    for _ in range(15):
        setting = whole.next()
        assert setting is not None
        goes_on = whole.goes_on(score(setting), 1)
        standing = TrialOutcome.WHOLE if goes_on or not trials else TrialOutcome.BEHIND
        whole.end(setting, score(setting), whole=standing is TrialOutcome.WHOLE)
        trials.append(Trial(setting=setting, standing=standing, score=score(setting), fold_scores=(score(setting),)))
    again = Proposer(variant, space, seed=seed)
    for trial in trials[:stopped_after]:
        again.replay(trial)
    for trial in trials[stopped_after:]:
        assert again.next() == trial.setting
        again.goes_on(trial.fold_scores[0], 1)
        again.end(trial.setting, trial.score, whole=trial.standing is TrialOutcome.WHOLE)


# ---- which rows ----


@given(st.integers(8, 60), st.integers(0, 30), st.integers(0, 5))
@settings(max_examples=40)
def test_each_row_is_held_out_once_and_never_learned_then(train: int, validation: int, seed: int) -> None:
    """Folds part the pool; what is learned for a fold is not in it; test rows are nowhere."""
    task = small_task(train=train, test=8)
    more = [
        Example(id=f"v{place}", input=f"v {place}", target=task.answer.labels[place % 3], split="validation")
        for place in range(validation)
    ]
    task = replace(task, examples=(*task.examples, *more))
    sealed = [row.id for row in task.split("test")]
    pool = pooled(task, task.split("train"), sealed, seed=seed)
    assert len(pool) == train + min(validation, train)
    folds = folds_of(pool, train, seed=seed, by_target=True)
    held_out = [row.id for fold in folds for row in fold.held_out]
    assert sorted(held_out) == sorted(row.id for row in pool)
    assert not set(held_out) & set(sealed)
    for fold in folds:
        assert not {row.id for row in fold.learned} & {row.id for row in fold.held_out}
        assert len(fold.learned) <= train
    assert len(folds) == FOLDS


def test_a_seal_covers_ids_inputs_and_targets() -> None:
    """Any change of a row breaks it."""
    rows = list(TASK.split("test"))
    changes = ({"id": "x"}, {"input": "x"}, {"target": "x"})
    seals = {seal_of([replace(rows[0], **change), *rows[1:]]) for change in changes}
    assert len(seals | {seal_of(rows)}) == 4


# ---- what is used ----


def _trial(scores: Sequence[float], *, tokens: float = 10.0, standing: TrialOutcome = TrialOutcome.WHOLE) -> Trial:
    return Trial(
        setting={}, standing=standing, score=float(np.mean(scores)), row_scores=tuple(scores), prompt_tokens=tokens
    )


def test_a_setting_must_gain_more_than_one_standard_error() -> None:
    """A row more of forty is doubt and keeps the default; ten rows more are not."""
    default = _trial([1.0] * 20 + [0.0] * 20)
    hardly = _trial([1.0] * 21 + [0.0] * 19)
    clearly = _trial([1.0] * 30 + [0.0] * 10)
    weights = np.ones(40)
    assert choose([default, hardly], weights).chosen == 0
    assert choose([default, hardly], weights).best == 1
    assert choose([default, hardly, clearly], weights).chosen == 2


def test_of_equals_the_shorter_prompt_is_used() -> None:
    """The same rows right, fewer tokens read."""
    default = _trial([0.0] * 40)
    dear, cheap = _trial([1.0] * 20 + [0.0] * 20, tokens=900), _trial([1.0] * 20 + [0.0] * 20, tokens=300)
    assert choose([default, dear, cheap], np.ones(40)).chosen == 2
    assert choose([default, cheap, dear], np.ones(40)).chosen == 1


def test_of_equals_with_the_same_prompt_the_shorter_training_is_used() -> None:
    """Weights do not lengthen a prompt: ten epochs and four that answer alike differ in what they take to make."""
    default, long, short = _trial([0.0] * 40), _trial([1.0] * 40), _trial([1.0] * 40)
    assert choose([default, long, short], np.ones(40), [6.0, 10.0, 4.0]).chosen == 2
    assert choose([default, short, long], np.ones(40), [6.0, 4.0, 10.0]).chosen == 1


def test_a_trial_of_one_fold_is_compared_on_its_rows() -> None:
    """What answered ten rows is judged against the default on these ten."""
    default = _trial([0.0] * 10 + [1.0] * 30)
    trained = _trial([1.0] * 8 + [0.0] * 2)
    assert choose([default, trained], np.ones(40)).chosen == 1


def test_a_sure_gain_goes_before_a_larger_one_in_doubt() -> None:
    """Nine rows won and two lost of eighty are surer than three and one of twenty, whose mean is larger."""
    default = _trial([0.0] * 3 + [1.0] + [0.0] * 9 + [1.0] * 2 + [0.0] * 65)
    doubtful = _trial([1.0] * 3 + [0.0] * 17)
    sure = _trial([0.0] * 3 + [1.0] + [1.0] * 9 + [0.0] * 2 + [0.0] * 65)
    assert choose([default, doubtful, sure], np.ones(80)).chosen == 2


def test_a_trial_of_one_fold_is_shown_beside_the_default_as_what_it_gained() -> None:
    """Right on the same rows as the default it has the default's score, and not that of an easy fold."""
    default, alike = _trial([1.0] * 20 + [0.0] * 60), np.ones(80)
    assert comparable(default, _trial([1.0] * 20), alike).score == pytest.approx(0.25)
    assert comparable(default, default, alike) == default
    worse = comparable(default, _trial([1.0] * 10 + [0.0] * 10), alike)
    assert worse.score == pytest.approx(-0.25)


def test_a_trial_of_one_fold_is_shown_by_the_same_weights_that_choose_it() -> None:
    """It wins three rows of a label that counts threefold and loses four that count half: better, in score and choice."""
    default, weights = _trial([0.0] * 3 + [1.0] * 17 + [0.0] * 20), np.array([3.0] * 10 + [1 / 3] * 30)
    default = replace(default, score=float(np.average(default.row_scores, weights=weights)))
    trial = _trial([1.0] * 10 + [0.0] * 4 + [1.0] * 6)
    shown = comparable(default, trial, weights).score
    assert np.mean(trial.row_scores) < np.mean(default.row_scores[:20])
    assert shown is not None
    assert default.score is not None
    assert shown > default.score
    assert choose([default, trial], weights).best == 1


def test_what_was_given_up_or_failed_is_never_used() -> None:
    """Only whole trials count, and without the default nothing does."""
    default, better = _trial([0.0] * 40), _trial([1.0] * 40, standing=TrialOutcome.BEHIND)
    assert choose([default, better], np.ones(40)).chosen == 0
    assert choose([replace(default, standing=TrialOutcome.FAILED), _trial([1.0] * 40)], np.ones(40)).chosen == 0
    assert choose([], np.ones(1)).chosen == 0


def test_the_curve_steps_up_where_a_whole_trial_is_better() -> None:
    """Seconds add up over all trials; only whole ones can be the best."""
    trials = [
        replace(_trial([0.4]), seconds=10), replace(_trial([0.9], standing=TrialOutcome.BEHIND), seconds=3),
        replace(_trial([0.3]), seconds=10), replace(_trial([0.6]), seconds=10),
    ]  # fmt: skip
    assert best_so_far(trials) == [(10.0, 0.4), (33.0, 0.6)]


def test_expected_best_of_n() -> None:
    """By Dodge et al.'s formula: of 0 and 1, one draw gives 0.5 and two give 0.75; with one score it is that."""
    assert expected_best([0.0, 1.0]) == pytest.approx([0.5, 0.75])
    assert expected_best([0.3]) == pytest.approx([0.3])
    many = expected_best([0.1, 0.2, 0.9, 0.4])
    assert many == sorted(many)
    assert many[-1] < 0.9


@pytest.mark.parametrize(
    ("others", "ended", "told"),
    [
        ((), SearchEnd.TIME, "the time was too short for another setting"),
        ((), SearchEnd.TRIALS, "no other setting was tried"),
        ((TrialOutcome.BEHIND,), SearchEnd.TIME, "the other one fell behind on the first rows"),
        ((TrialOutcome.BEHIND, TrialOutcome.FAILED), SearchEnd.TIME, "the others fell behind on the first rows"),
        ((TrialOutcome.FAILED, TrialOutcome.FAILED), SearchEnd.TRIALS, "the others failed"),
    ],
)
def test_a_search_says_why_the_default_is_kept(others: Sequence[TrialOutcome], ended: SearchEnd, told: str) -> None:
    """Too little effort is said only where nothing else was tried."""
    trials = [_trial([1.0, 0.0]), *(_trial([0.0], standing=one) for one in others)]
    search = Search(technique="zero-shot", trials={str(n): one for n, one in enumerate(trials)}, ended=ended, chosen=0)
    (sentence,) = effort_sentences({"zero-shot-tuned": search})
    assert sentence.endswith(f"The default stays: {told}.")


def test_a_setting_that_was_given_up_is_told() -> None:
    """Its seconds are told apart from those of a setting that was never begun."""
    trial = _trial([1.0, 0.0])
    search = Search(technique="lora", trials={"0": trial}, ended=SearchEnd.TIME, chosen=0, next_s=84.0, given_up_s=84.0)
    (sentence,) = effort_sentences({"lora-tuned": search})
    assert "one more was given up after 1 min 24 s, when the time was over" in sentence
    assert sentence.endswith("The default stays: the one other setting that was begun did not end in time.")


def test_what_is_used_says_whether_the_prior_is_taken_away() -> None:
    """It is a part of what the trial found, and not among its knobs."""
    default = _trial([1.0, 0.0])
    for corrected, told in ((True, ", prior correction: on"), (False, ", prior correction: off"), (None, "")):
        better = replace(_trial([1.0, 1.0]), setting={"prompt": "brief"}, corrected=corrected)
        search = Search(
            technique="few-shot", trials={"0": default, "1": better}, ended=SearchEnd.TRIALS, chosen=1, best=1
        )
        (sentence,) = effort_sentences({"few-shot-tuned": search})
        assert (
            f"The run uses prompt: brief{told}: 100 % against the default's 50 %, compared on 2 labelled rows."
            in sentence
        )


def test_the_curve_is_told_in_words() -> None:
    """Each step up with its seconds; where the default stayed the best, nothing."""
    default = replace(_trial([1.0, 0.0]), seconds=12.0)
    better, worse = replace(_trial([1.0, 1.0]), seconds=30.0), replace(_trial([0.0, 0.0]), seconds=30.0)
    rose = Search(technique="few-shot", trials={"0": default, "1": worse, "2": better})
    level = Search(technique="rag", trials={"0": default, "1": worse})
    assert curve_sentences({"few-shot-tuned": rose, "rag-tuned": level}) == (
        "Few-shot, best on labelled rows: 50 % after 12 s and 100 % after 1 min 12 s.",
    )
