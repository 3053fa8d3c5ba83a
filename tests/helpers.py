"""What tests share that is no fixture: small tasks, texts, and steps that several tests take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from engine.core.generation import Completion, GenerateRequest, LoraWeights
from engine.core.ports import LanguageModel
from engine.core.task import AnswerKind, AnswerSpec, Document, Example, Task
from engine.ingest.columns import Roles
from engine.ingest.one_step import Imported, begin_import, finish_import
from engine.ingest.options import ImportOptions
from engine.ingest.table import Table
from engine.services.lab import Lab

SMOLLM2 = "smollm2-135m-instruct"
HIDING = Path(__file__).parent / "without"
"""Modules that stand before optional packages; see `pytest --without-multilingual`."""
WITHOUT = "ADAPTLAB_TESTS_WITHOUT"
"""Names the package that is hidden."""
LABELS = ("billing", "delivery", "fault")
NEAR_TIE = 0.2
"""llama.cpp's kernels for several rows add in another order; 8-bit activations make that up to 0.08 of a probability
in a 135M model (one row put 16 times into a batch: 0.44 to 0.54), so that the first two labels may change places."""
TEXTS = {
    "billing": (
        "I was charged twice for October", "Please refund the invoice of last week", "Why did my plan cost more?",
        "The receipt shows the wrong VAT", "Take my old card off the account", "When is the next payment due?",
    ),
    "delivery": (
        "My parcel never arrived", "The courier left the box at the wrong house", "Can you ship to a new address?",
        "One item was missing from the order", "The tracking page has not moved for days", "Where is my order 4471?",
    ),
    "fault": (
        "The screen stays black", "It beeps all night and will not stop", "The app crashes when I open it",
        "The thermostat shows error E4", "No heat since the update", "The button fell off and it is dead",
    ),
}  # fmt: skip

WriteCsv = Callable[..., Path]


def import_table(table: Table, options: ImportOptions, *, task_id: str) -> Imported:
    """Make a task of a table, as the terminal does where leaks are looked for by words alone."""
    return finish_import(begin_import(table, options), options, task_id=task_id)


def keep_table(lab: Lab, path: Path) -> str:
    """Keep a table that `write_csv` has written as a task, and return the task's id."""
    options = ImportOptions(roles=Roles(inputs=("message",), target="desk", split="split"))
    return lab.tables.save(import_table(lab.tables.read_path(path), options, task_id=path.stem).task)


def complete(model: LanguageModel, request: GenerateRequest, **options: object) -> Completion:
    """Ask, pass over the pieces, and return the completion."""
    found = [item for item in model.generate(request, **options) if isinstance(item, Completion)]
    assert len(found) == 1
    return found[0]


def lora_at(locator: Path | str) -> LoraWeights:
    """Name LoRA weights that lie in this file, or that a server holds under this name."""
    return LoraWeights(key=None, locator=str(locator))


def small_task(
    *,
    train: int = 12,
    test: int = 6,
    labels: Sequence[str] = LABELS,
    kind: AnswerKind = AnswerKind.LABEL,
    documents: Sequence[Document] = (),
) -> Task:
    """Build a task of a few rows, balanced over labels."""
    examples = [
        Example(id=f"{split}-{n}", input=f"message {n} about {labels[n % len(labels)]}", target=labels[n % len(labels)],
                split=split)
        for split, count in (("train", train), ("test", test))
        for n in range(count)
    ]  # fmt: skip
    scorers = {
        AnswerKind.LABEL: ("accuracy", "macro_f1"),
        AnswerKind.SHORT: ("token_f1", "exact_match"),
        AnswerKind.JSON: ("field_f1", "valid_json", "record_match"),
        AnswerKind.TEXT: ("rules_kept", "chrf"),
    }[kind]
    return Task(
        id="small",
        title="Small",
        summary="",
        instructions="Sort the message into one of: " + ", ".join(labels) + ".",
        answer=AnswerSpec(kind=kind, labels=tuple(labels) if kind is AnswerKind.LABEL else ()),
        primary_scorer=scorers[0],
        scorers=scorers,
        examples=tuple(examples),
        documents=tuple(documents),
        digest="d" * 64,
    )
