"""What a run goes through, as named steps: the Run page, the sidebar and the terminal show the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from engine.core.run.plan import RunPlan
from engine.core.steps import Progress
from engine.core.variant import PriorCorrection, Variant, variant_names
from engine.metrics import wording as say

ENDED = frozenset({"done", "cancelled", "failed", "interrupted"})
_BEFORE_ROWS = frozenset({"queued", "starting", "preparing"})


class StepState(StrEnum):
    """Whether a step is behind the run, under way or ahead of it."""

    DONE = "done"
    NOW = "now"
    NEXT = "next"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStep:
    """One step of a run."""

    name: str
    state: StepState
    detail: str = ""
    """Of one that is done what it took, of the one in progress its count."""

    @property
    def words(self) -> str:
        """Name and detail, as they are shown."""
        return f"{self.name} {self.detail}" if self.detail else self.name


class LaneFacts(Protocol):
    """What the steps need to know of a variant."""

    @property
    def variant(self) -> Variant: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def progress(self) -> Progress | None: ...  # noqa: D102
    @property
    def rows_done(self) -> int: ...  # noqa: D102
    @property
    def is_ready(self) -> bool: ...  # noqa: D102
    @property
    def is_out(self) -> bool: ...  # noqa: D102
    @property
    def prepare_s(self) -> float | None: ...  # noqa: D102
    @property
    def prepare_reused(self) -> bool: ...  # noqa: D102


def run_steps(
    plan: RunPlan, status: str, lanes: Sequence[LaneFacts], *, model_loaded: bool = False
) -> tuple[RunStep, ...]:
    """Return a run's steps in order: search, model, what each variant needs, warm-up, rows.

    While a run is being carried out, exactly one step is in progress.
    """
    going = [lane for lane in lanes if not lane.is_out]
    answered = status not in _BEFORE_ROWS and any(lane.rows_done for lane in lanes)
    began = answered or status in {"running", "paused"}
    names = variant_names([lane.variant for lane in lanes])
    titles = _titles(lanes, names)
    found: list[tuple[str, bool, str]] = []
    if plan.effort is not None:
        found.append(("Search", plan.effort.settled, _search(lanes, names)))
    if any(lane.variant.generates for lane in going):
        loaded = model_loaded or began or any(lane.is_ready or lane.state == "preparing" for lane in going)
        found.append(("Model", loaded, ""))
    for lane in lanes:
        if _prepares(lane) and (lane.is_ready or not lane.is_out):
            done = lane.is_ready or began
            found.append((titles[lane.variant.id], done, _took(lane) if done else _count(lane.progress)))
    found.append(("Warm-up", began, "" if began else _warm_up(going, names)))
    found.append(("Rows", status == "done", ""))
    steps = []
    at_work = status not in ENDED and status != "queued"
    for name, done, detail in found:
        state = StepState.DONE if done else StepState.NOW if at_work else StepState.NEXT
        at_work &= done
        if name == "Rows":
            steps.append(_rows(plan, status, going or lanes, state))
        else:
            steps.append(RunStep(name=name, state=state, detail="" if state is StepState.NEXT else detail))
    return tuple(steps)


def step_now(steps: Sequence[RunStep]) -> RunStep | None:
    """Return the step in progress."""
    return next((step for step in steps if step.state is StepState.NOW), None)


def _titles(lanes: Sequence[LaneFacts], names: Mapping[str, str]) -> dict[str, str]:
    """Name each variant's step; the index where only one variant has nothing else to prepare."""
    indexed = [lane.variant.id for lane in lanes if lane.variant.retrieval is not None and lane.variant.lora is None]
    return {**names} | ({indexed[0]: "Index"} if len(indexed) == 1 else {})


def _prepares(lane: LaneFacts) -> bool:
    variant = lane.variant
    measures = variant.generates and variant.decoding.prior_correction is not PriorCorrection.OFF
    return variant.facts.learns or measures or bool(lane.prepare_s)


def _took(lane: LaneFacts) -> str:
    if lane.prepare_reused:
        return "reused"
    return say.duration(lane.prepare_s) if lane.prepare_s else ""


def _count(progress: Progress | None) -> str:
    """Write how far a preparation is: `7 of 18` where it counts, else the share that is done, else the stage."""
    if progress is None:
        return ""
    counted = progress.detail.removeprefix("step ")
    if counted and counted[0].isdigit() and " of " in counted:
        return counted
    if progress.step is not None and progress.fraction > 0:
        return f"{progress.step} of {round(progress.step / progress.fraction)}"
    return (
        f"({_lower(progress.stage)}, {say.share(progress.fraction)})"
        if progress.fraction
        else (f"({_lower(progress.stage)})")
    )


def _search(lanes: Sequence[LaneFacts], names: Mapping[str, str]) -> str:
    lane = next((lane for lane in lanes if lane.state == "preparing" and lane.progress is not None), None)
    if lane is None or lane.progress is None:
        return ""
    trial = lane.progress.stage.rpartition(", ")[2]
    name = names[lane.variant.id]
    return f"({name}, {trial})" if trial.startswith("trial") else f"({name})"


def _warm_up(going: Sequence[LaneFacts], names: Mapping[str, str]) -> str:
    if not all(lane.is_ready for lane in going):
        return ""
    for place, lane in enumerate(going, start=1):
        if lane.state == "preparing":
            return f"of {names[lane.variant.id]}, {place} of {len(going)}"
    return ""


def _rows(plan: RunPlan, status: str, lanes: Sequence[LaneFacts], state: StepState) -> RunStep:
    total = len(plan.test_ids)
    done = min((lane.rows_done for lane in lanes), default=0)
    if state is StepState.NOW:
        paused = " · paused" if status == "paused" else ""
        return RunStep(
            name="Row", state=state, detail=f"{say.number(min(done + 1, total))} of {say.number(total)}{paused}"
        )
    if status in ENDED and done < total:
        return RunStep(name="Rows", state=state, detail=f"{say.number(done)} of {say.number(total)}")
    return RunStep(name=say.counted(total, "row"), state=state)


def _lower(stage: str) -> str:
    return stage[:1].lower() + stage[1:]
