"""`compare`: one run, or one per model, from arguments to written files."""

from __future__ import annotations

import argparse
import os
import re
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from engine.analysis.progress import LiveRun
from engine.analysis.run_comparison import matrix
from engine.core.errors import UsageError
from engine.core.prices import CostAssumptions
from engine.core.run.events import RunEnded
from engine.core.run.plan import RunPlan
from engine.core.variant import DecodingMode, LoraSpec, Reranker, SearchMode, TrainingPrompts
from engine.running.defaults import Choices, technique_from_name
from engine.services.lab import Laboratory
from terminal.exits import EXIT_CANCELLED, EXIT_DONE, EXIT_ERROR
from terminal.progress import progress_display
from terminal.tables import show_matrix, show_results
from wiring import LocalShelf, open_shelf

TABLES = {".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xlsm", ".jsonl", ".ndjson", ".parquet"}
"""Names of files that --task takes for tables."""


def compare(options: argparse.Namespace) -> int:
    """Run variants on one model or on several, one after the other; return the exit code."""
    shelf = open_shelf()
    names = [name.strip() for name in (options.model or "").split(",") if name.strip()]
    if len(names) < 2 or options.resume:
        return _compare_one(options, shelf, options.model, options.out)[0]
    for name in names:
        shelf.model(name)  # a wrong name is told before the first run, not after it
    summaries = []
    for name in names:
        out = options.out / re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-") if options.out else None
        code, summary = _compare_one(options, shelf, name, out)
        if code != EXIT_DONE:
            return code
        summaries.append(summary)
    show_matrix(matrix(summaries))
    return EXIT_DONE


def _compare_one(
    options: argparse.Namespace, shelf: LocalShelf, model: str | None, out: Path | None
) -> tuple[int, dict[str, Any]]:
    laboratory = Laboratory(shelf)
    if options.resume:
        plan = laboratory.kept_plan(options.resume)
        if options.spending_limit is not None:
            plan = replace(plan, spending_limit_usd=options.spending_limit)
    else:
        plan = _new_plan(options, shelf, laboratory, model)
    if out is not None:
        _writable(out)
    preflight = laboratory.preflight(plan)
    if preflight.problems:
        mend = "Write it as --spending-limit USD." if "spending limit" in preflight.problems[0] else ""
        raise UsageError(preflight.problems[0], mend)
    console = Console(stderr=True)
    for note in preflight.notes:
        console.print(escape(note), highlight=False, style="dim", soft_wrap=True)
    try:
        ended = _carry_out(laboratory, plan, console, resume=bool(options.resume), cores=shelf.machine()["cores"])
        summary = laboratory.summary(plan.run_id)
        if out is not None:
            for name, data in laboratory.export(plan.run_id).items():
                (out / name).write_bytes(data)
    finally:
        laboratory.close()
    show_results(summary)
    if ended.status == "done":
        return EXIT_DONE, summary
    errors = Console(stderr=True, highlight=False)
    errors.print(escape(f"{ended.message} {ended.mend}".strip()), soft_wrap=True)
    errors.print(f"Go on with: python cli.py compare --resume {plan.run_id}", soft_wrap=True)
    return (EXIT_CANCELLED if ended.status == "cancelled" else EXIT_ERROR), summary


def _new_plan(options: argparse.Namespace, shelf: LocalShelf, laboratory: Laboratory, model: str | None) -> RunPlan:
    return laboratory.plan(
        task_id=task_name(options, shelf),
        model_id=model or "smollm2-135m-instruct",
        spending_limit_usd=options.spending_limit,
        techniques=[technique_from_name(name) for name in options.variants.split(",") if name.strip()],
        limit=options.limit,
        train_rows=options.train_rows,
        seed=options.seed,
        decoding=DecodingMode(options.decoding),
        throughput=options.throughput,
        stop_when_clear=options.stop_when_clear,
        context_tokens=options.context,
        test_split=options.split,
        choices=Choices(
            shots_k=options.shots,
            examples_k=options.examples,
            passages_k=options.passages,
            search=SearchMode(options.search) if options.search else None,
            reranker=Reranker(options.reranker) if options.reranker else None,
            chunk_words=options.chunk_words,
            chunk_overlap_words=options.chunk_overlap,
            lora_prompts=TrainingPrompts(options.lora_prompts) if options.lora_prompts else None,
            lora=lora_spec(options),
        ),
        costs=CostAssumptions(
            machine_usd_per_hour=options.usd_per_hour,
            watts=options.watts,
            electricity_usd_per_kwh=options.usd_per_kwh,
        ),
    )


def task_name(options: argparse.Namespace, shelf: LocalShelf) -> str:
    """Return the name of the task that is meant; a table is made one first."""
    if not options.task:
        raise UsageError("Which task?", "Name one with --task; 'cli.py tasks' lists them.")
    path = Path(options.task)
    if path.suffix.lower() not in TABLES:
        return str(options.task)
    if not options.input_column or not options.target_column:
        raise UsageError(f"Which columns of '{path.name}'?", "Name them with --input-column and --target-column.")
    return shelf.add_csv_task(
        path,
        input_column=options.input_column,
        target_column=options.target_column,
        split_column=options.split_column,
        seed=options.seed,
    )


def lora_spec(options: argparse.Namespace) -> LoraSpec:
    """Return how LoRA is to be trained: what was given, else the defaults."""
    given = {
        name: getattr(options, name)
        for name in ("rank", "alpha", "dropout", "epochs", "learning_rate", "batch_size", "validation_share")
        if getattr(options, name) is not None
    }
    return replace(LoraSpec(seed=options.seed), **given)


def _writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"'{folder}' cannot be made ({error.strerror}).", "Choose another --out.") from error
    if not os.access(folder, os.W_OK):
        raise UsageError(f"'{folder}' cannot be written to.", "Choose another --out.")


def _carry_out(laboratory: Laboratory, plan: RunPlan, console: Console, *, resume: bool, cores: int) -> RunEnded:
    cancel = threading.Event()

    def stop(_signal: int, _frame: object) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()

    before = signal.signal(signal.SIGINT, stop), signal.signal(signal.SIGTERM, stop)
    live = LiveRun(plan, cores=cores)
    ended = RunEnded(status="failed", message="The run ended without a word.")
    console.print(f"run {plan.run_id}", highlight=False)
    try:
        with progress_display(live, console):
            for event in laboratory.carry_out(plan, cancel, resume=resume):
                live.apply(event)
                if isinstance(event, RunEnded):
                    ended = event
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    snapshot = live.snapshot()
    if snapshot.clear_leader is not None:
        done = f"{snapshot.rows_done} of {snapshot.rows_total} answers"
        console.print(
            escape(f"Stopped early after {done}: {snapshot.clear_leader} is clearly the best."), highlight=False
        )
    for notice in snapshot.notices:
        console.print(escape(notice), highlight=False, style="dim")
    return ended
