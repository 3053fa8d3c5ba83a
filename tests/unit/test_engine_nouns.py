"""Costs, defaults, errors, plans: the small pure parts of the engine."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from engine.analysis.run_table import SECONDS
from engine.core import errors
from engine.core.errors import AdaptLabError, UsageError, WorkerError, error_from_name, unknown_name
from engine.core.prices import CostAssumptions
from engine.core.run.manifest import Manifest, manifest_from_dict
from engine.core.run.plan import RunPlan, new_run_id
from engine.core.task import AnswerKind, Document
from engine.core.techniques import TECHNIQUES, Technique, able
from engine.core.variant import (
    DecodingMode,
    DecodingSpec,
    PromptSpec,
    Reranker,
    RetrievalSpec,
    SearchMode,
    TrainingPrompts,
)
from engine.metrics.costing import CLOSED_MODELS, closed_api_cost_usd, energy_watt_hours, local_cost_usd
from engine.running.defaults import TechniqueOptions, default_variants, technique_from_name
from tests.helpers import small_task


def seconds_of(**given: float) -> dict[str, np.ndarray]:
    """Build the columns of one row's seconds."""
    return {name: np.array([given.get(name, math.nan)]) for name in SECONDS}


def test_full_power_for_an_hour_is_the_watts() -> None:
    """All cores busy for an hour draw the machine's watts for an hour; half of them draw half."""
    assumptions = CostAssumptions(machine_usd_per_hour=0.36, watts=30.0, electricity_usd_per_kwh=0.5)
    for cpu_s, cores, wanted in ((2 * 3600, 2, 30.0), (3600, 2, 15.0), (3600, 0, 30.0)):
        found, measured = energy_watt_hours(seconds_of(cpu_s=cpu_s, total_s=9.0), cores, assumptions)
        assert (found[0], measured) == (pytest.approx(wanted), False)
    assert local_cost_usd(np.array([3600.0, 0.0]), np.array([1000.0, 0.0]), assumptions) == pytest.approx([0.86, 0.0])


def test_without_cpu_time_all_cores_count_as_busy() -> None:
    """A server that tells no CPU time, and a GPU, draw full power for as long as the row took; counters come first."""
    assumptions = CostAssumptions(watts=36.0)
    assert energy_watt_hours(seconds_of(total_s=100.0, cpu_s=0.0), 4, assumptions)[0] == pytest.approx([1.0])
    assert energy_watt_hours(seconds_of(batch_share_s=100.0), 4, assumptions)[0] == pytest.approx([1.0])
    assert energy_watt_hours(seconds_of(total_s=100.0, cpu_s=1.0), 4, assumptions, gpu=True)[0] == pytest.approx([1.0])
    assert energy_watt_hours(seconds_of(total_s=100.0, energy_wh=0.25), 4, assumptions) == ([0.25], True)


def test_closed_models_are_priced_per_call() -> None:
    """Each listed model that the table knows has a price, which grows with tokens."""
    few, many = closed_api_cost_usd(100.5, 10), closed_api_cost_usd(201, 20)
    assert set(few) == {model for _provider, model in CLOSED_MODELS}
    for model, price in few.items():
        assert 0 < price < 0.01
        assert many[model] == pytest.approx(2 * price)


def test_unknown_names_come_with_the_nearest() -> None:
    """A typo is answered with what was probably meant, or with all there is."""
    near = unknown_name("task", "suport-ticket", ["support-tickets", "policy-qa"])
    assert near.what == "Unknown task 'suport-ticket'."
    assert near.fix == "Did you mean support-tickets?"
    assert unknown_name("task", "zzz", ["b", "a"]).fix == "Known: a, b."
    assert unknown_name("task", "zzz", []).fix == "Known: none."


