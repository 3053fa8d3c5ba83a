"""Folding a run's events into what screens show."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from engine.analysis.figures import run_figures
from engine.analysis.progress import LiveRun
from engine.analysis.run_table import table_from_predictions
from engine.analysis.summary import summarize
from engine.core.run.events import (
    Event,
    LeaderClear,
    Notice,
    PredictionMade,
    PredictionStarted,
    PreparationProgress,
    RunContinued,
    RunEnded,
    RunPaused,
    RunQueued,
    RunStarted,
    TextStreamed,
    VariantReady,
)
from engine.core.run.manifest import Conditions, MachineFacts, Manifest, Preparation
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Failure, FailureKind, Prediction, Timing, Usage
from engine.core.steps import Progress
from engine.core.techniques import Technique
from engine.core.variant import Variant
from tests.helpers import small_task
from tests.memory_lab import until

VARIANTS = (
    Variant(id="zero-shot", technique=Technique.ZERO_SHOT),
    Variant(id="classifier", technique=Technique.CLASSIFIER),
)
TASK = small_task(test=4)
IDS = tuple(example.id for example in TASK.split("test"))
PLAN = RunPlan(run_id="r1", task_id="small", model_id="m", variants=VARIANTS, test_ids=IDS, train_ids=())


def made(row: int, variant: str = "zero-shot", score: float | None = 1.0, total_s: float = 0.5) -> Prediction:
    """Build a prediction; without a score it is a failure."""
    target = TASK.split("test")[row].target
    return Prediction(
        run_id="r1",
        variant_id=variant,
        technique=variant,
        example_id=IDS[row],
        target=target,
        text=target,
        answer=target if score else "billing" if score is not None else None,
        score=score,
        scores={} if score is None else {"accuracy": score},
        failure=Failure(kind=FailureKind.UNPARSED, message="x") if score is None else None,
        usage=Usage(prompt_tokens=100, cached_prompt_tokens=60, completion_tokens=2),
        timing=Timing(ttft_s=total_s / 2, total_s=total_s, prefill_s=0.2, decode_s=0.1, cpu_s=1.0),
        rss_bytes=1000 + row,
    )


def folded(*events: Event) -> LiveRun:
    """Apply events in order."""
    live = LiveRun(PLAN, Conditions(cores=2))
    for event in events:
        live.apply(event)
    return live


def test_a_new_run_is_starting_with_nothing_done() -> None:
    """Before any event there are lanes for all variants, no figure and no guess of the time left."""
    snapshot = folded().snapshot()
    assert (snapshot.status, snapshot.rows_done, snapshot.rows_total) == ("starting", 0, 8)
    assert snapshot.estimated_left_s is None
    assert snapshot.is_running
    assert [lane.quality for lane in snapshot.lanes] == [None, None]
    assert [lane.cost_usd_per_1k for lane in snapshot.lanes] == [None, None]
    assert [lane.figures for lane in snapshot.lanes] == [None, None]


def test_waiting_says_for_whom() -> None:
    """A queued run names what is ahead of it, and goes on as preparing."""
    live = folded(RunQueued(run_id="r1", ahead="another run"))
    assert (live.snapshot().status, live.snapshot().message) == ("queued", "Waiting for another run.")
    live.apply(RunStarted(plan=PLAN))
    assert (live.snapshot().status, live.snapshot().message) == ("preparing", "")


def test_preparation_is_shown_in_its_lane() -> None:
    """Progress of a variant stands in its lane, that of the model apart, and both vanish when rows begin."""
    step = Progress(stage="train", fraction=0.5)
    live = folded(
        RunStarted(plan=PLAN),
        PreparationProgress(variant_id="", progress=Progress(stage="Loading the model", fraction=0.1)),
        PreparationProgress(variant_id="classifier", progress=step),
    )
    assert live.snapshot().lanes[1].progress == step
    live.apply(VariantReady(variant_id="classifier", paid=Preparation(prepare_s=2.5, reused=True)))
    live.apply(PredictionStarted(variant_id="zero-shot", example_id=IDS[0], target="billing"))
    snapshot = live.snapshot()
    assert snapshot.status == "running"
    assert (snapshot.lanes[1].state, snapshot.lanes[1].prepare_s, snapshot.lanes[1].prepare_reused) == (
        "ready",
        2.5,
        True,
    )


def test_the_answer_grows_as_it_is_written() -> None:
    """Streamed text stands in its lane, and the next row begins empty."""
    live = folded(
        PredictionStarted(variant_id="zero-shot", example_id=IDS[0], target="billing"),
        TextStreamed(variant_id="zero-shot", example_id=IDS[0], text="bil"),
        TextStreamed(variant_id="zero-shot", example_id=IDS[0], text="ling"),
    )
    lane = live.snapshot().lanes[0]
    assert (lane.text, lane.target, lane.state) == ("billing", "billing", "answering")
    live.apply(PredictionStarted(variant_id="zero-shot", example_id=IDS[1], target="fault"))
    assert live.snapshot().lanes[0].text == ""


def test_failures_count_as_wrong_and_are_counted_apart() -> None:
    """A failure lowers quality, is never a missing row, and has an outcome of its own."""
    events = [PredictionMade(prediction=made(n, score=s)) for n, s in enumerate((1.0, None, 0.0, 1.0))]
    lane = folded(*events).snapshot().lanes[0]
    assert lane.quality is not None
    assert lane.quality.value == 0.5
    assert lane.failed == 1
    assert list(lane.outcomes) == ["right", "failed", "wrong", "right"]
    assert list(lane.running_quality) == pytest.approx([1.0, 0.5, 1 / 3, 0.5])
    assert lane.state == "done"
    assert made(0, score=0.5).outcome == "right"


def test_figures_are_of_what_was_measured() -> None:
    """Latencies are quantiles of the rows, rates leave cached tokens out, cost follows the assumptions."""
    lane = folded(*[PredictionMade(prediction=made(n, total_s=0.1 * (n + 1))) for n in range(4)]).snapshot().lanes[0]
    assert lane.total_p50_s == pytest.approx(0.25)
    assert lane.figures is not None
    assert lane.figures.prefill_tokens_per_s == pytest.approx(40 / 0.2)
    assert lane.figures.decode_tokens_per_s == pytest.approx(2 / 0.1)
    hours = 0.25 / 3600
    watt_hours = 28.0 * 0.5 / 3600
    assert lane.cost_usd_per_1k == pytest.approx(1000 * (0.13 * hours + 0.25 * watt_hours / 1000))


def test_the_time_left_is_known_once_rows_are_made() -> None:
    """Kept rows of a resumed run do not make the rest look fast; an ended run has nothing left."""
    kept = [PredictionMade(prediction=made(n), kept=True) for n in range(2)]
    live = folded(RunStarted(plan=PLAN), *kept)
    live.apply(PredictionStarted(variant_id="zero-shot", example_id=IDS[2], target="x"))
    assert live.snapshot().estimated_left_s is None
    live.apply(PredictionMade(prediction=made(2)))
    left = live.snapshot().estimated_left_s
    assert left is not None
    assert left >= 0
    live.apply(RunEnded(status="cancelled", message="Stopped.", fix="Resume."))
    snapshot = live.snapshot()
    assert (snapshot.estimated_left_s, snapshot.is_running, snapshot.fix) == (0.0, False, "Resume.")


def test_notices_are_kept() -> None:
    """What the user should know stays on the screen."""
    assert folded(Notice(text="a"), Notice(text="b")).snapshot().notices == ("a", "b")


def test_snapshots_may_be_taken_while_events_come() -> None:
    """A reader in another thread sees whole states only: as many outcomes, and as many rows in figures, as rows."""
    ids = tuple(f"row-{n}" for n in range(200))
    live = LiveRun(replace(PLAN, test_ids=ids), Conditions(cores=2))
    live.apply(RunStarted(plan=PLAN))
    stop = threading.Event()
    odd: list[object] = []
    looks = 0

    def read() -> None:
        nonlocal looks
        try:
            while not stop.is_set():
                for one in live.snapshot().lanes:
                    counts = {one.rows_done, len(one.outcomes), len(one.running_quality)}
                    if one.figures is not None:
                        counts.add(one.figures.rows)
                    if len(counts) > 1:
                        odd.append(one)
                looks += 1
        except BaseException as error:
            odd.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for example_id in ids:
        live.apply(PredictionMade(prediction=replace(made(0), example_id=example_id)))
    until(lambda: looks or odd)
    stop.set()
    reader.join()
    assert not odd
    assert live.snapshot().lanes[0].figures.rows == 200


def summary_of(rows: Sequence[Prediction], manifest: Manifest) -> dict[str, Any]:
    """Write out the figures of a run with these predictions."""
    table = table_from_predictions([variant.id for variant in PLAN.variants], PLAN.test_ids, rows)
    return summarize(run_figures(PLAN, TASK, table, manifest.conditions), TASK, rows, manifest)


def test_a_summary_counts_what_the_store_holds() -> None:
    """Failures by kind, quality over all rows, peak memory, and the names of all estimates."""
    rows = [made(0), made(1, score=None), made(2, score=0.0), made(0, "classifier")]
    manifest = Manifest(
        plan=PLAN,
        machine=MachineFacts(cores=2),
        prepared={"classifier": Preparation(prepare_s=3.0)},
        status="done",
    )
    zero, classifier = summary_of(rows, manifest)["variants"]
    assert (zero["n"], zero["n_failed"], zero["failures"]) == (3, 1, {"unparsed": 1})
    assert zero["quality"]["value"] == pytest.approx(1 / 3)
    assert zero["peak_rss_bytes"] == 1002
    assert zero["scores"]["macro_f1"]["value"] is not None
    assert set(zero["estimated"]) == {"cost_usd_per_1k", "energy_wh_per_1k", "closed_api_cost_usd_per_1k"}
    assert (classifier["prepare_s"], classifier["n"]) == (3.0, 1)
    assert "closed_api_cost_usd_per_1k" not in classifier


def test_a_summary_of_nothing_has_no_figures() -> None:
    """A run that failed before its first row has None for each figure, never 0."""
    for figures in summary_of([], Manifest(plan=PLAN))["variants"]:
        assert figures["quality"]["value"] is None
        assert figures["ttft_s"] == {"p50": None, "p95": None}
        assert figures["cost_usd_per_1k"] is None
        assert figures["peak_rss_bytes"] is None


def test_a_pause_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A paused run is still a run, and the seconds it stood still do not count into the time left."""
    clock = [100.0]
    monkeypatch.setattr("engine.analysis.progress.time", SimpleNamespace(monotonic=lambda: clock[0]))
    live = LiveRun(PLAN, Conditions())
    live.apply(PredictionStarted(variant_id="zero-shot", example_id=IDS[0], target="x"))
    clock[0] += 5.0
    live.apply(PredictionMade(prediction=made(0)))
    live.apply(RunPaused())
    before = live.snapshot()
    assert (before.status, before.is_running, before.estimated_left_s) == ("paused", True, 35.0)
    clock[0] += 1000.0
    assert live.snapshot().estimated_left_s == 35.0
    live.apply(RunContinued())
    assert (live.snapshot().status, live.snapshot().estimated_left_s) == ("running", 35.0)


