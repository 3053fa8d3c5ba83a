"""Whose turn it is: row by row, or in blocks where a server holds either the base or the weights."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from adapters.models.scripted import CAPABILITIES, ScriptedModel
from adapters.storage.run_store import SqliteRunStore
from engine.core.capabilities import Capabilities, Support
from engine.core.generation import Completion, GenerateRequest, LoraWeights, TextPiece
from engine.core.run.events import Event, Notice, PredictionMade
from engine.core.run.manifest import Manifest
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.techniques import Technique
from engine.core.variant import Variant
from engine.metrics.budget import Budget
from engine.running.answering import ReadyVariant, RunContext
from engine.running.standings import Standings
from engine.running.turns import BLOCK_ROWS, RELOAD_S, Turns
from tests.helpers import small_task
from tests.memory_lab_training import NoMeter

ROWS = 2 * BLOCK_ROWS + 5
TASK = small_task(train=3, test=ROWS)
NAMES = ("zero-shot", "few-shot", "lora", "rag+lora")
LOAD_S, WAIT_S = 2.0, 3.0


class OneAtATime(ScriptedModel):
    """Holds the base or the weights, and says how long it took to load when that changes."""

    def __init__(self, holds_all: Support, kept_prompts: Support = Support.YES) -> None:
        """Begin with nothing held."""
        super().__init__()
        self.holds_all, self.kept_prompts, self.loads = holds_all, kept_prompts, 0
        self._held: str | None = None
        self.slow: set[str] = set()
        self.busy: set[str] = set()

    @property
    def capabilities(self) -> Capabilities:
        """As the scripted model's, but for what it holds."""
        return replace(CAPABILITIES, holds_all=self.holds_all, kept_prompts=self.kept_prompts)

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer without the weights, after loading them."""
        wanted = request.lora.locator if request.lora else ""
        changed = wanted != self._held
        self._held, self.loads = wanted, self.loads + changed
        for piece in super().generate(replace(request, lora=None), cancel=cancel):
            loaded = changed or request.slot in self.slow
            waited_s = WAIT_S if request.slot in self.busy else 0.0
            if isinstance(piece, Completion):
                piece = replace(piece, load_s=LOAD_S if loaded else 0.001, waited_s=waited_s)  # noqa: PLW2901
            yield piece


class Counted(tuple[Any, ...]):  # noqa: SLOT001
    """Rows that count how often somebody goes through them all."""

    times = 0

    def __iter__(self) -> Iterator[Any]:
        """Count one more time."""
        self.times += 1
        return super().__iter__()


def carried_out(
    folder: Path,
    model: OneAtATime,
    done: set[tuple[str, str]] | None = None,
    counted: Sequence[Counted] = (),
    paid: OneAtATime | None = None,
) -> list[Event]:
    """Answer all rows with four variants, of which two have weights."""
    plan = RunPlan(
        run_id="r", task_id="small", model_id="m", train_ids=(),
        variants=tuple(Variant(id=name, technique=Technique(name)) for name in NAMES),
        test_ids=tuple(row.id for row in TASK.split("test")),
    )  # fmt: skip
    store = SqliteRunStore(folder / "runs.sqlite3")
    store.create_run(Manifest(plan=plan))
    weights = LoraWeights(key="k", locator="/weights/k")
    ready = [ReadyVariant(variant=variant, lora=weights if "lora" in variant.id else None) for variant in plan.variants]
    kept = [
        Prediction(run_id="r", variant_id=variant, technique=variant, example_id=row, target="")
        for variant, row in sorted(done or set())
    ]
    context = RunContext(plan=plan, task=TASK, model=model, retriever=None, cancel=threading.Event())  # type: ignore[arg-type]
    test, ids = counted or (TASK.split("test"), plan.test_ids)
    standings = Standings(replace(plan, test_ids=ids), [], {})
    beside = (lambda: replace(context, model=paid)) if paid is not None else None
    turns = Turns(context, store, NoMeter(), ready, standings, Budget(None, None), kept, paid=beside)
    return list(turns.take(test))


def order_of(events: list[Event]) -> list[tuple[str, str]]:
    """Return variants and rows in the order of the answers."""
    made = [event.prediction for event in events if isinstance(event, PredictionMade)]
    return [(one.variant_id, one.example_id) for one in made]


def test_variants_take_turns_at_each_row(tmp_path: Path) -> None:
    """Where all is held at once, four answers to a row stand together, and who is first rotates."""
    order = order_of(carried_out(tmp_path, OneAtATime(Support.YES)))
    rows = [[name for name, _row in group] for _row, group in groupby(order, key=lambda pair: pair[1])]
    assert len(rows) == ROWS
    assert all(sorted(row) == sorted(NAMES) for row in rows)
    assert {row[0] for row in rows} == set(NAMES)


def test_no_row_has_all_others_looked_through(tmp_path: Path) -> None:
    """In a run of 50,000 rows that would take longer than the answers."""
    test = Counted(TASK.split("test"))
    ids = Counted(row.id for row in TASK.split("test"))
    answers = order_of(carried_out(tmp_path, OneAtATime(Support.YES), counted=(test, ids)))
    assert len(answers) == ROWS * len(NAMES)
    assert (test.times, ids.times) == (1, 0)


def test_blocks_where_base_and_weights_are_not_held_together(tmp_path: Path) -> None:
    """Twenty rows with what is held, then twenty with the rest; what was held last goes on, and no scored answer loads."""
    model = OneAtATime(Support.NO)
    events = carried_out(tmp_path, model)
    order = order_of(events)
    assert sorted(order) == sorted((name, row.id) for name in NAMES for row in TASK.split("test"))
    held = ["lora" in name for name, _row in order]
    blocks = [(weights, len(list(group))) for weights, group in groupby(held)]
    assert blocks == [(False, 2 * 20), (True, 2 * 2 * 20), (False, 2 * (20 + 5)), (True, 2 * 5)]
    assert model.loads == len(blocks)
    made = [event.prediction for event in events if isinstance(event, PredictionMade)]
    assert all(one.timing.load_s < RELOAD_S for one in made)
    ids = [row.id for row in TASK.split("test")]
    for first in range(0, ROWS, BLOCK_ROWS):
        block = set(ids[first : first + BLOCK_ROWS])
        places = [place for place, (_name, row) in enumerate(order) if row in block]
        assert places == list(range(places[0], places[0] + len(places))), "a block is whole before the next begins"


def test_each_variant_has_its_block_where_one_prompt_is_kept(tmp_path: Path) -> None:
    """What a variant's prompts begin with is read once a block, those with the same weights stay together."""
    model = OneAtATime(Support.NO, Support.NO)
    order = order_of(carried_out(tmp_path, model))
    assert sorted(order) == sorted((name, row.id) for name in NAMES for row in TASK.split("test"))
    blocks = [(name, len(list(group))) for name, group in groupby(order, key=lambda pair: pair[0])]
    there, back = list(NAMES), list(reversed(NAMES))
    assert [name for name, _rows in blocks] == [*there, *back[1:], *there[1:]]
    assert model.loads == 4
    assert {rows for _name, rows in blocks} <= {5, 20, 25, 40}
    alone = OneAtATime(Support.YES, Support.NO)
    (tmp_path / "base").mkdir()
    order = order_of(carried_out(tmp_path / "base", alone))
    assert len({name for name, _row in order[:20]}) == 1


