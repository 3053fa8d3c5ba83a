"""Which setting is tried next, and which is given up: Optuna's TPE with successive halving, seeded and replayed.

Sources: J. Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (NIPS 2011); L. Li et al., "A System for
Massively Parallel Hyperparameter Tuning" (MLSys 2020), whose asynchronous halving is what Optuna's pruner does.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from engine.core.errors import UsageError
from engine.core.run.effort import Setting, Trial
from engine.core.variant import Variant
from engine.running.search.spaces import BY_DEFAULT, Space, all_settings, is_sound, setting_of, turned

if TYPE_CHECKING:
    import optuna

RANDOM_TRIALS = 5
"""Settings that are tried at random before what was found guides the choice."""
HALVING = 2
"""Of the trials that have reached a number of folds, one in so many goes on."""
MOST_PROPOSALS = 30
"""Proposals of what was tried already, in a row, before what is left is looked through in order."""


class Proposer:
    """Proposes the settings of one technique, one after the other. The same space, seed and scores propose the same."""

    def __init__(self, variant: Variant, space: Space, *, seed: int, seldom: Sequence[str] = ()) -> None:
        """Begin with the default setting.

        Args:
            variant: with the default's settings.
            space: what can be tried of it.
            seed: of what is drawn.
            seldom: knobs that every second setting leaves alone, since turning them takes long.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._variant, self._space = variant, space
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is experimental there is pinned by requirements.txt
            sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=RANDOM_TRIALS)
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=HALVING)
        self._study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
        self._states = optuna.trial.TrialState
        self._now: optuna.trial.Trial | None = None
        self._scores: dict[Variant, float | None] = {}
        self._left_alone = dict.fromkeys(seldom, BY_DEFAULT)
        self._proposed = 0
        self._study.enqueue_trial({knob.name: BY_DEFAULT for knob in space})

    def next(self) -> Setting | None:
        """Return a setting that was not tried yet; None once there is none."""
        self._proposed += 1
        if self._left_alone and self._proposed % 2 == 0 and (quick := self._new(self._left_alone)) is not None:
            return quick
        return self._new({})

    def _new(self, given: Mapping[str, str]) -> Setting | None:
        """Return a setting that was not tried yet and has these options: one that is drawn, else the first in order."""
        if (setting := self._drawn(given)) is not None:
            return setting
        for setting in all_settings(self._space):
            if not (given.keys() & setting.keys()) and self._is_new(setting):
                self._study.enqueue_trial({knob.name: setting.get(knob.name, BY_DEFAULT) for knob in self._space})
                return self._ask()
        return None

    def _drawn(self, given: Mapping[str, str]) -> Setting | None:
        """Draw a setting that was not tried yet; None where only such are met as were."""
        for _ in range(MOST_PROPOSALS):
            if given:
                self._study.enqueue_trial(dict(given))
            setting = self._ask()
            variant = turned(self._variant, self._space, setting)
            if variant not in self._scores and is_sound(variant):
                return setting
            self._tell(self._scores.get(variant))
        return None

    def goes_on(self, score: float, folds: int) -> bool:
        """Take the mean after so many folds; tell whether it is among the better ones that came so far."""
        if self._now is None:
            return True
        self._now.report(score, folds)
        return not self._now.should_prune()

    def end(self, setting: Setting, score: float | None, *, whole: bool) -> None:
        """Take the result of the setting that was proposed last; None if it failed."""
        self._scores[turned(self._variant, self._space, setting)] = score
        self._tell(score, whole=whole)

    def replay(self, trial: Trial) -> None:
        """Take a trial from before a stop, as if it had just been made.

        Raises:
            UsageError: it tried what this version does not.
        """
        options = {knob.name: knob.options for knob in self._space}
        if any(option not in options.get(name, ()) for name, option in trial.setting.items()):
            raise UsageError("This search was begun by a version that tries other settings.", "Start a new run.")
        setting = self.next()
        if setting != trial.setting:  # another version of the sampler: what was tried still counts
            self._tell(None)
            self._study.enqueue_trial({knob.name: trial.setting.get(knob.name, BY_DEFAULT) for knob in self._space})
            self._ask()
        for folds, score in enumerate(trial.fold_scores, start=1):
            self.goes_on(score, folds)
        self.end(trial.setting, trial.score, whole=trial.standing == "whole")

    def _is_new(self, setting: Setting) -> bool:
        variant = turned(self._variant, self._space, setting)
        return variant not in self._scores and is_sound(variant)

    def _ask(self) -> Setting:
        self._now = self._study.ask()
        options: Mapping[str, str] = {
            knob.name: self._now.suggest_categorical(knob.name, (BY_DEFAULT, *knob.options)) for knob in self._space
        }
        return setting_of(options)

    def _tell(self, score: float | None, *, whole: bool = True) -> None:
        if self._now is None:
            return
        if score is None:
            self._study.tell(self._now, state=self._states.FAIL)
        elif whole:
            self._study.tell(self._now, score)
        else:
            self._study.tell(self._now, state=self._states.PRUNED)
        self._now = None
