"""Measuring priors in a run: on which rows, with what kept, and what becomes of the answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from adapters.models.openai_compatible.dialects import GENERIC
from adapters.models.scripted import ScriptedModel
from engine.core.capabilities import Capabilities
from engine.core.errors import WorkerDiedError
from engine.core.generation import Completion, GenerateRequest, LoraWeights, TextPiece
from engine.core.ports import SearchResult
from engine.core.run.events import VariantReady
from engine.core.run.manifest import Preparation
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Passage
from engine.core.steps import drain
from engine.core.task import Example, Task
from engine.core.techniques import Technique
from engine.core.variant import DecodingMode, DecodingSpec, LoraSpec, PriorCorrection, RetrievalSpec, Variant
from engine.metrics.label_prior import without_prior
from engine.running.answering import ReadyVariant, RunContext, answer_row
from engine.running.batches import answer_batch
from engine.running.planning import plan_run
from engine.running.preparation.preparing import prepare
from engine.running.preparation.priors import count_rows, measure_prior
from tests.helpers import small_task

TASK = small_task(train=24, test=9)
LEAN = {"billing": 0.75, "delivery": 0.2, "fault": 0.05}


class Leaning(ScriptedModel):
    """Names the label that stands in the input a little more often than the one it likes; notes what it was asked."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        super().__init__()
        self.asked: list[GenerateRequest] = []

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer by the lean and the input's label."""
        self.asked.append(request)
        text = request.messages[-1].content
        weights = {label: LEAN[label] * (2.5 if label in text else 1.0) for label in request.decoding.labels}
        shares = {label: weight / sum(weights.values()) for label, weight in weights.items()}
        best = max(shares, key=lambda label: shares[label])
        if not request.decoding.every_label:
            shares = {best: shares[best]}
        for item in super().generate(request, cancel=cancel):
            yield (
                TextPiece(text=best) if isinstance(item, TextPiece) else replace(item, text=best, probabilities=shares)
            )


class AtServer(Leaning):
    """A server that lists some probabilities."""

    @property
    def capabilities(self) -> Capabilities:
        """Those of a server of which no more is known."""
        return GENERIC.capabilities


class Neighbours:
    """Finds the training rows themselves first."""

    def search(self, _index_id: str, query: str, *, kind: str, k: int, **_options: object) -> SearchResult:
        """Return rows, the one that is asked about first."""
        rows = sorted(TASK.split("train"), key=lambda row: row.input != query)[:k]
        found = tuple(Passage(id=row.id, kind=kind, text=row.input, target=row.target, score=1.0) for row in rows)
        return SearchResult(passages=found, retrieval_s=0.0, cpu_s=0.0, rss_bytes=0)


def variant(technique: Technique, correction: PriorCorrection = PriorCorrection.AUTO, **parts: Any) -> Variant:
    """Specify a variant with prior correction."""
    return Variant(id=str(technique), technique=technique, decoding=DecodingSpec(prior_correction=correction), **parts)


def context(one: Variant, model: ScriptedModel, task: Task = TASK, draws: int = 1) -> RunContext:
    """Put together what a run of one variant needs."""
    plan = RunPlan(
        run_id="r", task_id="small", model_id="m", variants=(one,), test_ids=(), train_ids=(), draws=draws, batch_rows=5
    )
    return RunContext(plan=plan, task=task, model=model, retriever=Neighbours(), cancel=threading.Event())  # type: ignore[arg-type]


def prepared(
    one: Variant, model: ScriptedModel, *, draws: int = 1, known: dict[str, Preparation] | None = None
) -> tuple[RunContext, ReadyVariant, Preparation]:
    """Prepare a variant; return it with what that took."""
    here = context(one, model, draws=draws)
    ready: list[ReadyVariant] = []
    events = list(prepare(here, None, TASK.split("train"), ready.append, prepared=known))  # type: ignore[arg-type]
    return here, ready[0], next(event.paid for event in events if isinstance(event, VariantReady))


