"""What can be written after `python cli.py`: commands, options, and help worth reading."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from engine.core.limits import Limits
from engine.core.prices import CostAssumptions
from engine.core.task import AnswerKind
from engine.core.variant import LABELS, DecodingMode, Reranker, SearchMode, TrainingPrompts
from engine.ingest.build_task import LeakMend
from engine.ingest.checks.examine import finding_ids
from engine.ingest.data_card import Mend
from terminal.exits import EXIT_USAGE

ALL_VARIANTS = ",".join(LABELS)


class _Parser(argparse.ArgumentParser):
    """Wrong usage is one or two lines, not the whole help."""

    def error(self, message: str) -> Any:
        self.exit(EXIT_USAGE, f"{message}\nSee '{self.prog} --help'.\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser; `command` of what it reads names what is to be carried out."""
    parser = _Parser(
        prog="python cli.py",
        description="Learn, with evidence, whether a narrow task is best served by a prompt, retrieval, a LoRA "
        "fine-tune, a mix, or a small classifier. Everything runs on this machine.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 cancelled (kept, resumable).",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    commands.add_parser("tasks", help="list the tasks, or check a task folder").set_defaults(command="tasks")
    checks = commands.choices["tasks"].add_subparsers(metavar="check", parser_class=_Parser)
    check = checks.add_parser("check", help="check a task folder; names file, line, field, value and mend")
    check.add_argument("path", type=Path)
    check.set_defaults(command="check_task")
    models = commands.add_parser("models", help="list the models that are here, or accept one's terms")
    models.add_argument("--accept", metavar="MODEL", help="accept the terms of an installed model")
    models.add_argument("--add", metavar="NAME=URL", help="keep an OpenAI-compatible server (its key stays outside)")
    models.add_argument("--remove", metavar="NAME", help="forget a server")
    models.add_argument(
        "--load-lora", metavar="SERVER/MODEL=NAME:FOLDER", help="have a vLLM server load LoRA weights from its own disk"
    )
    models.add_argument("--pull", metavar="MODEL", help="have the Ollama server get a model")
    models.set_defaults(command="models")
    _add_import(commands)
    _add_compare(commands)
    _add_train(commands)
    _add_report(commands)
    bench = commands.add_parser("bench", help="measure the app on this machine (also: make bench)")
    bench.add_argument("names", nargs="*", help="which benchmarks; all by default")
    bench.set_defaults(command="bench")
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
    compare.set_defaults(command="compare")


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
    report.set_defaults(command="report")


def _limit(text: str) -> float | None:
    return None if text.strip().lower() == "none" else float(text)


def _add_train(commands: Any) -> None:
    train = commands.add_parser("train", help="train LoRA weights for a task and keep them")
    _add_data(train)
    _add_lora(train)
    train.set_defaults(command="train")


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
        help=f"what to do about a finding: {', '.join(finding_ids())}; keep, drop, merge, trim, mask or rename",
    )
    table.add_argument(
        "--leaks",
        choices=[str(mend) for mend in LeakMend],
        default="keep",
        help="test rows that are like learning rows: keep, drop or move them, or drop the learning rows",
    )
    table.add_argument("--out", type=Path, required=True, help="the task folder to write")
    table.add_argument("--replace", action="store_true", help="replace a task that is there")
    table.set_defaults(command="import_table")


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
