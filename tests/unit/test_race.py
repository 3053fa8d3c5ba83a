"""A race: who is surely behind leaves, one by one, and what is saved; in the runner, on screens, and after a stop."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.ui.lane_view import lane_views
from engine.analysis.figures import run_figures
from engine.analysis.run_table import table_from_predictions
from engine.analysis.tradeoff import best_on_all, pareto
from engine.analysis.verdict.deciding import decide
from engine.core.capabilities import Capabilities, Support
from engine.core.interval import Interval
from engine.core.limits import Limits
from engine.core.run.events import LeaderClear, PredictionMade, RunEnded, VariantOut, VariantReady
from engine.core.run.infos import info_of
from engine.core.run.prediction import Failure, FailureKind, Prediction
from engine.metrics.early_stopping import (
    RACE_ERROR,
    RACE_MARGIN,
    evidence_against,
    race_threshold,
    surely_behind,
)
from engine.metrics.inference import WATCHED
from engine.running.runner import run
from engine.running.standings import Standings
from engine.running.turns import BLOCK_ROWS
from engine.services.recorded import fold
from engine.studies.drift import drift_plans
from tests.racing import SKILL, TASK, Skilled, race_plan, race_ports


def test_a_margin_asks_for_a_lead_of_more_than_it() -> None:
    """Evidence for being more than 2 points ahead is less than for being ahead, and there is none where the gap is 1."""
    generator = np.random.default_rng(1)
    leader, rival = (generator.random(400) < 0.8).astype(float), (generator.random(400) < 0.5).astype(float)
    assert evidence_against(leader, rival) > evidence_against(leader, rival, margin=RACE_MARGIN) > 2 / WATCHED
    nearly = leader.copy()
    nearly[:4] = 1 - nearly[:4]
    assert evidence_against(leader, nearly, margin=RACE_MARGIN) < 2


def test_nobody_is_behind_before_the_first_row_or_alone() -> None:
    """No rows tell nothing, and one variant has nobody to be behind."""
    assert surely_behind({}) == ()
    assert surely_behind({"a": [], "b": []}) == ()
    assert surely_behind({"a": [1.0] * 50}) == ()
    assert surely_behind({"a": [1.0] * 50, "b": [0.0] * 50}) == ("b",)
    with pytest.raises(ValueError, match="same rows"):
        surely_behind({"a": [1.0], "b": [1.0, 0.0]})


AHEAD, BEHIND = [1.0] * 20, [1.0] * 8 + [0.0] * 12


def _began_for(going: int, stakes: float) -> int:
    """Return a number of variants for whose race, with so many still in it, these stakes are just too little."""
    return next(began for began in range(2, 99) if race_threshold(began, going) > stakes)


def test_more_variants_ask_for_more_evidence() -> None:
    """The chances of losing one of the best add up to 5 % over those still in a race, by the stakes of all others."""
    for began, going in ((2, 2), (6, 6), (12, 12), (12, 5)):
        assert going * (began - 1) / race_threshold(began, going) == pytest.approx(RACE_ERROR)
    rows = {"a": AHEAD, "b": BEHIND}
    stake = evidence_against(AHEAD, BEHIND, margin=RACE_MARGIN)
    assert stake > 2 / WATCHED
    assert surely_behind(rows) == ("b",)
    assert surely_behind(rows, began=_began_for(2, stake)) == ()


def test_all_others_in_the_race_have_evidence_together() -> None:
    """Three that are equally far ahead need a third of the stake each, and never less than the verdict asks for."""
    stake = evidence_against(AHEAD, BEHIND, margin=RACE_MARGIN)
    rows = {"a": AHEAD, "b": BEHIND, "c": AHEAD, "d": AHEAD}
    began = _began_for(4, 2.5 * stake)
    assert race_threshold(began, 4) < 3 * stake
    assert surely_behind(rows, began=began) == ("b",)
    assert surely_behind({**rows, "d": BEHIND}, began=began) == ()
    few = {name: scores[:18] for name, scores in rows.items()}
    less = evidence_against(few["a"], few["b"], margin=RACE_MARGIN)
    assert race_threshold(4, 4) / 3 < less < 2 / WATCHED
    assert surely_behind(few) == ()


def test_who_has_left_counts_no_longer_as_one_that_may_be_lost() -> None:
    """When one of the best is lost first, all of the best are still in: fewer are left to lose."""
    stake = evidence_against(AHEAD, BEHIND, margin=RACE_MARGIN)
    began = _began_for(3, stake)
    assert surely_behind({"a": AHEAD, "b": BEHIND}, began=began) == ("b",)
    assert surely_behind({"a": AHEAD, "b": BEHIND, "c": BEHIND}, began=began) == ()


def test_a_tuned_variant_leaves_only_behind_another_technique() -> None:
    """Its own default may be ahead of it, and counts as evidence once another technique is."""
    pair = {"rag": AHEAD, "rag-tuned": BEHIND}
    assert surely_behind(pair, contending={"rag-tuned"}) == ()
    assert surely_behind({"rag": BEHIND, "rag-tuned": AHEAD}, contending={"rag-tuned"}) == ("rag",)
    stake = evidence_against(AHEAD, BEHIND, margin=RACE_MARGIN)
    began = _began_for(3, 1.5 * stake)
    other = {**pair, "lora": AHEAD}
    assert surely_behind(other, began=began, contending={"rag-tuned", "lora"}) == ("rag-tuned",)
    assert surely_behind({**other, "rag": BEHIND}, began=began, contending={"rag-tuned", "lora"}) == ()


def test_a_race_counts_those_that_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has left counts among the rivals to the end, and not among those that may be lost."""
    began: set[int] = set()
    going: list[int] = []

    def seen(scores: dict[str, list[float]], **options: Any) -> tuple[str, ...]:
        began.add(options["began"])
        going.append(len(scores))
        return surely_behind(scores, **options)

    monkeypatch.setattr("engine.running.standings.surely_behind", seen)
    a_plan = race_plan()
    events = list(run(a_plan, TASK, race_ports(tmp_path, a_plan), threading.Event()))
    assert any(isinstance(event, VariantOut) for event in events)
    assert began == {len(a_plan.variants)}
    assert sorted(set(going), reverse=True) == list(dict.fromkeys(going)) == [4, 3, 2]


