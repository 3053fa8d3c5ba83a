"""Label sets that do not fit into a prompt: who is refused with which figures, and what RAG then shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from adapters.models.scripted import CAPABILITIES, FACTS, ScriptedModel
from engine.core.capabilities import Support
from engine.core.errors import RetrievalError
from engine.core.generation import Message
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Passage
from engine.core.task import Task
from engine.core.techniques import Technique
from engine.core.variant import LabelWords, PriorCorrection, PromptSpec, TrainingPrompts
from engine.running.answering import ReadyVariant, RunContext, request_for, retrieve
from engine.running.defaults import TechniqueOptions
from engine.running.planning import plan_run
from engine.running.preflight.label_room import label_room, label_room_told, with_found_labels
from engine.running.prompt_forms import with_labels, written_labels
from tests.helpers import small_task

LONG = tuple(f"request {n} about one of many things of this kind" for n in range(300))
ALL = (Technique.ZERO_SHOT, Technique.FEW_SHOT, Technique.RAG, Technique.LORA, Technique.RAG_LORA, Technique.CLASSIFIER)


def task_with(labels: Sequence[str], *, lines: bool = True) -> Task:
    """Build a task of so many labels, each on a line of its own or all in one sentence."""
    listed = "\n".join(labels) if lines else ", ".join(labels)
    task = small_task(train=len(labels), test=9, labels=labels)
    return replace(task, instructions=f"Sort the message into one of:\n{listed}\nAnswer with the name only.")


def count(prompts: Sequence[Sequence[Message]]) -> list[int]:
    """Count as the scripted model does: words."""
    return [ScriptedModel().count_tokens(prompt) for prompt in prompts]


def planned(task: Task, **choices: object) -> RunPlan:
    """Plan all techniques."""
    return plan_run(task, FACTS, techniques=ALL, **choices)  # type: ignore[misc]


def test_prompts_with_too_many_labels_are_refused_with_the_figures() -> None:
    """300 labels of ten words are 3,000 tokens of 2,048: prompt techniques are refused, RAG shows what it finds."""
    task = task_with(LONG)
    plan = planned(task)
    room = label_room(plan, task, FACTS, CAPABILITIES, count)
    assert room.room == 2048
    assert set(room.needed) == {"zero-shot", "few-shot", "rag", "lora", "rag+lora"}
    narrowed = with_found_labels(plan, room)
    chosen = {variant.id: variant for variant in narrowed.variants}
    rag = chosen["rag"]
    assert rag.retrieval is not None
    assert rag.retrieval.found_labels_only
    assert rag.decoding.prior_correction is PriorCorrection.OFF
    assert chosen["few-shot"] == next(variant for variant in plan.variants if variant.id == "few-shot")
    assert label_room(narrowed, task, FACTS, CAPABILITIES, count) == room, "as it is asked again before the run"
    (problem,), (note,) = label_room_told(narrowed, task, FACTS, room)
    assert "With all 300 labels, prompt and answer do not fit into the context of 2,048 tokens: " in problem
    for name, variant in (("Zero-shot", "zero-shot"), ("Few-shot", "few-shot"), ("LoRA", "lora")):
        assert f"{name} ({room.needed[variant]:,} tokens)" in problem
    assert "--context" not in problem, "the model itself reads no more"
    assert note.startswith("RAG shows in each prompt only the labels of the 4 examples that it finds")
    assert f"with all 300 labels a prompt takes {room.needed['rag']:,} tokens" in note


def test_a_model_that_reads_more_can_be_given_more_room() -> None:
    """Where the model reads more than the context that it is opened with, the refusal says how to ask for it."""
    task, larger = task_with(LONG), replace(FACTS, context_tokens=8192)
    plan = planned(task)
    room = label_room(plan, task, larger, CAPABILITIES, count)
    (problem,), _notes = label_room_told(with_found_labels(plan, room), task, larger, room)
    most = max(needed for name, needed in room.needed.items() if name != "rag")
    assert f"--context {most} gives these variants room; the model reads 8,192 tokens." in problem
    wider = plan_run(task, larger, techniques=ALL, context_tokens=most)
    assert not set(label_room(wider, task, larger, CAPABILITIES, count).needed) - {"rag", "rag+lora"}


def test_weights_trained_on_what_is_retrieved_may_choose_among_it() -> None:
    """RAG + LoRA is refused where it is trained on bare prompts, which hold all labels, and goes where it is not."""
    task = task_with(LONG)
    for prompts, goes in ((TrainingPrompts.PLAIN, False), (TrainingPrompts.SERVED, True)):
        plan = planned(task, options=TechniqueOptions(lora_prompts=prompts))
        narrowed = with_found_labels(plan, label_room(plan, task, FACTS, CAPABILITIES, count))
        spec = next(variant.retrieval for variant in narrowed.variants if variant.id == "rag+lora")
        assert spec is not None
        assert spec.found_labels_only is goes


def test_labels_that_fit_change_nothing() -> None:
    """150 short labels fit, and so do a few: no variant changes, and few labels are not even counted."""

    def never(_prompts: Sequence[Sequence[Message]]) -> list[int]:
        raise AssertionError

    short = task_with([f"label-{n}" for n in range(150)])
    assert not label_room(planned(short), short, FACTS, CAPABILITIES, count).needed
    few = task_with(("a", "b", "c"))
    assert not label_room(planned(few), few, FACTS, CAPABILITIES, never).needed


def test_one_long_row_is_no_reason() -> None:
    """A row that alone is too long fails by itself: the labels, of which there are few enough, stay as they are."""
    labels = [f"request {n} about one of many things" for n in range(100)]
    task = task_with(labels)
    longest = replace(task.split("test")[0], id="long", input="word " * 3000)
    task = replace(task, examples=(*task.examples, longest))
    assert not label_room(planned(task), task, FACTS, CAPABILITIES, count).needed


def test_a_server_is_judged_by_what_its_model_reads() -> None:
    """A server gives as much context as its model reads; where its tokens are estimated nothing is refused."""
    task, plan = task_with(LONG), planned(task_with(LONG))
    server = replace(FACTS, server="http://127.0.0.1:1", context_tokens=4096)
    assert not label_room(plan, task, server, CAPABILITIES, count).needed
    small = replace(server, context_tokens=2048)
    assert label_room(plan, task, small, CAPABILITIES, count).needed
    guessed = replace(CAPABILITIES, counts_tokens=Support.NO)
    assert not label_room(plan, task, small, guessed, count).needed
    assert not label_room(plan, task, replace(small, context_tokens=0), CAPABILITIES, count).needed


def test_fewer_labels_are_fewer_lines() -> None:
    """Lines of other labels go, with what they say; sentences around them stay, and a name within another is another."""
    task = replace(
        task_with(("pay", "pay bill", "card")),
        instructions="One of:\npay: send money\npay bill: settle it\n card : a card\nOnly the name.",
    )
    fewer = with_labels(task, {"pay bill", "card"})
    assert fewer.answer.labels == ("pay bill", "card")
    assert fewer.instructions == "One of:\npay bill: settle it\n card : a card\nOnly the name."
    worded = replace(task, answer=replace(task.answer, label_words={"card": "Karte"}))
    assert with_labels(worded, {"card"}).answer.words == {"card": "Karte"}


def test_without_lines_of_their_own_a_sentence_asks_for_them() -> None:
    """Instructions that name labels in a sentence cannot lose some: the sentence of the task's language asks instead."""
    task = task_with(("pay", "bill", "card"), lines=False)
    assert with_labels(task, {"pay", "card"}).instructions == "Which of these fits the text best: pay, card?"


