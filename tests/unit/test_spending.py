"""What closed APIs cost: prices by the table, thinking billed, a limit that stops; and models side by side."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.figures import figures
from engine.analysis.run_comparison import in_words, matrix
from engine.analysis.run_table import table_from_predictions
from engine.core.embedder import RemoteEmbedder
from engine.core.errors import ModelError, SpendingLimitError
from engine.core.generation import Decoding, GenerateRequest
from engine.core.ports import BuiltIndex
from engine.core.prices import TokenPrices
from engine.core.run.events import PredictionMade, RunEnded, RunStarted
from engine.core.run.manifest import Conditions, Manifest, manifest_from_dict
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Failure, FailureKind, Prediction, Timing, Usage
from engine.core.steps import Progress
from engine.core.techniques import Technique
from engine.core.variant import DecodingMode, RetrievalSpec, Variant
from engine.metrics.budget import Budget, spent_usd
from engine.metrics.costing import token_prices
from engine.running.paid.model import PaidModel
from engine.running.paid.retriever import PaidRetriever
from tests.memory_lab import MODEL, TASK, memory_lab, script

PRICES = TokenPrices(source="maker/model", input_usd=1.0, cached_input_usd=0.1, output_usd=10.0)
REQUEST = GenerateRequest(messages=(), decoding=Decoding(mode=DecodingMode.FREE))


def made(prompt: int = 0, cached: int = 0, answer: int = 0) -> Prediction:
    """Build a prediction that used so many tokens."""
    usage = Usage(prompt_tokens=prompt, cached_prompt_tokens=cached, completion_tokens=answer, thinking_tokens=answer)
    return Prediction(run_id="r", variant_id="v", technique="zero-shot", example_id="e", target="t", usage=usage)


def test_tokens_are_priced_by_kind() -> None:
    """Fresh, kept and written tokens each have their price; thinking is part of what was written."""
    assert spent_usd(PRICES, [made(1_000_000, 400_000, 100_000)]) == pytest.approx(0.6 + 0.04 + 1.0)


def test_prices_come_from_the_table() -> None:
    """A model that the table knows has prices, cached input no dearer than fresh; an unknown one has none."""
    found = token_prices("openai/gpt-5-mini")
    assert found is not None
    assert 0 < found.cached_input_usd <= found.input_usd < found.output_usd
    assert token_prices("openai/no-such-model-at-all") is None
    assert token_prices("") is None


@given(st.lists(st.integers(0, 2_000_000), max_size=20), st.floats(0, 20))
def test_a_budget_stops_exactly_when_the_limit_is_reached(prompts: list[int], limit: float) -> None:
    """Rows go on while less than the limit is spent, and no row begins after that."""
    budget, spent = Budget(PRICES, limit), 0.0
    for prompt in prompts:
        if spent < limit:
            budget.check()
        else:
            with pytest.raises(SpendingLimitError):
                budget.check()
        budget.pay([made(prompt)])
        spent += prompt / 1_000_000


def test_an_answer_that_broke_off_beside_the_rows_is_paid_for() -> None:
    """A trial or a measurement of priors that fails pays for what it took, alone or among others, and keeps that."""
    error = ModelError("It broke off.")
    error.usage = Usage(prompt_tokens=1_000_000, completion_tokens=100_000)
    free = ModelError("It never began.")

    def breaks_off(*_: object, **__: object) -> Iterator[object]:
        raise error
        yield

    def batch(*_: object, **__: object) -> list[Exception]:
        return [error, free]

    budget, kept = Budget(PRICES, 3.0), []
    model = PaidModel(SimpleNamespace(generate=breaks_off, generate_batch=batch), budget,  # type: ignore[arg-type]
                      lambda: kept.append(budget.spent_usd))  # fmt: skip
    with pytest.raises(ModelError):
        list(model.generate(REQUEST))
    assert model.generate_batch([REQUEST, REQUEST]) == [error, free]
    assert kept == [pytest.approx(2.0), pytest.approx(4.0)]
    with pytest.raises(SpendingLimitError):
        list(model.generate(REQUEST))


def embedded_elsewhere(prices: TokenPrices | None = PRICES) -> RunPlan:
    """Plan a RAG variant whose embedder is on another machine, and one whose embedder is here."""
    variants = (
        Variant(id="v", technique=Technique.RAG, retrieval=RetrievalSpec(), embedder="far/small@1"),
        Variant(id="here", technique=Technique.RAG, retrieval=RetrievalSpec(), embedder="near@1"),
    )
    remote = RemoteEmbedder(id="far/small@1", host="far.example", prices=prices)
    return RunPlan(run_id="r", task_id="t", model_id="m", variants=variants, test_ids=("e",), train_ids=(),
                   remote_embedders=(remote,), spending_limit_usd=2.0)  # fmt: skip


def test_embedding_elsewhere_is_paid_from_the_same_budget() -> None:
    """Rows pay for their own tokens, an index for those that it sent now; the limit holds for both together."""
    budget = Budget.of(embedded_elsewhere())
    usage = Usage(prompt_tokens=5_000, embedding_tokens=500_000)
    budget.pay([replace(made(), usage=usage), replace(made(), usage=usage, variant_id="here")])
    assert budget.spent_usd == pytest.approx(0.5)
    sent: list[int] = []

    def index(*_: object, **__: object) -> Iterator[Progress | BuiltIndex]:
        for tokens in (1_000_000, 1_600_000, 9_000_000):
            sent.append(tokens)
            yield Progress(stage="embed", fraction=0.5, sent_tokens=tokens)

    retriever = PaidRetriever(SimpleNamespace(index=index), budget, lambda: None)  # type: ignore[arg-type]
    with pytest.raises(SpendingLimitError):
        list(retriever.index([], [], RetrievalSpec(), embedder="far/small@1"))
    assert sent == [1_000_000, 1_600_000]
    assert budget.spent_usd == pytest.approx(2.1)


def test_a_variant_without_a_language_model_costs_no_tokens() -> None:
    """A classifier on this machine counts tokens, too; a run pays for those that a closed API read."""
    variants = (
        Variant(id="v", technique=Technique.ZERO_SHOT),
        Variant(id="classifier", technique=Technique.CLASSIFIER),
    )
    plan = RunPlan(run_id="r", task_id="t", model_id="m", variants=variants, test_ids=("e",), train_ids=(),
                   prices=PRICES, spending_limit_usd=2.0)  # fmt: skip
    budget, rows = Budget.of(plan), [made(1_000_000), replace(made(9_000_000), variant_id="classifier")]
    budget.pay(rows)
    budget.check()
    assert budget.spent_usd == pytest.approx(1.0)
    table = table_from_predictions(
        ["v", "classifier"], ["e"], [replace(row, timing=Timing(total_s=1.0)) for row in rows]
    )
    asked, fitted = (figures(variant, table, plan, Conditions()) for variant in variants)
    assert asked is not None
    assert fitted is not None
    assert asked.cost_usd_per_1k / 1000 == pytest.approx(budget.spent_usd), "the report counts the same"
    assert fitted.cost_usd_per_1k / 1000 < 0.01


@pytest.mark.parametrize("prices", [PRICES, None])
def test_waiting_for_an_embedder_costs_its_tokens_and_no_energy(prices: TokenPrices | None) -> None:
    """The second of a row that another machine took is no work of this one; without a price there is no cost."""
    plan = embedded_elsewhere(prices)
    rows = [
        replace(made(), variant_id=variant.id, timing=Timing(total_s=4.0, retrieval_s=3.0),
                usage=Usage(embedding_tokens=1_000 if variant.id == "v" else 0))
        for variant in plan.variants
    ]  # fmt: skip
    table = table_from_predictions(["v", "here"], ["e"], rows)
    far, here = (figures(variant, table, plan, Conditions()) for variant in plan.variants)
    assert far is not None
    assert here is not None
    assert far.energy_wh_per_1k == pytest.approx((here.energy_wh_per_1k or 0.0) / 4)
    assert far.cost.leaves_machine
    assert not here.cost.leaves_machine
    if prices is None:
        assert math.isnan(far.cost_usd_per_1k)
    else:
        assert far.cost_usd_per_1k == pytest.approx(here.cost_usd_per_1k / 4 + 1000 * 0.001)


def test_without_prices_or_a_limit_nothing_stops() -> None:
    """Models of one's own cost no tokens, and a run without a limit has none."""
    for budget in (Budget(None, 0.0), Budget(PRICES, None)):
        budget.pay([made(10**9)])
        budget.check()


