"""Live progress of a run, a training, a download."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from engine.analysis.course.run_steps import StepState
from engine.analysis.marks import FigureName
from engine.analysis.progress import LiveRun
from engine.analysis.snapshot import Lane, RunSnapshot
from engine.core.errors import CancelledError
from engine.core.generation import LoraWeights
from engine.core.steps import CancelSignal, Progress, drain
from engine.core.text.safe_text import one_line
from engine.metrics import wording as say
from engine.metrics.marks import cell, heading
from engine.services.measuring.model_check import CheckedModel, ModelCheck

REFRESH_S = 0.25
POLL_S = 0.1
PLAIN_EVERY_S = 10.0
_SHOWN_CHARACTERS = 32
"""How much of the current answer is shown."""
_LANE = ("variant", "", "right", "first word", "p95", "per 1,000", "now")
_MARKED = {
    "right": FigureName.QUALITY,
    "first word": FigureName.TTFT,
    "p95": FigureName.TOTAL,
    "per 1,000": FigureName.COST,
}
_SPARE = {"first word", "per 1,000"}
WIDE = 100
"""On a narrower terminal the columns of `_SPARE` are not shown."""
_BAR = 18


@contextlib.contextmanager
def progress_display(live: LiveRun, console: Console, *, remark: str = "") -> Iterator[None]:
    """Show a run while it is running: in place on a terminal, elsewhere as a line every few seconds.

    On a terminal the remark stays below the headline.
    """
    done = threading.Event()
    if console.is_terminal:
        with Live(
            get_renderable=lambda: _screen(live.snapshot(), console.width, remark),
            console=console,
            refresh_per_second=1 / REFRESH_S,
        ):
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
    left_s = snapshot.estimated_left_s
    left = "" if left_s is None else f", {say.time_left(left_s, rough=snapshot.left_is_rough)}"
    total = say.counted(snapshot.rows_total, "answer")
    words = f"{snapshot.status}: {snapshot.rows_done} of {total}{left if snapshot.is_running else ''}"
    if snapshot.status == "preparing" and snapshot.step is not None:
        words += f" · {snapshot.step.words}"
    if snapshot.message:
        words += f" · {snapshot.message}"
    return Text(one_line(words))


def _stage(progress: Progress, *, with_time: bool = True) -> str:
    words = f"{progress.stage} {say.share(progress.fraction)}"
    if progress.loss is not None:
        words += f", loss {say.loss(progress.loss)}"
    if progress.detail and progress.step is None:
        words += f" ({progress.detail})"
    if with_time and progress.left_s is not None:
        words += f", {say.duration(progress.left_s)} left"
    return one_line(words)


def _steps(snapshot: RunSnapshot) -> Text:
    """Write the run's steps in a line: a tick for what is done, bold for what is in progress, dim for the rest."""
    line = Text()
    for step in snapshot.steps:
        words = one_line(step.words)
        match step.state:
            case StepState.DONE:
                line.append(f"\N{CHECK MARK} {words}", style="green")
            case StepState.NOW:
                line.append(words, style="bold")
            case _:
                line.append(words, style="dim")
        line.append("   ")
    line.rstrip()
    return line


def _screen(snapshot: RunSnapshot, width: int, remark: str) -> RenderableType:
    table = Table(box=None, pad_edge=False, expand=True)
    shown = [name for name in _LANE if width >= WIDE or name not in _SPARE]
    titles = {name: heading(name, snapshot.marks(figure)) for name, figure in _MARKED.items()}
    if not snapshot.is_share:
        titles["right"] = heading("score", snapshot.marks(FigureName.QUALITY))
    for name in shown:
        table.add_column(titles.get(name, name), no_wrap=True, ratio=1 if name == "now" else None)
    for lane in snapshot.lanes:
        cells: tuple[RenderableType, ...] = (
            Text(one_line(lane.name)),
            ProgressBar(total=lane.rows_total, completed=lane.rows_done, width=_BAR),
            "" if lane.quality is None else say.share_interval(lane.quality),
            say.seconds(lane.ttft_p50_s, missing=""),
            say.seconds(lane.total_p95_s, missing=""),
            cell(
                say.money(lane.cost_usd_per_1k, missing=""),
                lane.mark(FigureName.COST),
                snapshot.marks(FigureName.COST),
            ),
            Text(_now(lane)),
        )
        table.add_row(*(cell for name, cell in zip(_LANE, cells, strict=True) if name in shown))
    about = [Text(one_line(remark), style="dim")] if remark else []
    return Group(_headline(snapshot), _steps(snapshot), *about, table)


def _now(lane: Lane) -> str:
    if lane.is_out:
        return f"out after {say.number(lane.rows_done)} rows"
    return _stage(lane.progress, with_time=False) if lane.progress else one_line(lane.text)[:_SHOWN_CHARACTERS]


def show_pull(steps: Iterator[Progress], console: Console) -> None:
    """Show the progress of a model's download by its server."""
    last: Progress | None = None
    with Live(console=console, refresh_per_second=4, get_renderable=lambda: Text(_stage(last) if last else "")):
        for step in steps:
            last = step


def show_check(check: ModelCheck, cancel: CancelSignal, console: Console) -> CheckedModel:
    """Show the check of a model while it is running; return what it found.

    Raises:
        AdaptLabError: the model or its server is not there, or the machine is taken.
        CancelledError: the user stopped it.
    """

    def stage() -> Text:
        return Text(_stage(check.progress) if check.progress else "")

    with Live(console=console, refresh_per_second=4, get_renderable=stage):
        while not check.wait(POLL_S):
            if cancel.is_set():
                check.cancel()
    if check.error is not None:
        raise check.error
    if check.result is None:
        raise CancelledError("Stopped.", "Start it again at any time.")
    return check.result


def show_training(
    steps: Generator[Progress, None, tuple[LoraWeights, bool]], console: Console
) -> tuple[LoraWeights, bool]:
    """Show a training while it is running; return its weights and whether they already existed."""
    last: list[Progress] = []
    with Live(console=console, refresh_per_second=4, get_renderable=lambda: Text(_stage(last[-1]) if last else "")):
        return drain(steps, last.append)