def test_a_clear_leader_is_told() -> None:
    """A run that ended for a clear leader names it."""
    live = LiveRun(PLAN, Conditions())
    live.apply(LeaderClear(variant_id="rag", rows=12))
    live.apply(RunEnded(status="done"))
    assert live.snapshot().clear_leader == "rag"


def long_run(rows: int) -> tuple[LiveRun, tuple[str, ...]]:
    """Begin a run of one variant with so many rows."""
    ids = tuple(f"row-{n}" for n in range(rows))
    live = LiveRun(replace(PLAN, test_ids=ids, variants=VARIANTS[:1]), Conditions(cores=2))
    live.apply(PredictionStarted(variant_id="zero-shot", example_id=ids[0], target="billing"))
    return live, ids


def millionths(live: LiveRun) -> int:
    """Return the quality of the one lane."""
    (lane,) = live.snapshot().lanes
    assert lane.figures is not None
    return round(lane.figures.quality.value * 1_000_000)


def test_figures_of_a_long_lane_wait_for_some_more_rows_and_end_exact() -> None:
    """From 1,000 rows on they may be those of the last hundredth ago; when the lane is done, of all rows."""
    live, ids = long_run(1_020)
    seen = {999: 999, 1_000: 1_000, 1_001: 1_000, 1_009: 1_000, 1_011: 1_011, 1_019: 1_011, 1_020: 1_020}
    found = {}
    for place, name in enumerate(ids, start=1):
        live.apply(PredictionMade(prediction=replace(made(0, score=float(place <= 900)), example_id=name)))
        if place in seen:
            found[place] = millionths(live)
    assert found == {rows: round(900 / of * 1_000_000) for rows, of in seen.items()}


@pytest.mark.parametrize("event", [RunPaused(), RunEnded(status="cancelled")])
def test_a_long_run_that_stands_still_has_the_figures_of_all_its_rows(event: Event) -> None:
    """While it pauses, and when it was stopped, no row is to come that would make them exact."""
    live, ids = long_run(1_100)
    for name in ids[:1_005]:
        live.apply(PredictionMade(prediction=replace(made(0, score=float(name != ids[1_004])), example_id=name)))
        if name == ids[1_000]:
            assert millionths(live) == 1_000_000
    assert millionths(live) == 1_000_000
    live.apply(event)
    assert millionths(live) == round(1_004 / 1_005 * 1_000_000)