def test_a_lean_is_measured_on_all_training_rows_and_taken_away() -> None:
    """Zero-shot is shown nothing: all training rows count. Its answers are then those of the model without its lean."""
    model = Leaning()
    here, ready, paid = prepared(variant(Technique.ZERO_SHOT), model)
    (prior,) = paid.priors
    assert prior.corrected
    assert (prior.split, prior.rows) == ("train", 24)
    assert prior.right_without == pytest.approx(1 / 3)
    assert prior.right_with == 1.0
    assert paid.prepare_s >= prior.measure_s > 0
    assert all(request.decoding.every_label for request in model.asked)
    rows = list(enumerate(TASK.split("test")))
    made = [drain(answer_row(here, ready, row, place)) for place, row in rows]
    assert [prediction.answer for prediction in made] == [row.target for _place, row in rows]
    assert [prediction.text for prediction in made] == [row.target for _place, row in rows]
    assert all(sum(prediction.probabilities.values()) == pytest.approx(1) for prediction in made)
    raw = {label: LEAN[label] * (2.5 if label == rows[0][1].target else 1.0) for label in LEAN}
    total = sum(raw.values())
    wanted = without_prior({label: share / total for label, share in raw.items()}, prior.log_prior)
    assert made[0].probabilities == pytest.approx(wanted)


def test_only_the_corrected_label_is_shown_while_it_is_written() -> None:
    """The label that the model would have said is never streamed."""
    here, ready, _paid = prepared(variant(Technique.ZERO_SHOT), Leaning())
    row = next(row for row in TASK.split("test") if row.target == "fault")
    assert [text for text in answer_row(here, ready, row, 0) if text] == ["fault"]


def test_a_batch_answers_as_rows_one_by_one_do() -> None:
    """Throughput mode corrects alike."""
    here, ready, _paid = prepared(variant(Technique.ZERO_SHOT), Leaning())
    rows = list(enumerate(TASK.split("test")))
    one_by_one = [drain(answer_row(here, ready, row, place)) for place, row in rows]
    together = answer_batch(here, ready, rows).made
    assert [item.answer for item in together] == [item.answer for item in one_by_one]
    assert [item.probabilities for item in together] == [item.probabilities for item in one_by_one]


class AloneOrTogether(Leaning):
    """Notes how many rows it was asked about at once."""

    def generate_batch(self, requests: Sequence[GenerateRequest], **options: Any) -> list[Completion | Exception]:
        """Answer as ever."""
        self.together = [*getattr(self, "together", []), len(requests)]
        return super().generate_batch(requests, **options)


@pytest.mark.parametrize("throughput", [False, True])
def test_rows_that_decide_are_answered_at_once_however_the_run_answers(throughput: bool) -> None:
    """One by one, near ties could fall the other way, and the same variant would be corrected in one kind of run alone."""
    one, model = variant(Technique.ZERO_SHOT), AloneOrTogether()
    here = context(one, model)
    here = replace(here, plan=replace(here.plan, throughput=throughput))
    prior = drain(measure_prior(here, ReadyVariant(variant=one), TASK.split("train"))).prior
    assert prior.rows == len(model.asked) == 24
    assert model.together == [5, 5, 5, 5, 4]


def test_shots_are_not_among_the_rows_that_judge() -> None:
    """A row whose answer stands in the prompt says nothing; each draw of shots has a prior of its own."""
    model = Leaning()
    _here, ready, paid = prepared(variant(Technique.FEW_SHOT, shots_k=6), model, draws=2)
    assert [prior.rows for prior in paid.priors] == [18, 18]
    for draw in ready.draws:
        shown = {shot.input for shot in draw.shots}
        asked = [request for request in model.asked if request.slot == draw.slot]
        assert len(asked) == 18
        assert not shown & {request.messages[-1].content for request in asked}


