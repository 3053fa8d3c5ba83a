"""A search beside what can go wrong: busy servers, settings that fail late, an end in the midst of a trial, two embedders."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.models.scripted import ScriptedModel
from engine.analysis.basis.efforts import amount, replay_option
from engine.core.errors import RetrievalError, ServerBusyError, UsageError, WorkerDiedError
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.ports import Embeddings
from engine.core.run.effort import Search, SearchEnd, Trial, TrialOutcome
from engine.core.run.events import RunEnded, Searched
from engine.core.techniques import Technique
from engine.core.variant import PriorCorrection
from engine.running.planning import plan_run
from engine.running.preflight.embedders import EmbedderChoice
from engine.running.runner import Ports, run
from engine.running.search.folds import FOLDS
from engine.running.search.seeker import Seeker
from terminal.trials import trials_of
from tests.memory_lab_models import Answers, MemoryRetriever
from tests.unit.test_search import BRIEF, TASK, Fussy, carried_out, found, plan, ports

TRAINED_ON = frozenset(row.input for row in TASK.examples if row.split == "train")


class Busy(Fussy):
    """Is busy whenever a row is asked about for the first time with a prompt."""

    def __init__(self, times: int, rows: frozenset[str] = TRAINED_ON) -> None:
        """Be busy so many times for each prompt with one of these rows."""
        super().__init__()
        self.refused: Counter[tuple[str, ...]] = Counter()
        self.times, self._rows = times, rows

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Refuse, then answer."""
        prompt = tuple(message.content for message in request.messages)
        if any(text in prompt[-1] for text in self._rows) and self.refused[prompt] < self.times:
            self.refused[prompt] += 1
            raise ServerBusyError("The server is busy.", "Wait.")
        yield from super().generate(request, cancel=cancel)


def test_a_busy_server_does_not_decide_between_settings(tmp_path: Path) -> None:
    """A row that it was too busy for is asked again, and the search comes to what it comes to without."""
    a_plan = plan(trials={"all": 4})
    calm, busy = ports(tmp_path / "calm", a_plan), ports(tmp_path / "busy", a_plan, Busy(1))
    carried_out(a_plan, calm)
    carried_out(a_plan, busy)
    assert isinstance(busy.model, Busy)
    assert busy.model.refused
    assert found(busy) == found(calm)


@pytest.mark.parametrize("correction", PriorCorrection)
def test_a_row_that_a_server_stays_too_busy_for_ends_no_search(tmp_path: Path, correction: PriorCorrection) -> None:
    """Asked twice in vain, it counts as wrong, and the run comes to its end."""
    a_plan = plan(trials={"all": 2}, prior_correction=correction)
    lost = TASK.split("train")[0].input
    here = ports(tmp_path, a_plan, Busy(10**6, frozenset({lost})))
    assert carried_out(a_plan, here)[-1] == RunEnded(status="done")
    (trial, *_others) = (here.store.manifest("r").effort or {})["zero-shot-tuned"].in_order
    assert trial.standing is TrialOutcome.WHOLE
    assert None not in trial.row_scores


@pytest.mark.parametrize("correction", PriorCorrection)
def test_a_server_that_stays_busy_stops_the_run_which_goes_on(tmp_path: Path, correction: PriorCorrection) -> None:
    """Nothing is decided by a server's want of capacity: resumed, the search comes to what it comes to without."""
    a_plan = plan(trials={"all": 4}, prior_correction=correction)
    calm, here = ports(tmp_path / "calm", a_plan), ports(tmp_path / "busy", a_plan, busy := Busy(10**6))
    carried_out(a_plan, calm)
    assert carried_out(a_plan, here)[-1] == RunEnded(status="failed", message="The server is busy.", fix="Wait.")
    assert not any(search.trials for search in (here.store.manifest("r").effort or {}).values())
    busy.times = 0
    assert carried_out(a_plan, here)[-1] == RunEnded(status="done")
    assert found(here) == found(calm)


