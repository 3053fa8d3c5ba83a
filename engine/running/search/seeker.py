"""The search of one technique, under way: what it tries next, and when it has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from engine.core.run.effort import Search, SearchEnd, Setting, Trial, TrialOutcome
from engine.core.variant import ClassifierKind, ShotChoice, Variant
from engine.running.row_tokens import RowTokens, work
from engine.running.search.folds import Ground
from engine.running.search.proposing import Proposer
from engine.running.search.spaces import Space, takes_training, turned

LEEWAY = 0.1
"""When this share of the time is all that is left, the search ends with the first setting that would take too long."""
LATEST = 0.08
"""A trial is started if it will have ended when the time is over, or so much later at most, as a share of it; one that
takes longer is given up then. Less than `LEEWAY`: to end a trial takes some time, too."""
MOST_PASSED = 50
"""Settings that are passed over in a row, before it is taken that none is left that would end in time."""
WHOLE_ENCODER = 6.0
"""An encoder trained whole takes so many times as long as logistic regression on all folds. Measured on
`support-tickets`: 13.8 s, and 2.1 to 3.0 s."""
LEAST_TRIALS = 4
"""So many trials should fit into the time; each then answers as few folds as that takes."""


@dataclass(slots=True)
class Seeker:
    """Takes trials, and says what comes next."""

    variant: Variant
    space: Space
    ground: Ground
    """The rows that its settings are judged on."""
    tokens: RowTokens
    """Of these, as far as their texts tell."""
    proposer: Proposer
    budget_s: float | None
    budget_trials: int | None
    folds: int
    """How many a trial may answer."""
    trials: list[Trial] = field(default_factory=list)
    ended: SearchEnd | None = None
    reason: str = ""
    next_s: float | None = None
    to_pass: frozenset[int] = frozenset()
    """Numbers of the settings that are passed over where trials are counted."""
    passed: list[int] = field(default_factory=list)
    given_up_s: float = 0.0

    @property
    def technique(self) -> str:
        """The technique's name."""
        return str(self.variant.technique)

    @property
    def so_far(self) -> Search:
        """What is kept of the search: trials, what was passed over, and, once it has ended, why."""
        return Search(
            technique=self.technique,
            trials={str(number): trial for number, trial in enumerate(self.trials)},
            ended=self.ended,
            reason=self.reason,
            next_s=self.next_s,
            passed=tuple(self.passed),
            given_up_s=self.given_up_s,
        )

    @property
    def spent_s(self) -> float:
        """Seconds of all trials."""
        return self.so_far.seconds

    @property
    def counts_all(self) -> bool:
        """Tell whether a training in the next trial would count: not the default's, if the run answers with it."""
        return bool(self.trials) or self.variant.lora is None or not self.ground.learns_as_the_run

    @property
    def longest_s(self) -> float | None:
        """How long the next trial may take; None where it is tried to its end: the default, and where trials count."""
        return self.budget_s * (1 + LATEST) - self.spent_s if self.budget_s is not None and self.trials else None

    def variant_with(self, setting: Setting) -> Variant:
        """Return the variant with a setting; which examples it shows is as the default decided, if left open."""
        return as_decided(turned(self.variant, self.space, setting), self.trials)

    @property
    def seldom(self) -> list[str]:
        """The knobs that take a training, where turning others does not: every second setting leaves them alone."""
        return seldom_turned(self.space, self.ground)

    def keeps_weights(self, setting: Setting) -> bool:
        """Tell whether a setting other than the default answers with the default's weights, which the run has, too."""
        return bool(setting) and bool(self.seldom) and not takes_training(self.space, setting)

    @property
    def share_done(self) -> float:
        """How much of its budget is used, 0 to 1."""
        if self.budget_trials is not None:
            return len(self.trials) / max(self.budget_trials, 1)
        return self.spent_s / self.budget_s if self.budget_s else 1.0

    def go_on_from(self, found: Search) -> None:
        """Take the trials of a search that was stopped, and what it passed over, in the same order."""
        for trial in found.in_order:
            self._pass_over(frozenset(found.passed))
            self.proposer.replay(trial)
            self.trials.append(trial)
        self._pass_over(frozenset(found.passed))
        self.ended, self.next_s = self.ended or found.ended, found.next_s
        self.given_up_s = found.given_up_s

    def give_up(self, setting: Setting, seconds: float) -> None:
        """End the search during a trial that took longer than foreseen: its setting counts as passed over."""
        self._pass(setting)
        self.given_up_s = seconds
        self.next_s = min(seconds, self.next_s or seconds)
        self.ended = SearchEnd.TIME

    def next(self) -> Setting | None:
        """Return what to try next; None once the search has ended.

        A setting that would not end in time is passed over for one that would.
        """
        self.ended = self.ended or self._end()
        if self.ended is not None:
            return None
        self._pass_over(self.to_pass)
        for _ in range(MOST_PASSED):
            setting = self.proposer.next()
            if setting is None:
                break
            if self.budget_s is None or not self.trials:
                return setting
            needed_s = self._predicted_s(setting)
            if self.spent_s + needed_s <= self.budget_s * (1 + LATEST):
                return setting
            self.next_s = min(needed_s, self.next_s or needed_s)
            quicker = bool(self.seldom) and not self.keeps_weights(setting)
            if self.spent_s >= self.budget_s * (1 - LEEWAY) and not quicker:
                break
            self._pass(setting)
        timed = self.budget_s is not None and (self.next_s is not None or bool(self.passed))
        self.ended = SearchEnd.TIME if timed else SearchEnd.EXHAUSTED
        return None

    def _pass_over(self, numbers: frozenset[int]) -> None:
        """Pass over what comes next, as long as its number is among these."""
        while len(self.trials) + len(self.passed) in numbers and (setting := self.proposer.next()) is not None:
            self._pass(setting)

    def _pass(self, setting: Setting) -> None:
        self.passed.append(len(self.trials) + len(self.passed))
        self.proposer.end(setting, None, whole=False)

    def _end(self) -> SearchEnd | None:
        if self.trials and self.trials[0].standing is not TrialOutcome.WHOLE:
            return SearchEnd.IMPOSSIBLE
        if self.budget_trials is not None and len(self.trials) >= self.budget_trials:
            return SearchEnd.TRIALS
        return None

    def _predicted_s(self, setting: Setting) -> float:
        """Return how long a trial will take: as the whole ones so far, each by its size."""
        whole = [trial for trial in self.trials if trial.standing is TrialOutcome.WHOLE]
        answering, training, loading = [], [], []
        for one in whole:
            trained_s = 0.0 if self.variant.lora is None else _trained_s(one)
            answering.append((one.seconds - trained_s) / self._answering(one.setting))
            if took_s := trained_s + one.weights_s:
                training.append((took_s - one.loading_s) / self._passes(one.setting))
                loading.append(one.loading_s)
        predicted_s = float(np.mean(answering)) * self._answering(setting)
        if training and not self.keeps_weights(setting):
            predicted_s += float(np.mean(loading)) + float(np.mean(training)) * self._passes(setting)
        return predicted_s

    def _answering(self, setting: Setting) -> float:
        """Return what answering takes beside other settings: by a row's tokens, or by how a classifier is fitted."""
        variant = self.variant_with(setting)
        if variant.facts.fits:
            return WHOLE_ENCODER if variant.classifier.kind is ClassifierKind.ENCODER else 1.0
        return work(variant, self.tokens)

    def _passes(self, setting: Setting) -> float:
        """Return how often a training goes forward and back over its rows, at most: its epochs.

        Another setting than the default reads the rows that are held out after each epoch: forward, a third of that.
        """
        lora, fold = self.variant_with(setting).lora, next(iter(self.ground.folds), None)
        if lora is None:
            return 0.0
        held_out = len(fold.held_out) / max(len(fold.learned), 1) if setting and fold is not None else 0.0
        return lora.epochs * (1 + held_out / 3)

    def size(self, setting: Setting) -> float:
        """Return what a setting takes beside others: epochs of a training, or, without weights, its answers."""
        if self.variant.lora is None:
            return self._answering(setting)
        return 0.0 if self.keeps_weights(setting) else self._passes(setting)

    def is_enough(self, seconds: float, fold_s: float, folds: int) -> bool:
        """Tell whether a trial is whole with so many folds, which took so many seconds, and the last of them `fold_s`.

        Where seconds are counted, the default's own trial decides it for all: as many folds as leave time for some more
        trials. All are compared on the same rows.
        """
        if self.trials:
            return folds >= len(self.trials[0].fold_scores)
        most_s = None if self.budget_s is None else self.budget_s / LEAST_TRIALS
        return folds >= self.folds or (most_s is not None and seconds + fold_s > most_s)


def seldom_turned(space: Space, ground: Ground) -> list[str]:
    """Name the knobs that take a training, if there are others and a setting of those has the run's weights."""
    trained = [knob.name for knob in space if knob.trains]
    return trained if len(trained) < len(space) and ground.learns_as_the_run else []


def _trained_s(trial: Trial) -> float:
    """Return what weights took of a trial; one of an earlier version, which did not tell, counts as training alone."""
    return trial.trained_s or (trial.seconds if trial.trainings or trial.found_s else 0.0)


def as_decided(variant: Variant, trials: Sequence[Trial]) -> Variant:
    """Return a variant that shows the kind of examples that the default's trial decided on, where that is left open."""
    shots = trials[0].shots if trials else None
    if variant.shot_choice is not ShotChoice.AUTO or shots is None:
        return variant
    return replace(variant, shot_choice=shots.choice)
