"""Progress as it goes on: of a run, a training, a download."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from engine.analysis.progress import Lane, LiveRun, RunSnapshot
from engine.core.ports import LoraWeights, Progress
from engine.core.variant import LABELS
from terminal.figures import duration, money, seconds

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
            seconds(lane.ttft_p50_s),
            seconds(lane.total_p95_s),
            money(lane.estimated_cost_usd_per_1k),
            Text(_stage(lane.progress) if lane.progress else " ".join(lane.text.split())[:32]),
        )
    return Group(_headline(snapshot), table)


def _quality(lane: Lane) -> str:
    if lane.quality is None:
        return ""
    return f"{lane.quality.value:.0%} ({lane.quality.low:.0%} to {lane.quality.high:.0%})"


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
