"""What is kept of a run besides its predictions: plan, machine, versions, digests, purpose. One data type, one version.

Old manifests are upgraded when they are read; one of a newer version is refused with an error message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from engine.core.errors import StoreError
from engine.core.generation import SCRIPTED
from engine.core.run.effort import Search
from engine.core.run.label_prior import LabelPrior
from engine.core.run.plan import RunPlan
from engine.core.run.shot_record import ShotRecord
from engine.core.task import MADE_FROM
from engine.core.text.languages import Languages

VERSION = 2
"""Version of the manifests' format. Version 1 had no number and kept the decoding with the plan."""


OLD_DIGEST = "1:"
"""Prefix of a task digest that a run of version 1 kept: that digest left out the rows' metadata."""


class Purpose(StrEnum):
    """Why a run was made."""

    COMPARISON = "comparison"
    LEARNING_CURVE = "learning curve"
    CONTEXT = "context"
    DRIFT = "drift"
    SEEDS = "seeds"
    TUNING = "tuning"


TEST_SPLIT = "test"
"""The split that verdicts are about."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineFacts:
    """The machine that a run was measured on; no names of users or hosts."""

    processor: str = ""
    cores: int = 1
    """Physical ones."""
    threads: int = 1
    memory_bytes: int = 0
    system: str = ""
    python: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRecord:
    """The model that answered."""

    id: str = ""
    name: str = ""
    backend: str = ""
    architecture: str = ""
    quantization: str = ""
    size_bytes: int = 0
    digest: str = ""
    template_digest: str = ""
    server: bool = False
    """It was held by a server, which told the tokens."""
    server_timings: bool = False
    """The server also told the seconds of reading the prompt and of writing the answer."""
    probabilities_cut: bool = False
    """The server listed its likeliest tokens only, from which the probabilities of labels were read."""
    away: str = ""
    """The host that the rows were sent to; empty if they stayed on this machine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """What preparing a variant took, once."""

    prepare_s: float
    reused: bool = False
    """A part of it was there before the run."""
    priors: tuple[LabelPrior, ...] = ()
    """One for each draw, where the plan asks for prior correction."""
    shots: ShotRecord | None = None
    """How examples were chosen, where they were not drawn at random."""
    embedding_tokens: int = 0
    """Tokens that an embedder on another machine read for it, once."""
    waited_s: float = 0.0
    """Seconds of `prepare_s` in which that machine worked, and this one waited."""
    weights_served: bool = False
    """Its LoRA weights came with the server: what they were trained on is not known here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoppedEarly:
    """The leader whose clear lead ended a run before its last row."""

    variant_id: str
    rows: int
    evidence: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """What a run's figures depend on besides its rows and plan."""

    cores: int = 1
    gpu: bool = False
    """The model computes on a GPU, whose energy is not counted."""
    prepared: Mapping[str, Preparation] = field(default_factory=dict)
    """By variant."""
    backend: str = ""
    """As in `ModelRecord`, as the next three."""
    server: bool = False
    server_timings: bool = False
    probabilities_cut: bool = False
    away: bool = False
    """The rows were answered on another machine, so that this one's clock says nothing of cost or energy."""
    imported: bool = False
    searches: Mapping[str, Search] = field(default_factory=dict)
    """The searches for settings, by tuned variant; also of those that kept the default's."""
    out: Mapping[str, int] = field(default_factory=dict)
    """After how many rows variants left a race, by id."""
    stopped_early: StoppedEarly | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """All that is kept of a run besides its predictions."""

    plan: RunPlan
    version: int = VERSION
    status: str = "planned"
    """`planned`, `running`, `done`, `cancelled` or `failed`."""
    started_at: str = ""
    """UTC, ISO 8601."""
    purpose: Purpose = Purpose.COMPARISON
    studied_run: str = ""
    """The run whose variants a study of drift or seeds measures once more; empty for other runs."""
    split: str = ""
    """The split of the task that its rows come from; empty where the task is gone or does not say."""
    machine: MachineFacts = field(default_factory=MachineFacts)
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the packages that compute, by name."""
    task_digest: str = ""
    model: ModelRecord = field(default_factory=ModelRecord)
    prepared: Mapping[str, Preparation] = field(default_factory=dict)
    """By variant."""
    beside_usd: float = 0.0
    """What was paid at closed APIs beside the run's rows: for searches, measuring priors, warming up and embedding, and
    for failed rows that were asked again."""
    load_s: float | None = None
    gpu: bool = False
    goes_on: bool = True
    """Whether resuming it can get further, as far as was known when it ended."""
    stopped_early: StoppedEarly | None = None
    block_rows: int = 1
    """Rows that were answered with what a server holds at once before the other variants answered them."""
    out: Mapping[str, int] = field(default_factory=dict)
    """Of a race: after how many rows a variant left it, by variant."""
    asked_again: int = 0
    """Rows that resumed runs asked again, since a fault had left them without an answer."""
    unanswered: int = 0
    """Rows that such a fault had left without an answer when the run ended."""
    note: str = ""
    """What the user wrote about the run."""
    imported: bool = False
    """It was measured on another machine and imported as an archive."""
    imported_at: str = ""
    """When it was imported, in UTC, ISO 8601 with microseconds: no two imports of a run are alike."""
    rescored: bool = False
    """Its answers were read and scored again here when it was imported; false for runs that came in before that."""
    parent_run: str | None = None
    """The run that this one continues."""
    effort: Mapping[str, Search] | None = None
    """The search for good settings by tuned variant, where there was one."""
    embedder: str | None = None
    """Ids of what embedded the rows, separated by commas; None where nothing did, and in older runs."""
    languages: Languages | None = None
    """Of the task's rows; None in older and in imported runs, whose rows are looked at when they are reported."""

    @property
    def began_at(self) -> float:
        """When it was first started, in seconds since 1970; 0 where that is unknown."""
        return datetime.fromisoformat(self.started_at).timestamp() if self.started_at else 0.0

    @property
    def conditions(self) -> Conditions:
        """What the figures depend on."""
        return Conditions(
            cores=self.machine.cores,
            gpu=self.gpu,
            prepared=self.prepared,
            backend=self.model.backend,
            server=self.model.server,
            server_timings=self.model.server_timings,
            probabilities_cut=self.model.probabilities_cut,
            away=bool(self.model.away),
            imported=self.imported,
            searches=self.effort or {},
            out=self.out,
            stopped_early=self.stopped_early,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, fit for JSON."""
        data: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return data


def plan_fields(plan: RunPlan) -> dict[str, Any]:
    """Return a plan as plain data, as a manifest holds it."""
    fields: dict[str, Any] = TypeAdapter(RunPlan).dump_python(plan, mode="json")
    return fields


@cache
def _adapter() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)


def manifest_from_dict(data: Mapping[str, Any]) -> Manifest:
    """Read a manifest of this version or an older one.

    Raises:
        StoreError: it is of a newer version, or not a manifest.
    """
    try:
        return _adapter().validate_python(upgraded(data))
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise StoreError(f"A run's manifest is damaged at '{place}': {fault['msg']}.", "Delete the run.") from error


def upgraded(data: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a manifest's plain data to this version.

    Raises:
        StoreError: it is of a newer version.
    """
    fields = dict(data)
    version = fields.get("version", 1)
    if not isinstance(version, int) or version > VERSION:
        raise StoreError(
            f"This run was written by a newer version of Adapt Lab (manifest version {version}, known: {VERSION}).",
            "Update Adapt Lab to open it.",
        )
    if version == 1:
        plan = dict(fields.get("plan") or {})
        decoding = {
            new: plan.pop(old)
            for old, new in (("decoding", "mode"), ("temperature", "temperature"), ("max_tokens", "max_tokens"))
            if old in plan
        }
        variants = plan.get("variants")
        if isinstance(variants, list | tuple) and decoding:
            plan["variants"] = [{**one, "decoding": decoding} for one in variants if isinstance(one, Mapping)]
        fields |= {"plan": plan, "version": VERSION}
        if fields.get("task_digest"):
            fields["task_digest"] = OLD_DIGEST + str(fields["task_digest"])
        fields.setdefault("purpose", _purpose_of(str(plan.get("task_id", ""))))
    if isinstance(model := fields.get("model"), Mapping) and "server" not in model:
        fields["model"] = {**model, **_at_server(str(model.get("backend", "")))}
    return fields


def _at_server(backend: str) -> dict[str, bool]:
    """Tell what a server told about a run that did not note it, from the name of its backend."""
    server = backend not in {"", "llama.cpp", SCRIPTED}
    return {"server": server, "server_timings": server and backend in {"ollama", "llama-server"}}


def _purpose_of(task_id: str) -> Purpose:
    """Tell why a run without a stated purpose was made, from the task it was made on."""
    made = task_id.rpartition(MADE_FROM)[2] if MADE_FROM in task_id else ""
    if made.startswith("context-"):
        return Purpose.CONTEXT
    return Purpose.DRIFT if made else Purpose.COMPARISON