class Mortal(Fussy):
    """Its worker dies at each prompt that begins so; in batches, at once for all."""

    def __init__(self, beginning: str) -> None:
        """Die at this beginning."""
        super().__init__()
        self.beginning = beginning

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Die, or answer."""
        if request.messages[0].content.startswith(self.beginning):
            raise WorkerDiedError("The model's process ended.", "Try again.")
        yield from super().generate(request, cancel=cancel)


def test_a_worker_that_dies_at_the_default_stops_the_run_which_goes_on(tmp_path: Path) -> None:
    """Its rows count as nothing: resumed, the search comes to what it comes to without."""
    a_plan = plan(trials={"all": 4})
    calm, here = ports(tmp_path / "calm", a_plan), ports(tmp_path / "dead", a_plan, mortal := Mortal(" "))
    carried_out(a_plan, calm)
    mortal.beginning = TASK.instructions[:20]
    ended = carried_out(a_plan, here)[-1]
    assert ended == RunEnded(status="failed", message="The model's process ended.", fix="Try again.")
    mortal.beginning = " "
    assert carried_out(a_plan, here)[-1] == RunEnded(status="done")
    assert found(here) == found(calm)


def test_a_row_at_which_the_worker_dies_ends_no_search(tmp_path: Path) -> None:
    """It counts as wrong with every setting, as it does in a run, and takes no other row of its batch with it."""
    a_plan = plan(trials={"all": 4})
    poison = TASK.split("train")[0]

    class AtOneRow(Mortal):
        def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
            if poison.input in request.messages[-1].content:
                raise WorkerDiedError("The model's process ended.", "Try again.")
            yield from super().generate(request, cancel=cancel)

    calm, here = ports(tmp_path / "calm", a_plan), ports(tmp_path / "dead", a_plan, AtOneRow(" "))
    carried_out(a_plan, calm)
    assert carried_out(a_plan, here)[-1] == RunEnded(status="done")
    both = [(one.store.manifest("r").effort or {})["zero-shot-tuned"].in_order[0] for one in (calm, here)]
    before, after = (trial.row_scores for trial in both)
    changed = [place for place, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert both[1].standing is TrialOutcome.WHOLE
    assert len(changed) <= 1
    assert all(after[place] == 0.0 for place in changed)


def test_a_worker_that_dies_at_another_setting_makes_that_setting_fail(tmp_path: Path) -> None:
    """It has no figure, not even one of zeros, and the search goes on."""
    a_plan = plan(trials={"all": 12})
    here = ports(tmp_path, a_plan, Mortal(BRIEF))
    assert carried_out(a_plan, here)[-1] == RunEnded(status="done")
    trials = (here.store.manifest("r").effort or {})["zero-shot-tuned"].in_order
    brief = [trial for trial in trials if trial.setting.get("prompt") == "brief"]
    assert brief
    assert {(trial.standing, trial.score) for trial in brief} == {(TrialOutcome.FAILED, None)}
    assert {trial.standing for trial in trials} > {TrialOutcome.FAILED}


class FailsOnce(MemoryRetriever):
    """Cannot embed at one of its calls."""

    def __init__(self, call: int) -> None:
        """Fail at this call, counted from 1."""
        super().__init__(Answers(lambda _text: None, 1000.0))
        self._left = call

    def embed(self, texts: Sequence[str], **asked: Any) -> Embeddings:
        """Fail when it is time."""
        self._left -= bool(texts)
        if texts and self._left == 0:
            raise RetrievalError("The texts could not be embedded.", "Look at the log.")
        return super().embed(texts, **asked)


def test_what_failed_on_a_later_part_was_compared_on_the_first(tmp_path: Path) -> None:
    """Its means so far are kept, for others are given up or not beside them: a resumed search does as an unbroken one."""
    a_plan = plan(names=(Technique.FEW_SHOT,), trials={"all": 9})
    whole, parted = (
        replace(ports(tmp_path / name, a_plan), retriever=FailsOnce(call=FOLDS + 2)) for name in ("whole", "parted")
    )
    carried_out(a_plan, whole)
    (late,) = [one for one in _trials(whole) if one.standing is TrialOutcome.FAILED]
    assert late.score is None
    assert len(late.fold_scores) == 1
    cancel = threading.Event()
    for event in run(a_plan, TASK, parted, cancel):
        if isinstance(event, Searched) and len(event.search.trials) == 4:
            cancel.set()
    carried_out(parted.store.manifest("r").plan, parted)
    assert found(parted) == found(whole)


def _trials(here: Ports) -> Sequence[Trial]:
    return (here.store.manifest("r").effort or {})["few-shot-tuned"].in_order


class Waiting(Fussy):
    """Sets a signal while it answers the row with this number."""

    def __init__(self, signal: threading.Event, row: int) -> None:
        """Begin with nothing answered."""
        super().__init__()
        self._signal, self._row = signal, row

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer, and set the signal when it is time."""
        yield from super().generate(request, cancel=cancel)
        if len(self.asked) == self._row:
            self._signal.set()


