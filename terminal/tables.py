"""Tables of what came out: a run's figures, models side by side, an imported table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.analysis.run_comparison import Matrix, in_words
from engine.core.variant import LABELS, Technique
from engine.ingest.data_card import counted, line_ranges
from engine.ingest.one_step import Imported
from engine.ingest.splitting import SPLITS
from engine.metrics.retrieval import Blame
from terminal.figures import duration, money, seconds

REFRESH_S = 0.25
PLAIN_EVERY_S = 10.0
MINUTE_S = 60


def results_table(summary: dict[str, Any], *, wide: bool) -> Table:
    """Return a finished run's figures as a table; `wide` shows all columns, else those that decide."""
    metric = summary["variants"][0]["quality"]["metric"].replace("_", " ")
    table = Table(title=escape(f"{summary['task']} · {summary['model']} · seed {summary['seed']}"), box=SIMPLE_HEAD)
    shown = [column for column in _COLUMNS if wide or column[0] in DECIDING]
    table.add_column("variant", no_wrap=True)
    for name, _cell in shown:
        table.add_column(name or metric, justify="right", no_wrap=True)
    for figures in summary["variants"]:
        table.add_row(LABELS[Technique(figures["technique"])], *(cell(figures) for _name, cell in shown))
    return table


def _interval(figures: dict[str, Any]) -> str:
    quality = figures["quality"]
    return "" if quality["value"] is None else f"{quality['ci_low']:.0%} to {quality['ci_high']:.0%}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _megabytes(value: int | None) -> str:
    return "" if value is None else f"{value / 1e6:.0f} MB"


_COLUMNS: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    ("", lambda f: _share(f["quality"]["value"])),
    ("95 %", _interval),
    ("first token", lambda f: seconds(f["ttft_s"]["p50"])),
    ("p50", lambda f: seconds(f["total_s"]["p50"])),
    ("p95", lambda f: seconds(f["total_s"]["p95"])),
    ("tokens in/out", lambda f: f"{f['tokens']['prompt_mean']:.0f}/{f['tokens']['completion_mean']:.1f}"),
    ("rows/s", lambda f: _rate(f["examples_per_s"])),
    ("one-off", lambda f: "" if f["prepare_s"] is None else duration(f["prepare_s"])),
    ("per 1,000*", lambda f: money(f["cost_usd_per_1k"])),
    ("memory", lambda f: _megabytes(f["peak_rss_bytes"])),
    ("failed", lambda f: str(f["n_failed"])),
)
DECIDING = {"", "95 %", "p95", "one-off", "per 1,000*", "failed"}
WIDE_COLUMNS = 150


def show_results(summary: dict[str, Any]) -> None:
    """Print a finished run's figures, in all columns where they fit or where no one counts them."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE_COLUMNS)
    console.print(results_table(summary, wide=console.width >= WIDE_COLUMNS))
    scores = scores_table(summary)
    if scores is not None:
        console.print(scores)
    retrieval = retrieval_table(summary)
    if retrieval is not None:
        console.print(retrieval)
    console.print("* estimated from the assumptions in summary.json", style="dim", highlight=False)


def scores_table(summary: dict[str, Any]) -> Table | None:
    """Return the other scores, a row each; None where there is only one."""
    variants = summary["variants"]
    names = [name for name in variants[0]["scores"] if name != variants[0]["quality"]["metric"]]
    if not names:
        return None
    table = Table(title="other scores", box=SIMPLE_HEAD)
    table.add_column("score", no_wrap=True)
    for figures in variants:
        table.add_column(LABELS[Technique(figures["technique"])], justify="right", no_wrap=True)
    for name in names:
        values = [figures["scores"][name]["value"] for figures in variants]
        table.add_row(escape(name.replace("_", " ")), *map(_share, values))
    return table


def retrieval_table(summary: dict[str, Any]) -> Table | None:
    """Return what retrieval brought against the marked passages, and whom wrong answers blame; None without marks."""
    found = [(figures, figures["retrieval"]) for figures in summary["variants"] if figures["retrieval"]]
    if not found:
        return None
    table = Table(title="retrieval against the marked passages", box=SIMPLE_HEAD)
    table.add_column("variant", no_wrap=True)
    for name in ("recall at k", "95 %", "MRR", *(f"wrong: {blame}" for blame in Blame)):
        table.add_column(name, justify="right", no_wrap=True)
    for figures, quality in found:
        recall = quality["recall_at_k"]
        table.add_row(
            LABELS[Technique(figures["technique"])],
            f"{recall['value']:.1%} of {quality['k']}",
            f"{recall['ci_low']:.0%} to {recall['ci_high']:.0%}",
            f"{quality['mrr']['value']:.2f}",
            *(str(quality["wrong_answers"].get(str(blame), 0)) for blame in Blame),
        )
    return table


def show_matrix(table: Matrix) -> None:
    """Print techniques by models, and whether the models agree on the order of the techniques."""
    shown = Table(title=escape(f"{table.task} · {table.metric.replace('_', ' ')} by model"), box=SIMPLE_HEAD)
    shown.add_column("variant", no_wrap=True)
    for model in table.models:
        shown.add_column(escape(model), justify="right")
    for technique in table.techniques:
        cells = [table.cells.get((technique, model)) for model in table.models]
        shown.add_row(
            LABELS[technique],
            *("" if c is None else f"{c.value:.0%} ({c.low or 0:.0%} to {c.high or 0:.0%})" for c in cells),
        )
    console = Console()
    console.print(shown)
    for line in in_words(table):
        console.print(escape(line), highlight=False, soft_wrap=True)


def show_import(imported: Imported) -> None:
    """Print what became of a table: rows, splits, findings with what was done, and leaks."""
    console = Console(highlight=False)
    task, card = imported.task, imported.card
    splits = ", ".join(f"{name} {len(task.split(name)):,}" for name in SPLITS if task.split(name))
    console.print(f"{card.rows_read:,} rows read, {len(task.examples):,} used: {splits}")
    console.print(escape(f"answers: {task.answer.kind}. {imported.kind_reason}"), soft_wrap=True)
    for note in task.source["notes"]:
        console.print(escape(f"note: {_harmless(note)}"), soft_wrap=True)
    for finding in card.findings:
        lines = line_ranges(finding.lines, most=8)
        words = f"{finding.title}: {counted(len(finding.lines), 'row')} (line {lines}). Done: {finding.chosen}."
        console.print(escape(_harmless(words)), soft_wrap=True)
    console.print(escape(imported.leaks.sentence()), soft_wrap=True)


def _harmless(text: str) -> str:
    """Return a text as one line in which control and direction signs do nothing."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
