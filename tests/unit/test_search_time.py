"""What a search is expected to take and to try, before it starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.models.scripted import ScriptedModel
from adapters.storage.task_folder import read_task
from engine.core.techniques import Technique
from engine.core.variant import LoraSpec
from engine.running.planning import plan_run
from engine.running.preflight.estimating import estimate_run
from engine.running.preflight.search_time import SearchTime, TrialTime, search_time
from engine.running.search.spaces import all_settings, space_of
from tests.memory_lab import MODEL, memory_lab
from tests.unit.test_search import plan
from tests.unit.test_search_kept_weights import with_validation
from tests.unit.test_seeker import LABELS

WEIGHTS = TrialTime(answering_s=20.0, training_s=60.0, rows=9, weights_s=60.0)
"""The default answers for 20 s; each other setting takes 80."""
BESIDE = with_validation(9)


def expected(time: TrialTime, **effort: object) -> SearchTime:
    """Return what a search of LoRA takes."""
    a_plan = plan(BESIDE, names=(Technique.LORA,), **effort)
    return search_time(a_plan, BESIDE, {"lora": time})


@pytest.mark.parametrize(("parameters", "count"), [(1_000_000, None), (800_000_000, 4), (4_000_000_000, 1)])
def test_the_estimate_says_how_many_settings_fit(parameters: int, count: int | None) -> None:
    """A slow model answers fewer rows with each, so that four fit; a very slow one tries one."""
    task = read_task(Path(__file__).parents[2] / "data" / "tasks" / "order-extraction")
    facts = replace(ScriptedModel().facts, parameters=parameters)
    a_plan = plan_run(task, facts, techniques=(Technique.RAG,), effort_s=600.0, train_rows=40, limit=10)
    told = estimate_run(a_plan, task, facts, cores=2, free_memory_bytes=10**12, trainable=()).settings["rag"]
    assert told == count if count else told > 4


def test_the_estimate_promises_no_more_settings_than_there_are() -> None:
    """A classifier answers in no time: the search ends when nothing is left to try."""
    facts = replace(ScriptedModel().facts, parameters=1_000_000)
    a_plan = plan_run(LABELS, facts, techniques=(Technique.CLASSIFIER,), effort_s=600.0, limit=10)
    (variant,) = [variant for variant in a_plan.variants if variant.tuned]
    told = estimate_run(a_plan, LABELS, facts, cores=2, free_memory_bytes=10**12, trainable=()).settings["classifier"]
    assert told == len(list(all_settings(space_of(variant, LABELS))))


@pytest.mark.parametrize(("seconds", "count"), [(19.0, 1), (99.0, 1), (100.0, 2), (181.0, 3)])
def test_the_defaults_weights_take_none_of_the_seconds(seconds: float, count: int) -> None:
    """They are trained meanwhile, and other settings are tried in what the default's answers leave."""
    told = expected(WEIGHTS, trials=None, effort_s=seconds)
    assert (told.settings, told.rows) == ({"lora": count}, {"lora": 9 * count})
    assert (told.seconds, told.weights_s) == (seconds, 60.0)


def test_no_more_settings_are_promised_than_there_are() -> None:
    """However long the search."""
    variant = plan(BESIDE, names=(Technique.LORA,)).variants[1]
    told = expected(WEIGHTS, trials=None, effort_s=1e6)
    assert told.settings == {"lora": len(list(all_settings(space_of(variant, BESIDE))))}


def test_weights_of_a_fold_take_a_part_of_the_seconds() -> None:
    """Of 180 s two settings of 80 s fit, the default's among them."""
    told = expected(replace(WEIGHTS, weights_s=0.0), trials=None, effort_s=180.0)
    assert (told.settings, told.weights_s) == ({"lora": 1 + 1}, 0.0)


def test_trials_take_the_answers_of_all_and_the_trainings_of_the_others() -> None:
    """Three trials: three times 20 s of answers, and two trainings; the default's own is apart."""
    told = expected(WEIGHTS, trials={"lora": 3})
    assert (told.seconds, told.weights_s) == (3 * 20.0 + 2 * 60.0, 60.0)
    alone = expected(WEIGHTS, trials={"lora": 1})
    assert (alone.seconds, alone.weights_s, alone.rows) == (20.0, 60.0, {"lora": 9})


def test_techniques_that_share_weights_train_them_once() -> None:
    """RAG + LoRA answers with those of LoRA, unless it is trained on what is retrieved."""
    a_plan = plan(BESIDE, names=(Technique.LORA, Technique.RAG_LORA), trials={"all": 1})
    assert search_time(a_plan, BESIDE, {"lora": WEIGHTS, "rag+lora": WEIGHTS}).weights_s == 60.0
    variants = tuple(
        replace(one, lora=LoraSpec(rank=4)) if one.default_id == "lora" else one for one in a_plan.variants
    )
    other = replace(a_plan, variants=variants)
    assert search_time(other, BESIDE, {"lora": WEIGHTS, "rag+lora": WEIGHTS}).weights_s == 120.0


def test_the_default_is_trained_once_in_an_estimate() -> None:
    """With a search its training moves from the preparation into the search, and the parts are still the whole."""
    lab = memory_lab(task=BESIDE)
    found = [
        lab.plans.preflight(
            lab.plans.make(task_id=BESIDE.id, model_id=MODEL, techniques=(Technique.LORA,), limit=9, effort_s=effort_s)
        )
        for effort_s in (None, 60.0)
    ]
    without, with_search = (one.parts for one in found)
    assert without.weights_s == 0.0
    assert with_search.weights_s == pytest.approx(without.training_s)
    assert with_search.training_s == pytest.approx(without.training_s), "what was found is trained again for the run"
    parts = with_search
    rows = found[1].predictions / len(parts.answer_s)
    answers_s = rows * sum(parts.answer_s.values())
    whole_s = parts.search_s + parts.weights_s + parts.setup_s + parts.training_s + answers_s
    assert found[1].estimated_s == pytest.approx(whole_s)
