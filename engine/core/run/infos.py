"""Tasks, runs and plans at a glance: what lists and preflight checks show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.core.run.manifest import Manifest, Purpose


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskInfo:
    """A task at a glance."""

    id: str
    title: str
    summary: str
    rows: dict[str, int]
    """Rows per split."""
    documents: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSetAside:
    """A task folder that cannot be read: it is listed with the reason, and stops no other."""

    id: str
    what: str
    fix: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RunInfo:
    """A kept run at a glance."""

    run_id: str
    task_id: str
    model_id: str
    status: str
    started_at: str
    """UTC, ISO 8601."""
    rows_done: int
    rows_total: int
    techniques: tuple[str, ...] = ()
    seed: int = 0
    note: str = ""
    """What the user wrote about it."""
    purpose: Purpose = Purpose.COMPARISON
    imported: bool = False
    """It was measured on another machine."""
    rescored: bool = False
    """Its answers were scored again when it was imported."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preflight:
    """What a plan will take, before it starts. All figures are estimates."""

    predictions: int
    estimated_s: float
    estimated_training_s: float
    """Part of `estimated_s`; 0 when matching LoRA weights exist or none are needed."""
    estimated_memory_bytes: int
    free_memory_bytes: int
    problems: tuple[str, ...]
    """Reasons why the plan cannot start; each with its fix."""
    notes: tuple[str, ...]
    estimated_cost_usd: float = 0.0
    """What the tokens cost at a closed API; 0 for models that run on the user's own machines."""
    estimated_search_s: float = 0.0
    """Part of `estimated_s`; 0 where no settings are searched for."""
    settings: Mapping[str, int] = field(default_factory=dict)
    """About how many settings of each technique the search has time for, each on all its rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowOffer:
    """More training rows for a plan, and how much longer the run would take with them."""

    per_label: int
    """Training rows for each label, or all where a label has fewer."""
    rows: int
    """Training rows in all."""
    extra_s: float
    """Estimated."""


def info_of(manifest: Manifest, predictions: int) -> RunInfo:
    """Return a run at a glance; `predictions` are those that are kept."""
    plan = manifest.plan
    return RunInfo(
        run_id=plan.run_id,
        task_id=plan.task_id,
        model_id=plan.model_id,
        status=manifest.status,
        started_at=manifest.started_at,
        rows_done=predictions,
        rows_total=(len(plan.variants) - len(manifest.out)) * len(plan.test_ids) + sum(manifest.out.values()),
        techniques=tuple(dict.fromkeys(str(variant.technique) for variant in plan.variants)),
        seed=plan.seed,
        note=manifest.note,
        purpose=manifest.purpose,
        imported=manifest.imported,
        rescored=manifest.rescored,
    )
