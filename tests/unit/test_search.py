"""A search for settings in the runner: sealed test rows, choices that can be made again, stops, and what is used."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from adapters.models.scripted import ScriptedModel
from adapters.storage.run_store import SqliteRunStore
from engine.core.errors import ContextOverflowError, UsageError
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.run.effort import Effort, Search, SearchEnd, TrialOutcome
from engine.core.run.events import Event, PlanSettled, PredictionMade, PreparationProgress, RunEnded, Searched
from engine.core.run.manifest import MachineFacts, Manifest
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.core.techniques import Technique
from engine.core.variant import PriorCorrection, PromptForm, ShotChoice, Variant
from engine.running.defaults import TechniqueOptions
from engine.running.planning import plan_run
from engine.running.preparation.shots import decide_shots
from engine.running.runner import Ports, run
from tests.helpers import small_task
from tests.memory_lab_models import Answers, MemoryRetriever
from tests.memory_lab_training import NoMeter

_SMALL = small_task(train=24, test=12)
TASK = replace(
    _SMALL,
    examples=tuple(replace(row, input=f"{row.split} {row.input}") for row in _SMALL.examples),
)
"""No test row has the input of a training row."""
RIGHT = {example.input: example.target for example in TASK.examples}
ROWS = {example.input: place for place, example in enumerate(TASK.examples)}
BRIEF = "Which of these fits"


class Fussy(ScriptedModel):
    """Is right where the instructions are brief, and on every third row where they are not."""

    asked: list[str]

    def __init__(self) -> None:
        """Begin without a question."""
        super().__init__()
        self.asked = []

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer by the form of the prompt."""
        text = request.messages[-1].content.partition("\n")[0].removeprefix("Text: ")
        self.asked.append(text)
        labels, target = request.decoding.labels, RIGHT.get(text, TASK.answer.labels[0])
        skilled = request.messages[0].content.startswith(BRIEF) or ROWS.get(text, 0) % 3 == 0
        label = target if skilled else next(one for one in labels if one != target)
        odds = {one: 0.9 if one == label else 0.1 / (len(labels) - 1) for one in labels}
        for piece in super().generate(request, cancel=cancel):
            changed = replace(piece, text=label)
            yield replace(changed, probabilities=odds) if isinstance(changed, Completion) else changed


def plan(
    task: Task = TASK, names: Sequence[Technique] = (Technique.ZERO_SHOT, Technique.FEW_SHOT), **choices: Any
) -> RunPlan:
    """Plan a search of some trials."""
    chosen = {"trials": {"all": 6}, "prior_correction": PriorCorrection.OFF, **choices}
    return replace(plan_run(task, ScriptedModel().facts, techniques=names, **chosen), run_id="r")


def ports(folder: Path, a_plan: RunPlan, model: ScriptedModel | None = None) -> Ports:
    """Keep the run in a store of its own."""
    folder.mkdir(exist_ok=True)
    store = SqliteRunStore(folder / "runs.sqlite3")
    store.create_run(Manifest(plan=a_plan, machine=MachineFacts(cores=2)))
    return Ports(
        model=model or Fussy(),
        retriever=MemoryRetriever(Answers(lambda _text: None, 1000.0)),
        trainer=None,
        store=store,
        meter=NoMeter(),
    )  # type: ignore[arg-type]


def carried_out(a_plan: RunPlan, here: Ports, task: Task = TASK, enough: threading.Event | None = None) -> list[Event]:
    """Carry the plan out to its end."""
    return list(run(a_plan, task, here, threading.Event(), enough))


def found(here: Ports) -> str:
    """Return what the searches came to, without what depends on a clock, as bytes to compare."""
    searches = here.store.manifest("r").effort or {}
    plain = {name: asdict(search) for name, search in searches.items()}
    for search in plain.values():
        for trial in search["trials"].values():
            trial["seconds"] = trial["trained_s"] = trial["weights_s"] = 0.0
            if trial["prior"]:
                trial["prior"]["measure_s"] = 0.0
    return json.dumps(plain, sort_keys=True, default=str)


