"""When the search of one technique ends, how many rows its trials answer, and what its default is judged by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.models.scripted import ScriptedModel
from engine.analysis.basis.efforts import effort_sentences, replay_option
from engine.core.errors import UsageError
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.run.effort import Search, SearchEnd, Setting, Trial, TrialOutcome
from engine.core.run.events import RunEnded
from engine.core.task import Task
from engine.core.techniques import Technique
from engine.core.variant import PriorCorrection
from engine.running.defaults import default_variant
from engine.running.row_tokens import row_tokens
from engine.running.search.choosing import choose, shrunken
from engine.running.search.folds import FOLDS, Fold, Ground
from engine.running.search.proposing import Proposer
from engine.running.search.seeker import Seeker
from engine.running.search.spaces import space_of
from terminal.trials import trials_of
from tests.helpers import small_task
from tests.unit.test_search import TASK, carried_out, plan, ports

LABELS = small_task(train=24, test=12)


ROWS = tuple(LABELS.split("train"))
GROUND = Ground(train=ROWS, folds=(), weights={})
AS_THE_RUN = Ground(train=ROWS, folds=(Fold(learned=ROWS, held_out=tuple(LABELS.split("test"))),), weights={})


def seeker(
    technique: Technique,
    *,
    budget_s: float | None,
    proposed: Setting | None = None,
    folds: int = FOLDS,
    ground: Ground = GROUND,
) -> Seeker:
    """Return one whose proposer proposes the same setting for ever."""
    variant = replace(default_variant(technique, LABELS), tuned=True)
    proposer: Any = SimpleNamespace(next=lambda: proposed, end=lambda *_result, **_how: None)
    return Seeker(
        ground=ground,
        tokens=row_tokens(LABELS, ROWS, ROWS),
        variant=variant,
        space=space_of(variant, LABELS),
        proposer=proposer,
        budget_s=budget_s,
        budget_trials=None if budget_s else 9,
        folds=folds,
    )


def whole(seconds: float, *, folds: int = 1, scores: Sequence[float] = (1.0,), **setting: str) -> Trial:
    """Return a trial that answered all of its folds."""
    return Trial(
        setting=setting, standing=TrialOutcome.WHOLE, score=1.0, fold_scores=(1.0,) * folds, row_scores=tuple(scores),
        seconds=seconds,
    )  # fmt: skip


def trained(seconds: float, *, answering_s: float = 0.0, **setting: str) -> Trial:
    """Return one that trained weights for so many seconds, and then answered."""
    return replace(whole(seconds + answering_s, **setting), trained_s=seconds)


# ---- seconds ----


@pytest.mark.parametrize(("budget_s", "starts"), [(180.0, True), (150.0, True), (140.0, False)])
def test_a_training_is_predicted_by_its_epochs(budget_s: float, starts: bool) -> None:
    """Six epochs took 60 s, so ten take 100: started if they end within the time and 8 % of it."""
    here = seeker(Technique.LORA, budget_s=budget_s, proposed={"epochs": "up to 10"})
    assert here.variant.lora is not None
    assert here.variant.lora.epochs == 6
    here.trials.append(trained(60.0))
    assert (here.next() is not None) is starts
    assert here.ended is (None if starts else SearchEnd.TIME)
    assert here.next_s == (None if starts else pytest.approx(100.0))


def test_loading_the_model_does_not_grow_with_the_epochs() -> None:
    """Six epochs took 60 s, 12 of them loading: two take 28."""
    here = seeker(Technique.LORA, budget_s=70.0, proposed={"epochs": "up to 2"})
    here.trials.append(replace(trained(60.0), loading_s=12.0))
    assert here.next() is None
    assert here.next_s == pytest.approx(28.0)


@pytest.mark.parametrize(("budget_s", "starts"), [(20.0, True), (12.0, False)])
def test_an_encoder_trained_whole_is_predicted_as_longer(budget_s: float, starts: bool) -> None:
    """Logistic regression took 2 s, so an encoder takes 12."""
    here = seeker(Technique.CLASSIFIER, budget_s=budget_s, proposed={"classifier": "encoder trained whole"})
    here.trials.append(whole(2.0, folds=4))
    assert (here.next() is not None) is starts
    assert here.ended is (None if starts else SearchEnd.TIME)


def test_a_prompt_is_predicted_by_the_whole_trials_so_far() -> None:
    """What was given up is no measure of a whole trial."""
    here = seeker(Technique.ZERO_SHOT, budget_s=100.0, proposed={"prompt": "brief"})
    here.trials += [whole(30.0, folds=4), whole(50.0, folds=4), replace(whole(5.0), standing=TrialOutcome.BEHIND)]
    assert here.next() is None
    assert here.ended is SearchEnd.TIME
    assert here.next_s == pytest.approx(40.0)


def test_examples_that_change_with_the_row_take_longer() -> None:
    """They are predicted by the tokens that are read anew for each row, and do not make the others look slow."""
    nearest = {"which examples": "nearest to the row"}
    here = seeker(Technique.FEW_SHOT, budget_s=70.0)
    times = here.size(nearest) / here.size({})
    assert 4 < times < 5, "three examples"
    here.trials += [whole(8.0, folds=4), whole(8.0 * times, folds=4, **nearest)]
    assert here.longest_s == pytest.approx(70.0 * 1.08 - 8.0 - 8.0 * times), "then it is given up"
    here.proposer.next = lambda: {"order": "by label"}  # type: ignore[method-assign]
    assert here.next() is not None, "8 s"
    here.proposer.next = lambda: nearest  # type: ignore[method-assign]
    assert here.next() is None
    assert here.next_s == pytest.approx(8.0 * times)


@pytest.mark.parametrize(("technique", "training_s"), [(Technique.RAG, 0.0), (Technique.RAG_LORA, 80.0)])
def test_fewer_examples_fit_into_what_is_left(technique: Technique, training_s: float) -> None:
    """With one example instead of four a row is read in less than half the time; with twelve it takes more than twice."""
    here = seeker(technique, budget_s=100.0 + training_s, ground=AS_THE_RUN)
    here.trials.append(replace(whole(60.0 + training_s), trained_s=training_s))
    counts = iter(["12", "4", "1"])
    here.proposer.next = lambda: next(({"examples": one} for one in counts), None)  # type: ignore[method-assign]
    assert here.next() == {"examples": "1"}
    assert here.passed == [1, 2]


def test_what_would_take_too_long_is_passed_over_for_what_does_not() -> None:
    """The next setting that ends in time is tried, and the numbers of the others are kept."""
    here = seeker(Technique.LORA, budget_s=140.0)
    epochs = iter(["up to 10", "up to 2", "up to 10"])
    here.proposer.next = lambda: next(({"epochs": one} for one in epochs), None)  # type: ignore[method-assign]
    here.trials.append(trained(60.0))
    assert here.next() == {"epochs": "up to 2"}
    assert here.passed == [1]
    here.trials.append(trained(20.0, epochs="up to 2"))
    assert here.next() is None
    assert (here.ended, here.next_s, here.passed) == (SearchEnd.TIME, pytest.approx(100.0), [1, 3])


def test_with_little_time_left_nothing_is_looked_for() -> None:
    """Within a tenth of the time the first setting that would take too long ends the search."""
    here = seeker(Technique.LORA, budget_s=100.0)
    here.proposer.next = lambda: {"epochs": "up to 10"}  # type: ignore[method-assign]
    here.trials.append(trained(95.0))
    assert here.next() is None
    assert (here.ended, here.passed) == (SearchEnd.TIME, [])


def test_what_was_not_started_is_told() -> None:
    """A search that used less than its time says what another trial would have taken."""
    search = Search(
        technique="lora", trials={"0": whole(130.0)}, ended=SearchEnd.TIME, chosen=0, next_s=130.0,
    )  # fmt: skip
    (told,) = effort_sentences({"lora-tuned": search})
    assert (
        "another would have taken 2 min 10 s, more than was left. "
        "The default stays: the time was too short for another setting." in told
    )


# ---- rows ----


@pytest.mark.parametrize(("fold_s", "folds"), [(5.0, 4), (12.0, 3), (20.0, 2), (25.0, 1), (500.0, 1)])
def test_slow_answers_are_fewer_for_all_trials(fold_s: float, folds: int) -> None:
    """In 180 s at least four trials should fit; with the default's folds all others are whole, too."""
    here = seeker(Technique.RAG, budget_s=180.0)
    answered = next(n for n in range(1, FOLDS + 1) if here.is_enough(n * fold_s, fold_s, n))
    assert answered == folds
    here.trials.append(whole(answered * fold_s, folds=answered))
    assert [here.is_enough(0.1, 0.1, n) for n in (folds - 1, folds)] == [False, True]


