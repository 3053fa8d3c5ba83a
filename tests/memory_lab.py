"""The real `Lab` over adapters in memory: no model, no files but a scratch folder, answers and pace as a test wants them.

`memory_lab(speed=…)` runs faster or slower; `lab.play(plan, events)` puts a run of any odd state there at once;
`lab.memory` is the handle on the adapters: what is on the machine, who answers how well, who holds the machine.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from adapters.intake import LocalIntake
from adapters.storage.run_archive import TasksHere
from engine.core.generation import ModelFacts
from engine.core.lora_library import KeptWeights, Measured
from engine.core.run.events import (
    Event,
    LeaderClear,
    ModelLoaded,
    PredictionMade,
    RunEnded,
    RunStarted,
    VariantReady,
)
from engine.core.run.manifest import Purpose
from engine.core.run.plan import RunPlan
from engine.core.task import AnswerKind, AnswerSpec, Document, Example, Task
from engine.core.techniques import Technique
from engine.metrics.intervals import wilson
from engine.services.background.run_job import RunJob
from engine.services.lab import Lab
from engine.services.workspace import Workspace
from tests.memory_lab_adapters import (
    MemoryMachine,
    MemoryModels,
    MemoryRunFiles,
    MemoryRunStore,
    MemoryTasks,
)
from tests.memory_lab_models import (
    SKILL,
    Answers,
    MemoryModel,
    MemoryRetriever,
)
from tests.memory_lab_script import prediction, queued, script
from tests.memory_lab_servers import MemoryServers
from tests.memory_lab_training import TRAIN_S, MemoryLibrary, MemorySpeeds, MemoryTrainer, NoMeter

__all__ = [
    "DOCUMENTS", "HOSTILE", "HOSTILE_LABELS", "LABELS", "MODEL", "SKILL", "TASK", "Memory", "MemoryLab", "marked_task", "memory_lab",
    "memory_model", "memory_task", "memory_weights", "prediction", "queued", "script", "until",
]  # fmt: skip

TASK, MODEL = "tickets", "memory-135m"
LABELS = ("account_access", "billing_refund", "delivery_order", "device_fault", "how_to_setup")
HOSTILE = (
    "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'> **bold** [link](javascript:alert(1)) "
    "\x1b[31mred\x1b[0m \u202eesrever\u202c :red[shortcode] $x^2$\n# heading"
)
HOSTILE_LABELS = (
    "<img src=x onerror='window.hacked = 1'>",
    '=HYPERLINK("http://127.0.0.1:9/x","refund")',
    "![x](http://127.0.0.1:9/x.png) **bold** `code`",
    "\u202eesrever $x^2$ :red[shortcode] | cell",
    "@SUM(1+1)*cmd|' /C calc'!A0",
)


def memory_task(
    labels: Sequence[str] = LABELS, rows: int = 60, text: str = "Where is my parcel? Order", **changes: Any
) -> Task:
    """Build a small task of single-label rows, so many in each split; other fields as keywords."""
    examples = [
        Example(id=f"{split}-{n:03}", input=f"{text} {n}", target=labels[n % len(labels)], split=split)
        for split in ("train", "test")
        for n in range(rows)
    ]
    task = Task(
        id=TASK,
        title="Support tickets",
        summary="Sort a message into a desk.",
        instructions="Answer with the category name only.",
        answer=AnswerSpec(kind=AnswerKind.LABEL, labels=tuple(labels)),
        primary_scorer="accuracy",
        scorers=("accuracy", "macro_f1"),
        examples=tuple(examples),
        documents=(Document(name="help.md", text="# Help\nTurn it off and on."),),
    )
    return replace(task, **changes)


def memory_model(**changes: Any) -> ModelFacts:
    """Build the facts of a model that is not there; other fields as keywords."""
    facts = ModelFacts(
        id=MODEL,
        name="SmolLM2 135M Instruct",
        backend="llama.cpp",
        path="/models/memory.gguf",
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


def memory_weights(**changes: Any) -> KeptWeights:
    """Build kept LoRA weights that fit `memory_model`; other fields as keywords."""
    model = memory_model()
    usual = KeptWeights(
        key="0123456789abcdef", created_at="2026-11-24T20:00:00+00:00", base_name="memory.gguf",
        base_digest=model.digest, template_digest=model.template_digest, size_bytes=9_800_000, rows=50,
        train_s=TRAIN_S, peak_rss_bytes=1_300_000_000,
        parameters={"rank": 8, "alpha": 16.0, "epochs": 6, "targets": ["q_proj", "v_proj"]},
        loss_curve=(2.0, 1.1, 0.6, 0.4), validation_curve=(1.0, 0.7), best_epoch=2, epochs_done=2,
        task_id=TASK, model_id=MODEL, seed=0, canary_change=0.31,
        before=Measured(metric="accuracy", interval=wilson(14, 30), rows=30, split="validation"),
        after=Measured(metric="accuracy", interval=wilson(27, 30), rows=30, split="validation"),
        files={"lora.gguf": 9_800_000},
    )  # fmt: skip
    return replace(usual, **changes)


DOCUMENTS = tuple(
    Document(
        name=f"doc-{n}.md", text=f"# Title {n}\n\nBegin.\n\n## Part one\n\nFact {n}.\n\n## Part two\n\nOther {n}.\n"
    )
    for n in range(4)
)


def marked_task(rows: int = 24) -> Task:
    """Build a task whose test rows mark the passage that supports them, among `DOCUMENTS`."""
    task = memory_task(rows=rows)
    examples = tuple(
        replace(e, metadata={"supporting": [{"document": f"doc-{n % 4}.md", "passage": f"Fact {n % 4}."}]})
        if e.split == "test"
        else e
        for n, e in enumerate(task.examples)
    )
    return replace(task, examples=examples, documents=DOCUMENTS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """The handle: the adapters of one lab, each with what a test may set or look at."""

    workspace: Workspace
    answers: Answers
    store: MemoryRunStore
    tasks: MemoryTasks
    models: MemoryModels
    retriever: MemoryRetriever
    library: MemoryLibrary
    servers: MemoryServers
    machine: MemoryMachine
    speeds: MemorySpeeds
    checks: MemorySpeeds
    files: MemoryRunFiles


class MemoryLab(Lab):
    """The real lab, with a handle on its adapters."""

    def __init__(self, memory: Memory) -> None:
        """Open on these adapters."""
        super().__init__(memory.workspace)
        self.memory = memory

    def play(self, plan: RunPlan, events: Sequence[Event], purpose: Purpose = Purpose.COMPARISON) -> str:
        """Put a run there that has had these events: kept, and remembered by this process; return its id."""
        self.runs._create(plan, purpose)
        store, job = self.memory.store, RunJob(self.memory.workspace, plan, self.plans.estimate(plan))
        for event in events:
            job.live.apply(event)
            match event:
                case RunStarted():
                    store.update_run(plan.run_id, status="running")
                case PredictionMade():
                    store.add([event.prediction])
                case VariantReady():
                    store.update_run(plan.run_id, manifest={"prepared": {event.variant_id: asdict(event.paid)}})
                case ModelLoaded():
                    store.update_run(plan.run_id, manifest={"load_s": event.load_s, "gpu": event.gpu})
                case LeaderClear():
                    stopped = {"variant_id": event.variant_id, "rows": event.rows, "evidence": 20.0}
                    store.update_run(plan.run_id, manifest={"stopped_early": stopped})
                case RunEnded():
                    store.update_run(plan.run_id, status=event.status, manifest={"goes_on": event.goes_on})
                case _:
                    pass
        self.runs._jobs.add(plan.run_id, job)
        return plan.run_id

    def last_plan(self) -> RunPlan:
        """Return the plan of the newest run."""
        return self.results.plan(self.runs.list()[0].run_id)

    def finished(
        self,
        *,
        rows: int = 40,
        seed: int = 0,
        techniques: Sequence[Technique] = tuple(Technique),
        model_id: str = MODEL,
        text: str = "",
        purpose: Purpose = Purpose.COMPARISON,
    ) -> str:
        """Put a finished run on the first task there; return its id."""
        task = self.tasks.get(self.tasks.list()[0].id)
        plan = self.plans.make(task_id=task.id, model_id=model_id, techniques=techniques, limit=rows, seed=seed)
        return self.play(plan, [*script(plan, task, text=text), RunEnded(status="done")], purpose)


def memory_lab(
    *,
    speed: float = 1.0,
    task: Task | None = None,
    tasks: Sequence[Task] = (),
    models: Sequence[ModelFacts] | None = None,
    trainable: Sequence[str] = ("llama",),
    text: str = "",
) -> MemoryLab:
    """Open a lab in memory.

    Args:
        speed: divides the seconds of answers and training steps; those of speed 1 are in `SKILL`.
        task: the first task; `memory_task()` unless told.
        tasks: more tasks.
        models: facts of all models; `memory_model()` alone unless told.
        trainable: architectures that LoRA weights can be trained on.
        text: what the model writes whatever it is asked; empty for answers by skill.
    """
    folder = Path(tempfile.mkdtemp(prefix="adaptlab-memory-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    kept = MemoryTasks([task or memory_task(), *tasks], folder)
    answers = Answers(kept.find, speed)
    answers.text = text
    store, machine, library, retriever = MemoryRunStore(), MemoryMachine(), MemoryLibrary(), MemoryRetriever(answers)
    found = MemoryModels([memory_model()] if models is None else models, answers)
    intake = LocalIntake(
        tasks=folder,
        task_folder=kept.folder,
        tokenizer=lambda model_id: MemoryModel(found.get(model_id), answers),
        retriever=retriever,
        machine_lock=machine.lock,
    )
    here = TasksHere(get=kept.get, pack=intake.pack, keep=intake.unpack)
    files, speeds, servers = MemoryRunFiles(store, folder / ".tables", here), MemorySpeeds(), MemoryServers()
    workspace = Workspace(
        tasks=kept,
        models=found,
        servers=servers,
        store=store,
        files=files,
        intake=intake,
        retriever=retriever,
        trainer=MemoryTrainer(library, answers),
        library=library,
        machine=machine,
        meter=NoMeter(),
        speeds=speeds,
        paces=MemorySpeeds(),
        checks=(checks := MemorySpeeds()),
        trainable=tuple(trainable),
    )
    memory = Memory(
        workspace=workspace, answers=answers, store=store, tasks=kept, models=found, retriever=retriever,
        library=library, servers=servers, machine=machine, speeds=speeds, checks=checks, files=files,
    )  # fmt: skip
    lab = MemoryLab(memory)
    weakref.finalize(lab, shutil.rmtree, folder, ignore_errors=True)
    return lab


def until(wanted: Callable[[], object], *, seconds: float = 60.0) -> None:
    """Wait for a state; give up after so many seconds, many more than it should take."""
    ends = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.01)
