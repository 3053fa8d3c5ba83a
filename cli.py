"""The terminal front door: `python cli.py tasks | models | import-csv | compare | report | train | bench`."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

import terminal
from engine.costing import CostAssumptions
from engine.data_card import Mend
from engine.defaults import Choices, technique_from_name
from engine.errors import AdaptLabError, CancelledError, UsageError
from engine.events import RunEnded
from engine.importing import LeakMend, SplitPlan
from engine.laboratory import Laboratory
from engine.limits import Limits
from engine.portability import matrix
from engine.quick_import import FINDINGS, Wishes
from engine.run import RunPlan
from engine.snapshot import LiveRun
from engine.task import AnswerKind
from engine.variant import LABELS, DecodingMode, LoraSpec, Reranker, SearchMode, TrainingPrompts
from wiring import LocalShelf, open_shelf, slug

EXIT_DONE, EXIT_ERROR, EXIT_USAGE, EXIT_CANCELLED = 0, 1, 2, 3
ALL_VARIANTS = ",".join(LABELS)
TABLES = {".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xlsm", ".jsonl", ".ndjson", ".parquet"}
"""Names of files that --task takes for tables."""


class _Parser(argparse.ArgumentParser):
    """Wrong usage is one or two lines, not the whole help."""

    def error(self, message: str) -> Any:
        self.exit(EXIT_USAGE, f"{message}\nSee '{self.prog} --help'.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; return its exit code."""
    options = _parser().parse_args(arguments)
    errors = Console(stderr=True, highlight=False)
    try:
        return int(options.command(options))
    except CancelledError as error:
        errors.print(escape(error.what))
        return EXIT_CANCELLED
    except UsageError as error:
        _say(errors, error)
        return EXIT_USAGE
    except AdaptLabError as error:
        _say(errors, error)
        return EXIT_ERROR


