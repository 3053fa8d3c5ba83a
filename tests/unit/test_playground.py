"""The playground and its questions, in a lab without models."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.core.errors import UsageError
from engine.core.task import AnswerKind, Task
from engine.core.techniques import Technique
from engine.core.variant import DecodingMode, DecodingSpec, PromptSpec
from engine.running.defaults import default_variants
from engine.services.playground import PlaySnapshot, Question
from tests.helpers import small_task
from tests.memory_lab import MODEL, MemoryLab, memory_lab, memory_model, memory_task, memory_weights, until
from tests.memory_lab_models import MemoryModel

PROMPTS = (Technique.ZERO_SHOT, Technique.FEW_SHOT, Technique.RAG, Technique.CLASSIFIER)


TASK = memory_task()
ROW = TASK.split("test")[2]


def _question(
    task: Task,
    techniques: tuple[Technique, ...] = PROMPTS,
    *,
    instructions: str | None = None,
    decoding: DecodingMode = DecodingMode.CHOICE,
    **changes: object,
) -> Question:
    variants = default_variants(techniques, task, decoding=DecodingSpec(mode=decoding))
    usual = {
        "task_id": task.id,
        "model_id": MODEL,
        "text": "Where is my parcel?",
        "variants": tuple(replace(one, prompt=PromptSpec(instructions=instructions)) for one in variants),
    }
    return Question(**(usual | changes))  # type: ignore[arg-type]


def _asked(lab: MemoryLab, question: Question) -> PlaySnapshot:
    question_id = lab.playground.ask(question)
    until(lambda: not lab.playground.snapshot(question_id).is_running)
    snapshot = lab.playground.snapshot(question_id)
    assert snapshot is not None
    return snapshot


def test_every_variant_answers_and_says_how() -> None:
    """Each lane ends with an answer, its prompt, tokens and times; retrieval shows its passages."""
    lab = memory_lab(speed=100)
    lab.memory.answers.skill[Technique.CLASSIFIER] = 1.0
    snapshot = _asked(lab, _question(TASK, text=ROW.input, target=ROW.target))
    assert snapshot.status == "done"
    made = {lane.variant.technique: lane.prediction for lane in snapshot.lanes}
    assert all(p is not None and p.answer and p.timing.total_s is not None for p in made.values())
    assert [passage.score for passage in made[Technique.RAG].passages] == sorted(
        (passage.score for passage in made[Technique.RAG].passages), reverse=True
    )
    assert made[Technique.CLASSIFIER].score == 1.0
    assert TASK.instructions in made[Technique.ZERO_SHOT].prompt


def test_without_a_target_nothing_is_scored() -> None:
    """An input whose right answer is unknown is neither right nor wrong, whatever the kind of task."""
    for kind, decoding in ((AnswerKind.JSON, DecodingMode.JSON), (AnswerKind.TEXT, DecodingMode.FREE)):
        task = small_task(kind=kind)
        snapshot = _asked(memory_lab(task=task), _question(task, (Technique.ZERO_SHOT,), decoding=decoding))
        (lane,) = snapshot.lanes
        assert lane.prediction is not None
        assert (lane.prediction.score, lane.prediction.target) == (None, "")


def test_changed_instructions_reach_the_prompt() -> None:
    """What the user edits is what the model gets; the task itself stays as it was."""
    lab = memory_lab(speed=100)
    snapshot = _asked(lab, _question(TASK, (Technique.ZERO_SHOT,), instructions="Say it."))
    assert snapshot.lanes[0].prediction.prompt.startswith("Say it.")
    assert TASK.instructions not in snapshot.lanes[0].prediction.prompt
    assert lab.tasks.get(TASK.id).instructions == TASK.instructions


def test_a_taken_machine_is_told_at_once() -> None:
    """While a run measures, a question does not share the cores and does not wait in silence."""
    lab = memory_lab()
    lab.memory.machine.taken = True
    snapshot = _asked(lab, _question(TASK))
    assert snapshot.status == "failed"
    assert "in progress" in snapshot.message
    assert snapshot.fix


@pytest.mark.parametrize("changes", [{"text": "  "}, {"variants": ()}])
def test_nothing_to_answer_is_refused(changes: dict[str, object]) -> None:
    """No input or no variant is a wrong question, told before anything starts."""
    with pytest.raises(UsageError):
        memory_lab().playground.ask(_question(TASK, **changes))


def test_lora_uses_kept_weights_and_trains_none() -> None:
    """A variant with LoRA takes the weights that are named; without any the question fails with its fix."""
    lab, weights = memory_lab(speed=100), memory_weights()
    assert "Train" in _asked(lab, _question(TASK, (Technique.LORA,))).fix
    lab.memory.library.kept.append(weights)
    snapshot = _asked(lab, _question(TASK, (Technique.LORA,), weights_key=weights.key))
    assert snapshot.status == "done"
    assert lab.memory.library.kept == [weights]


def test_prompts_have_the_room_at_a_server_that_a_run_gives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server sets its size as it is asked to: long examples need more than the Playground's usual context."""
    loaded: list[int] = []

    def load(_model: MemoryModel, *, context_tokens: int, **_options: object) -> float:
        loaded.append(context_tokens)
        return 0.0

    monkeypatch.setattr(MemoryModel, "load", load)
    monkeypatch.setattr(MemoryModel, "count_tokens", lambda *_arguments: 3000)
    for server in ("", "http://127.0.0.1:9/v1"):
        lab = memory_lab(speed=500, models=[memory_model(server=server)])
        _asked(lab, _question(TASK, (Technique.FEW_SHOT,)))
    usual = _question(TASK, (Technique.FEW_SHOT,)).context_tokens
    assert loaded[0] == usual
    assert loaded[1] > 3000 > usual


def test_weights_of_another_base_are_refused() -> None:
    """Weights never act on a base that they were not trained on."""
    lab, weights = memory_lab(), memory_weights(base_digest="cd" * 32)
    lab.memory.library.kept.append(weights)
    snapshot = _asked(lab, _question(TASK, (Technique.LORA,), weights_key=weights.key))
    assert snapshot.status == "failed"
    assert "trained on a base" in snapshot.message