def test_every_error_crosses_a_process_boundary() -> None:
    """Each class of the tree is rebuilt from its name with its texts; a stranger's name picks no class of ours."""
    waiting = [AdaptLabError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        rebuilt = error_from_name(kind.__name__, "what.", "fix.")
        assert type(rebuilt) is kind
        assert (rebuilt.what, rebuilt.fix, str(rebuilt)) == ("what.", "fix.", "what. fix.")
        assert kind.__name__ in (errors.__doc__ or "")
    for name in ("KeyboardInterrupt", "", "object"):
        assert type(error_from_name(name, "x")) is WorkerError


@pytest.mark.parametrize(
    "task", [small_task(), small_task(kind=AnswerKind.SHORT, documents=[Document(name="d", text="t")])]
)
def test_a_plan_survives_its_manifest(task: object) -> None:
    """A plan that was written to JSON and read again is the very same plan, so that a resumed run is the same run."""
    techniques = [t for t in Technique if t in able(labels=task.has_labels)]  # type: ignore[arg-type]
    decoding = DecodingSpec(mode=DecodingMode.JSON, temperature=0.5, max_tokens=12)
    variants = default_variants(techniques, task, seed=4, decoding=decoding)  # type: ignore[arg-type]
    odd = replace(variants[0], id="odd", retrieval=RetrievalSpec(mode=SearchMode.FULL_TEXT))
    variants = (*variants, odd, replace(variants[0], id="other words", prompt=PromptSpec(instructions="Sort it.")))
    plan = RunPlan(
        run_id=new_run_id(), task_id="t", model_id="m", variants=variants, test_ids=("b", "a"), train_ids=(),
        seed=4, throughput=True, costs=CostAssumptions(watts=1.5),
    )  # fmt: skip
    assert manifest_from_dict(json.loads(json.dumps(Manifest(plan=plan).to_dict()))).plan == plan


def test_run_ids_sort_by_time_and_differ() -> None:
    """Ids made in one second are different."""
    assert len({new_run_id() for _ in range(50)}) > 45


def test_techniques_have_defaults_that_fit_the_task() -> None:
    """Labels get a shot each and similar rows; questions over documents get passages; LoRA gets the run's seed."""
    made = {v.technique: v for v in default_variants(list(Technique), small_task(), seed=9)}
    assert made[Technique.FEW_SHOT].shots_k == 3
    assert made[Technique.RAG].retrieval is not None
    assert made[Technique.RAG].retrieval.passages_k == 0
    assert made[Technique.LORA].lora is not None
    assert made[Technique.LORA].lora.seed == 9
    assert made[Technique.RAG_LORA].retrieval == made[Technique.RAG].retrieval
    assert not made[Technique.CLASSIFIER].generates
    asked = small_task(kind=AnswerKind.SHORT, documents=[Document(name="d", text="t")])
    (rag,) = default_variants([Technique.RAG], asked)
    assert rag.retrieval is not None
    assert rag.retrieval.passages_k > 0


def test_the_users_choices_are_taken() -> None:
    """Chunks, search and training prompts are as chosen; a usual overlap shrinks with the chunks; LoRA stays plain."""
    asked = small_task(kind=AnswerKind.SHORT, documents=[Document(name="d", text="t")])
    options = TechniqueOptions(
        chunk_words=20, search=SearchMode.HYBRID, reranker=Reranker.RECIPROCAL_RANK, lora_prompts=TrainingPrompts.SERVED
    )
    lora, mix = default_variants([Technique.LORA, Technique.RAG_LORA], asked, options=options)
    assert mix.retrieval is not None
    assert (mix.retrieval.chunk_words, mix.retrieval.chunk_overlap_words) == (20, 5)
    assert mix.retrieval.reranker is Reranker.RECIPROCAL_RANK
    assert mix.lora is not None
    assert lora.lora is not None
    assert (mix.lora.prompts, lora.lora.prompts) == (TrainingPrompts.SERVED, TrainingPrompts.PLAIN)


def test_wrong_techniques_are_refused() -> None:
    """None, one twice, an unknown one, or a classifier without labels is wrong usage with a fix."""
    for techniques in ([], [Technique.RAG, Technique.RAG]):
        with pytest.raises(UsageError):
            default_variants(techniques, small_task())
    with pytest.raises(UsageError, match="classifier cannot do"):
        default_variants([Technique.CLASSIFIER], small_task(kind=AnswerKind.SHORT))
    with pytest.raises(UsageError, match="Did you mean zero-shot"):
        technique_from_name("zero-shoot")
    assert technique_from_name(" RAG+LoRA ") is Technique.RAG_LORA
    assert set(TECHNIQUES) == set(Technique)