def test_fewer_labels_are_written_as_all_are() -> None:
    """Two labels that would be alike in plain words are told apart by their names, also where one stands alone."""
    spec = PromptSpec(label_words=LabelWords.SPACED)
    task = task_with(("pay_bill", "pay-bill", "card_lost"))
    whole, fewer = written_labels(task, spec), with_labels(task, {"pay_bill", "card_lost"}, spec)
    assert written_labels(fewer, spec) == {label: whole[label] for label in fewer.answer.labels}
    plain = task_with(("pay_bill", "card_lost"))
    assert written_labels(with_labels(plain, {"card_lost"}, spec), spec) == {"card_lost": "card lost"}


def test_a_request_holds_the_found_labels_alone() -> None:
    """Instructions, examples and choices have the labels of the examples that were found, and no shared beginning."""
    task = task_with(LONG)
    plan = planned(task)
    plan = with_found_labels(plan, label_room(plan, task, FACTS, CAPABILITIES, count))
    rag = next(variant for variant in plan.variants if variant.id == "rag")
    context = RunContext(plan=plan, task=task, model=ScriptedModel(), retriever=None, cancel=None)  # type: ignore[arg-type]
    rows = task.split("train")
    found = [Passage(id=r.id, kind="example", text=r.input, score=1.0, target=r.target) for r in (rows[7], rows[2])]
    request = request_for(context, ReadyVariant(variant=rag), task.split("test")[0], 0, found)
    assert set(request.decoding.labels) == {LONG[7], LONG[2]}
    assert [line for line in request.messages[0].content.splitlines() if line in LONG] == [LONG[2], LONG[7]]
    assert request.prefix_messages == 0
    assert [message.content for message in request.messages if message.role == "assistant"] == [LONG[2], LONG[7]]


def test_a_row_without_examples_has_no_label() -> None:
    """A search by words may find nothing: that row fails with the reason, instead of choosing among nothing."""

    class Nothing:
        def search(self, *_arguments: object, **_options: object) -> object:
            return type("Found", (), {"passages": (), "cpu_s": 0.0, "rss_bytes": 0, "embedding_tokens": 0,
                                      "tokens_estimated": False})()  # fmt: skip

    task = task_with(LONG)
    plan = planned(task)
    plan = with_found_labels(plan, label_room(plan, task, FACTS, CAPABILITIES, count))
    rag = next(variant for variant in plan.variants if variant.id == "rag")
    context = RunContext(plan=plan, task=task, model=ScriptedModel(), retriever=Nothing(), cancel=None)  # type: ignore[arg-type]
    with pytest.raises(RetrievalError, match="No example was found"):
        retrieve(context, ReadyVariant(variant=rag), task.split("test")[0])


def test_whether_all_labels_fit_is_not_decided_by_test_rows() -> None:
    """With other test inputs, however long, the same prompts fit."""
    task = task_with(LONG[:150])
    wordy = replace(
        task,
        examples=tuple(
            replace(row, input=f"{row.input} {'and so on ' * 200}") if row.split == "test" else row
            for row in task.examples
        ),
    )
    plan = planned(task)
    larger = replace(FACTS, context_tokens=8192)
    assert label_room(plan, task, larger, CAPABILITIES, count) == label_room(plan, wordy, larger, CAPABILITIES, count)
