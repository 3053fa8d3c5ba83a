"""How much is spent on searching for good settings, and what the search of each technique found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from engine.core.run.label_prior import LabelPrior
from engine.core.run.shot_record import ShotRecord

Setting = Mapping[str, str]
"""The chosen option of each knob by the knob's name; a knob that is missing stays as it is by default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """The budget of a search, the same for each technique."""

    seconds: float | None = None
    """Of search for each technique; None where trials are counted instead."""
    trials: Mapping[str, int] = field(default_factory=dict)
    """Trials for each technique by the id of its default variant, whose own trial is among them; empty where seconds
    are counted."""
    folds: Mapping[str, int] = field(default_factory=dict)
    """Folds that a trial of a technique answers, where trials are counted; all for those that are not named."""
    passed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Numbers of the settings that are passed over, as `Search.passed`, where trials are counted."""
    pool_ids: tuple[str, ...] = ()
    """Labelled rows that settings are judged on, in the order of their folds: training and validation rows alone."""
    weights_ids: tuple[str, ...] = ()
    """Those of them that LoRA weights are judged on, which are trained on the run's training rows. Empty where there
    are too few beside these: then weights are judged on the first fold, and trained on rows of the others."""
    shown_as_run: bool = False
    """Prompts with the same examples throughout are judged with the run's, on the other rows. False where too few rows
    are none of the run's training rows, and in plans of earlier versions, whose searches go on as they began."""
    sealed: str = ""
    """Digest of the test rows, which the search does not read."""
    settled: bool = False
    """The searches have ended, and the plan's tuned variants have the settings that were found."""


class TrialOutcome(StrEnum):
    """How a trial ended."""

    WHOLE = "whole"
    """It answered the rows of all folds that a trial of its technique answers."""
    BEHIND = "behind"
    """Given up after some folds, where it was not among the better half of those that came so far."""
    FAILED = "failed"
    """It could not be prepared, or its prompts do not fit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One setting, tried on the rows of one or more folds."""

    setting: Setting
    standing: TrialOutcome
    score: float | None = None
    """Mean primary score over its rows, 0 to 1, each counted as its label occurs. Of a trial that answered fewer rows
    than the default's, or others, the default's and the gain on the rows that both answered. None where it failed."""
    fold_scores: tuple[float, ...] = ()
    """The mean so far after each fold, by which it was given up or not."""
    row_scores: tuple[float | None, ...] = ()
    """Of each row, in the order of the folds; None where its prompt shows that very row, which is not judged then."""
    seconds: float = 0.0
    """Of preparing and answering, as the runner measured them, with `found_s`. What the run takes over is part of its
    preparation, and not of these: what is decided once, on its own rows, and `weights_s`."""
    found_s: float = 0.0
    """What weights that were there before the trial once took, and that the run does not answer with: a technique gets
    no more trials where these are on the disk."""
    trained_s: float = 0.0
    """What training its weights took of `seconds`, now or before; 0 where it answered with the default's, and in older
    versions."""
    weights_s: float = 0.0
    """Of the default's trial: what training its weights took, now or before, if the run answers with them."""
    loading_s: float = 0.0
    """What of `trained_s` or `weights_s` was loading the model; 0 in older versions."""
    prompt_tokens: float = 0.0
    """Mean per row: of equally good settings the one with the shorter prompts is taken."""
    trainings: int = 0
    """Made in this trial, for its setting alone."""
    shots: ShotRecord | None = None
    """How its examples were chosen; None where they were drawn at random, or it shows none."""
    prior: LabelPrior | None = None
    """The default's own label prior, decided as the run decides it; None for other settings, for weights, for several
    draws, and where there is none."""
    corrected: bool | None = None
    """Whether the label prior was taken away; None where there is none."""
    best_epoch: int | None = None
    """Of a training with rows held out: where their loss was lowest."""
    cost_usd: float = 0.0
    """At a closed API."""
    message: str = ""
    """Why it failed."""

    @property
    def rows(self) -> int:
        """Rows that it answered."""
        return sum(score is not None for score in self.row_scores)


class SearchEnd(StrEnum):
    """Why a search ended."""

    TIME = "time"
    """Another trial would not have ended in the seconds that were left."""
    TRIALS = "trials"
    """It had as many trials as were asked for."""
    EXHAUSTED = "exhausted"
    """Nothing was left to try."""
    STOPPED = "stopped"
    """The user ended it; the best so far counts."""
    MONEY = "money"
    """What is left of the spending limit is needed for the rows of the run."""
    IMPOSSIBLE = "impossible"
    """There is nothing to search here: no knob applies, or the default itself failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """The search of one technique."""

    technique: str = ""
    trials: Mapping[str, Trial] = field(default_factory=dict)
    """By number, as text, from '0', which is the default's own setting."""
    ended: SearchEnd | None = None
    """None while it goes on."""
    chosen: int | None = None
    """The trial whose setting is used; 0 keeps the default. None while it goes on."""
    standard_error: float | None = None
    """Of the best trial's gain over the default on the same rows; None without another whole trial."""
    best: int | None = None
    """The whole trial that is expected to gain most over the default, whether or not it is used."""
    reason: str = ""
    """Why nothing was searched for; empty where something was."""
    next_s: float | None = None
    """Seconds that a trial would have taken that was not started for want of time: the shortest of them."""
    passed: tuple[int, ...] = ()
    """Numbers of the settings that were passed over for want of time, counted from 0 over all that were proposed."""
    given_up_s: float = 0.0
    """Seconds of a trial that was given up because it took longer than foreseen: its setting counts as passed over."""

    @property
    def in_order(self) -> tuple[Trial, ...]:
        """The trials by number."""
        return tuple(self.trials[key] for key in sorted(self.trials, key=int))

    @property
    def seconds(self) -> float:
        """Spent on all trials, and on one that was given up."""
        return sum(trial.seconds for trial in self.trials.values()) + self.given_up_s

    @property
    def rows(self) -> int:
        """Rows answered by all trials."""
        return sum(trial.rows for trial in self.trials.values())

    @property
    def trainings(self) -> int:
        """Trainings of all trials."""
        return sum(trial.trainings for trial in self.trials.values())

    @property
    def folds(self) -> int:
        """Folds that its trials answer."""
        return len(self.trials["0"].fold_scores) if self.trials else 0

    @property
    def changed(self) -> bool:
        """Tell whether another setting than the default is used."""
        return bool(self.chosen)
