"""The playground and its questions, on a bench without models."""

from __future__ import annotations

import pytest

from engine.core.errors import UsageError
from engine.core.task import AnswerKind, Task
from engine.core.variant import DecodingMode, Technique
from engine.running.defaults import default_variants
from engine.services.playground import Playground, PlaySnapshot, Question
from tests.fake_bench import FakeBench, fake_weights, until
from tests.fake_laboratory import fake_model, fake_task
from tests.helpers import small_task

PROMPTS = (Technique.ZERO_SHOT, Technique.FEW_SHOT, Technique.RAG, Technique.CLASSIFIER)


def _question(task: Task, techniques: tuple[Technique, ...] = PROMPTS, **changes: object) -> Question:
    usual = {
        "task_id": task.id,
        "model_id": "fake-135m",
        "text": "Where is my parcel?",
        "instructions": task.instructions,
        "variants": default_variants(techniques, task),
    }
    return Question(**(usual | changes))  # type: ignore[arg-type]


def _asked(bench: FakeBench, question: Question) -> PlaySnapshot:
    playground = Playground(bench)
    ask_id = playground.ask(question)
    until(lambda: not playground.snapshot(ask_id).goes_on)
    snapshot = playground.snapshot(ask_id)
    assert snapshot is not None
    return snapshot


def test_every_variant_answers_and_says_how() -> None:
    """Each lane ends with an answer, its prompt, tokens and times; retrieval shows its passages."""
    task = fake_task()
    snapshot = _asked(FakeBench(task, fake_model()), _question(task, target="delivery_order"))
    assert snapshot.status == "done"
    made = {lane.variant.technique: lane.prediction for lane in snapshot.lanes}
    assert all(p is not None and p.answer and p.timing.total_s is not None for p in made.values())
    assert [passage.score for passage in made[Technique.RAG].passages] == sorted(
        (passage.score for passage in made[Technique.RAG].passages), reverse=True
    )
    assert made[Technique.CLASSIFIER].score == 1.0
    assert task.instructions in made[Technique.ZERO_SHOT].prompt


def test_without_a_target_nothing_is_scored() -> None:
    """An input whose right answer is unknown is neither right nor wrong, whatever the kind of task."""
    for kind, decoding in ((AnswerKind.JSON, DecodingMode.JSON), (AnswerKind.TEXT, DecodingMode.FREE)):
        task = small_task(kind=kind)
        snapshot = _asked(FakeBench(task, fake_model()), _question(task, (Technique.ZERO_SHOT,), decoding=decoding))
        (lane,) = snapshot.lanes
        assert lane.prediction is not None
        assert (lane.prediction.score, lane.prediction.target) == (None, "")


def test_changed_instructions_reach_the_prompt() -> None:
    """What the user edits is what the model gets; the task itself stays as it was."""
    task = fake_task()
    snapshot = _asked(FakeBench(task, fake_model()), _question(task, (Technique.ZERO_SHOT,), instructions="Say it."))
    assert snapshot.lanes[0].prediction.prompt.startswith("Say it.")
    assert task.instructions not in snapshot.lanes[0].prediction.prompt


def test_a_taken_machine_is_told_at_once() -> None:
    """While a run measures, a question does not share the cores and does not wait in silence."""
    task = fake_task()
    bench = FakeBench(task, fake_model())
    bench.taken = True
    snapshot = _asked(bench, _question(task))
    assert snapshot.status == "failed"
    assert "under way" in snapshot.message
    assert snapshot.mend


@pytest.mark.parametrize("changes", [{"text": "  "}, {"variants": ()}])
def test_nothing_to_answer_is_refused(changes: dict[str, object]) -> None:
    """No input or no variant is a wrong question, told before anything starts."""
    task = fake_task()
    with pytest.raises(UsageError):
        Playground(FakeBench(task, fake_model())).ask(_question(task, **changes))


def test_lora_uses_kept_weights_and_trains_none() -> None:
    """A variant with LoRA takes the weights that are named; without any the question fails with its mend."""
    task, model = fake_task(), fake_model()
    bench = FakeBench(task, model)
    assert "Train" in _asked(bench, _question(task, (Technique.LORA,))).mend
    bench.library.kept.append(fake_weights(base_digest=model.digest, template_digest=model.template_digest))
    snapshot = _asked(bench, _question(task, (Technique.LORA,), weights_key="0123456789abcdef"))
    assert snapshot.status == "done"
    assert len(bench.library.kept) == 1


def test_weights_of_another_base_are_refused() -> None:
    """Weights never act on a base that they were not trained on."""
    task = fake_task()
    bench = FakeBench(task, fake_model())
    bench.library.kept.append(fake_weights(base_digest="cd" * 32))
    snapshot = _asked(bench, _question(task, (Technique.LORA,), weights_key="0123456789abcdef"))
    assert "trained on a base" in snapshot.message
