"""Which examples few-shot shows: covering ones, or the nearest to each row, and how that is decided."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models.openai_compatible.dialects import GENERIC
from adapters.models.scripted import ScriptedModel
from engine.analysis.basis.choices import shot_sentence
from engine.core.capabilities import Capabilities
from engine.core.errors import ServerBusyError
from engine.core.generation import Completion, GenerateRequest, Message, TextPiece
from engine.core.ports import BuiltIndex, Embeddings, SearchResult
from engine.core.run.events import VariantReady
from engine.core.run.manifest import Preparation
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Passage
from engine.core.run.shot_record import ShotRecord
from engine.core.steps import drain
from engine.core.task import AnswerKind, Example, Task
from engine.core.techniques import Technique
from engine.core.variant import DecodingSpec, PriorCorrection, ShotChoice, Variant
from engine.running.answering import ReadyVariant, RunContext, answer_row
from engine.running.planning import plan_run
from engine.running.preparation.preparing import prepare
from engine.running.sampling import chosen_places, spread_over_labels
from tests.helpers import small_task
from tests.memory_lab_models import word_vectors

MANY = tuple(f"label {letter}" for letter in "abcdefgh")
_MADE = small_task(train=32, test=8, labels=MANY)
TASK = replace(
    _MADE,
    examples=tuple(replace(row, input=f"test {row.input}") if row.split == "test" else row for row in _MADE.examples),
)
points = st.lists(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), min_size=2, max_size=7).map(
    lambda rows: np.array([np.array(row) / np.linalg.norm(row) for row in rows], dtype=np.float32)
)


class Shown(ScriptedModel):
    """Is right where the right label stands among the examples, and names the first label it was shown elsewhere."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        super().__init__()
        self.asked: list[GenerateRequest] = []

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer by what is shown."""
        self.asked.append(request)
        shown = [message.content for message in request.messages if message.role == "assistant"]
        right = next(label for label in MANY if request.messages[-1].content.endswith(label))
        best = right if right in shown else shown[0]
        rest = 0.1 / (len(MANY) - 1)
        shares = {label: 0.9 if label == best else rest for label in request.decoding.labels}
        for item in super().generate(request, cancel=cancel):
            yield TextPiece(text=best) if isinstance(item, TextPiece) else _answer(item, best, shares)


def _answer(item: Completion, text: str, shares: dict[str, float]) -> Completion:
    return replace(item, text=text, probabilities=shares)


class Words:
    """Embeds texts by their words, and finds the training rows that are alike."""

    def __init__(self) -> None:
        """Begin with nothing embedded."""
        self.embedded: list[list[str]] = []
        self.rows: Sequence[Example] = ()
        self.busy = False

    def embed(self, texts: Sequence[str], **_options: object) -> Embeddings:
        """Return unit vectors."""
        self.embedded.append(list(texts))
        return Embeddings(vectors=word_vectors(list(texts)), embed_s=0.25)

    def index(self, rows: Sequence[Example], *_others: object, **_options: object) -> Iterator[BuiltIndex]:
        """Keep the rows, and be busy until the steps are over, as a worker is."""
        self.rows, self.busy = rows, True
        yield BuiltIndex(id="index", build_s=0.5, made_at=1.0)
        self.busy = False

    def search(self, _index_id: str, query: str, *, kind: str, k: int, **_options: object) -> SearchResult:
        """Return the training rows, those that share most words first."""
        assert not self.busy
        rows = sorted(self.rows, key=lambda row: -len(set(row.input.split()) & set(query.split())))[:k]
        found = tuple(Passage(id=row.id, kind=kind, text=row.input, target=row.target, score=1.0) for row in rows)
        return SearchResult(passages=found, retrieval_s=0.0, cpu_s=0.0, rss_bytes=0)


def few_shot(choice: ShotChoice = ShotChoice.AUTO, shots: int = 3) -> Variant:
    """Specify few-shot without prior correction."""
    return Variant(
        id="few-shot",
        technique=Technique.FEW_SHOT,
        shots_k=shots,
        shot_choice=choice,
        decoding=DecodingSpec(prior_correction=PriorCorrection.OFF),
    )


def prepared(
    variant: Variant,
    model: ScriptedModel,
    *,
    task: Task = TASK,
    draws: int = 1,
    known: dict[str, Preparation] | None = None,
) -> tuple[RunContext, ReadyVariant, Preparation, Words]:
    """Prepare a variant."""
    plan = RunPlan(run_id="r", task_id="t", model_id="m", variants=(variant,), test_ids=(), train_ids=(), draws=draws)
    words = Words()
    context = RunContext(plan=plan, task=task, model=model, retriever=words, cancel=threading.Event())  # type: ignore[arg-type]
    ready: list[ReadyVariant] = []
    events = list(prepare(context, None, task.split("train"), ready.append, prepared=known))  # type: ignore[arg-type]
    return context, ready[0], next(event.paid for event in events if isinstance(event, VariantReady)), words


@given(vectors=points, count=st.integers(1, 4))
def test_the_chosen_rows_stand_for_all_others(vectors: np.ndarray, count: int) -> None:
    """Greedy choice reaches at least 63 % of the best similarity that so many rows can have with all others."""
    chosen = chosen_places([""] * len(vectors), vectors, count, ShotChoice.COVERING)
    assert len(set(chosen)) == len(chosen) == min(count, len(vectors))

    def covered(places: Sequence[int]) -> float:
        return float((vectors @ vectors[list(places)].T).max(axis=1).sum())

    best = max(covered(places) for places in itertools.combinations(range(len(vectors)), len(chosen)))
    assert covered(chosen) >= (1 - 1 / np.e) * best - 1e-6


@given(labels=st.lists(st.sampled_from("abc"), min_size=2, max_size=12), count=st.integers(1, 12))
def test_labels_are_covered_before_one_comes_twice(labels: list[str], count: int) -> None:
    """No label has two rows more than another one that still has rows."""
    generator = np.random.default_rng(len(labels))
    vectors = generator.normal(size=(len(labels), 4)).astype(np.float32)
    shown = Counter(labels[place] for place in chosen_places(labels, vectors, count, ShotChoice.COVERING))
    have = Counter(labels)
    for one, other in itertools.permutations(have, 2):
        assert shown[one] <= shown[other] + 1 or shown[other] == have[other]


def test_a_label_is_shown_by_the_row_in_its_middle() -> None:
    """Of three rows of a label the one between the others is taken."""
    angles = np.array([0.0, 0.5, 1.0])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert chosen_places(["a", "a", "a"], vectors, 1, ShotChoice.COVERING) == [1]


def test_nearest_ones_are_spread_over_labels() -> None:
    """A label's second row comes after each found label's first; within a turn the nearer one comes first."""
    found = [Passage(id=str(n), kind="example", text="", target=t, score=1 - n / 10) for n, t in enumerate("aaabca")]
    assert [passage.id for passage in spread_over_labels(found, 4)] == ["0", "3", "4", "1"]
    assert [passage.id for passage in spread_over_labels(found, 9)] == ["0", "3", "4", "1", "2", "5"]


def test_as_many_shots_as_labels_are_the_same_in_every_prompt() -> None:
    """One for each label, chosen by what the inputs say; nothing is asked of the model for it."""
    model = Shown()
    _context, ready, paid, words = prepared(few_shot(shots=8), model)
    assert {shot.target for shot in ready.shots} == set(MANY)
    assert paid.shots == ShotRecord(choice=ShotChoice.COVERING)
    assert len(words.embedded[-1]) == 32
    assert not model.asked


def test_the_nearest_are_taken_where_more_labels_than_shots_leave_some_out() -> None:
    """Three shots show three of eight labels. With the nearest the model is right, and that is found on training rows."""
    model = Shown()
    context, ready, paid, _words = prepared(few_shot(), model)
    assert paid.shots is not None
    assert paid.shots.choice is ShotChoice.NEAREST
    assert paid.shots.right_covering == pytest.approx(9 / 29, abs=0.1)
    assert paid.shots.right_nearest == 1.0
    assert paid.prepare_s >= paid.shots.measure_s + 0.5, "the index is paid for, too"
    assert paid.prepare_s < paid.shots.measure_s + 1.0, "and once"
    assert not paid.reused, "it was built in this run"
    assert paid.shots.rows == 29, "the three that are shown judge neither way"
    test = {row.input for row in TASK.split("test")}
    assert not test & {request.messages[-1].content for request in model.asked}
    made = drain(answer_row(context, ready, TASK.split("test")[5], 0))
    assert made.score == 1
    assert len(made.passages) == 3
    assert len({passage.target for passage in made.passages}) == 3


def test_both_ways_answer_the_same_rows_where_there_are_more_than_are_asked() -> None:
    """Of 120 training rows some 50 are asked; a row that one way was not asked about is nobody's mistake."""
    task = replace(_MADE, examples=(*small_task(train=120, test=0, labels=MANY).examples, *TASK.split("test")))
    model = Shown()
    paid = prepared(few_shot(), model, task=task)[2]
    assert paid.shots is not None
    assert paid.shots.rows == 50
    assert paid.shots.right_nearest == 1.0
    first, second = (
        {request.messages[-1].content for request in model.asked if bool(request.prefix_messages > 1) is fixed}
        for fixed in (True, False)
    )
    assert first == second