def test_what_is_found_is_used(tmp_path: Path) -> None:
    """The form that the model answers well to is found, the tuned variant answers with it, and the default beside it."""
    a_plan = plan(trials={"all": 12})
    here = ports(tmp_path, a_plan)
    events = carried_out(a_plan, here)
    assert events[-1] == RunEnded(status="done")
    manifest = here.store.manifest("r")
    search = (manifest.effort or {})["zero-shot-tuned"]
    assert search.chosen == search.best
    assert search.chosen
    assert search.in_order[search.chosen].setting["prompt"] == "brief"
    (settled,) = [event.plan for event in events if isinstance(event, PlanSettled)]
    assert settled == manifest.plan
    tuned = next(variant for variant in settled.variants if variant.id == "zero-shot-tuned")
    assert tuned.prompt.form is PromptForm.BRIEF
    scores = {
        name: [p.score for p in here.store.predictions("r") if p.variant_id == name]
        for name in ("zero-shot", "zero-shot-tuned")
    }
    assert sum(scores["zero-shot-tuned"]) == len(TASK.split("test"))
    assert sum(scores["zero-shot"]) == pytest.approx(len(TASK.split("test")) / 3, abs=1)


def test_a_default_that_stays_leaves_the_plan(tmp_path: Path) -> None:
    """With one trial only the default is tried: no tuned variant answers, and the search says so."""
    a_plan = plan(trials={"all": 1})
    here = ports(tmp_path, a_plan)
    carried_out(a_plan, here)
    manifest = here.store.manifest("r")
    assert [variant.id for variant in manifest.plan.variants] == ["zero-shot", "few-shot"]
    for search in (manifest.effort or {}).values():
        assert (search.chosen, search.ended, len(search.trials)) == (0, SearchEnd.TRIALS, 1)
    assert {p.variant_id for p in here.store.predictions("r")} == {"zero-shot", "few-shot"}


@pytest.mark.parametrize(
    ("names", "correction"),
    [
        ((Technique.ZERO_SHOT, Technique.FEW_SHOT), PriorCorrection.OFF),
        ((Technique.FEW_SHOT, Technique.RAG, Technique.CLASSIFIER), PriorCorrection.AUTO),
    ],
)
def test_choices_do_not_depend_on_test_rows(
    names: tuple[Technique, ...], correction: PriorCorrection, tmp_path: Path
) -> None:
    """With the test rows' inputs and labels permuted, trials and choices are the same to the last byte."""
    a_plan = plan(names=names, prior_correction=correction)
    here = ports(tmp_path / "a", a_plan)
    carried_out(a_plan, here)
    test = TASK.split("test")
    inputs, targets = [row.input for row in test][::-1], [row.target for row in test][1:] + [test[0].target]
    changed = iter([replace(row, input=i, target=t) for row, i, t in zip(test, inputs, targets, strict=True)])
    other = replace(TASK, examples=tuple(next(changed) if row.split == "test" else row for row in TASK.examples))
    other_plan = plan(other, names=names, prior_correction=correction)
    assert other_plan.effort is not None
    assert a_plan.effort is not None
    assert other_plan.effort.sealed != a_plan.effort.sealed
    assert other_plan.effort.pool_ids == a_plan.effort.pool_ids
    there = ports(tmp_path / "b", other_plan)
    carried_out(other_plan, there, other)
    assert found(there) == found(here)


def test_nothing_of_a_test_row_is_asked_before_the_search_has_ended(tmp_path: Path) -> None:
    """Until the plan is settled the model has seen no test input, and the store holds no answer."""
    a_plan, model = plan(), Fussy()
    here = ports(tmp_path, a_plan, model)
    test = {row.input for row in TASK.split("test")}
    for event in run(a_plan, TASK, here, threading.Event()):
        if isinstance(event, PlanSettled):
            assert not test & set(model.asked)
            assert here.store.predictions("r") == []
            break
    assert model.asked


