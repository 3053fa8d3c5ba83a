"""Every technique in one real run, end to end, and what a second run finds again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from engine.core.run.events import Event, Notice, VariantReady
from engine.core.run.plan import RunPlan
from engine.core.techniques import Technique
from engine.core.variant import LoraSpec
from tests.real_lab import RealLab, essence

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]


def _kept_s(ready: list[VariantReady]) -> dict[str, float]:
    """Return what training, indexing and fitting took, without the prior for labels, which each run measures."""
    return {
        event.variant_id: event.paid.prepare_s - sum(prior.measure_s for prior in event.paid.priors)
        for event in ready
        if event.variant_id in {"rag", "lora", "rag+lora", "classifier"}
    }


def test_every_technique_runs_end_to_end_and_weights_are_found_again(real: RealLab) -> None:
    """Training, canary, index, classifier and scoring in one run; a second run pays for none of it again."""
    plan = real.plan(list(Technique), limit=3)
    quick = LoraSpec(epochs=2)
    plan = replace(plan, variants=tuple(replace(v, lora=quick if v.lora else None) for v in plan.variants))
    ready: list[VariantReady] = []
    notices: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, VariantReady):
            ready.append(event)
        if isinstance(event, Notice):
            notices.append(event.text)

    foreseen_bytes = real.lab.plans.preflight(plan).estimated_memory_bytes
    ended = real.carry_out(plan, watch)
    assert ended.status == "done", ended
    (manifest,) = (real.home / "lora").glob("*/manifest.json")
    told = json.loads(manifest.read_text(encoding="utf-8"))["estimated_peak_bytes"]
    assert 0.75 < foreseen_bytes / told < 1.35, "the plan and the trainer estimate the same training"
    rows = real.rows(plan)
    assert not [row for row in rows if row.failure]
    assert len([text for text in notices if "check passed" in text]) == 2, notices
    kept_s = _kept_s(ready)
    assert all(seconds > 0 for seconds in kept_s.values())
    assert {row.variant_id: bool(row.passages) for row in rows}["rag+lora"]
    base = {row.example_id: row.probabilities for row in rows if row.variant_id == "zero-shot"}
    assert all(row.probabilities != base[row.example_id] for row in rows if row.variant_id == "lora")
    summary = {figures["variant"]: figures for figures in real.lab.results.summary(plan.run_id)["variants"]}
    assert summary["classifier"]["tokens_per_s"]["decode"] is None
    assert all(figures["peak_rss_bytes"] for figures in summary.values())
    ready.clear()
    again = replace(plan, run_id=plan.run_id + "-again")
    assert real.carry_out(again, watch).status == "done"
    assert {event.variant_id for event in ready if event.paid.reused} == set(kept_s)
    assert _kept_s(ready) == pytest.approx(kept_s)
    assert essence(real.rows(again)) == essence(rows)
    _weights_of_another_base_are_refused(real, plan)


def _weights_of_another_base_are_refused(real: RealLab, plan: RunPlan) -> None:
    """The canary stops a run whose weights say that they were trained on another base."""
    (path,) = (real.home / "lora").glob("*/manifest.json")
    manifest = path.read_text()
    path.write_text(json.dumps({**json.loads(manifest), "base_digest": "f" * 64}))
    try:
        ended = real.carry_out(replace(plan, run_id=plan.run_id + "-other"))
    finally:
        path.write_text(manifest)
    assert ended.status == "failed"
    assert "ffffffffffff" in ended.message
    assert not real.lab.results.predictions(plan.run_id + "-other")