def test_the_same_ones_are_kept_where_the_nearest_are_no_better() -> None:
    """A model that does not look at its examples needs no new ones for every row."""

    class Blind(Shown):
        def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
            bare = replace(request, messages=(request.messages[0], Message(role="assistant", content=MANY[0])))
            yield from super().generate(replace(bare, messages=(*bare.messages, request.messages[-1])), cancel=cancel)

    _context, ready, paid, _words = prepared(few_shot(), Blind())
    assert paid.shots is not None
    assert paid.shots.choice is ShotChoice.COVERING
    assert len(ready.shots) == 3
    assert not ready.index_id
    assert paid.prepare_s >= paid.shots.measure_s + 0.5, "the index that was built to compare is paid for all the same"


def test_rows_that_one_way_lost_to_a_busy_server_judge_neither() -> None:
    """Four of 29 rows are never answered with the nearest examples, and nothing is said against these for it."""

    class Busy(Shown):
        def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
            lost = [row.input for row in TASK.split("train")[-5:]]
            if request.prefix_messages <= 1 and any(text in request.messages[-1].content for text in lost):
                raise ServerBusyError("The server is busy.", "Wait.")
            yield from super().generate(request, cancel=cancel)

    shots = prepared(few_shot(), Busy())[2].shots
    assert shots is not None
    assert (shots.choice, shots.rows, shots.right_nearest) == (ShotChoice.NEAREST, 25, 1.0), (
        "the fifth is among those shown"
    )