def test_what_is_decided_once_does_not_make_folds_slow() -> None:
    """The first fold also chose the examples, 18 s of 23: three more of 5 s fit."""
    here = seeker(Technique.FEW_SHOT, budget_s=180.0)
    assert [here.is_enough(18.0 + 5.0 * n, 5.0, n) for n in (1, 2, 3, 4)] == [False, False, False, True]


def test_a_search_that_tried_what_is_not_offered_any_more_does_not_go_on() -> None:
    """An older version had options that this one has not: a clear error, and no guess at what they were."""
    here = seeker(Technique.LORA, budget_s=180.0)
    proposer = Proposer(here.variant, here.space, seed=0)
    proposer.replay(whole(60.0))
    with pytest.raises(UsageError, match="other settings"):
        proposer.replay(whole(60.0, epochs="up to 15"))


def test_where_trials_are_counted_all_folds_are_answered_or_those_named() -> None:
    """However long they take."""
    assert [seeker(Technique.RAG, budget_s=None).is_enough(9_999.0, 9.0, n) for n in (1, 3, 4)] == [False, False, True]
    assert [seeker(Technique.RAG, budget_s=None, folds=2).is_enough(1.0, 1.0, n) for n in (1, 2)] == [False, True]


def test_the_option_that_replays_names_the_folds() -> None:
    """Where they are not all; weights always answer one."""
    trained = replace(whole(60.0), trainings=1)
    searches = {
        "rag-tuned": Search(technique="rag", trials={"0": whole(50.0, folds=1), "1": whole(40.0, folds=1)}),
        "few-shot-tuned": Search(technique="few-shot", trials={"0": whole(9.0, folds=4)}),
        "lora-tuned": Search(technique="lora", trials={"0": trained}),
    }
    assert replay_option(searches) == "rag=2x1,few-shot=1,lora=1"
    passing = Search(technique="rag", trials={"0": whole(50.0, folds=1), "1": whole(40.0, folds=1)}, passed=(1, 2, 4))
    assert replay_option({"rag-tuned": passing}) == "rag=2x1-1..2", "the fourth came after the last trial"
    assert trials_of("rag=2x1-1..2-7").passed == {"rag": (1, 2, 7)}


