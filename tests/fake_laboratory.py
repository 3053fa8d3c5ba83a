"""A `Laboratory` without models: a thread plays the events of a run. The test double of every page.

`FakeLaboratory(speed=…)` runs faster or slower; `play(…)` puts a run of any odd state there at once.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.models.scripted import CAPABILITIES as SCRIPTED
from engine.analysis.progress import LiveRun, RunSnapshot
from engine.analysis.run_table import RunTable, table_from_predictions
from engine.core.capabilities import Capabilities
from engine.core.errors import UsageError, unknown_name
from engine.core.generation import ModelFacts, ModelOffer
from engine.core.health import Finding
from engine.core.limits import Limits
from engine.core.model_servers import ServerState
from engine.core.ports import Progress
from engine.core.prices import CostAssumptions, TokenPrices
from engine.core.run.events import (
    Event,
    Notice,
    PredictionMade,
    PredictionStarted,
    PreparationProgress,
    RunContinued,
    RunEnded,
    RunPaused,
    RunQueued,
    RunStarted,
    TextStreamed,
    VariantReady,
)
from engine.core.run.infos import Preflight, RunInfo, TaskInfo
from engine.core.run.plan import RunPlan, new_run_id
from engine.core.run.prediction import Failure, FailureKind, Passage, Prediction, Timing, Usage
from engine.core.task import AnswerKind, AnswerSpec, Document, Example, Task
from engine.core.variant import DecodingMode, LoraSpec, RetrievalSpec, Technique, Variant
from engine.metrics.intervals import mean_interval
from engine.running.defaults import Choices
from engine.services.playground import Playground
from engine.services.recorded import SAMPLE, RecordedRun
from engine.services.speed_test import SpeedTests
from engine.services.trainings import Trainings
from engine.studies.perturbations import perturbed_task
from tests.fake_bench import FakeBench
from tests.fake_intake import fake_intake

LABELS = ("account_access", "billing_refund", "delivery_order", "device_fault", "how_to_setup")
HOSTILE = (
    "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'> **bold** [link](javascript:alert(1)) "
    "\x1b[31mred\x1b[0m \u202eesrever\u202c :red[shortcode] $x^2$\n# heading"
)
SKILL = {
    Technique.ZERO_SHOT: (0.50, 0.05),
    Technique.FEW_SHOT: (0.61, 0.09),
    Technique.RAG: (0.87, 0.30),
    Technique.LORA: (0.90, 0.06),
    Technique.RAG_LORA: (0.93, 0.32),
    Technique.CLASSIFIER: (0.89, 0.006),
}


def fake_task(labels: Sequence[str] = LABELS, rows: int = 60, text: str = "Where is my parcel? Order") -> Task:
    """Build a small task of single-label rows."""
    examples = [
        Example(id=f"{split}-{n:03}", input=f"{text} {n}", target=labels[n % len(labels)], split=split)
        for split in ("train", "test")
        for n in range(rows)
    ]
    return Task(
        id="fake-tickets",
        title="Support tickets",
        summary="Sort a message into a desk.",
        instructions="Answer with the category name only.",
        answer=AnswerSpec(kind=AnswerKind.LABEL, labels=tuple(labels)),
        primary_scorer="accuracy",
        scorers=("accuracy",),
        examples=tuple(examples),
        documents=(Document(name="help.md", text="# Help\nTurn it off and on."),),
    )


def fake_model(**changes: Any) -> ModelFacts:
    """Build the facts of a model that is not there."""
    facts = ModelFacts(
        id="fake-135m",
        name="SmolLM2 135M Instruct",
        backend="llama.cpp",
        path="/models/fake.gguf",
        architecture="llama",
        quantization="Q4_1",
        size_bytes=98_000_000,
        context_tokens=8192,
        parameters=135_000_000,
        chat_template="{{ messages }}",
        digest="ab" * 32,
        licence="Apache-2.0",
    )
    return replace(facts, **changes)


def variant_of(technique: Technique, choices: Choices | None = None) -> Variant:
    """Build the usual variant of a technique, with as many passages as were chosen."""
    passages = choices.passages_k if choices and choices.passages_k else 0
    return Variant(
        id=technique.value,
        technique=technique,
        shots_k=5 if technique is Technique.FEW_SHOT else 0,
        retrieval=RetrievalSpec(examples_k=0 if passages else 5, passages_k=passages)
        if technique in {Technique.RAG, Technique.RAG_LORA}
        else None,
        lora=LoraSpec() if technique in {Technique.LORA, Technique.RAG_LORA} else None,
    )


class FakeServers:
    """Servers that are there at once, and a pull that takes a few steps."""

    def __init__(self) -> None:
        """Begin without any."""
        self.found: list[ServerState] = []
        self.pulled: list[str] = []

    def states(self) -> list[ServerState]:
        """List them."""
        return self.found

    def add(self, name: str, url: str) -> None:
        """Add one, unless its address is none."""
        if "://" not in url:
            message = f"'{url}' is not the address of a server."
            raise UsageError(message, "Write it like http://127.0.0.1:8080/v1.")
        self.found.append(
            ServerState(name=name, url=url, kind="llama-server", models=1, problem="", key_variable="BOX_API_KEY",
                        has_key=False, entered=True)
        )  # fmt: skip

    def remove(self, name: str) -> None:
        """Take one away."""
        self.found = [server for server in self.found if server.name != name]

    def pull(self, name: str, *, cancel: threading.Event) -> Iterator[Progress]:
        """Yield a few steps."""
        for step in range(4):
            if cancel.is_set():
                return
            yield Progress(stage="Getting the model", fraction=step / 3)
        self.pulled.append(name)


class FakeLaboratory:
    """What pages ask for, answered from memory."""

    def __init__(
        self,
        *,
        speed: float = 1.0,
        task: Task | None = None,
        models: Sequence[ModelFacts] | None = None,
        note: str = "",
    ) -> None:
        """Set the pace and what is there."""
        self.speed = speed
        self._task = task or fake_task()
        self.offers: list[ModelOffer] = []
        self.servers = FakeServers()
        self.prices: TokenPrices | None = None
        self.accepted: list[str] = []
        self._models = list(models) if models is not None else [fake_model()]
        self._runs: dict[str, LiveRun] = {}
        self._plans: dict[str, RunPlan] = {}
        self._cancel: dict[str, threading.Event] = {}
        self._pause = threading.Event()
        self.bench = FakeBench(self._task, self._models[0] if self._models else fake_model())
        self.playground = Playground(self.bench)
        self.trainings = Trainings(self.bench)
        self.speed_tests = SpeedTests(self.bench)
        self.findings: list[Finding] = []
        self.sample: RecordedRun | None = None
        self.added: list[tuple[str, str, str, str]] = []
        self._current: str | None = None
        self.problems: tuple[str, ...] = ()
        self.note = note
        self.answer_text = ""
        self.started: list[RunPlan] = []
        self.made_tasks: dict[str, Task] = {}
        self.notes: dict[str, str] = {}
        self.unpacked: list[bytes] = []
        self.intake = fake_intake()

    def tasks(self) -> list[TaskInfo]:
        """List the one task."""
        rows = {split: len(self._task.split(split)) for split in ("train", "test")}
        return [
            TaskInfo(
                id=self._task.id,
                title=self._task.title,
                summary=self._task.summary,
                rows=rows,
                documents=len(self._task.documents),
            )
        ]

    def tell_of(self, task: Task) -> None:
        """Take this task in the place of the one it was made with."""
        self._task = task

    def perturbed(self, task_id: str, kind: str, *, seed: int = 0) -> str:
        """Make a perturbed task."""
        return self.keep_made(perturbed_task(self._task, kind, seed=seed))

    def keep_made(self, task: Task) -> str:
        """Keep a task that was made from another."""
        self.made_tasks[task.id] = task
        return task.id

    def task(self, task_id: str) -> Task:
        """Return it."""
        if task_id in self.made_tasks:
            return self.made_tasks[task_id]
        if task_id != self._task.id:
            message = f"Unknown task '{task_id}'."
            raise UsageError(message)
        return self._task

    def model_offers(self) -> list[ModelOffer]:
        """Offer what waits for its terms."""
        return self.offers

    def capabilities(self, facts: ModelFacts) -> Capabilities:
        """Say what the scripted backend can do."""
        return SCRIPTED

    def accept_model(self, name: str) -> None:
        """Take an offer off the list and its model in."""
        self.offers = [offer for offer in self.offers if offer.id != name]
        self.accepted.append(name)

    def models(self) -> list[ModelFacts]:
        """List the models it was given."""
        return self._models

    def model(self, model_id: str) -> ModelFacts:
        """Return one of them."""
        found = next((model for model in self._models if model.id == model_id), None)
        if found is None:
            raise unknown_name("model", model_id, [model.id for model in self._models])
        return found

    def checkup(self) -> list[Finding]:
        """Say what it was told to miss."""
        return self.findings

    def add_row(self, task_id: str, *, text: str, target: str, split: str) -> str:
        """Take note of a row."""
        self.added.append((task_id, text, target, split))
        return f"{task_id}-own"

    def recorded(self, run_id: str) -> RecordedRun:
        """Return a run whole."""
        if run_id == SAMPLE:
            if self.sample is None:
                raise unknown_name("run", run_id, [])
            return self.sample
        snapshot = self.snapshot(run_id)
        plan = snapshot.plan
        manifest = {
            "plan": plan.to_dict(), "status": snapshot.status, "started_at": "2026-11-24T20:05:00+00:00",
            "machine": self.machine(), "model": {"name": "SmolLM2 135M Instruct", "quantization": "Q4_1"},
            "prepared": {v.id: {"prepare_s": 81.0 if v.lora else 0.0, "reused": False} for v in plan.variants},
        }  # fmt: skip
        return RecordedRun(manifest=manifest, predictions=tuple(self.predictions(run_id)))

    def pause(self, run_id: str) -> None:
        """Stand still."""
        self._pause.set()

    def go_on(self, run_id: str) -> None:
        """Go on."""
        self._pause.clear()

    def plan(
        self,
        *,
        task_id: str,
        model_id: str,
        techniques: Sequence[Technique],
        limit: int | None,
        train_rows: int = 50,
        seed: int = 0,
        decoding: DecodingMode = DecodingMode.CHOICE,
        throughput: bool = False,
        costs: CostAssumptions | None = None,
        choices: Choices | None = None,
        stop_when_clear: bool = False,
        test_split: str = "test",
        context_tokens: int = 2048,
    ) -> RunPlan:
        """Fix a plan."""
        return RunPlan(
            run_id=new_run_id(),
            task_id=task_id,
            model_id=model_id,
            variants=tuple(variant_of(technique, choices) for technique in techniques),
            test_ids=tuple(example.id for example in self.task(task_id).split(test_split)[:limit]),
            train_ids=tuple(example.id for example in self._task.split("train")[:train_rows]),
            seed=seed,
            decoding=decoding,
            throughput=throughput,
            costs=costs or CostAssumptions(),
            stop_when_clear=stop_when_clear,
            prices=self.prices,
        )

    def preflight(self, plan: RunPlan) -> Preflight:
        """Return made-up estimates."""
        return Preflight(
            predictions=len(plan.variants) * len(plan.test_ids),
            estimated_s=212.0,
            estimated_training_s=81.0 if any(v.lora for v in plan.variants) else 0.0,
            estimated_memory_bytes=1_240_000_000,
            free_memory_bytes=18_400_000_000,
            problems=(*self.problems, *self._unconfirmed(plan)),
            estimated_cost_usd=0.12 if plan.prices else 0.0,
            notes=(self.note,) if self.note else (),
        )

    def _unconfirmed(self, plan: RunPlan) -> tuple[str, ...]:
        unpaid = plan.prices is not None and plan.spending_limit_usd is None
        return ("Confirm it with a spending limit.",) if unpaid else ()

    def start(self, plan: RunPlan) -> str:
        """Play a run in a thread."""
        self.started.append(plan)
        self._plans[plan.run_id] = plan
        self._runs[plan.run_id] = LiveRun(plan, cores=2)
        self._begin(plan, ())
        return plan.run_id

    def resume(self, run_id: str) -> str:
        """Play what is left of a run."""
        kept = self.predictions(run_id)
        self._runs[run_id] = LiveRun(self._plans[run_id], cores=2)
        self._begin(self._plans[run_id], kept)
        return run_id

    def _begin(self, plan: RunPlan, kept: Sequence[Prediction]) -> None:
        self._cancel[plan.run_id] = threading.Event()
        self._current = plan.run_id
        threading.Thread(target=self._play, args=(plan, kept), daemon=True).start()

    def _play(self, plan: RunPlan, kept: Sequence[Prediction]) -> None:
        live, stop = self._runs[plan.run_id], self._cancel[plan.run_id]
        status = "done"
        for event in script(plan, self.task(plan.task_id), kept, self.answer_text):
            if stop.is_set():
                status = "cancelled"
                break
            live.apply(event)
            if self._pause.is_set() and isinstance(event, PredictionMade):
                live.apply(RunPaused())
                while self._pause.is_set() and not stop.wait(0.02):
                    pass
                live.apply(RunContinued())
            if not isinstance(event, VariantReady | RunStarted) and not getattr(event, "kept", False):
                time.sleep(0.02 / self.speed)
        live.apply(RunEnded(status=status))
        self._current = None

    def play(self, plan: RunPlan, events: Sequence[Event]) -> str:
        """Put a run there that has had these events."""
        self._plans[plan.run_id] = plan
        self._runs[plan.run_id] = LiveRun(plan, cores=2)
        for event in events:
            self._runs[plan.run_id].apply(event)
        if self._runs[plan.run_id].snapshot().is_running:
            self._current = plan.run_id
        return plan.run_id

    def cancel(self, run_id: str) -> None:
        """Stop the thread."""
        self._cancel[run_id].set()

    def close(self) -> None:
        """Stop what plays."""
        for stop in self._cancel.values():
            stop.set()

    def snapshot(self, run_id: str) -> RunSnapshot:
        """Return a run as it stands."""
        if run_id not in self._runs:
            what = f"Unknown run '{run_id}'."
            raise UsageError(what, "Known: none.")
        return self._runs[run_id].snapshot()

    def predictions(self, run_id: str) -> list[Prediction]:
        """Return a run's predictions so far."""
        return [p for v in self._plans[run_id].variants for p in self._runs[run_id].predictions(v.id)]

    def predictions_of(self, run_id: str, example_id: str) -> list[Prediction]:
        """Return what all variants answered on one example."""
        return [item for item in self.predictions(run_id) if item.example_id == example_id]

    def manifest(self, run_id: str) -> dict[str, Any]:
        """Return a manifest of the kind that is kept with a run."""
        lanes = self.snapshot(run_id).lanes
        prepared = {lane.variant.id: {"prepare_s": lane.prepare_s or 0.0, "reused": False} for lane in lanes}
        return {
            "plan": self._plans[run_id].to_dict(),
            "machine": self.machine(),
            "versions": {"python": "3.11"},
            "model": {"name": "SmolLM2 135M Instruct", "digest": "ab" * 32},
            "prepared": prepared,
            "status": "done",
            "started_at": "2026-11-24T20:05:00+00:00",
        }

    def plan_of(self, run_id: str) -> RunPlan:
        """Return a run's plan."""
        return self._plans[run_id]

    def table(self, run_id: str) -> RunTable:
        """Return a run's predictions as columns."""
        plan = self._plans[run_id]
        return table_from_predictions([v.id for v in plan.variants], plan.test_ids, self.predictions(run_id))

    def memo(self, run_id: str, limits: Limits, *, form: str = "html") -> bytes:
        """Return next to nothing."""
        return f"{run_id} {limits.months} {form}".encode()

    def keep_note(self, run_id: str, text: str) -> None:
        """Keep a note."""
        self.notes[run_id] = text

    def delete(self, run_id: str) -> None:
        """Forget a run."""
        del self._plans[run_id]

    def pack(self, run_id: str) -> bytes:
        """Return next to nothing."""
        return run_id.encode()

    def unpack(self, data: bytes) -> str:
        """Take in anything but a broken file."""
        if not data.startswith(b"PK"):
            what = "The file is no packed run."
            raise UsageError(what, "Choose another.")
        self.unpacked.append(data)
        return next(iter(self._plans))

    def current_run_id(self) -> str | None:
        """Return the run that plays."""
        return self._current

    def runs(self) -> list[RunInfo]:
        """List the runs, newest first."""
        infos = []
        for run_id, plan in reversed(list(self._plans.items())):
            snapshot = self.snapshot(run_id)
            infos.append(
                RunInfo(
                    run_id=run_id,
                    task_id=plan.task_id,
                    model_id=plan.model_id,
                    status=snapshot.status,
                    started_at="2026-11-24T20:05:00+00:00",
                    rows_done=snapshot.rows_done,
                    rows_total=snapshot.rows_total,
                    techniques=tuple(variant.technique.value for variant in plan.variants),
                    seed=plan.seed,
                    note=self.notes.get(run_id, ""),
                )
            )
        return infos

    def summary(self, run_id: str) -> dict[str, Any]:
        """Return a run in figures."""
        plan, snapshot = self._plans[run_id], self.snapshot(run_id)
        return {
            "run_id": run_id,
            "task": plan.task_id,
            "model": plan.model_id,
            "seed": plan.seed,
            "machine": self.machine(),
            "variants": [self._variant(run_id, lane.variant, lane) for lane in snapshot.lanes],
        }

    def _variant(self, run_id: str, variant: Variant, lane: Any) -> dict[str, Any]:
        made = self._runs[run_id].predictions(variant.id)
        kinds = [p.failure.kind.value for p in made if p.failure]
        quality = mean_interval([p.score or 0.0 for p in made]) if made else None
        return {
            "variant": variant.id,
            "technique": variant.technique.value,
            "n": len(made),
            "n_failed": len(kinds),
            "failures": {kind: kinds.count(kind) for kind in kinds},
            "quality": {
                "metric": "accuracy",
                "value": quality.value if quality else None,
                "ci_low": quality.low if quality else None,
                "ci_high": quality.high if quality else None,
            },
            "ttft_s": {"p50": lane.ttft_p50_s, "p95": lane.ttft_p50_s},
            "total_s": {"p50": lane.total_p50_s, "p95": lane.total_p95_s},
            "tokens": {"prompt_mean": 120.0, "cached_prompt_mean": 80.0, "completion_mean": 3.0},
            "tokens_per_s": {"prefill": lane.prefill_tokens_per_s, "decode": lane.decode_tokens_per_s},
            "examples_per_s": 3.2,
            "prepare_s": lane.prepare_s,
            "peak_rss_bytes": 410_000_000,
            "cost_usd_per_1k": lane.estimated_cost_usd_per_1k,
            "energy_wh_per_1k": 0.8,
            "scores": {"accuracy": {"value": 0.5}, "macro_f1": {"value": 0.48}},
            "closed_api_cost_usd_per_1k": {"small-model": 0.012, "other-model": 0.2} if variant.generates else None,
            "estimated": ["cost_usd_per_1k", "energy_wh_per_1k"],
        }

    def machine(self) -> dict[str, Any]:
        """Return made-up facts."""
        return {"cores": 2, "memory_bytes": 23_400_000_000, "processor": "Example CPU"}

    def export(self, run_id: str) -> dict[str, bytes]:
        """Return files that hold next to nothing."""
        return {
            "run.json": json.dumps({"run_id": run_id}).encode(),
            "predictions.csv": b"variant_id\n",
            "predictions.parquet": b"PAR1",
            "summary.json": json.dumps(self.summary(run_id)).encode(),
        }