def test_without_probabilities_the_two_ways_are_compared_by_their_answers() -> None:
    """A server that lists some labels' probabilities alone answers the same training rows; priors stay out of it."""

    class AtServer(Shown):
        @property
        def capabilities(self) -> Capabilities:
            return GENERIC.capabilities

    model = AtServer()
    _context, ready, paid, _words = prepared(few_shot(), model)
    assert paid.shots is not None
    assert paid.shots.choice is ShotChoice.NEAREST
    assert paid.shots.right_covering == pytest.approx(9 / 29, abs=0.1)
    assert (paid.shots.right_nearest, paid.shots.rows) == (1.0, 29)
    assert ready.variant.retrieval is not None
    assert len(model.asked) == 2 * 29
    assert not any(request.decoding.every_label for request in model.asked)


def test_with_few_rows_nothing_is_asked_at_such_a_server() -> None:
    """Seven rows could not decide it, and answers cost money there."""

    class AtServer(Shown):
        @property
        def capabilities(self) -> Capabilities:
            return GENERIC.capabilities

    model = AtServer()
    few = replace(TASK, examples=(*TASK.split("train")[:10], *TASK.split("test")))
    assert prepared(few_shot(), model, task=few)[2].shots == ShotRecord(choice=ShotChoice.COVERING)
    assert not model.asked


