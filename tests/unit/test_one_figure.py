"""A figure of a variant is the same wherever it is read: in its lane, in the summary, in the report."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.analysis.report import assess
from engine.analysis.run_table import table_from_predictions
from engine.analysis.summary import summarize
from engine.core.limits import Limits
from engine.core.prices import CostAssumptions, TokenPrices
from engine.core.run.manifest import MachineFacts, Manifest, Preparation
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Failure, FailureKind, Prediction, Timing, Usage
from engine.core.task import AnswerKind
from engine.core.techniques import Technique
from engine.core.variant import Variant
from engine.services.recorded import fold
from tests.helpers import small_task
from tests.memory_lab import memory_lab, until

TASKS = {
    True: small_task(test=40),
    False: small_task(test=40, kind=AnswerKind.SHORT),
}
"""By whether scores are right or wrong alone."""
TECHNIQUES = (Technique.ZERO_SHOT, Technique.RAG, Technique.CLASSIFIER)
PRICES = TokenPrices(source="maker/model", input_usd=1.0, cached_input_usd=0.1, output_usd=10.0)


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What a random run is like."""

    seed: int
    rows: int
    stopped_after: int
    """Predictions that were made before it ended; more than there are for a whole run."""
    binary: bool
    batches: bool
    prices: bool
    gpu: bool
    energy: str
    """`none`, `some` or `all` rows were measured by the processor's counters."""
    cpu_share: float
    """Share of the rows whose CPU time is known."""
    failures: float
    """Share of the rows that failed."""
    cores: int


draws = st.builds(
    Draw,
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 40),
    stopped_after=st.one_of(st.just(1000), st.integers(0, 60)),
    binary=st.booleans(),
    batches=st.booleans(),
    prices=st.booleans(),
    gpu=st.booleans(),
    energy=st.sampled_from(["none", "some", "all"]),
    cpu_share=st.sampled_from([0.0, 0.5, 1.0]),
    failures=st.sampled_from([0.0, 0.2, 1.0]),
    cores=st.integers(1, 16),
)


def manifest_of(draw: Draw) -> Manifest:
    """Build the manifest of such a run."""
    plan = RunPlan(
        run_id="r",
        task_id="small",
        model_id="m",
        variants=tuple(Variant(id=str(one), technique=one) for one in TECHNIQUES),
        test_ids=tuple(one.id for one in TASKS[draw.binary].split("test")[: draw.rows]),
        train_ids=(),
        throughput=draw.batches,
        costs=CostAssumptions(watts=35.0),
        prices=PRICES if draw.prices else None,
    )
    return Manifest(
        plan=plan,
        status="done" if draw.stopped_after >= draw.rows * len(TECHNIQUES) else "cancelled",
        machine=MachineFacts(cores=draw.cores),
        gpu=draw.gpu,
        prepared={"rag": Preparation(prepare_s=2.5), "classifier": Preparation(prepare_s=1.0, reused=True)},
    )


def predictions_of(draw: Draw, plan: RunPlan) -> list[Prediction]:
    """Make such a run's predictions up, in the order in which a run makes them."""
    generator = random.Random(draw.seed)
    made = [
        one_prediction(draw, generator, variant, example_id)
        for example_id in plan.test_ids
        for variant in plan.variants
    ]
    return made[: draw.stopped_after]


def one_prediction(draw: Draw, generator: random.Random, variant: Variant, example_id: str) -> Prediction:
    """Make up what a variant made of a row."""
    seconds = generator.uniform(0.01, 2.0)
    measured = draw.energy == "all" or (draw.energy == "some" and generator.random() < 0.5)
    timing = Timing(
        batch_share_s=seconds if draw.batches else None,
        total_s=None if draw.batches else seconds,
        ttft_s=None if draw.batches else seconds / 2,
        cpu_s=seconds * 1.7 if generator.random() < draw.cpu_share else 0.0,
        energy_wh=generator.uniform(0.001, 0.02) if measured else None,
    )
    target = next(one.target for one in TASKS[draw.binary].examples if one.id == example_id)
    scorer = TASKS[draw.binary].primary_scorer
    score = float(generator.random() < 0.7) if draw.binary else round(generator.random(), 2)
    failed = generator.random() < draw.failures
    return Prediction(
        run_id="r",
        variant_id=variant.id,
        technique=str(variant.technique),
        example_id=example_id,
        target=target,
        answer=None if failed else target,
        score=None if failed else score,
        scores={} if failed else {scorer: score},
        failure=Failure(kind=FailureKind.UNPARSED, message="x") if failed else None,
        usage=Usage(
            prompt_tokens=generator.randrange(900), cached_prompt_tokens=0, completion_tokens=generator.randrange(60)
        ),
        timing=Timing() if failed and generator.random() < 0.5 else timing,
    )


WHOLE = Draw(
    seed=0, rows=20, stopped_after=1000, binary=False, batches=False, prices=True, gpu=False, energy="none",
    cpu_share=0.5, failures=0.2, cores=4,
)  # fmt: skip