@pytest.mark.parametrize("throughput", [False, True])
def test_who_is_clearly_behind_gets_no_more_rows(throughput: bool, tmp_path: Path) -> None:
    """The bare prompt leaves first, the middling one later; the two that are alike stay to the end."""
    a_plan = race_plan(throughput=throughput)
    here = race_ports(tmp_path, a_plan)
    events = list(run(a_plan, TASK, here, threading.Event()))
    out = {event.variant_id: event.rows for event in events if isinstance(event, VariantOut)}
    assert list(out) == ["zero-shot", "lora"]
    assert out["zero-shot"] < out["lora"] < 60
    kept = here.store.predictions(a_plan.run_id)
    assert Counter(item.variant_id for item in kept) == {"few-shot": 90, "rag": 90, **out}
    manifest = here.store.manifest(a_plan.run_id)
    assert manifest.out == out
    assert manifest.stopped_early is None
    info = info_of(manifest, len(kept))
    assert info.rows_done == info.rows_total == 180 + sum(out.values())


def test_the_last_one_ends_the_race(tmp_path: Path) -> None:
    """Once one is left nothing more is to be learnt: the run ends and says so."""
    a_plan = race_plan(names=("zero-shot", "few-shot", "lora"))
    here = race_ports(tmp_path, a_plan)
    events = list(run(a_plan, TASK, here, threading.Event()))
    leader = next(event for event in events if isinstance(event, LeaderClear))
    assert leader.variant_id == "few-shot"
    assert leader.rows < 90
    assert events[-1] == RunEnded(status="done")
    again = list(run(a_plan, TASK, here, threading.Event()))
    assert not [event for event in again if isinstance(event, PredictionMade) and not event.kept]


def test_a_race_may_also_stop_when_the_leader_is_clear() -> None:
    """A leader that is clear without being surely 2 points ahead ends the run, if that is asked for as well."""
    ids = tuple(f"row-{number:03}" for number in range(300))
    two = replace(race_plan(names=("few-shot", "rag")), test_ids=ids)
    made = [
        Prediction(run_id="r", variant_id=name, technique=name, example_id=row, target="a", score=score)
        for place, row in enumerate(ids[:299])
        for name, score in (("few-shot", 1.0), ("rag", float(place % 20 > 0)))
    ]
    assert Standings(two, made, {}).drop() == {}
    assert Standings(two, made, {}).leader() is None
    leader = Standings(replace(two, stop_when_clear=True), made, {}).leader()
    assert leader is not None
    assert leader.variant_id == "few-shot"