def test_test_rows_that_have_changed_stop_the_search(tmp_path: Path) -> None:
    """The seal is checked before anything is tried."""
    a_plan = plan()
    here = ports(tmp_path, a_plan)
    rows = tuple(replace(row, input=row.input + "!") if row.split == "test" else row for row in TASK.examples)
    ended = carried_out(a_plan, here, replace(TASK, examples=rows))[-1]
    assert isinstance(ended, RunEnded)
    assert ended.status == "failed"
    assert "test rows have changed" in ended.message


def test_a_stopped_search_goes_on_where_it_was(tmp_path: Path) -> None:
    """Stopped after some trials and resumed, it tries and chooses what an unbroken one does."""
    a_plan = plan()
    whole = ports(tmp_path / "whole", a_plan)
    carried_out(a_plan, whole)
    parted = ports(tmp_path / "parted", a_plan)
    cancel = threading.Event()
    trials = 0
    for event in run(a_plan, TASK, parted, cancel):
        trials += isinstance(event, Searched)
        if trials == 5:
            cancel.set()
    kept = parted.store.manifest("r").effort or {}
    assert 0 < sum(len(search.trials) for search in kept.values()) < 12
    carried_out(parted.store.manifest("r").plan, parted)
    assert found(parted) == found(whole)
    assert parted.store.manifest("r").plan == whole.store.manifest("r").plan
    answers = [[(p.variant_id, p.example_id, p.answer) for p in one.store.predictions("r")] for one in (parted, whole)]
    assert answers[0] == answers[1]


def test_the_same_number_of_trials_makes_the_same_choices(tmp_path: Path) -> None:
    """A search that ended by the clock is replayed by its numbers of trials."""
    by_clock = plan(trials=None, effort_s=0.4)
    here = ports(tmp_path / "a", by_clock)
    carried_out(by_clock, here)
    searches = here.store.manifest("r").effort or {}
    numbers = {search.technique: len(search.trials) for search in searches.values()}
    folds = {search.technique: search.folds for search in searches.values()}
    passed = {search.technique: search.passed for search in searches.values() if search.passed}
    again = plan(trials=numbers, folds=folds, passed=passed)
    there = ports(tmp_path / "b", again)
    carried_out(again, there)
    for name, search in (there.store.manifest("r").effort or {}).items():
        assert search.chosen == searches[name].chosen
        assert [one.setting for one in search.in_order] == [one.setting for one in searches[name].in_order]


class Frail(Fussy):
    """Cannot answer prompts that repeat the instructions."""

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Fail by the form of the prompt."""
        if "Sort the message" in request.messages[-1].content:
            raise ContextOverflowError("The prompt does not fit.", "Show less.")
        yield from super().generate(request, cancel=cancel)


def test_settings_that_fail_are_told_and_replayed_alike(tmp_path: Path) -> None:
    """A setting that answers nothing has no score and is never used; a resumed search goes on as an unbroken one."""
    a_plan = plan(trials={"all": 10})
    whole = ports(tmp_path / "whole", a_plan, Frail())
    carried_out(a_plan, whole)
    trials = [one for search in (whole.store.manifest("r").effort or {}).values() for one in search.in_order]
    failed = [one for one in trials if one.standing is TrialOutcome.FAILED]
    assert failed
    assert all(one.score is None and one.fold_scores == () and "does not fit" in one.message for one in failed)
    parted, cancel, ended = ports(tmp_path / "parted", a_plan, Frail()), threading.Event(), 0
    for event in run(a_plan, TASK, parted, cancel):
        ended += isinstance(event, Searched)
        if ended == 12:
            cancel.set()
    carried_out(parted.store.manifest("r").plan, parted)
    assert found(parted) == found(whole)


def test_where_auto_compares_two_ways_the_default_decides_for_all_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more labels than examples the default's way is decided in its own trial, and the tuned variant keeps it."""
    labels = [f"desk {number}" for number in range(6)]
    task = small_task(train=60, test=12, labels=labels)
    task = replace(task, examples=tuple(replace(row, input=f"{row.split} {row.input}") for row in task.examples))
    options = TechniqueOptions(shots_k=3)
    a_plan = plan(task, (Technique.FEW_SHOT,), options=options, prior_correction=PriorCorrection.AUTO)
    decided_on: list[int] = []

    def spied(context: Any, variant: Variant, train: Sequence[Any], known: Any) -> Any:
        if known is None and variant.shot_choice is ShotChoice.AUTO:
            decided_on.append(len(train))
        return decide_shots(context, variant, train, known)

    for place in ("search.trying", "preparation.preparing"):
        monkeypatch.setattr(f"engine.running.{place}.decide_shots", spied)
    here = ports(tmp_path, a_plan, ScriptedModel())
    assert carried_out(a_plan, here, task)[-1] == RunEnded(status="done")
    manifest = here.store.manifest("r")
    search = (manifest.effort or {})["few-shot-tuned"]
    shots = search.in_order[0].shots
    assert shots is not None
    assert shots.choice in {ShotChoice.COVERING, ShotChoice.NEAREST}
    tuned = [variant for variant in manifest.plan.variants if variant.tuned]
    assert all(variant.shot_choice is not ShotChoice.AUTO for variant in tuned)
    # What others are compared with is what the run answers with.
    assert manifest.prepared["few-shot"].shots == shots
    assert decided_on == [len(a_plan.train_ids)], "it is decided once"


