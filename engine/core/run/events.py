"""What a run tells while it goes on. The runner yields these; everything on screen is folded from them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.ports import Progress
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction


@dataclass(frozen=True, kw_only=True, slots=True)
class RunQueued:
    """Another run holds the machine; this one waits."""

    run_id: str
    ahead: str
    """Who is ahead, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStarted:
    """The plan is fixed and kept; `kept_rows` predictions are there from before."""

    plan: RunPlan
    kept_rows: int
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparationProgress:
    """Something is being made ready: the model (variant_id empty), an index, LoRA weights, a classifier."""

    variant_id: str
    progress: Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class VariantReady:
    """A variant can answer; `prepare_s` is its one-off cost, `reused` tells that it was paid earlier."""

    variant_id: str
    prepare_s: float
    reused: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionStarted:
    """A variant begins on a row."""

    variant_id: str
    example_id: str
    target: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TextStreamed:
    """A piece of the answer that is being written."""

    variant_id: str
    example_id: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionMade:
    """A row is answered, or failed, and is committed."""

    prediction: Prediction
    kept: bool = False
    """It was read from the store when the run was resumed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPaused:
    """The run stands still between two rows until it goes on; it keeps the machine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunContinued:
    """A paused run goes on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaderClear:
    """One variant is clearly the best after so many rows, and the run ends for it."""

    variant_id: str
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """Something the user should know that does not stop the run."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RunEnded:
    """The run is over: `done`, `cancelled` or `failed`."""

    status: str
    message: str = ""
    mend: str = ""


Event = (
    RunQueued
    | RunStarted
    | PreparationProgress
    | VariantReady
    | PredictionStarted
    | TextStreamed
    | PredictionMade
    | RunPaused
    | RunContinued
    | LeaderClear
    | Notice
    | RunEnded
)