@pytest.mark.parametrize("passing", [True, False])
def test_a_fault_of_the_server_that_may_pass_decides_no_race(passing: bool) -> None:
    """Rows that it left without an answer are asked again later; a failure of the variant's own counts as wrong."""
    ids = tuple(f"row-{number:03}" for number in range(60))
    two = replace(race_plan(names=("few-shot", "rag")), test_ids=ids, stop_when_clear=True)
    broken = Failure(kind=FailureKind.BACKEND, message="The server is busy.", passing=passing)
    made = [
        Prediction(
            run_id="r", variant_id=name, technique=name, example_id=row, target="a", score=score, failure=failure
        )
        for row in ids[:40]
        for name, score, failure in (("few-shot", 1.0, None), ("rag", None, broken))
    ]
    here = Standings(two, made, {})
    assert here.rows_in_common == 40
    assert (here.leader() is None) is passing
    assert (here.drop() == {}) is passing


def test_a_study_of_a_raced_run_is_no_race() -> None:
    """Drift compares every variant on every row: whoever left early would have been judged just when it looked bad."""
    raced = replace(race_plan(), stop_when_clear=True)
    for _task, made in drift_plans(TASK, raced).values():
        assert not made.race
        assert not made.stop_when_clear


def test_a_race_that_was_stopped_goes_on_without_those_that_are_out(tmp_path: Path) -> None:
    """After a stop the same predictions are made as without one, and nobody who is out comes back."""
    a_plan = race_plan()
    whole = race_ports(tmp_path / "a", a_plan)
    list(run(a_plan, TASK, whole, threading.Event()))
    parted, cancel = race_ports(tmp_path / "b", a_plan), threading.Event()
    for event in run(a_plan, TASK, parted, cancel):
        if isinstance(event, VariantOut):
            cancel.set()
    assert parted.store.manifest(a_plan.run_id).status == "cancelled"
    list(run(a_plan, TASK, parted, threading.Event()))
    one, other = (
        {(item.variant_id, item.example_id, item.answer) for item in here.store.predictions(a_plan.run_id)}
        for here in (whole, parted)
    )
    assert one == other
    assert whole.store.manifest(a_plan.run_id).out == parted.store.manifest(a_plan.run_id).out


class OnePrompt(Skilled):
    """Keeps the prompt of one variant at a time, so that rows are answered in blocks."""

    @property
    def capabilities(self) -> Capabilities:
        """As the scripted model's, but for what it keeps."""
        return replace(super().capabilities, kept_prompts=Support.NO)


def test_a_race_in_blocks_that_was_stopped_amid_one_is_judged_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever leaves has the same rows as in a run that was not stopped."""
    monkeypatch.setitem(SKILL, "lora", 6)
    a_plan = race_plan()
    whole, parted = (replace(race_ports(tmp_path / name, a_plan), model=OnePrompt()) for name in ("whole", "parted"))
    list(run(a_plan, TASK, whole, threading.Event()))
    out = whole.store.manifest(a_plan.run_id).out
    assert out
    assert {rows % BLOCK_ROWS for rows in out.values()} == {0}
    last = max(out.values())
    cancel, answered = threading.Event(), 0
    for event in run(a_plan, TASK, parted, cancel):
        answered += isinstance(event, PredictionMade) and event.prediction.variant_id == "lora"
        if answered == last - 1:
            cancel.set()
    assert last not in parted.store.manifest(a_plan.run_id).out.values(), "it was stopped before"
    list(run(a_plan, TASK, parted, threading.Event()))
    assert parted.store.manifest(a_plan.run_id).out == out


def test_a_race_with_one_left_ends_without_preparing_anybody(tmp_path: Path) -> None:
    """Killed between the last one's leaving and the end: nothing is loaded or answered when it goes on."""
    a_plan = race_plan(names=("few-shot", "lora"))
    here = race_ports(tmp_path, a_plan)
    here.store.add(
        [
            Prediction(run_id="r", variant_id=name, technique=name, example_id=row, target="a", score=score)
            for row in a_plan.test_ids[:40]
            for name, score in (("few-shot", 1.0), ("lora", 0.0))
        ]
    )
    here.store.update_run(a_plan.run_id, manifest={"out": {"lora": 40}})
    events = list(run(a_plan, TASK, here, threading.Event()))
    assert [event.variant_id for event in events if isinstance(event, LeaderClear)] == ["few-shot"]
    assert not [event for event in events if isinstance(event, VariantReady)]
    assert events[-1] == RunEnded(status="done")