def test_the_user_can_end_a_search(tmp_path: Path) -> None:
    """Asked to go on, it takes the best so far and answers the test rows."""
    a_plan, enough = plan(trials={"all": 200}), threading.Event()
    here = ports(tmp_path, a_plan)
    for event in run(a_plan, TASK, here, threading.Event(), enough):
        if isinstance(event, Searched) and len(event.search.trials) == 3:
            enough.set()
    manifest = here.store.manifest("r")
    assert {search.ended for search in (manifest.effort or {}).values()} == {SearchEnd.STOPPED}
    made = {p.variant_id for p in here.store.predictions("r")}
    assert made == {variant.id for variant in manifest.plan.variants}


def test_techniques_take_turns(tmp_path: Path) -> None:
    """The one that has used the least of its effort is next, so that ending early leaves them alike."""
    a_plan = plan(trials={"all": 5})
    order = [
        event.variant_id
        for event in carried_out(a_plan, ports(tmp_path, a_plan))
        if isinstance(event, Searched) and event.search.ended is None
    ]
    assert order == ["zero-shot-tuned", "few-shot-tuned"] * 5


def test_progress_names_the_trial(tmp_path: Path) -> None:
    """What is tried, and how far the search is, is told before each trial."""
    a_plan = plan(trials={"all": 2})
    told = [
        event.progress
        for event in carried_out(a_plan, ports(tmp_path, a_plan))
        if isinstance(event, PreparationProgress) and event.progress.stage.startswith("Searching")
    ]
    assert told[0].detail == "loading the embedder"
    assert told[1].detail.startswith("the default")
    shares = [progress.fraction for progress in told]
    assert shares == sorted(shares)


def test_an_effort_survives_the_store(tmp_path: Path) -> None:
    """What is kept of a search reads back as it was."""
    a_plan = plan(trials={"all": 2})
    here = ports(tmp_path, a_plan)
    carried_out(a_plan, here)
    kept = here.store.manifest("r")
    assert isinstance(kept.plan.effort, Effort)
    assert kept.plan.effort.settled
    assert all(isinstance(search, Search) for search in (kept.effort or {}).values())
    assert {one.setting.get("prompt") for search in (kept.effort or {}).values() for one in search.in_order}
    assert any(isinstance(event, PredictionMade) for event in carried_out(kept.plan, here))


def test_an_effort_that_buys_nothing_is_refused() -> None:
    """No seconds, no trials, both at once, or nothing to judge on."""
    for wrong in ({"effort_s": 0.0, "trials": None}, {"effort_s": 5.0}, {"trials": {"all": 0}}):
        with pytest.raises(UsageError):
            plan(**wrong)
    with pytest.raises(UsageError, match="judged on labelled rows"):
        plan(small_task(train=3, test=6), names=(Technique.ZERO_SHOT,))