def test_a_row_is_not_shown_itself_by_retrieval() -> None:
    """What is retrieved for a training row never is the row itself, whose answer would stand beside it."""
    model = Leaning()
    one = variant(Technique.RAG, retrieval=RetrievalSpec(examples_k=3))
    prior = drain(
        measure_prior(context(one, model), ReadyVariant(variant=one, index_id="i"), TASK.split("train"))
    ).prior
    assert prior.rows == 24
    for request in model.asked:
        assert len(request.messages) == 2 + 2 * 3
        assert request.messages[-1].content not in [message.content for message in request.messages[:-1]]


def test_weights_are_judged_on_validation_rows_or_not_at_all() -> None:
    """Weights have seen the training rows. Without validation rows there is no correction, and it is said why."""
    one = variant(Technique.LORA, lora=LoraSpec())
    ready = ReadyVariant(variant=one, lora=LoraWeights(key="k", locator="w"))
    model = Leaning()
    prior = drain(measure_prior(context(one, model), ready, TASK.split("train"))).prior
    assert not prior.corrected
    assert "no validation row is left" in prior.reason
    assert not model.asked
    rows = [replace(row, split="validation") if row.split == "test" else row for row in TASK.examples]
    here = context(one, _taking_weights(model), replace(TASK, examples=tuple(rows)))
    prior = drain(measure_prior(here, ready, TASK.split("train"))).prior
    assert (prior.split, prior.rows) == ("validation", 9)
    assert {request.messages[-1].content for request in model.asked} == {
        row.input for row in rows if row.split == "validation"
    }


def test_rows_that_the_run_answers_are_never_measured_on() -> None:
    """On a run of the validation split, weights have no row left to be judged by: the others may be added to the run."""
    one = variant(Technique.LORA, lora=LoraSpec())
    rows = tuple(replace(row, split="validation") if row.split == "test" else row for row in TASK.examples)
    here = context(one, _taking_weights(Leaning()), replace(TASK, examples=rows))
    ids = tuple(row.id for row in rows if row.split == "validation")
    for answered in (ids, ids[:1]):
        here = replace(here, plan=replace(here.plan, test_ids=answered))
        ready = ReadyVariant(variant=one, lora=LoraWeights(key="k", locator="w"))
        prior = drain(measure_prior(here, ready, TASK.split("train"))).prior
        assert "no validation row is left" in prior.reason
        assert count_rows(here.plan, here.task, one) == 0


def _taking_weights(model: Leaning) -> Leaning:
    """Let the scripted model answer requests with weights."""
    plain = model.generate
    model.generate = lambda request, **options: plain(replace(request, lora=None), **options)  # type: ignore[method-assign]
    return model


def test_few_rows_are_not_enough() -> None:
    """Under eight rows nothing is measured, and it is said."""
    one = variant(Technique.ZERO_SHOT)
    prior = drain(measure_prior(context(one, Leaning()), ReadyVariant(variant=one), TASK.split("train")[:7])).prior
    assert prior.reason == "there are only 7 training rows that it was not shown"


class Listing(Leaning):
    """Lists every label's probability for its first answers alone."""

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer, with the likeliest label alone from the eleventh answer on."""
        for item in super().generate(request, cancel=cancel):
            cut = isinstance(item, Completion) and len(self.asked) > 10
            yield replace(item, probabilities={item.text: 1.0}) if cut else item


def test_each_row_that_was_answered_says_whether_it_was_right() -> None:
    """Ten rows have every label's probability and measure the prior; the others were answered, too."""
    one = variant(Technique.ZERO_SHOT)
    found = drain(measure_prior(context(one, Listing()), ReadyVariant(variant=one), TASK.split("train")))
    assert found.prior.rows == 10
    assert len(found.right) == 24
    assert sum(with_it for _without, with_it in found.right.values()) > sum(
        without for without, _with_it in found.right.values()
    )


