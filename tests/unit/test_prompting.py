"""From a task, a variant and retrieved items to messages and decoding."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.core.generation import Message
from engine.core.run.prediction import Passage
from engine.core.task import AnswerKind, AnswerSpec, Example
from engine.core.variant import DecodingMode, DecodingSpec, effective_mode
from engine.running.prompting import build_prompt, decoding_for, max_answer_tokens
from tests.helpers import small_task

TASK = small_task()
SHOT = Example(id="s", input=" shot in ", target="billing", split="train")
CHOICE, JSON, FREE = (DecodingSpec(mode=mode) for mode in (DecodingMode.CHOICE, DecodingMode.JSON, DecodingMode.FREE))
JSON_TASK = replace(
    small_task(kind=AnswerKind.JSON), answer=AnswerSpec(kind=AnswerKind.JSON, json_schema={"type": "object"})
)
TEXT_TASK = small_task(kind=AnswerKind.TEXT)


def passage(number: int, kind: str) -> Passage:
    """Build a retrieved item; number 0 is the nearest."""
    return Passage(id=str(number), kind=kind, text=f"{kind} {number}", score=1.0 - number / 10, target=f"t{number}")


def test_the_plain_prompt_is_instructions_and_input() -> None:
    """Zero-shot has two turns, and the first one is shared by all rows."""
    built = build_prompt(TASK, "  where is it? ")
    assert [m.role for m in built.messages] == ["system", "user"]
    assert built.messages[1].content == "where is it?"
    assert built.prefix_messages == 1


def test_fixed_shots_are_part_of_the_shared_prefix() -> None:
    """Few-shot examples are the same on every row, so that their evaluation can be kept."""
    built = build_prompt(TASK, "q", shots=[SHOT])
    assert built.messages[1:3] == (
        Message(role="user", content="shot in"),
        Message(role="assistant", content="billing"),
    )
    assert built.prefix_messages == 3


def test_retrieved_examples_stand_nearest_last_after_the_prefix() -> None:
    """The nearest shot stands next to the input, and none of them is taken for shared."""
    built = build_prompt(TASK, "q", shots=[SHOT], passages=[passage(0, "example"), passage(1, "example")])
    assert [m.content for m in built.messages[3:]] == ["example 1", "t1", "example 0", "t0", "q"]
    assert built.prefix_messages == 3


def test_documents_stand_before_the_input_nearest_first() -> None:
    """Passages of documents go into the last turn, not into turns of their own."""
    built = build_prompt(TASK, "q", passages=[passage(0, "document"), passage(0, "example"), passage(1, "document")])
    assert built.messages[-1].content == "document 0\n\ndocument 1\n\nq"
    assert [m.role for m in built.messages] == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize(
    ("task", "wanted", "found"),
    [
        (TASK, DecodingMode.CHOICE, DecodingMode.CHOICE),
        (TASK, DecodingMode.JSON, DecodingMode.JSON),
        (TASK, DecodingMode.FREE, DecodingMode.FREE),
        (JSON_TASK, DecodingMode.CHOICE, DecodingMode.JSON),
        (JSON_TASK, DecodingMode.FREE, DecodingMode.FREE),
        (TEXT_TASK, DecodingMode.CHOICE, DecodingMode.FREE),
        (TEXT_TASK, DecodingMode.JSON, DecodingMode.FREE),
    ],
)
def test_decoding_fits_the_task(task: object, wanted: DecodingMode, found: DecodingMode) -> None:
    """Choice needs labels and JSON a schema or labels; otherwise the nearest decoding that works is used."""
    assert effective_mode(task, wanted) is found  # type: ignore[arg-type]


def test_json_of_a_label_task_has_the_labels_as_its_schema() -> None:
    """JSON decoding can only name a label of the task."""
    decoding = decoding_for(TASK, JSON, seed=3, row=0)
    assert decoding.json_schema is not None
    assert decoding.json_schema["properties"]["label"]["enum"] == list(TASK.answer.labels)
    assert decoding.labels == ()


def test_each_row_has_a_seed_of_its_own() -> None:
    """Rows draw independently, two runs with one seed alike, and no seed is another seed's next row."""
    seeds = {decoding_for(TASK, CHOICE, seed=seed, row=row).seed for seed in range(3) for row in range(100)}
    assert len(seeds) == 300
    assert decoding_for(TASK, CHOICE, seed=3, row=5) == decoding_for(TASK, CHOICE, seed=3, row=5)


def test_free_text_stops_at_a_line_break_except_for_records() -> None:
    """One line is one answer; a record may have several."""
    assert decoding_for(TASK, FREE, seed=3, row=0).stop == ("\n",)
    assert decoding_for(JSON_TASK, FREE, seed=3, row=0).stop == ()
    assert decoding_for(TASK, CHOICE, seed=3, row=0).stop == ()
    assert max_answer_tokens(JSON_TASK, 64) == 128
    assert max_answer_tokens(TASK, 64) == 64
