"""A run at one moment: frozen figures that every screen and the terminal show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar, overload

from engine.analysis.basis.wholeness import ended_early
from engine.analysis.course.run_steps import RunStep, step_now
from engine.analysis.figures import VariantFigures
from engine.analysis.marks import HERE, FigureName, Origin, mark_of, mark_of_item
from engine.core.interval import Interval
from engine.core.run.effort import Search
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.steps import Progress
from engine.core.variant import Variant
from engine.metrics.marks import Mark

RUNNING = frozenset({"queued", "starting", "preparing", "running", "paused"})
Item = TypeVar("Item")


class Begin(Sequence[Item]):
    """The first items of a sequence that only ever grows at its end: they stay as they are, and nothing is copied."""

    __slots__ = ("_items", "_length")

    def __init__(self, items: Sequence[Item]) -> None:
        """Take what it holds now."""
        self._items, self._length = items, len(items)

    def __len__(self) -> int:
        """Count them."""
        return self._length

    @overload
    def __getitem__(self, place: int) -> Item: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Item]: ...

    def __getitem__(self, place: int | slice) -> Item | Sequence[Item]:
        """Return the item at a place, or those between two."""
        if isinstance(place, slice):
            return [self._items[at] for at in range(*place.indices(self._length))]
        if not -self._length <= place < self._length:
            raise IndexError(place)
        return self._items[place % self._length]

    def __iter__(self) -> Iterator[Item]:
        """Go through them."""
        return islice(iter(self._items), self._length)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """One variant of a run so far."""

    variant: Variant
    name: str
    """Of the variant, with its embedder or id where another one of the run is called the same."""
    state: str
    """`waiting`, `preparing`, `ready`, `answering`, `done`."""
    rows_done: int
    rows_total: int
    """Of a variant that is out of a race, the rows after which it left."""
    figures: VariantFigures | None
    """Over the rows so far; None before the first."""
    prepare_s: float | None
    prepare_reused: bool
    progress: Progress | None
    """Of its preparation, while it is in progress."""
    text: str
    """The answer being written, or the last one."""
    target: str
    """Target of that row."""
    last: Prediction | None
    running_quality: Sequence[float]
    """Mean score after each row, in order."""
    latencies_s: Sequence[float]
    example_ids: Sequence[str]
    """Of each row, in order."""
    outcomes: Sequence[str]
    """`Prediction.outcome` of each row."""
    origin: Origin = HERE
    """Of the run's figures."""
    is_ready: bool = False
    """It is prepared, so that only the warm-up and the rows are left."""
    is_out: bool = False
    """It was clearly behind in a race, and gets no more rows."""
    is_share: bool = True
    """Whether each row of the run is right or wrong, so that quality is a share of rows."""

    def mark(self, figure: FigureName) -> Mark:
        """Tell what one of its figures is."""
        if self.figures is None:
            return mark_of(figure, self.variant, self.origin)
        return mark_of_item(figure, self.figures, self.origin)

    @property
    def quality(self) -> Interval | None:
        """Mean primary score over all answered rows; failures count as wrong."""
        return self.figures.quality if self.figures else None

    @property
    def failed(self) -> int:
        """Rows without an answer."""
        return self.figures.failed if self.figures else 0

    @property
    def ttft_p50_s(self) -> float | None:
        """Median seconds to the first token."""
        return _value(self.figures.ttft_p50_s) if self.figures else None

    @property
    def total_p50_s(self) -> float | None:
        """Median seconds to the whole answer."""
        return _value(self.figures.total_p50_s) if self.figures else None

    @property
    def total_p95_s(self) -> float | None:
        """95 of 100 answers were complete within this time."""
        return _value(self.figures.total_p95_s) if self.figures else None

    @property
    def cost_usd_per_1k(self) -> float | None:
        """Cost of 1,000 answers."""
        return self.figures.cost_usd_per_1k if self.figures else None


def _value(interval: Interval | None) -> float | None:
    return interval.value if interval else None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunProgress:
    """How far a run is."""

    task_id: str
    status: str
    """As in `RunSnapshot`, as the others."""
    rows_done: int
    rows_total: int
    estimated_left_s: float | None
    left_is_rough: bool = False
    """As in `RunSnapshot`, too."""
    step: RunStep | None = None
    """The step in progress."""

    @property
    def is_running(self) -> bool:
        """Tell whether more events will come."""
        return self.status in RUNNING


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSnapshot:
    """The current state of a run."""

    plan: RunPlan
    status: str
    """`queued`, `starting`, `preparing`, `running`, `paused`, `done`, `cancelled`, `failed`."""
    message: str
    fix: str
    lanes: tuple[Lane, ...]
    rows_done: int
    """Predictions made, over all variants."""
    rows_total: int
    estimated_left_s: float | None
    """Of the whole run; None while unknown."""
    notices: tuple[str, ...]
    left_is_rough: bool = False
    """Whether the time left still leans on the plan's estimate."""
    steps: tuple[RunStep, ...] = ()
    """What the run goes through, in order."""
    clear_leader: str | None = None
    """The variant whose clear lead ended the run before its last row."""
    leader_rows: int = 0
    """By how many rows it was clear."""
    goes_on: bool = True
    """Whether resuming can get further, as far as is known."""
    searches: Mapping[str, Search] = field(default_factory=dict)
    """The searches for settings so far, by tuned variant."""
    passing: int = 0
    """Rows that a fault of their server left without an answer; the run asks for them again when it is resumed."""

    @property
    def step(self) -> RunStep | None:
        """The step in progress; None for a run that waits or is over."""
        return step_now(self.steps)

    @property
    def is_open(self) -> bool:
        """Tell whether its settings are still to be found: no test row is answered before."""
        return self.plan.effort is not None and not self.plan.effort.settled

    @property
    def is_searching(self) -> bool:
        """Tell whether settings are being searched for now."""
        return self.status == "preparing" and self.is_open

    @property
    def is_running(self) -> bool:
        """Tell whether more events will come."""
        return self.status in RUNNING

    @property
    def ended_early(self) -> str:
        """Say whose clear lead ended the run before its last row; empty for all other runs."""
        leader = next((lane for lane in self.lanes if lane.variant.id == self.clear_leader), None)
        if leader is None:
            return ""
        return ended_early(leader.name, self.leader_rows, leader.rows_total)

    @property
    def origin(self) -> Origin:
        """Where its figures come from."""
        return self.lanes[0].origin if self.lanes else HERE

    @property
    def is_share(self) -> bool:
        """Whether each row is right or wrong, so that quality is a share of rows."""
        return all(lane.is_share for lane in self.lanes)

    def marks(self, figure: FigureName) -> tuple[Mark, ...]:
        """Return the marks of one figure of every lane, in their order."""
        return tuple(lane.mark(figure) for lane in self.lanes)