def test_a_server_that_lists_some_probabilities_is_not_asked() -> None:
    """Without every label's probability there is no correction; the run says so and asks nothing for it."""
    model = AtServer()
    _here, ready, paid = prepared(variant(Technique.ZERO_SHOT), model)
    assert not ready.corrected
    assert "every label" in paid.priors[0].reason
    assert not model.asked


@pytest.mark.parametrize(
    "decoding", [DecodingSpec(), DecodingSpec(mode=DecodingMode.FREE, prior_correction=PriorCorrection.ON)]
)
def test_it_is_off_where_nobody_asked_or_no_label_is_chosen(decoding: DecodingSpec) -> None:
    """Old plans, and other ways of answering, know of no correction."""
    one, model = Variant(id="zero-shot", technique=Technique.ZERO_SHOT, decoding=decoding), Leaning()
    here, ready, paid = prepared(one, model)
    assert paid.priors == ()
    assert ready.prior is None
    assert not model.asked
    assert count_rows(here.plan, TASK, one) == 0


def test_on_corrects_whatever_it_is_worth() -> None:
    """On is the user's word; both figures are there all the same."""
    _here, ready, paid = prepared(variant(Technique.ZERO_SHOT, PriorCorrection.ON), ScriptedModel())
    assert ready.corrected
    assert not paid.priors[0].worth_it
    assert paid.priors[0].right_without is not None


def test_a_run_that_goes_on_keeps_its_priors() -> None:
    """What was measured before the run was stopped is used again, to the last digit, and nothing is asked for it."""
    _here, _ready, paid = prepared(variant(Technique.FEW_SHOT, shots_k=6), Leaning(), draws=2)
    other = Leaning()
    _here, ready, again = prepared(variant(Technique.FEW_SHOT, shots_k=6), other, draws=2, known={"few-shot": paid})
    assert again.priors == paid.priors
    assert [draw.prior for draw in ready.draws] == list(paid.priors)
    assert not other.asked


def test_a_worker_that_dies_once_costs_no_prior() -> None:
    """The row is asked again."""

    class Dying(Leaning):
        died = False

        def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
            if not self.died:
                self.died = True
                raise WorkerDiedError("The worker ended.", "Try again.")
            yield from super().generate(request, cancel=cancel)

    assert prepared(variant(Technique.ZERO_SHOT), Dying())[2].priors[0].rows == 24


def test_an_answer_without_every_probability_is_a_failure_not_a_guess() -> None:
    """A corrected variant never mixes in an answer that could not be corrected."""

    class Forgetful(Leaning):
        forgets = False

        def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
            for item in super().generate(request, cancel=cancel):
                yield replace(item, probabilities={}) if self.forgets and isinstance(item, Completion) else item

    model = Forgetful()
    here, ready, _paid = prepared(variant(Technique.ZERO_SHOT), model)
    model.forgets = True
    rows: list[tuple[int, Example]] = list(enumerate(TASK.split("test")))[:2]
    for made in (drain(answer_row(here, ready, rows[0][1], 0)), answer_batch(here, ready, rows).made[0]):
        assert made.failure is not None
        assert "probability of every label" in made.failure.message


def test_a_plan_asks_for_it_by_default_where_labels_are_chosen() -> None:
    """Auto for labels by choice, off for all else."""
    facts = ScriptedModel().facts
    plan = plan_run(TASK, facts, techniques=[Technique.ZERO_SHOT])
    assert plan.variants[0].decoding.prior_correction is PriorCorrection.AUTO
    assert count_rows(plan, TASK, plan.variants[0]) == 24
    free = plan_run(TASK, facts, techniques=[Technique.ZERO_SHOT], decoding=DecodingMode.FREE)
    assert free.variants[0].decoding.prior_correction is PriorCorrection.OFF
    off = plan_run(TASK, facts, techniques=[Technique.ZERO_SHOT], prior_correction=PriorCorrection.OFF)
    assert off.variants[0].decoding.prior_correction is PriorCorrection.OFF