def test_what_a_failed_row_cost_is_counted_once_however_often_the_run_is_resumed() -> None:
    """Its cost stays with the row until another answer takes its place, and with the run after that."""
    lab = memory_lab(speed=500)
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.ZERO_SHOT], limit=3)
    plan = replace(plan, prices=PRICES, spending_limit_usd=50.0)
    broken = Failure(kind=FailureKind.BACKEND, message="The server broke off.", passing=True)
    events = script(plan, lab.tasks.get(TASK))
    place, first = next((at, event.prediction) for at, event in enumerate(events) if isinstance(event, PredictionMade))
    failed = replace(first, answer=None, score=None, scores={}, failure=broken, usage=Usage(prompt_tokens=2_000_000))
    events[place] = PredictionMade(prediction=failed)
    run_id = lab.play(plan, [*events, RunEnded(status="done")])

    def spent_usd() -> float:
        budget = Budget.of(plan, spent=lab.results.manifest(run_id).beside_usd)
        budget.pay(lab.results.predictions(run_id))
        return budget.spent_usd

    before = spent_usd()
    for _ in range(2):
        cancel = threading.Event()
        for event in lab.runs.carry_out(plan, cancel, resume=True):
            if isinstance(event, RunStarted):
                cancel.set()
        assert spent_usd() == pytest.approx(before)
    list(lab.runs.carry_out(plan, threading.Event(), resume=True))
    assert not any(made.failure for made in lab.results.predictions(run_id))
    assert lab.results.manifest(run_id).beside_usd == pytest.approx(2.0, abs=0.01)
    assert before < spent_usd() < before + 0.01, "the new answer is paid for, too"
    lab.close()