def prediction(plan: RunPlan, variant: Variant, example: Example, dice: random.Random, text: str = "") -> Prediction:
    """Make up what a variant answers on a row."""
    skill, pace = SKILL[variant.technique]
    total = pace * dice.uniform(0.8, 1.6)
    base = Prediction(
        run_id=plan.run_id,
        variant_id=variant.id,
        technique=variant.technique.value,
        example_id=example.id,
        target=example.target,
        prompt=f"<|im_start|>system\nAnswer with the category name only.<|im_end|>\n{example.input}"
        if variant.generates
        else "",
        usage=Usage(prompt_tokens=120, cached_prompt_tokens=80, completion_tokens=3),
        timing=Timing(ttft_s=total * 0.8, total_s=total, prefill_s=total * 0.6, decode_s=total * 0.3, cpu_s=total * 2),
    )
    if dice.random() < 0.03 and variant.technique is Technique.ZERO_SHOT:
        return replace(
            base,
            text=text or "I would say",
            failure=Failure(kind=FailureKind.UNPARSED, message="No label in the answer."),
        )
    right = dice.random() < skill
    answer = example.target if right else dice.choice([name for name in LABELS if name != example.target])
    passages: tuple[Passage, ...] = ()
    if variant.retrieval:
        passages = (
            Passage(id="train-001", kind="example", text=example.input, score=0.91, source="train-001", target=answer),
        )
    return replace(
        base,
        text=text or answer,
        answer=answer,
        score=float(right),
        passages=passages,
        probabilities={answer: 0.8, "other": 0.2},
    )


