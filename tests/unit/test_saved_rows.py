"""What a race saves, given to those still in it: who gets how many rows, what it can cost, and how it is judged."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.figures import run_figures
from engine.analysis.run_table import table_from_predictions
from engine.analysis.verdict.deciding import decide
from engine.core.errors import UsageError
from engine.core.limits import Limits
from engine.core.prices import TokenPrices
from engine.core.run.events import (
    Event,
    LeaderClear,
    Notice,
    PredictionMade,
    PredictionStarted,
    RowsAdded,
    RunEnded,
    VariantOut,
    VariantReady,
)
from engine.core.run.infos import info_of
from engine.core.run.manifest import plan_fields
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.techniques import Technique
from engine.metrics.inference import WATCHED, level_of_look
from engine.running.planning import plan_run
from engine.running.preflight.estimating import estimate_run
from engine.running.preflight.more_rows import with_more_rows
from engine.running.preflight.saved_rows import (
    answers_saved,
    most_rows,
    plan_note,
    rows_at_most,
    rows_each,
)
from engine.running.runner import Ports, run
from engine.services.recorded import fold
from engine.studies.drift import drift_plans
from tests.helpers import small_task
from tests.memory_lab import memory_model, memory_task
from tests.racing import SKILL, TASK, race_plan, race_ports

WIDE = small_task(train=9, test=200)
PRICES = TokenPrices(source="maker/model", input_usd=1.0, cached_input_usd=1.0, output_usd=1.0)


def spending(rows: int = 60, **changes: Any) -> RunPlan:
    """Plan a race on so many rows that spends what it saves."""
    return race_plan(rows=rows, spend_saved=True, **changes)


def notices(events: Sequence[Event]) -> list[str]:
    """Return what a run told."""
    return [event.text for event in events if isinstance(event, Notice)]


def carried_out(a_plan: RunPlan, here: Ports, task: Any = WIDE, cancel: threading.Event | None = None) -> list[Event]:
    """Carry a race out to its end."""
    return list(run(a_plan, task, here, cancel or threading.Event()))


def test_saved_answers_are_shared_out_evenly() -> None:
    """60 - 12 and 60 - 31 answers are saved; each of the two left gets half, a rest that does not divide is not spent."""
    out = {"zero-shot": 12, "lora": 31}
    assert answers_saved(spending(), out) == 77
    assert rows_each(spending(), WIDE, out) == 38
    assert rows_each(spending(), TASK, out) == 30, "the task has 90 rows"
    assert rows_each(spending(90), TASK, out) == 0, "and no more than that"
    assert rows_each(spending(), WIDE, {}) == 0
    assert rows_each(spending(), WIDE, {"zero-shot": 59}) == 0, "one answer for three"
    assert rows_each(spending(), WIDE, {**out, "rag": 40}) == 0, "one alone has nobody to beat"


def test_what_can_be_given_is_known_before() -> None:
    """All but two may leave at once: the two get half of the others' rows each, as far as the task has rows."""
    assert most_rows(spending(), WIDE) == 60
    assert most_rows(spending(), TASK) == 30
    assert most_rows(replace(spending(), looks=1), WIDE) == most_rows(race_plan(), WIDE) == 0
    assert plan_note(race_plan(), WIDE) == ""
    assert "up to 60 further test rows each, and never more than 240 answers in all" in plan_note(spending(), WIDE)
    assert (
        plan_note(spending(90), TASK) == "The task has no further test rows: answers that the race spares are not used."
    )
    assert "nobody is left" in plan_note(spending(names=("few-shot", "rag")), WIDE)


@given(
    st.lists(st.integers(1, 60), min_size=2, max_size=4),
    st.lists(st.floats(0, 5), min_size=4, max_size=4),
)
def test_no_race_costs_more_than_its_estimate(rows: list[int], prices: list[float]) -> None:
    """Whoever leaves after however many rows: the answers cost at most what was estimated, which is never below the run's."""
    a_plan = spending()
    names = [variant.id for variant in a_plan.variants]
    row_usd = dict(zip(names, prices, strict=True))
    at_most = rows_at_most(a_plan, WIDE, row_usd)
    assert sum(at_most.values()) == 60 * len(names)
    most_usd = sum(at_most[name] * row_usd[name] for name in names)
    assert most_usd >= 60 * sum(prices) - 1e-9
    out = dict(zip(names, rows[:2], strict=False))
    given_rows = rows_each(a_plan, WIDE, out)
    cost_usd = sum(row_usd[name] * out.get(name, 60 + given_rows) for name in names)
    assert cost_usd <= most_usd + 1e-9
    answers = sum(out.get(name, 60 + given_rows) for name in names)
    assert answers <= 60 * len(names)