def test_prices_and_limit_outlive_a_restart() -> None:
    """A resumed run is priced as it was planned; a plan from before prices existed still reads."""
    plan = RunPlan(run_id="r", task_id="t", model_id="m", variants=(), test_ids=(), train_ids=(), prices=PRICES,
                   spending_limit_usd=2.0)  # fmt: skip
    manifest = Manifest(plan=plan).to_dict()
    assert manifest_from_dict(manifest).plan == plan
    del manifest["plan"]["prices"], manifest["plan"]["spending_limit_usd"]
    assert manifest_from_dict(manifest).plan.prices is None


def summary(model: str, *, out: tuple[str, ...] = (), **scores: float) -> dict[str, object]:
    """Build a summary with these scores, of a race that some left."""
    variants = [
        {"variant": name.replace("_", "-"), "technique": name.replace("_", "-"), "marks": {"quality": "measured"},
         "quality": {"metric": "accuracy", "value": value, "ci_low": value - 0.1, "ci_high": value + 0.1}}
        for name, value in scores.items()
    ]  # fmt: skip
    return {"task": "tickets", "model": model, "variants": variants, "out": dict.fromkeys(out, 14)}


def test_models_are_put_side_by_side() -> None:
    """Each technique has a cell per model that ran it, and the words tell the best one and how far two models agree."""
    table = matrix(
        [
            summary("a", zero_shot=0.3, few_shot=0.5, rag=0.9, lora=0.8),
            summary("b", zero_shot=0.4, few_shot=0.6, rag=0.95),
            summary("c", zero_shot=0.9, few_shot=0.5, rag=0.1, lora=0.2),
        ]
    )
    assert table.models == ("a", "b", "c")
    assert (Technique.LORA, "b") not in table.cells
    assert table.best("a") == (Technique.RAG,)
    assert table.agreement["a", "b"] == pytest.approx(1.0)
    assert table.agreement["a", "c"] == pytest.approx(-1.0)
    words = " ".join(in_words(table))
    assert "the same order" in words
    assert "a different order" in words


def test_what_left_a_race_is_not_best_of_a_model() -> None:
    """Its score is that of its first rows: it has a cell, and no place among the others."""
    scores = {"zero_shot": 0.7, "few_shot": 0.5, "rag": 0.6, "lora": 0.4}
    table = matrix([summary("a", **scores, out=("zero-shot",)), summary("b", **scores)])
    assert table.cells[Technique.ZERO_SHOT, "a"].value == 0.7
    assert table.best("a") == (Technique.RAG,)
    assert table.best("b") == (Technique.ZERO_SHOT,)
    others = {name: score for name, score in scores.items() if name != "zero_shot"}
    assert table.agreement == matrix([summary("a", **others), summary("b", **others)]).agreement
    assert matrix([summary("a", **scores, out=("zero-shot", "rag")), summary("b", **scores)]).agreement == {}


def test_of_level_techniques_none_is_called_best() -> None:
    """Two with the highest score are both named, and where nothing is right nobody is."""
    words = in_words(matrix([summary("a", zero_shot=0.3, rag=0.3, lora=0.2), summary("b", zero_shot=0.0, rag=0.0)]))
    assert words == ["a: Zero-shot and RAG are level with 30 %.", "b: no technique scores more than 0."]


def test_few_or_tied_scores_tell_no_order() -> None:
    """Two techniques, or scores that are all the same, say nothing of an order, and nothing is said."""
    assert matrix([summary("a", rag=0.5, lora=0.6), summary("b", rag=0.5, lora=0.6)]).agreement == {}
    same = {"zero_shot": 0.5, "rag": 0.5, "lora": 0.5}
    assert matrix([summary("a", **same), summary("b", zero_shot=0.1, rag=0.2, lora=0.3)]).agreement == {}


def test_the_later_run_of_a_model_counts() -> None:
    """Of two summaries of one model the later in the list is shown."""
    table = matrix([summary("a", rag=0.5), summary("a", rag=0.7)])
    assert table.cells[Technique.RAG, "a"].value == 0.7
