"""What the terminal shows: a run's progress as it goes on, and its figures at the end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from engine.data_card import line_ranges
from engine.portability import Matrix, in_words
from engine.ports import LoraWeights, Progress
from engine.quick_import import Imported
from engine.retrieval_quality import Blame
from engine.snapshot import Lane, LiveRun, RunSnapshot
from engine.splitting import SPLITS
from engine.variant import LABELS, Technique

REFRESH_S = 0.25
PLAIN_EVERY_S = 10.0
MINUTE_S = 60


@contextlib.contextmanager
def progress_display(live: LiveRun, console: Console) -> Iterator[None]:
    """Show a run while it goes on: in place on a terminal, a line now and then elsewhere."""
    done = threading.Event()
    if console.is_terminal:
        with Live(get_renderable=lambda: _screen(live.snapshot()), console=console, refresh_per_second=1 / REFRESH_S):
            yield
        return

    def tell() -> None:
        while not done.wait(PLAIN_EVERY_S):
            console.print(_headline(live.snapshot()), highlight=False, soft_wrap=True)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _headline(snapshot: RunSnapshot) -> Text:
    left = "" if snapshot.estimated_left_s is None else f", {duration(snapshot.estimated_left_s)} left"
    words = f"{snapshot.status}: {snapshot.rows_done} of {snapshot.rows_total} answers{left}"
    stages = [lane.progress for lane in snapshot.lanes if lane.progress] + [snapshot.model_progress]
    current = next((stage for stage in reversed(stages) if stage is not None), None)
    if snapshot.status == "preparing" and current is not None:
        words += f" · {_stage(current)}"
    if snapshot.message:
        words += f" · {snapshot.message}"
    return Text(words)


def _stage(progress: Progress) -> str:
    words = f"{progress.stage} {progress.fraction:.0%}"
    if progress.loss is not None:
        words += f", loss {progress.loss:.3f}"
    if progress.left_s is not None:
        words += f", {duration(progress.left_s)} left"
    return words


def _screen(snapshot: RunSnapshot) -> RenderableType:
    table = Table(box=None, pad_edge=False)
    for name in ("variant", "", "right", "first token", "p95", "per 1,000", "now"):
        table.add_column(name, no_wrap=True)
    for lane in snapshot.lanes:
        table.add_row(
            LABELS[lane.variant.technique],
            ProgressBar(total=lane.rows_total, completed=lane.rows_done, width=18),
            _quality(lane),
            _seconds(lane.ttft_p50_s),
            _seconds(lane.total_p95_s),
            _money(lane.estimated_cost_usd_per_1k),
            Text(_stage(lane.progress) if lane.progress else " ".join(lane.text.split())[:32]),
        )
    return Group(_headline(snapshot), table)


def _quality(lane: Lane) -> str:
    if lane.quality is None:
        return ""
    return f"{lane.quality.value:.0%} ({lane.quality.low:.0%} to {lane.quality.high:.0%})"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f} s"


def _money(usd: float | None) -> str:
    return "" if usd is None else f"{usd * 100:.2f} ¢"


def duration(seconds: float) -> str:
    """Write seconds for people: `48 s`, `3 min 20 s`."""
    whole = round(seconds)
    return f"{whole} s" if whole < MINUTE_S else f"{whole // MINUTE_S} min {whole % MINUTE_S} s"


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
    ("first token", lambda f: _seconds(f["ttft_s"]["p50"])),
    ("p50", lambda f: _seconds(f["total_s"]["p50"])),
    ("p95", lambda f: _seconds(f["total_s"]["p95"])),
    ("tokens in/out", lambda f: f"{f['tokens']['prompt_mean']:.0f}/{f['tokens']['completion_mean']:.1f}"),
    ("rows/s", lambda f: _rate(f["examples_per_s"])),
    ("one-off", lambda f: "" if f["prepare_s"] is None else duration(f["prepare_s"])),
    ("per 1,000*", lambda f: _money(f["cost_usd_per_1k"])),
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


def show_pull(steps: Iterator[Progress], console: Console) -> None:
    """Show a model being got by its server."""
    last: Progress | None = None
    with Live(console=console, refresh_per_second=4, get_renderable=lambda: Text(_stage(last) if last else "")):
        for step in steps:
            last = step


def show_training(steps: Iterator[Progress | tuple[LoraWeights, bool]], console: Console) -> tuple[LoraWeights, bool]:
    """Show a training while it goes on; return its weights and whether they were there before."""
    last: Progress | None = None
    with Live(console=console, refresh_per_second=4, get_renderable=lambda: Text(_stage(last) if last else "")):
        for step in steps:
            if isinstance(step, tuple):
                return step
            last = step
    message = "the training ended without weights"
    raise RuntimeError(message)


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
        words = f"{finding.title}: {len(finding.lines):,} rows (lines {lines}). Done: {finding.chosen}."
        console.print(escape(_harmless(words)), soft_wrap=True)
    console.print(escape(imported.leaks.sentence()), soft_wrap=True)


def _harmless(text: str) -> str:
    """Return a text as one line in which control and direction signs do nothing."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
