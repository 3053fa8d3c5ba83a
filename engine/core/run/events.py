"""What a run reports while it is running. The runner yields these; everything on screen is folded from them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.run.effort import Search
from engine.core.run.manifest import Preparation
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.steps import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class RunQueued:
    """Another run is using the machine; this one waits."""

    run_id: str
    ahead: str
    """Who is ahead, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStarted:
    """The plan is fixed and kept."""

    plan: RunPlan
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparationProgress:
    """Something is being prepared: the model (variant_id empty), an index, LoRA weights, a classifier."""

    variant_id: str
    progress: Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelLoaded:
    """The model can answer; `gpu` tells whether it computes on a GPU, whose energy is not counted here."""

    load_s: float
    gpu: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Searched:
    """A trial has ended, or a whole search: this is what is known of it."""

    variant_id: str
    search: Search


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanSettled:
    """All searches have ended: tuned variants have their settings, and those that keep the default's have left."""

    plan: RunPlan


@dataclass(frozen=True, kw_only=True, slots=True)
class RowsAdded:
    """The plan has further rows, from what a race saved."""

    plan: RunPlan


@dataclass(frozen=True, kw_only=True, slots=True)
class VariantReady:
    """A variant can answer, and this is what preparing it took."""

    variant_id: str
    paid: Preparation


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
    """The run is paused between two rows until it is resumed; it keeps the machine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunContinued:
    """A paused run resumes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaderClear:
    """One variant is clearly the best after this many rows, so the run ends early."""

    variant_id: str
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class VariantOut:
    """A variant is clearly behind after this many rows, so a race goes on without it."""

    variant_id: str
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RowsWithdrawn:
    """Rows that a fault of the server left without an answer are not part of the run: nobody will ask them again."""

    places: tuple[tuple[str, str], ...]
    """Variant and example of each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """Something the user should know that does not stop the run."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RunEnded:
    """The run is over: `done`, `cancelled`, `failed`, or `interrupted`, when its process is gone."""

    status: str
    message: str = ""
    fix: str = ""
    goes_on: bool = True
    """Whether resuming can get further, as far as is known."""


Event = (
    RunQueued
    | RunStarted
    | PreparationProgress
    | ModelLoaded
    | Searched
    | PlanSettled
    | RowsAdded
    | VariantReady
    | PredictionStarted
    | TextStreamed
    | PredictionMade
    | RunPaused
    | RunContinued
    | LeaderClear
    | VariantOut
    | RowsWithdrawn
    | Notice
    | RunEnded
)
