"""What the weights of a trial took, and what of it counts."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.generation import LoraWeights


@dataclass(slots=True)
class Took:
    """Seconds as in `engine.core.run.effort.Trial`, added up over the folds of a trial."""

    found_s: float = 0.0
    trained_s: float = 0.0
    weights_s: float = 0.0
    loading_s: float = 0.0
    trainings: int = 0
    best_epoch: int | None = None
    beside_s: float = 0.0
    """What counts beside the seconds on the clock: training in an earlier trial; below 0, preparing for the run."""

    def take(self, weights: LoraWeights, seconds: float, *, found: bool, of_the_run: bool, keeps_weights: bool) -> None:
        """Take weights with all that was made ready for them in so many seconds.

        Args:
            weights: that the trial answers with.
            seconds: on the clock.
            found: they were there before the trial.
            of_the_run: the run answers with them, too, so that making them ready is part of the run.
            keeps_weights: they are the default's, in the trial of another setting; they are trained again if they were
                removed since.
        """
        if of_the_run and keeps_weights:
            self.beside_s -= 0.0 if found else min(weights.train_s, seconds)
        elif of_the_run:
            self.beside_s -= seconds
            self.weights_s, self.loading_s, self.best_epoch = weights.train_s, weights.loading_s, weights.best_epoch
        else:
            self._of_the_setting(weights, found=found)

    def _of_the_setting(self, weights: LoraWeights, *, found: bool) -> None:
        self.found_s += weights.train_s if found else 0.0
        self.beside_s += weights.train_s if found else 0.0
        self.trained_s += weights.train_s
        self.loading_s += weights.loading_s
        self.best_epoch = weights.best_epoch