def script(plan: RunPlan, task: Task, kept: Sequence[Prediction] = (), text: str = "") -> list[Event]:
    """List the events of a whole run."""
    dice = random.Random(plan.seed)
    events: list[Event] = [RunStarted(plan=plan, kept_rows=len(kept))]
    events.extend(PredictionMade(prediction=item, kept=True) for item in kept)
    events.append(
        PreparationProgress(variant_id="", progress=Progress(stage="Loading the model", fraction=0.5, left_s=1))
    )
    for variant in plan.variants:
        if variant.lora:
            events.extend(
                PreparationProgress(
                    variant_id=variant.id,
                    progress=Progress(
                        stage="Training LoRA weights",
                        fraction=step / 42,
                        left_s=(42 - step) * 1.9,
                        step=step,
                        loss=2.1 / (1 + step / 6),
                        tokens_per_s=640.0,
                    ),
                )
                for step in range(0, 42, 2)
            )
        events.append(VariantReady(variant_id=variant.id, prepare_s=81.0 if variant.lora else 0.0))
    events.append(Notice(text="The machine was busy with other work at the start; medians may be a little high."))
    done = {(item.variant_id, item.example_id) for item in kept}
    examples = {example.id: example for example in task.examples}
    for example_id in plan.test_ids:
        for variant in plan.variants:
            if (variant.id, example_id) in done:
                continue
            made = prediction(plan, variant, examples[example_id], dice, text)
            events.append(PredictionStarted(variant_id=variant.id, example_id=example_id, target=made.target))
            half = len(made.text) // 2
            events.append(TextStreamed(variant_id=variant.id, example_id=example_id, text=made.text[:half]))
            events.append(PredictionMade(prediction=made))
    return events


def queued(plan: RunPlan) -> list[Event]:
    """List the events of a run that waits."""
    return [RunQueued(run_id=plan.run_id, ahead="the run 20261124-190000-ab12, 40 of 600 predictions")]


def open_laboratory(home: Path | None = None) -> FakeLaboratory:
    """Stand in for `wiring.open_laboratory`."""
    return FakeLaboratory()