def test_a_trial_of_fewer_folds_is_whole(tmp_path: Path) -> None:
    """With two folds asked for, default and others answer the same half of the rows."""
    a_plan = plan(names=(Technique.ZERO_SHOT,), folds={"zero-shot": 2}, trials={"zero-shot": 12})
    here = ports(tmp_path, a_plan)
    carried_out(a_plan, here)
    search = (here.store.manifest("r").effort or {})["zero-shot-tuned"]
    assert search.folds == 2
    rows = {len(trial.row_scores) for trial in search.in_order if trial.standing is TrialOutcome.WHOLE}
    assert len(rows) == 1
    assert rows.pop() < len(TASK.split("train")) * 3 / 4
    assert search.chosen


@pytest.mark.parametrize("folds", [0, FOLDS + 1])
def test_folds_that_do_not_exist_are_refused(folds: int) -> None:
    """There are four."""
    with pytest.raises(UsageError, match="that many parts"):
        plan(folds={"all": folds})


# ---- doubt ----


def test_a_gain_among_settings_that_differ_by_chance_alone_is_luck() -> None:
    """The same gain that changes the default as the only other setting does not beside eleven that equal it."""
    default, better = whole(1.0, scores=[1.0] * 20 + [0.0] * 20), whole(1.0, scores=[1.0] * 25 + [0.0] * 15)
    same = [whole(1.0, scores=default.row_scores)] * 11
    weights = np.ones(40)
    assert choose([default, better], weights).chosen == 1
    assert choose([default, better, *same], weights).chosen == 0
    given_up = [replace(one, standing=TrialOutcome.BEHIND) for one in same]
    assert choose([default, better, *given_up], weights).chosen == 0, "what was given up was tried, too"
    failed = [replace(one, standing=TrialOutcome.FAILED) for one in same]
    assert choose([default, better, *failed], weights).chosen == 1