def test_the_estimate_covers_the_dearest_who_are_left() -> None:
    """A priced race that spends what it saves is estimated with its dearest variants on the most rows."""
    task = memory_task(rows=60)
    plans = [
        plan_run(
            task, memory_model(), limit=20, race=True, spend_saved=spends,
            techniques=[Technique.ZERO_SHOT, Technique.FEW_SHOT, Technique.RAG, Technique.CLASSIFIER],
        )
        for spends in (False, True)
    ]  # fmt: skip
    costs = [
        estimate_run(
            replace(a_plan, prices=PRICES), task, memory_model(), cores=2, free_memory_bytes=10**10, trainable=()
        ).estimated_cost_usd
        for a_plan in plans
    ]
    assert 0 < costs[0] < costs[1] < 2 * costs[0]


def test_only_a_race_has_something_to_spend() -> None:
    """Asked for without a race it is refused, with the way out."""
    with pytest.raises(UsageError, match="Only a race spares") as told:
        plan_run(memory_task(), memory_model(), techniques=[Technique.ZERO_SHOT], spend_saved=True)
    assert "--race" in told.value.fix


@pytest.mark.parametrize("throughput", [False, True])
def test_those_still_in_it_answer_the_same_further_rows(throughput: bool, tmp_path: Path) -> None:
    """The two that are alike get what the other two saved, in the run's order; no answer is made twice or over the whole."""
    a_plan = spending(throughput=throughput)
    here = race_ports(tmp_path, a_plan)
    events = carried_out(a_plan, here)
    manifest = here.store.manifest("r")
    saved = sum(60 - rows for rows in manifest.out.values())
    extra = saved // 2
    assert set(manifest.out) == {"zero-shot", "lora"}
    assert extra > 0
    assert manifest.plan.saved_rows == extra
    assert manifest.plan.looks == 1
    ids = tuple(row.id for row in WIDE.split("test"))
    assert manifest.plan.test_ids[:60] == a_plan.test_ids
    assert set(manifest.plan.test_ids) <= set(ids)
    kept = here.store.predictions("r")
    assert Counter(made.variant_id for made in kept) == {"few-shot": 60 + extra, "rag": 60 + extra, **manifest.out}
    assert len({(made.variant_id, made.example_id) for made in kept}) == len(kept) <= 4 * 60
    (told,) = [text for text in notices(events) if "spared" in text]
    assert told == f"The race spared {saved} answers: Few-shot and RAG answer {extra} further rows each."
    assert events[-1] == RunEnded(status="done")
    info = info_of(manifest, len(kept))
    assert info.rows_done == info.rows_total


def test_a_lane_goes_on_with_the_further_rows(tmp_path: Path) -> None:
    """The screen's run counts the further rows as soon as they are given, and ends whole."""
    a_plan = spending()
    here = race_ports(tmp_path, a_plan)
    events = carried_out(a_plan, here)
    place = next(n for n, event in enumerate(events) if isinstance(event, RowsAdded))
    live = fold(here.store.manifest("r"), [])
    live = type(live)(a_plan, here.store.manifest("r").conditions)
    for event in events[: place + 1]:
        live.apply(event)
    snapshot = live.snapshot()
    lanes = {lane.variant.id: lane for lane in snapshot.lanes}
    assert (lanes["rag"].rows_done, lanes["rag"].state) == (60, "ready")
    assert snapshot.rows_done < snapshot.rows_total
    assert snapshot.plan.saved_rows
    for event in events[place + 1 :]:
        live.apply(event)
    snapshot = live.snapshot()
    assert snapshot.rows_done == snapshot.rows_total
    assert {lane.state for lane in snapshot.lanes if not lane.is_out} == {"done"}


