"""What is made outside a run: a task from a table, LoRA weights, a memo."""

from __future__ import annotations

import argparse
import signal
import threading

from rich.console import Console
from rich.markup import escape

from engine.core.errors import UsageError
from engine.core.limits import Limits
from engine.core.task import AnswerKind
from engine.ingest.build_task import LeakMend, SplitPlan
from engine.ingest.one_step import Wishes
from engine.services.lab import Laboratory
from terminal.comparing import lora_spec, task_name
from terminal.exits import EXIT_DONE
from terminal.progress import show_training
from terminal.tables import show_import
from wiring import open_shelf, slug


def import_table(options: argparse.Namespace) -> int:
    """Make a task folder of a table."""
    wishes = Wishes(
        kind=AnswerKind(options.kind) if options.kind else None,
        mends=dict(options.mend),
        split=SplitPlan(
            seed=options.seed,
            shares={
                "train": 1 - options.test_share - options.validation_share,
                "validation": options.validation_share,
                "test": options.test_share,
            },
        ),
        leaks=LeakMend(options.leaks),
    )
    if (options.out / "task.toml").exists() and not options.replace:
        raise UsageError(f"'{options.out}' holds a task already.", "Choose another --out, or add --replace.")
    shelf = open_shelf()
    imported = shelf.import_table(
        options.file,
        input_column=options.input_column,
        target_column=options.target_column,
        split_column=options.split_column,
        wishes=wishes,
        task_id=slug(options.out.resolve().name),
    )
    shelf.write_task(imported.task, options.out)
    show_import(imported)
    Console(highlight=False).print(f"Written: {escape(str(options.out))}", soft_wrap=True)
    return EXIT_DONE


def train(options: argparse.Namespace) -> int:
    """Train LoRA weights for a task, or find those that fit."""
    from engine.running.lora import train_lora

    shelf = open_shelf()
    task = shelf.task(task_name(options, shelf))
    spec = lora_spec(options)
    ports = shelf.ports(options.model or "smollm2-135m-instruct")
    cancel = threading.Event()
    signal.signal(signal.SIGINT, lambda _signal, _frame: cancel.set())
    console = Console(stderr=True)
    try:
        steps = train_lora(task, ports, spec, train_rows=options.train_rows, seed=options.seed, cancel=cancel)
        weights, reused = show_training(steps, console)
    finally:
        shelf.release()
    word = "Found" if reused else "Trained"
    Console(highlight=False).print(f"{word} {weights.key} ({weights.train_s:.1f} s): {escape(str(weights.folder))}")
    return EXIT_DONE


def report(options: argparse.Namespace) -> int:
    """Write a run's memo."""
    laboratory = Laboratory(open_shelf())
    form = {".html": "html", ".htm": "html", ".md": "md"}.get(options.out.suffix.lower())
    if form is None:
        raise UsageError(f"A memo is no '{options.out.suffix or options.out.name}' file.", "Name a .html or .md file.")
    runs = laboratory.runs()
    if options.run == "latest" and not runs:
        raise UsageError("No run is kept yet.", "Start one with 'python cli.py compare'.")
    run_id = runs[0].run_id if options.run == "latest" else options.run
    limits = Limits(
        least_quality=options.least_quality,
        highest_p95_s=options.highest_p95,
        highest_cost_usd_per_1k=options.highest_cost,
        calls_per_month=options.calls_per_month,
        months=options.months,
        labelling_usd_per_row=options.labelling_usd,
        data_may_leave=options.data_may_leave,
    )
    memo = laboratory.memo(run_id, limits, form=form)
    try:
        options.out.write_bytes(memo)
    except OSError as error:
        raise UsageError(f"'{options.out}' cannot be written ({error.strerror}).", "Choose another --out.") from error
    Console(highlight=False).print(escape(laboratory.report(run_id, limits).verdict.headline), soft_wrap=True)
    return EXIT_DONE
