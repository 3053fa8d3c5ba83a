"""Tasks, runs and plans at a glance: what lists and preflight checks show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.core.run.editions import Edition
from engine.core.run.manifest import Manifest, Purpose
from engine.core.techniques import Technique


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
    studied_run: str = ""
    """As in the manifest, as the next one."""
    split: str = ""
    imported: bool = False
    """It was measured on another machine."""
    rescored: bool = False
    """Its answers were scored again when it was imported."""
    asked_again: int = 0
    """As in the manifest, as the next two."""
    unanswered: int = 0
    imported_at: str = ""

    @property
    def edition(self) -> Edition:
        """Tell its answers from those that it had earlier."""
        return Edition(self.status, self.rows_done, self.rows_total, self.asked_again, self.imported_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunEstimate:
    """The parts of a plan's estimated seconds, in the order in which a run goes through them."""

    search_s: float = 0.0
    weights_s: float = 0.0
    """Of training the default's weights during the search, which does not count there."""
    setup_s: float = 0.0
    """Starting workers, embedding rows, measuring priors."""
    training_s: float = 0.0
    answer_s: Mapping[str, float] = field(default_factory=dict)
    """Of one test row, by variant id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preflight:
    """What a plan will take, before it starts. All figures are estimates."""

    predictions: int
    estimated_s: float
    estimated_memory_bytes: int
    free_memory_bytes: int
    problems: tuple[str, ...]
    """Reasons why the plan cannot start; each with its fix."""
    notes: tuple[str, ...]
    estimated_cost_usd: float = 0.0
    """What the tokens cost at a closed API; 0 for models that run on the user's own machines."""
    settings: Mapping[str, int] = field(default_factory=dict)
    """About how many settings of each technique the search has time for."""
    parts: RunEstimate = field(default_factory=RunEstimate)
    """What `estimated_s` is the sum of, with every test row answered."""

    @property
    def estimated_training_s(self) -> float:
        """Part of `estimated_s`; 0 where no weights are trained.

        Weights that are kept already are counted, too: only the tokens of their training rows tell them.
        """
        return self.parts.training_s + self.parts.weights_s

    @property
    def estimated_search_s(self) -> float:
        """Part of `estimated_s`; 0 where no settings are searched for."""
        return self.parts.search_s


@dataclass(frozen=True, kw_only=True, slots=True)
class UsualTechniques:
    """What a task is compared with on a model unless the user says otherwise."""

    techniques: tuple[Technique, ...]
    left_out: str
    """Why those with LoRA are not among them; empty if they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowOffer:
    """More training rows for a plan, and how much longer the run would take with them."""

    per_label: int
    """Training rows for each label, or all where a label has fewer."""
    rows: int
    """Training rows in all."""
    extra_s: float
    """Estimated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MoreRows:
    """More test rows for a finished run, and what they take. Times and costs are estimated from what it measured."""

    needed: int
    """Rows that should settle the verdict."""
    left: int
    """Rows that the split still has."""
    estimated_s: float
    """For as many of those that are needed as are left, as the next two."""
    estimated_usd: float = 0.0
    """What the tokens cost at a closed API; 0 for models that run on the user's own machines."""
    spent_usd: float = 0.0
    """What the run has cost there so far."""
    source: str = ""
    """Whose prices; empty where nothing is paid by the token."""

    @property
    def missing(self) -> int:
        """Labelled rows that the split lacks."""
        return max(self.needed - self.left, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class RestToPay:
    """What a run that has reached its spending limit has cost, and what the rest of it costs, as an estimate."""

    source: str
    """Whose prices."""
    spent_usd: float
    estimated_usd: float
    """By what its answers have cost so far; before the first one, as it was estimated at the start."""


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
        studied_run=manifest.studied_run,
        split=manifest.split,
        imported=manifest.imported,
        rescored=manifest.rescored,
        asked_again=manifest.asked_again,
        unanswered=manifest.unanswered,
        imported_at=manifest.imported_at,
    )