def test_the_further_rows_are_a_second_look(tmp_path: Path) -> None:
    """Pairs of those still in it spend what added rows may spend; who is out is compared on common rows, as one watched."""
    a_plan = spending()
    here = race_ports(tmp_path, a_plan)
    carried_out(a_plan, here)
    manifest, kept = here.store.manifest("r"), here.store.predictions("r")
    table = table_from_predictions([variant.id for variant in a_plan.variants], manifest.plan.test_ids, kept)
    figures = run_figures(manifest.plan, WIDE, table, manifest.conditions)
    pairs = {frozenset((gap.first, gap.second)): gap for gap in figures.differences}
    both = pairs[frozenset(("few-shot", "rag"))]
    assert both.rows == len(manifest.plan.test_ids)
    assert both.level == level_of_look(1)
    left = pairs[frozenset(("few-shot", "zero-shot"))]
    assert left.rows == manifest.out["zero-shot"]
    assert left.level == WATCHED
    why = decide(figures, Limits()).basis.text
    assert f"{manifest.plan.saved_rows} further rows were answered with what the race spared" in why
    assert "Rows were added" not in why
    more = replace(figures, plan=replace(manifest.plan, looks=2))
    assert "Rows were added once after" in decide(more, Limits()).basis.text


def test_rows_that_a_user_adds_come_after_those_that_the_race_saved(tmp_path: Path) -> None:
    """In batches, too, each of them is asked once, and nothing that was answered before is asked again."""
    a_plan = spending(throughput=True)
    here = race_ports(tmp_path, a_plan)
    carried_out(a_plan, here)
    before = here.store.manifest("r").plan
    kept = {(made.variant_id, made.example_id) for made in here.store.predictions("r")}
    more = with_more_rows(before, WIDE, 10)
    here.store.update_run("r", manifest={"plan": plan_fields(more)})
    asked = carried_out(more, here)
    told = [(one.prediction.variant_id, one.prediction.example_id) for one in asked if is_new(one)]
    assert set(told).isdisjoint(kept)
    assert sorted(told) == sorted((name, row_id) for name in ("few-shot", "rag") for row_id in more.test_ids[-10:])
    first_of_batch = [one.example_id for one in asked if isinstance(one, PredictionStarted)]
    assert first_of_batch[0] == more.test_ids[more.saved_from + more.saved_rows // 8 * 8]


def is_new(event: Event) -> bool:
    """Tell an answer from one of before."""
    return isinstance(event, PredictionMade) and not event.kept


def test_a_race_stopped_amid_its_further_rows_goes_on_with_them(tmp_path: Path) -> None:
    """Stopped after some of them, or just when they were given, it makes the same answers as without a stop."""
    a_plan = spending()
    whole = race_ports(tmp_path / "whole", a_plan)
    carried_out(a_plan, whole)
    expected = {(made.variant_id, made.example_id, made.answer) for made in whole.store.predictions("r")}
    for place, stop_at in enumerate((1, 7)):
        here, cancel, after = race_ports(tmp_path / str(place), a_plan), threading.Event(), 0
        for event in run(a_plan, WIDE, here, cancel):
            after += after > 0 or isinstance(event, RowsAdded)
            if after == stop_at:
                cancel.set()
        manifest = here.store.manifest("r")
        assert manifest.status == "cancelled"
        assert manifest.plan.saved_rows
        events = carried_out(manifest.plan, here)
        assert not [text for text in notices(events) if "spared" in text], "given once"
        assert {(made.variant_id, made.example_id, made.answer) for made in here.store.predictions("r")} == expected


def test_a_race_killed_before_its_rows_were_given_gives_them_when_resumed(tmp_path: Path) -> None:
    """All planned rows are answered, and the plan has no further ones yet: resuming gives them."""
    a_plan = spending()
    here = race_ports(tmp_path, a_plan)
    cancel = threading.Event()
    for event in run(a_plan, WIDE, here, cancel):
        if isinstance(event, RowsAdded):
            break
    here.store.update_run(
        "r", manifest={"plan": {"looks": 0, "saved_rows": 0, "saved_from": 0, "test_ids": list(a_plan.test_ids)}}
    )
    assert here.store.manifest("r").plan == a_plan
    carried_out(a_plan, here)
    assert here.store.manifest("r").plan.saved_rows
    assert here.store.manifest("r").status == "done"


@pytest.mark.parametrize(
    ("changes", "task", "words"),
    [
        ({"rows": 90}, TASK, "but the task has no further test rows: they are not used."),
        ({"names": ("few-shot", "rag")}, WIDE, "No variant left the race: it spared no answers, and no rows are"),
        ({"names": ("zero-shot", "few-shot", "lora")}, WIDE, "The race is decided: the "),
    ],
)
def test_where_nothing_can_be_spent_it_is_said(changes: dict[str, Any], task: Any, words: str, tmp_path: Path) -> None:
    """No further rows, nobody out, or one left: the run ends as a race does, and says what becomes of the answers."""
    a_plan = spending(**changes)
    here = race_ports(tmp_path, a_plan)
    events = carried_out(a_plan, here, task)
    assert [text for text in notices(events) if words in text]
    assert not [event for event in events if isinstance(event, RowsAdded)]
    assert here.store.manifest("r").plan == a_plan
    assert events[-1] == RunEnded(status="done")


def test_a_contest_that_is_decided_needs_no_further_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the planned look names the best of those still in it, its verdict stands: a second look is not made."""
    monkeypatch.setitem(SKILL, "rag", 6)
    a_plan = spending(rows=30, names=("zero-shot", "few-shot", "rag"))
    here = race_ports(tmp_path, a_plan)
    events = carried_out(a_plan, here)
    assert [event.variant_id for event in events if isinstance(event, VariantOut)] == ["zero-shot"]
    assert not [event for event in events if isinstance(event, LeaderClear | RowsAdded)]
    assert [text for text in notices(events) if "Few-shot is better than each other variant still in the race" in text]
    assert here.store.manifest("r").plan.looks == 0


def test_saved_answers_are_spent_once(tmp_path: Path) -> None:
    """Whoever leaves during the further rows saves nothing more, and rows that a user adds later are the user's alone."""
    a_plan = spending()
    here = race_ports(tmp_path, a_plan)
    carried_out(a_plan, here)
    ended = here.store.manifest("r").plan
    events = carried_out(ended, here)
    assert not [event for event in events if isinstance(event, RowsAdded | VariantReady)]
    assert here.store.manifest("r").plan == ended


def test_the_spending_limit_holds(tmp_path: Path) -> None:
    """Further rows are given as far as the limit allows, and none where it allows none; the run then ends whole."""
    rich = spending(prices=PRICES, spending_limit_usd=100.0)
    here = race_ports(tmp_path / "rich", rich)
    carried_out(rich, here)
    manifest, kept = here.store.manifest("r"), here.store.predictions("r")
    planned_usd = manifest.beside_usd + _cost([made for made in kept if made.example_id in rich.test_ids])
    added_usd = _cost([made for made in kept if made.example_id not in rich.test_ids])
    for share, words in ((0.3, "(the spending limit allows no more)"), (0.001, "leaves no room")):
        limit = planned_usd + share * added_usd
        a_plan = spending(prices=PRICES, spending_limit_usd=limit)
        here = race_ports(tmp_path / str(share), a_plan)
        events = carried_out(a_plan, here)
        assert [text for text in notices(events) if words in text]
        assert events[-1] == RunEnded(status="done")
        assert here.store.manifest("r").plan.saved_rows < manifest.plan.saved_rows
        assert here.store.manifest("r").beside_usd + _cost(here.store.predictions("r")) <= limit


def _cost(made: Sequence[Prediction]) -> float:
    return sum(PRICES.cost_usd(one.usage.prompt_tokens, 0.0, one.usage.completion_tokens) for one in made)


def test_a_study_of_such_a_run_is_no_race() -> None:
    """Drift compares every variant on every row, and has nothing to spend."""
    raced = replace(spending(), looks=1, saved_rows=10)
    assert not any(made.spend_saved or made.saved_rows for _task, made in drift_plans(TASK, raced).values())