@given(draws)
@example(WHOLE)
@settings(max_examples=80)
def test_lane_summary_and_report_show_the_same_figures(draw: Draw) -> None:
    """Quality with its interval, cost, energy, latencies and failures of a variant are equal to the last bit."""
    manifest, task = manifest_of(draw), TASKS[draw.binary]
    plan, made = manifest.plan, predictions_of(draw, manifest.plan)
    table = table_from_predictions([variant.id for variant in plan.variants], plan.test_ids, made)
    report = assess(plan, task, table, manifest.conditions, Limits())
    summary = summarize(report, task, made, manifest)
    reported = {item.variant.id: item for item in report.figures}
    for lane, written in zip(fold(manifest, made).snapshot().lanes, summary["variants"], strict=True):
        assert lane.variant.id == written["variant"]
        assert lane.rows_done == written["n"]
        assert lane.failed == written["n_failed"]
        figures = lane.figures
        if figures is None:
            assert lane.variant.id not in reported
            assert written["quality"]["value"] is None
            assert written["cost_usd_per_1k"] is None
            assert lane.cost_usd_per_1k is None
            continue
        found = reported[lane.variant.id]
        assert (figures.rows, figures.failed, figures.failures) == (found.rows, found.failed, found.failures)
        assert written["failures"] == found.failures
        assert lane.quality == found.quality
        assert lane.is_share == report.is_share
        if report.is_share:
            assert lane.running_quality[-1] == lane.quality.value, "the replay ends with the figure of the lane"
        assert written["quality"] == {
            "metric": task.primary_scorer,
            "value": found.quality.value,
            "ci_low": found.quality.low,
            "ci_high": found.quality.high,
        }
        costs = [lane.cost_usd_per_1k, figures.cost_usd_per_1k, found.cost_usd_per_1k]
        if written["cost_usd_per_1k"] is None:  # no row has a time, so that nothing tells what one costs here
            assert all(map(math.isnan, costs))
            assert found.cost_interval_usd_per_1k is None
        else:
            assert set(costs) == {written["cost_usd_per_1k"]}
            assert found.cost_interval_usd_per_1k.value == pytest.approx(found.cost_usd_per_1k)
            assert found.cost.per_call_usd == figures.cost.per_call_usd
        assert figures.energy_wh_per_1k == found.energy_wh_per_1k == written["energy_wh_per_1k"]
        assert figures.energy_measured == found.energy_measured == written["energy_measured"]
        for name in ("total", "ttft"):
            for share in ("p50", "p95"):
                of_lane, of_report = (getattr(item, f"{name}_{share}_s") for item in (figures, found))
                assert of_lane == of_report
                assert written[f"{name}_s"][share] == (of_report.value if of_report else None)
        assert lane.total_p50_s == written["total_s"]["p50"]
        assert lane.total_p95_s == written["total_s"]["p95"]
        assert lane.ttft_p50_s == written["ttft_s"]["p50"]
        assert figures.prepare_s == found.prepare_s == written["prepare_s"] == lane.prepare_s
        assert figures.cost.per_call_usd * 1000 == pytest.approx(found.cost_usd_per_1k, nan_ok=True)


@given(draws)
@settings(max_examples=30)
def test_what_is_paid_by_the_token_is_told_so_everywhere(draw: Draw) -> None:
    """With prices a variant that generates costs its tokens and no energy; the classifier runs here, whatever prices."""
    manifest = manifest_of(draw)
    made = predictions_of(draw, manifest.plan)
    for lane in fold(manifest, made).snapshot().lanes:
        figures = lane.figures
        if figures is None:
            continue
        rows = [item for item in made if item.variant_id == lane.variant.id]
        timed = [item for item in rows if item.timing != Timing()]
        if draw.prices and lane.variant.generates:
            rows = [item for item in rows if item in timed or item.usage.prompt_tokens or item.usage.completion_tokens]
            usd = sum(item.usage.prompt_tokens * 1.0 + item.usage.completion_tokens * 10.0 for item in rows) / 1e6
            assert figures.cost_usd_per_1k == pytest.approx(usd / len(rows) * 1000 if rows else math.nan, nan_ok=True)
            assert (figures.cost_estimated, figures.energy_wh_per_1k) == (False, None)
        else:
            assert figures.cost_estimated
            counted = bool(timed) and all(item.timing.energy_wh is not None for item in timed)
            assert figures.energy_measured == counted
            assert (figures.energy_wh_per_1k is None) == (not timed or (draw.gpu and not counted))
            if timed:
                busy_s = sum((item.timing.total_s or 0.0) + (item.timing.batch_share_s or 0.0) for item in timed)
                assert figures.rows_per_s == pytest.approx(len(timed) / busy_s)


def test_a_resumed_run_shows_what_its_first_part_paid() -> None:
    """The lanes of a run that goes on show the one-off time of its first part, as its report does."""
    lab = memory_lab(speed=500)
    run_id = lab.finished(rows=6)
    lab.runs.resume(run_id)
    until(lambda: not lab.runs.snapshot(run_id).is_running)
    lanes = {lane.variant.id: lane.prepare_s for lane in lab.runs.snapshot(run_id).lanes}
    assert lanes == {item.variant.id: item.prepare_s for item in lab.results.figures(run_id).figures}
    assert any(lanes.values())