def test_rows_from_before_are_not_judged_again_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that goes on is judged once for all that it has, and then after each new row."""
    a_plan = race_plan(names=("few-shot", "rag"))
    whole = list(run(a_plan, TASK, race_ports(tmp_path / "a", a_plan), threading.Event()))
    other = race_ports(tmp_path / "b", a_plan)
    other.store.add([event.prediction for event in whole if isinstance(event, PredictionMade)][:-4])
    judged: list[int] = []

    def counted(scores: dict[str, list[float]], **options: Any) -> tuple[str, ...]:
        judged.append(len(scores["rag"]))
        return surely_behind(scores, **options)

    monkeypatch.setattr("engine.running.standings.surely_behind", counted)
    list(run(a_plan, TASK, other, threading.Event()))
    assert judged == [88, 89]


def test_without_a_race_all_rows_are_answered(tmp_path: Path) -> None:
    """Nothing is saved where nobody asked for it."""
    a_plan = race_plan(race=False)
    here = race_ports(tmp_path, a_plan)
    list(run(a_plan, TASK, here, threading.Event()))
    assert len(here.store.predictions(a_plan.run_id)) == 4 * 90


def test_a_lane_says_after_how_many_rows_it_left(tmp_path: Path) -> None:
    """The lanes show it, and a run from the store shows the same."""
    a_plan = race_plan()
    here = race_ports(tmp_path, a_plan)
    list(run(a_plan, TASK, here, threading.Event()))
    manifest = here.store.manifest(a_plan.run_id)
    snapshot = fold(manifest, here.store.predictions(a_plan.run_id)).snapshot()
    assert snapshot.rows_done == snapshot.rows_total
    lanes = {lane.variant.id: lane for lane in snapshot.lanes}
    assert [name for name, lane in lanes.items() if lane.is_out] == ["zero-shot", "lora"]
    shown = {view["id"]: view for view in lane_views(snapshot)}
    rows = manifest.out["zero-shot"]
    assert shown["zero-shot"]["answer"]["text"] == f"out after {rows} rows"
    assert shown["zero-shot"]["rows"] == f"{rows}/90"
    assert shown["zero-shot"]["interval"] == f"out after {rows} rows"
    assert {name for name, view in shown.items() if view["is_out"]} == {"zero-shot", "lora"}


def test_the_verdict_compares_common_rows(tmp_path: Path) -> None:
    """Who left early is judged by evidence that holds after every row, on the rows that both have."""
    a_plan = race_plan()
    here = race_ports(tmp_path, a_plan)
    list(run(a_plan, TASK, here, threading.Event()))
    manifest = here.store.manifest(a_plan.run_id)
    kept = here.store.predictions(a_plan.run_id)
    table = table_from_predictions([variant.id for variant in a_plan.variants], a_plan.test_ids, kept)
    figures = run_figures(a_plan, TASK, table, manifest.conditions)
    pairs = {frozenset((gap.first, gap.second)): gap for gap in figures.differences}
    for name, rows in manifest.out.items():
        for rival in ("few-shot", "rag"):
            assert pairs[frozenset((name, rival))].rows == rows
    # On easier rows alone a score is no better: what left after its first rows is ranked by the rows that both have.
    rag = figures.of("rag")
    easy = replace(rag, variant=figures.of("lora").variant, rows=figures.of("lora").rows,
                   quality=Interval(value=1.0, low=0.9, high=1.0))  # fmt: skip
    lucky = [easy if item is figures.of("lora") else item for item in figures.figures]
    assert "lora" in pareto(lucky)
    assert "lora" not in pareto(lucky, figures.differences)
    assert best_on_all(rag, [rag, easy], figures.differences)
    assert not best_on_all(rag, [rag, easy])
    verdict = decide(figures, Limits())
    assert verdict.pick in {None, "few-shot", "rag"}
    assert verdict.leader in {"few-shot", "rag"}
    told = "Zero-shot {zero-shot} and LoRA {lora}".format(**manifest.out)
    assert f"Not all answered 90 rows: {told}. Each pair is compared" in verdict.basis.text