def test_a_run_that_goes_on_keeps_what_was_decided() -> None:
    """Nothing is measured again."""
    first = prepared(few_shot(), Shown())
    other = Shown()
    _context, ready, paid, _words = prepared(few_shot(), other, known={"few-shot": first[2]})
    assert paid.shots == first[2].shots
    assert ready.variant == first[1].variant
    assert not other.asked


def test_several_draws_choose_from_halves() -> None:
    """Draws differ, each covers the labels, and a draw is the same whenever it is made."""
    _context, ready, _paid, words = prepared(few_shot(ShotChoice.COVERING, shots=8), Shown(), draws=3)
    assert {len(texts) for texts in words.embedded} == {0, 16}, "none at first: that loads the embedder"
    assert len({tuple(sorted(shot.id for shot in draw.shots)) for draw in ready.draws}) > 1
    assert all({shot.target for shot in draw.shots} == set(MANY) for draw in ready.draws)
    again = prepared(few_shot(ShotChoice.COVERING, shots=8), Shown(), draws=3)[1]
    assert [draw.shots for draw in again.draws] == [draw.shots for draw in ready.draws]


def test_a_plan_chooses_by_default_and_an_old_one_draws() -> None:
    """New plans decide; what a plan of an earlier version shows is not changed under it."""
    plan = plan_run(small_task(kind=AnswerKind.TEXT), ScriptedModel().facts, techniques=[Technique.FEW_SHOT])
    assert plan.variants[0].shot_choice is ShotChoice.AUTO
    old = Variant(id="few-shot", technique=Technique.FEW_SHOT, shots_k=4)
    _context, ready, paid, words = prepared(old, ScriptedModel())
    assert paid.shots is None
    assert len(ready.shots) == 4
    assert not words.embedded


def test_it_is_said_with_both_figures() -> None:
    """Which examples, and how both ways did where they were compared."""
    assert shot_sentence("Few-shot", ShotRecord(choice=ShotChoice.COVERING), 5) == (
        "Few-shot: the 5 examples that the other training rows are most like."
    )
    assert "most unlike each other" in shot_sentence("Few-shot", ShotRecord(choice=ShotChoice.DIVERSE), 5)
    assert "the middle" in shot_sentence("Few-shot", ShotRecord(choice=ShotChoice.MIDDLE), 5)
    record = ShotRecord(choice=ShotChoice.NEAREST, right_covering=0.4, right_nearest=0.62, rows=40)
    assert shot_sentence("Few-shot", record, 10) == (
        "Few-shot: the 10 examples nearest to each row; 40 % right with the same ones in every prompt, 62 % with the "
        "nearest, on 40 training rows."
    )
    assert shot_sentence("Few-shot", replace(record, rows=1), 1) == (
        "Few-shot: one example nearest to each row; 40 % right with the same one in every prompt, 62 % with the nearest, on "
        "1 training row."
    )
    chosen = (ShotChoice.COVERING, ShotChoice.MIDDLE, ShotChoice.DIVERSE)
    one = {choice: shot_sentence("Few-shot", ShotRecord(choice=choice), 1) for choice in chosen}
    assert one[ShotChoice.COVERING] == "Few-shot: one example that the other training rows are most like."
    assert one[ShotChoice.MIDDLE] == "Few-shot: one example nearest to the middle of its label or of all rows."
    assert one[ShotChoice.DIVERSE] == "Few-shot: one example."
