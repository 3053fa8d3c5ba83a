"""Costs, defaults, errors, plans: the small pure parts of the engine."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from engine.core import errors
from engine.core.errors import AdaptLabError, UsageError, WorkerError, error_from_name, unknown_name
from engine.core.prices import CostAssumptions
from engine.core.run.plan import RunPlan, new_run_id, plan_from_dict
from engine.core.task import AnswerKind, Document
from engine.core.variant import LABELS, DecodingMode, Reranker, RetrievalSpec, SearchMode, Technique, TrainingPrompts
from engine.metrics.costing import CLOSED_MODELS, closed_api_cost_usd, energy_wh, local_cost_usd
from engine.running.defaults import Choices, applies, default_variants, technique_from_name
from tests.helpers import small_task


def test_full_power_for_an_hour_is_the_watts() -> None:
    """All cores busy for an hour draw the machine's watts for an hour; half of them draw half."""
    assumptions = CostAssumptions(machine_usd_per_hour=0.36, watts=30.0, electricity_usd_per_kwh=0.5)
    assert energy_wh(2 * 3600, 2, assumptions) == pytest.approx(30.0)
    assert energy_wh(3600, 2, assumptions) == pytest.approx(15.0)
    assert energy_wh(3600, 0, assumptions) == pytest.approx(30.0)
    assert local_cost_usd(3600, 1000.0, assumptions) == pytest.approx(0.86)
    assert local_cost_usd(0, 0, assumptions) == 0.0


def test_closed_models_are_priced_per_call() -> None:
    """Each listed model that the table knows has a price, which grows with tokens and shrinks with cached ones."""
    few, many = closed_api_cost_usd(100.5, 0, 10), closed_api_cost_usd(201, 0, 20)
    assert set(few) == {model for _provider, model in CLOSED_MODELS}
    for model, price in few.items():
        assert 0 < price < 0.01
        assert many[model] == pytest.approx(2 * price, rel=1e-3)
        assert closed_api_cost_usd(1000, 900, 10)[model] <= closed_api_cost_usd(1000, 0, 10)[model]


def test_unknown_names_come_with_the_nearest() -> None:
    """A typo is answered with what was probably meant, or with all there is."""
    near = unknown_name("task", "suport-ticket", ["support-tickets", "policy-qa"])
    assert near.what == "Unknown task 'suport-ticket'."
    assert near.mend == "Did you mean support-tickets?"
    assert unknown_name("task", "zzz", ["b", "a"]).mend == "Known: a, b."
    assert unknown_name("task", "zzz", []).mend == "Known: none."


def test_every_error_crosses_a_process_boundary() -> None:
    """Each class of the tree is rebuilt from its name with its texts; a stranger's name picks no class of ours."""
    waiting = [AdaptLabError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        rebuilt = error_from_name(kind.__name__, "what.", "mend.")
        assert type(rebuilt) is kind
        assert (rebuilt.what, rebuilt.mend, str(rebuilt)) == ("what.", "mend.", "what. mend.")
        assert kind.__name__ in (errors.__doc__ or "")
    for name in ("KeyboardInterrupt", "", "object"):
        assert type(error_from_name(name, "x")) is WorkerError


@pytest.mark.parametrize(
    "task", [small_task(), small_task(kind=AnswerKind.SHORT, documents=[Document(name="d", text="t")])]
)
def test_a_plan_survives_its_manifest(task: object) -> None:
    """A plan that was written to JSON and read again is the very same plan, so that a resumed run is the same run."""
    techniques = [t for t in Technique if applies(t, task)]  # type: ignore[arg-type]
    variants = default_variants(techniques, task, seed=4)  # type: ignore[arg-type]
    variants = (*variants, replace(variants[0], id="odd", retrieval=RetrievalSpec(mode=SearchMode.FULL_TEXT)))
    plan = RunPlan(
        run_id=new_run_id(), task_id="t", model_id="m", variants=variants, test_ids=("b", "a"), train_ids=(),
        seed=4, decoding=DecodingMode.JSON, temperature=0.5, throughput=True, costs=CostAssumptions(watts=1.5),
    )  # fmt: skip
    assert plan_from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


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
    choices = Choices(
        chunk_words=20, search=SearchMode.HYBRID, reranker=Reranker.RECIPROCAL_RANK, lora_prompts=TrainingPrompts.SERVED
    )
    lora, mix = default_variants([Technique.LORA, Technique.RAG_LORA], asked, choices=choices)
    assert mix.retrieval is not None
    assert (mix.retrieval.chunk_words, mix.retrieval.chunk_overlap_words) == (20, 5)
    assert mix.retrieval.reranker is Reranker.RECIPROCAL_RANK
    assert mix.lora is not None
    assert lora.lora is not None
    assert (mix.lora.prompts, lora.lora.prompts) == (TrainingPrompts.SERVED, TrainingPrompts.PLAIN)


def test_wrong_techniques_are_refused() -> None:
    """None, one twice, an unknown one, or a classifier without labels is wrong usage with a mend."""
    for techniques in ([], [Technique.RAG, Technique.RAG]):
        with pytest.raises(UsageError):
            default_variants(techniques, small_task())
    with pytest.raises(UsageError, match="classifier cannot do"):
        default_variants([Technique.CLASSIFIER], small_task(kind=AnswerKind.SHORT))
    with pytest.raises(UsageError, match="Did you mean zero-shot"):
        technique_from_name("zero-shoot")
    assert technique_from_name(" RAG+LoRA ") is Technique.RAG_LORA
    assert set(LABELS) == set(Technique)