def test_the_best_so_far_is_taken_in_the_midst_of_a_trial(tmp_path: Path) -> None:
    """What was under way is given up at once and is no trial; the run goes on with what was found, and can be made again."""
    a_plan, enough = plan(trials={"all": 50}), threading.Event()
    pool = len(a_plan.effort.pool_ids) if a_plan.effort else 0
    model = Waiting(enough, row=2 * pool + 3)
    here = ports(tmp_path, a_plan, model)
    asked = 0
    for event in run(a_plan, TASK, here, threading.Event(), enough):
        if isinstance(event, Searched) and event.search.ended is SearchEnd.STOPPED and not asked:
            asked = len(model.asked)
    assert asked <= 2 * pool + 3 + a_plan.batch_rows
    manifest = here.store.manifest("r")
    searches = manifest.effort or {}
    assert {search.ended for search in searches.values()} == {SearchEnd.STOPPED}
    assert {len(search.trials) for search in searches.values()} == {1}
    assert len(here.store.predictions("r")) == 2 * len(TASK.split("test"))


class Slow(Fussy):
    """Takes a quarter of an hour for one of its rows."""

    def __init__(self, row: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take it for this row, counted from 1, by a clock that this test sets."""
        super().__init__()
        self._row, self._late_s, clock = row, 0.0, time.perf_counter
        monkeypatch.setattr(time, "perf_counter", lambda: clock() + self._late_s)

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer, and put the clock forward when it is time."""
        yield from super().generate(request, cancel=cancel)
        if len(self.asked) == self._row:
            self._late_s = 900.0


def test_a_trial_that_takes_longer_than_foreseen_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its search ends for want of time, with its seconds counted; the run goes on, and can be made again."""
    a_plan = plan(names=(Technique.ZERO_SHOT,), trials=None, effort_s=180.0)
    pool = len(a_plan.effort.pool_ids) if a_plan.effort else 0
    here = ports(tmp_path, a_plan, Slow(pool + 3, monkeypatch))
    assert carried_out(a_plan, here)[-1] == RunEnded(status="done")
    (search,) = (here.store.manifest("r").effort or {}).values()
    assert (search.ended, search.chosen, search.passed) == (SearchEnd.TIME, 0, (1,))
    assert [trial.standing for trial in search.in_order] == [TrialOutcome.WHOLE]
    assert 900 <= search.given_up_s < 1000
    assert search.seconds > search.given_up_s
    assert replay_option({"zero-shot-tuned": search}) == "zero-shot=1"
    assert {made.failure for made in here.store.predictions("r")} == {None}


def test_the_default_is_never_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other setting is compared with it: its trial goes to its end, however long that takes."""
    a_plan = plan(names=(Technique.ZERO_SHOT,), trials=None, effort_s=180.0)
    here = ports(tmp_path, a_plan, Slow(3, monkeypatch))
    assert carried_out(a_plan, here)[-1] == RunEnded(status="done")
    (search,) = (here.store.manifest("r").effort or {}).values()
    assert (search.ended, search.given_up_s) == (SearchEnd.TIME, 0.0)
    assert [trial.standing for trial in search.in_order] == [TrialOutcome.WHOLE]


_TRIAL = Trial(setting={}, standing=TrialOutcome.WHOLE, fold_scores=(0.5,) * 4)
TWO = EmbedderChoice(ids=("one@1", "two@2"))


def test_trials_are_counted_for_each_embedder() -> None:
    """What replays a search names its variants, and a technique's number holds for those that are not named."""
    names = (Technique.ZERO_SHOT, Technique.RAG)
    facts = ScriptedModel().facts

    def counted(**trials: int) -> dict[str, int]:
        a_plan = plan_run(TASK, facts, techniques=names, trials=trials, embedding=TWO)
        return dict(a_plan.effort.trials) if a_plan.effort else {}

    assert counted(rag=4) == {"zero-shot": 1, "rag": 4, "rag@two": 4}
    given = trials_of("rag=12x2-3,rag@two=9")
    named = {"trials": given.counts, "folds": given.folds, "passed": given.passed}
    effort = plan_run(TASK, facts, techniques=names, embedding=TWO, **named).effort
    assert effort is not None
    assert effort.folds == {"zero-shot": FOLDS, "rag": 2, "rag@two": FOLDS}, "what stands beside a number holds with it"
    assert effort.passed == {"rag": (3,)}
    with pytest.raises(UsageError, match="Setting 0"):
        plan_run(TASK, facts, techniques=names, trials={"rag": 3}, passed={"rag": (0,)})
    assert counted(all=2, **{"rag@two": 3}) == {"zero-shot": 2, "rag": 2, "rag@two": 3}
    with pytest.raises(UsageError, match="rag@three"):
        counted(**{"rag@three": 3})
    trial = replace(Search(), trials={"0": _TRIAL, "1": _TRIAL})
    searches = {
        "rag-tuned": replace(trial, technique="rag"),
        "rag@two-tuned": replace(trial, technique="rag", trials={}),
    }
    assert replay_option(searches) == "rag=2,rag@two=1"
    a_plan = plan_run(TASK, facts, techniques=names, trials={"rag": 4, "rag@two": 3}, embedding=TWO)
    assert a_plan.effort is not None
    assert amount(a_plan.effort) == "1 trial for zero-shot, 4 for RAG and 3 for RAG with two"


def test_what_was_passed_over_for_want_of_time_is_passed_over_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings that would take too long are left out, others are tried in their place, and that is made again, too."""
    predicted_s, long = Seeker._predicted_s, {"listed", "framed"}
    monkeypatch.setattr(
        Seeker, "_predicted_s", lambda one, setting: 1e6 if setting.get("prompt") in long else predicted_s(one, setting)
    )
    by_clock = plan(names=(Technique.ZERO_SHOT,), trials=None, effort_s=60.0)
    here = ports(tmp_path / "clock", by_clock)
    carried_out(by_clock, here)
    search = (here.store.manifest("r").effort or {})["zero-shot-tuned"]
    assert search.ended is SearchEnd.TIME
    assert search.passed
    tried = [one.setting for one in search.in_order]
    assert len(tried) > 2
    assert not long & {setting.get("prompt") for setting in tried}
    monkeypatch.undo()
    given = trials_of(replay_option({"zero-shot-tuned": search}))
    again = plan(names=(Technique.ZERO_SHOT,), trials=given.counts, folds=given.folds, passed=given.passed)
    whole, parted = ports(tmp_path / "whole", again), ports(tmp_path / "parted", again)
    carried_out(again, whole)
    made = (whole.store.manifest("r").effort or {})["zero-shot-tuned"]
    assert [one.setting for one in made.in_order] == tried
    assert made.chosen == search.chosen
    cancel = threading.Event()
    for event in run(again, TASK, parted, cancel):
        if isinstance(event, Searched) and len(event.search.trials) == 3:
            cancel.set()
    carried_out(parted.store.manifest("r").plan, parted)
    assert found(parted) == found(whole)