def test_answers_that_only_have_a_model_loaded_are_paid_for_beside_the_rows(tmp_path: Path) -> None:
    """One at each change of what the server holds, and none of the rows."""

    class Paid(OneAtATime):
        asked = 0

        def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
            self.asked += 1
            yield from super().generate(request, cancel=cancel)

    paid = Paid(Support.NO)
    carried_out(tmp_path, OneAtATime(Support.NO), paid=paid)
    assert paid.asked == 4


def test_a_stopped_block_goes_on(tmp_path: Path) -> None:
    """What was answered before a stop is left out, and the rest is answered once."""
    whole = order_of(carried_out(tmp_path, OneAtATime(Support.NO)))
    (tmp_path / "again").mkdir()
    left = order_of(carried_out(tmp_path / "again", OneAtATime(Support.NO), set(whole[:31])))
    assert sorted(left) == sorted(whole[31:])


def test_a_reload_in_the_midst_of_a_run_is_told_and_counts_nowhere(tmp_path: Path) -> None:
    """Once in words; the seconds are kept beside the answer and are no part of its latency."""
    model = OneAtATime(Support.YES)
    model.slow.add("zero-shot")
    events = carried_out(tmp_path, model)
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert len(notices) == 1
    assert "loaded the model again" in notices[0]
    made = [e.prediction for e in events if isinstance(e, PredictionMade) and e.prediction.variant_id == "zero-shot"]
    assert all(one.timing.load_s == LOAD_S for one in made)
    assert all(one.timing.total_s is not None and one.timing.total_s < LOAD_S for one in made)


def test_waits_for_a_busy_server_are_told_and_count_in_no_latency(tmp_path: Path) -> None:
    """Once in words, as loads are; the seconds are kept beside the answer."""
    model = OneAtATime(Support.YES)
    model.busy.add("few-shot")
    events = carried_out(tmp_path, model)
    (notice,) = [event.text for event in events if isinstance(event, Notice) and "was busy" in event.text]
    assert "3.00 s" in notice
    made = [event.prediction for event in events if isinstance(event, PredictionMade)]
    waited = {one.variant_id: one.timing.waited_s for one in made}
    assert waited == {name: WAIT_S if name == "few-shot" else 0.0 for name in NAMES}
    assert all(one.timing.total_s == 0.0 for one in made if one.variant_id == "few-shot")