def _say(console: Console, error: AdaptLabError) -> None:
    console.print(escape(error.what), soft_wrap=True)
    if error.mend:
        console.print(escape(error.mend), soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python cli.py",
        description="Learn, with evidence, whether a narrow task is best served by a prompt, retrieval, a LoRA "
        "fine-tune, a mix, or a small classifier. Everything runs on this machine.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 cancelled (kept, resumable).",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    commands.add_parser("tasks", help="list the tasks, or check a task folder").set_defaults(command=_tasks)
    checks = commands.choices["tasks"].add_subparsers(metavar="check", parser_class=_Parser)
    check = checks.add_parser("check", help="check a task folder; names file, line, field, value and mend")
    check.add_argument("path", type=Path)
    check.set_defaults(command=_check_task)
    models = commands.add_parser("models", help="list the models that are here, or accept one's terms")
    models.add_argument("--accept", metavar="MODEL", help="accept the terms of an installed model")
    models.add_argument("--add", metavar="NAME=URL", help="keep an OpenAI-compatible server (its key stays outside)")
    models.add_argument("--remove", metavar="NAME", help="forget a server")
    models.add_argument(
        "--load-lora", metavar="SERVER/MODEL=NAME:FOLDER", help="have a vLLM server load LoRA weights from its own disk"
    )
    models.add_argument("--pull", metavar="MODEL", help="have the Ollama server get a model")
    models.set_defaults(command=_models)
    _add_import(commands)
    _add_compare(commands)
    _add_train(commands)
    _add_report(commands)
    bench = commands.add_parser("bench", help="measure the app on this machine (also: make bench)")
    bench.add_argument("names", nargs="*", help="which benchmarks; all by default")
    bench.set_defaults(command=_bench)
    return parser


def _add_data(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group("data")
    data.add_argument("--task", help="a task's name, its folder, or a table (CSV, XLSX, JSONL, Parquet)")
    data.add_argument("--input-column", help="table: the column with the input; several by comma")
    data.add_argument("--target-column", help="table: the column with the right answer")
    data.add_argument("--split-column", help="table: the column that says train, validation or test")
    data.add_argument("--train-rows", type=_count, default=50, help="training rows to learn from (default: 50)")
    parser.add_argument(
        "--model",
        help="a model's name, ollama/NAME, SERVER/NAME, or a GGUF file; compare takes several, by comma "
        "(default: smollm2-135m-instruct)",
    )
    parser.add_argument("--seed", type=int, default=0, help="draws training rows, shots, test rows, LoRA (default: 0)")


def _add_compare(commands: Any) -> None:
    compare = commands.add_parser(
        "compare",
        help="run variants side by side and write the figures",
        description="Run variants side by side: row by row in turns, each prediction kept as it is made. LoRA "
        "weights are trained inside the run when no fitting ones exist. Ctrl-C stops; --resume goes on.",
        epilog="Example: python cli.py compare --task support-tickets --limit 100 --out out",
    )
    _add_data(compare)
    compare.add_argument("--variants", default=ALL_VARIANTS, help=f"which, by comma (default: {ALL_VARIANTS})")
    compare.add_argument(
        "--spending-limit", type=float, metavar="USD", help="closed APIs: confirms the cost, and stops the run there"
    )
    compare.add_argument("--limit", type=_count, help="answer this many test rows (default: all)")
    compare.add_argument("--split", default="test", help="the split to answer (default: test)")
    compare.add_argument("--out", type=Path, help="folder for run.json, predictions.*, summary.json")
    compare.add_argument("--resume", metavar="RUN", help="go on with a run that was stopped or killed")
    compare.add_argument("--decoding", choices=[str(mode) for mode in DecodingMode], default="choice")
    compare.add_argument("--throughput", action="store_true", help="answer in batches: examples/s, no latencies")
    compare.add_argument("--stop-when-clear", action="store_true", help="end once one variant is clearly the best")
    compare.add_argument("--context", type=_count, default=2048, help="tokens of context per row (default: 2048)")
    prompts = compare.add_argument_group("prompts and retrieval (defaults fit the task)")
    prompts.add_argument("--shots", type=_count, help="few-shot: fixed examples")
    prompts.add_argument("--examples", type=int, help="RAG: nearest training examples shown as shots")
    prompts.add_argument("--passages", type=int, help="RAG: nearest document passages shown")
    prompts.add_argument("--search", choices=[str(mode) for mode in SearchMode], help="RAG: how the nearest are found")
    prompts.add_argument("--reranker", choices=[str(one) for one in Reranker], help="hybrid search: how it joins")
    prompts.add_argument("--chunk-words", type=_count, help="documents: words of a passage")
    prompts.add_argument("--chunk-overlap", type=int, help="documents: words that a passage repeats of the one before")
    prompts.add_argument(
        "--lora-prompts",
        choices=[str(one) for one in TrainingPrompts],
        help="RAG + LoRA: trained on plain prompts, or on those that are served, retrieved text included",
    )
    _add_lora(compare)
    costs = compare.add_argument_group("assumptions for estimated costs")
    defaults = CostAssumptions()
    costs.add_argument("--usd-per-hour", type=float, default=defaults.machine_usd_per_hour, help="machine price")
    costs.add_argument("--watts", type=float, default=defaults.watts, help="power under full load")
    costs.add_argument("--usd-per-kwh", type=float, default=defaults.electricity_usd_per_kwh, help="electricity price")
    compare.set_defaults(command=_compare)


def _add_lora(parser: argparse.ArgumentParser) -> None:
    lora = parser.add_argument_group("LoRA training")
    lora.add_argument("--rank", type=_count, help="rank of the LoRA matrices")
    lora.add_argument("--alpha", type=float, help="LoRA alpha; the scale is alpha / rank")
    lora.add_argument("--dropout", type=float, help="dropout before the LoRA matrices")
    lora.add_argument("--epochs", type=_count, help="passes over the rows")
    lora.add_argument("--learning-rate", type=float, help="peak learning rate")
    lora.add_argument("--batch-size", type=_count, help="rows per step")
    lora.add_argument("--validation-share", type=float, help="share of rows held out for early stopping")


def _add_report(commands: Any) -> None:
    report = commands.add_parser(
        "report",
        help="write the memo of a kept run: one offline HTML file, or Markdown",
        description="Assess a kept run under your limits and write its memo. The end of --out decides the form: .html "
        "works offline with everything in it, .md is Markdown.",
        epilog="Example: python cli.py report 20261124-201500-ab12 --out memo.html",
    )
    report.add_argument("run", metavar="RUN", help="the run's id; 'latest' takes the newest")
    report.add_argument("--out", type=Path, required=True, help="memo.html or memo.md")
    limits = report.add_argument_group("your limits and assumptions ('none' sets no limit)")
    defaults = Limits()
    limits.add_argument("--least-quality", type=_limit, default=defaults.least_quality, help="0 to 1")
    limits.add_argument("--highest-p95", type=_limit, default=defaults.highest_p95_s, help="seconds per answer")
    limits.add_argument("--highest-cost", type=_limit, default=defaults.highest_cost_usd_per_1k, help="USD per 1,000")
    limits.add_argument("--calls-per-month", type=_count, default=defaults.calls_per_month)
    limits.add_argument("--months", type=_count, default=defaults.months)
    limits.add_argument("--labelling-usd", type=float, default=defaults.labelling_usd_per_row, help="USD per row")
    limits.add_argument("--data-may-leave", action="store_true", help="inputs may be sent to closed APIs")
    report.set_defaults(command=_report)


def _limit(text: str) -> float | None:
    return None if text.strip().lower() == "none" else float(text)


def _add_train(commands: Any) -> None:
    train = commands.add_parser("train", help="train LoRA weights for a task and keep them")
    _add_data(train)
    _add_lora(train)
    train.set_defaults(command=_train)


def _add_import(commands: Any) -> None:
    table = commands.add_parser(
        "import-csv",
        help="turn a table (CSV, XLSX, JSONL, Parquet) into a task folder",
        description="Read a table exactly as it stands, look for what is odd, split it, look for leaks, and write a "
        "task folder. Rows that cannot be used stop it, with their line, unless a mend is asked for.",
        epilog="Example: python cli.py import-csv my.csv --input-column text --target-column label --out my-task",
    )
    table.add_argument("file", type=Path, help="the table")
    table.add_argument("--input-column", help="the column with the input; several by comma (default: guessed)")
    table.add_argument("--target-column", help="the column with the right answer (default: guessed)")
    table.add_argument("--split-column", help="the column that says train, validation or test")
    table.add_argument("--kind", choices=[str(kind) for kind in AnswerKind], help="kind of answer (default: guessed)")
    table.add_argument("--test-share", type=_share, default=0.4, help="without a split column (default: 0.4)")
    table.add_argument("--validation-share", type=_share, default=0.0, help="without a split column (default: 0)")
    table.add_argument("--seed", type=int, default=0, help="draws the splits (default: 0)")
    table.add_argument(
        "--mend",
        type=_mend,
        action="append",
        default=[],
        metavar="FINDING=WHAT",
        help=f"what to do about a finding: {', '.join(FINDINGS)}; keep, drop, merge, trim, mask or rename",
    )
    table.add_argument(
        "--leaks",
        choices=[str(mend) for mend in LeakMend],
        default="keep",
        help="test rows that are like learning rows: keep, drop or move them, or drop the learning rows",
    )
    table.add_argument("--out", type=Path, required=True, help="the task folder to write")
    table.add_argument("--replace", action="store_true", help="replace a task that is there")
    table.set_defaults(command=_import_table)


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to below 1, got {text}")
    return share


def _mend(text: str) -> tuple[str, Mend]:
    name, _, what = text.partition("=")
    try:
        return name, Mend(what)
    except ValueError:
        raise argparse.ArgumentTypeError(f"write FINDING=WHAT with {', '.join(Mend)}, got {text!r}") from None


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return number


def _tasks(_options: argparse.Namespace) -> int:
    table = Table("task", "title", "rows", "documents", "what", box=None)
    for info in open_shelf().tasks():
        rows = ", ".join(f"{name} {count}" for name, count in info.rows.items())
        table.add_row(*map(escape, (info.id, info.title, rows, str(info.documents), info.summary)))
    Console().print(table)
    return EXIT_DONE


def _check_task(options: argparse.Namespace) -> int:
    task = open_shelf().check_task(options.path)
    Console(highlight=False).print(
        f"{escape(task.id)}: {len(task.examples)} rows, {len(task.documents)} documents. No faults."
    )
    return EXIT_DONE


def _models(options: argparse.Namespace) -> int:
    shelf = open_shelf()
    if options.accept:
        shelf.accept_model(options.accept)
    _change_servers(options, shelf)
    table = Table(Column("model", overflow="fold", min_width=24), box=None)  # ids are copied: they are never cut
    for name in ("name", "backend", "architecture", "quantization", "size", "context", "chat template", "digest"):
        table.add_column(name)
    for facts in shelf.models():
        digest = shelf.model(facts.id).digest[:12]
        template = facts.template_digest if facts.chat_template else "the server's" if facts.server else "none"
        size = f"{facts.size_bytes / 1e6:,.0f} MB" if facts.size_bytes else "not said"
        context = f"{facts.context_tokens:,}" if facts.context_tokens else "not said"
        cells = (facts.id, facts.name, facts.backend, facts.architecture, facts.quantization, size, context)
        table.add_row(*map(escape, (*cells, template, digest)))
    console = Console()
    console.print(table)
    for facts in shelf.models():
        if facts.terms:
            console.print(f"{escape(facts.id)}: {escape(facts.terms)}")
    for offer in shelf.model_offers():
        console.print(f"{escape(offer.id)} waits for its terms: {escape(offer.terms)}", soft_wrap=True)
        console.print(f"Accept them with: python cli.py models --accept {escape(offer.id)}", soft_wrap=True)
    for reason in shelf.refused_models():
        console.print(f"Not usable: {escape(reason)}")
    for reason in shelf.set_aside_models():
        console.print(f"Set aside: {escape(reason)}")
    for server in shelf.servers.states():
        key = f"key from {server.key_variable}" if server.has_key else f"no key ({server.key_variable} is not set)"
        count = f"{server.models} model{'' if server.models == 1 else 's'}"
        words = server.problem or f"{server.kind}, {count}, {key}"
        console.print(f"Server {escape(server.name)} at {escape(server.url)}: {escape(words)}", soft_wrap=True)
    return EXIT_DONE


def _change_servers(options: argparse.Namespace, shelf: LocalShelf) -> None:
    if options.add:
        name, equals, url = options.add.partition("=")
        if not equals:
            raise UsageError("--add wants a name and an address.", "Write it like --add box=http://127.0.0.1:8080/v1.")
        shelf.servers.add(name.strip(), url)
    if options.remove:
        shelf.servers.remove(options.remove)
    if options.load_lora:
        model, _, weights = options.load_lora.partition("=")
        name, _, folder = weights.partition(":")
        if not (model and name and folder):
            raise UsageError("--load-lora wants a model, a name and a folder.", "Write it like box/MODEL=NAME:/FOLDER.")
        shelf.servers.load_lora(model, name, folder)
    if options.pull:
        cancel = threading.Event()
        before = signal.signal(signal.SIGINT, lambda _signal, _frame: cancel.set())
        try:
            terminal.show_pull(shelf.servers.pull(options.pull, cancel=cancel), Console(stderr=True))
        finally:
            signal.signal(signal.SIGINT, before)


def _task_name(options: argparse.Namespace, shelf: LocalShelf) -> str:
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


def _import_table(options: argparse.Namespace) -> int:
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
    terminal.show_import(imported)
    Console(highlight=False).print(f"Written: {escape(str(options.out))}", soft_wrap=True)
    return EXIT_DONE


def _compare(options: argparse.Namespace) -> int:
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
    terminal.show_matrix(matrix(summaries))
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
    terminal.show_results(summary)
    if ended.status == "done":
        return EXIT_DONE, summary
    errors = Console(stderr=True, highlight=False)
    errors.print(escape(f"{ended.message} {ended.mend}".strip()), soft_wrap=True)
    errors.print(f"Go on with: python cli.py compare --resume {plan.run_id}", soft_wrap=True)
    return (EXIT_CANCELLED if ended.status == "cancelled" else EXIT_ERROR), summary


def _new_plan(options: argparse.Namespace, shelf: LocalShelf, laboratory: Laboratory, model: str | None) -> RunPlan:
    return laboratory.plan(
        task_id=_task_name(options, shelf),
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
            lora=_lora_spec(options),
        ),
        costs=CostAssumptions(
            machine_usd_per_hour=options.usd_per_hour,
            watts=options.watts,
            electricity_usd_per_kwh=options.usd_per_kwh,
        ),
    )


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
        with terminal.progress_display(live, console):
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


def _lora_spec(options: argparse.Namespace) -> LoraSpec:
    given = {
        name: getattr(options, name)
        for name in ("rank", "alpha", "dropout", "epochs", "learning_rate", "batch_size", "validation_share")
        if getattr(options, name) is not None
    }
    return replace(LoraSpec(seed=options.seed), **given)


def _train(options: argparse.Namespace) -> int:
    from engine.training import train_lora

    shelf = open_shelf()
    task = shelf.task(_task_name(options, shelf))
    spec = _lora_spec(options)
    ports = shelf.ports(options.model or "smollm2-135m-instruct")
    cancel = threading.Event()
    signal.signal(signal.SIGINT, lambda _signal, _frame: cancel.set())
    console = Console(stderr=True)
    try:
        steps = train_lora(task, ports, spec, train_rows=options.train_rows, seed=options.seed, cancel=cancel)
        weights, reused = terminal.show_training(steps, console)
    finally:
        shelf.release()
    word = "Found" if reused else "Trained"
    Console(highlight=False).print(f"{word} {weights.key} ({weights.train_s:.1f} s): {escape(str(weights.folder))}")
    return EXIT_DONE


def _report(options: argparse.Namespace) -> int:
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


def _bench(options: argparse.Namespace) -> int:
    from benchmarks.run import run_benchmarks

    return run_benchmarks(options.names)


if __name__ == "__main__":
    sys.exit(main())