def test_gains_are_shrunk_by_what_chance_explains() -> None:
    """None is left without spread, most with much; the centre is never above the default; one alone needs one error."""
    errors = np.full(4, 0.05)
    assert shrunken(np.array([0.05, -0.05, 0.04, -0.04]), errors) == pytest.approx(np.zeros(4))
    wide = shrunken(np.array([0.3, -0.3, 0.2, -0.2]), errors)
    assert 0.9 * 0.3 < wide[0] < 0.3
    better = shrunken(np.array([0.2, 0.19, 0.21, 0.2]), errors)
    assert all(0.15 < one < 0.2 for one in better), "all better than the default by the same: that is no luck"
    worse = shrunken(np.array([-0.2, -0.19, -0.21, 0.03]), np.full(4, 0.1))
    assert worse[3] < 0
    assert shrunken(np.array([0.05]), np.array([0.05])) == pytest.approx([0.0])
    assert shrunken(np.array([0.10]), np.array([0.05])) == pytest.approx([0.075])


@settings(max_examples=200)
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0.01, 0.5)), min_size=1, max_size=30))
def test_no_gain_grows_and_no_order_among_equal_errors_turns(measured: list[tuple[float, float]]) -> None:
    """Shrinking moves each gain towards the centre, never beyond, and ranks settings of the same error as measured."""
    gains = np.array([gain for gain, _error in measured])
    errors = np.array([error for _gain, error in measured])
    found = shrunken(gains, errors)
    assert np.all(np.isfinite(found))
    assert np.all(found <= np.maximum(gains, 0.0) + 1e-9)
    alike = shrunken(gains, np.full(len(gains), 0.1))
    order = np.argsort(gains, kind="stable")
    assert np.all(np.diff(alike[order]) >= -1e-9)


# ---- the default's own trial ----


class Leaning(ScriptedModel):
    """Answers with the first label; what speaks for the right one besides is seen by correction alone, in some rows."""

    def __init__(self, task: Task, helped: tuple[str, ...]) -> None:
        """Give the right answers away in these splits."""
        super().__init__()
        self._right = {row.input: row.target for row in task.examples if row.split in helped}

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer, with a probability for each label."""
        text = request.messages[-1].content.partition("\n")[0].removeprefix("Text: ")
        labels = request.decoding.labels
        odds = dict.fromkeys(labels, 0.1) | {labels[0]: 0.7}
        odds[self._right.get(text, labels[0])] += 0.1
        told = {label: value / sum(odds.values()) for label, value in odds.items()}
        for piece in super().generate(request, cancel=cancel):
            changed = replace(piece, text=labels[0])
            yield replace(changed, probabilities=told) if isinstance(changed, Completion) else changed


@pytest.mark.parametrize(("helped", "default", "others"), [
    (("train", "validation"), True, True), (("validation",), False, True), ((), False, False),
])  # fmt: skip
def test_the_default_is_judged_by_the_rows_that_it_decides_by(
    tmp_path: Path, helped: tuple[str, ...], default: bool, others: bool
) -> None:
    """Correction that helps on validation rows alone is no part of the default's trial; other settings may use it."""
    more = [
        replace(row, id=f"more-{row.id}", split="validation", input=f"more {row.input}") for row in TASK.split("train")
    ]
    task = replace(TASK, examples=(*TASK.examples, *more))
    a_plan = plan(task, names=(Technique.ZERO_SHOT,), prior_correction=PriorCorrection.AUTO, trials={"all": 4})
    here = ports(tmp_path, a_plan, Leaning(task, helped))
    assert carried_out(a_plan, here, task)[-1] == RunEnded(status="done")
    first, *rest = (here.store.manifest("r").effort or {})["zero-shot-tuned"].in_order
    assert first.corrected is default
    assert {trial.corrected for trial in rest if trial.standing is TrialOutcome.WHOLE} == {others}
