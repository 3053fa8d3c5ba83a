"""A run's manifest: kept whole, brought forward from the first version, refused where it is of a later one."""

from __future__ import annotations

import copy
import json
import shutil
import sqlite3
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from adapters.storage.run_store import SqliteRunStore
from engine.core.errors import StoreError
from engine.core.prices import TokenPrices
from engine.core.run.effort import Search, SearchEnd, Trial, TrialOutcome
from engine.core.run.manifest import (
    VERSION,
    MachineFacts,
    Manifest,
    ModelRecord,
    Preparation,
    Purpose,
    StoppedEarly,
    manifest_from_dict,
    upgraded,
)
from engine.core.run.plan import RunPlan
from engine.core.techniques import Technique
from engine.core.text.languages import Languages
from engine.core.variant import DecodingMode, DecodingSpec, LoraSpec, PromptSpec, RetrievalSpec, SearchMode, Variant

HOME_1 = Path(__file__).parents[1] / "fixtures" / "home_1" / "runs.sqlite3"
PLAN = RunPlan(
    run_id="r1",
    task_id="t",
    model_id="m",
    variants=(
        Variant(
            id="rag+lora",
            technique=Technique.RAG_LORA,
            prompt=PromptSpec(instructions="Sort it."),
            retrieval=RetrievalSpec(examples_k=2, mode=SearchMode.HYBRID),
            lora=LoraSpec(rank=2, seed=3),
            lora_scale=0.5,
            decoding=DecodingSpec(mode=DecodingMode.JSON, temperature=0.25, max_tokens=7),
        ),
        Variant(id="zero-shot", technique=Technique.ZERO_SHOT),
    ),
    test_ids=("b", "a"),
    train_ids=("c",),
    seed=3,
    throughput=True,
    prices=TokenPrices(source="maker/m", input_usd=1.0, cached_input_usd=0.5, output_usd=2.0),
    spending_limit_usd=0.75,
)
WHOLE = Manifest(
    plan=PLAN,
    status="done",
    started_at="2026-11-24T20:05:00+00:00",
    purpose=Purpose.SEEDS,
    studied_run="20261101-090000-aaaa",
    split="test",
    machine=MachineFacts(processor="A \u202e CPU", cores=2, threads=4, memory_bytes=8, system="Linux", python="3.11"),
    versions={"python": "3.11", "numpy": "2"},
    task_digest="ab" * 32,
    model=ModelRecord(id="m", name="M", backend="b", architecture="a", quantization="q", size_bytes=9, digest="d",
                      template_digest="e"),
    prepared={"rag+lora": Preparation(prepare_s=1 / 3, reused=True)},
    beside_usd=0.1 + 0.2,
    block_rows=20,
    load_s=0.1 + 0.2,
    gpu=True,
    goes_on=False,
    stopped_early=StoppedEarly(variant_id="rag+lora", rows=12, evidence=41.5),
    asked_again=3,
    unanswered=2,
    note="täglich 😀",
    imported=True,
    imported_at="2026-11-27T09:00:00.000001+00:00",
    rescored=True,
    parent_run="r0",
    out={"rag+lora": 31},
    effort={
        "rag+lora-tuned": Search(
            technique="rag+lora",
            trials={"0": Trial(setting={"rank": "4"}, standing=TrialOutcome.WHOLE, score=0.1 + 0.2, row_scores=(1.0, 0.0))},
            ended=SearchEnd.TIME,
            chosen=0,
        )
    },
    embedder="all-MiniLM-L6-v2",
    languages=Languages(shares=(("ar", 2 / 3), ("", 1 / 3)), scripts=(("Arabic", 1.0),), right_to_left=1.0),
)  # fmt: skip


def written_by_version_1() -> dict[str, dict[str, Any]]:
    """Read the frozen home's manifests as they lie there."""
    with sqlite3.connect(f"file:{HOME_1}?mode=ro", uri=True) as connection:
        return {run_id: json.loads(text) for run_id, text in connection.execute("SELECT run_id, manifest FROM runs")}


OLD = written_by_version_1()


def test_a_manifest_comes_back_as_it_was(tmp_path: Path) -> None:
    """Every field survives JSON and the store, floats to the last bit."""
    plain = Manifest(plan=PLAN)
    for field in fields(Manifest):
        if field.name not in {"plan", "version"}:
            assert getattr(WHOLE, field.name) != getattr(plain, field.name), f"{field.name} is not in this test"
    for manifest in (WHOLE, plain):
        assert manifest_from_dict(json.loads(json.dumps(manifest.to_dict()))) == manifest
    assert WHOLE.to_dict()["version"] == VERSION
    store = SqliteRunStore(tmp_path / "runs.sqlite3")
    store.import_run(WHOLE, ())
    assert store.manifest("r1") == WHOLE


def test_figures_depend_on_what_the_manifest_says() -> None:
    """Cores, GPU and what was paid once are handed on as one piece."""
    conditions = WHOLE.conditions
    assert (conditions.cores, conditions.gpu, conditions.prepared) == (2, True, WHOLE.prepared)


@pytest.mark.parametrize("run_id", sorted(OLD))
def test_the_first_version_is_brought_forward(run_id: str) -> None:
    """How answers are drawn moves from the plan to each variant; all else is as it was written then."""
    old = OLD[run_id]
    before = copy.deepcopy(old)
    found = manifest_from_dict(old)
    assert old == before
    assert found.version == VERSION
    was = old["plan"]
    wanted = DecodingSpec(
        mode=DecodingMode(was["decoding"]), temperature=was["temperature"], max_tokens=was["max_tokens"]
    )
    assert {variant.decoding for variant in found.plan.variants} == {wanted}
    assert {variant.prompt for variant in found.plan.variants} == {PromptSpec()}
    assert [(variant.id, str(variant.technique)) for variant in found.plan.variants] == [
        (variant["id"], variant["technique"]) for variant in was["variants"]
    ]
    written = found.to_dict()
    for name, value in was.items():
        if name not in {"variants", "decoding", "temperature", "max_tokens"}:
            assert written["plan"][name] == value, name
    for variant, old_variant in zip(written["plan"]["variants"], was["variants"], strict=True):
        assert _holds(variant, old_variant)
    for name in ("machine", "prepared", "load_s", "versions"):
        assert _holds(written[name], old[name]), name
    assert old["model"].items() <= written["model"].items()
    assert found.note == old.get("note", "")
    assert found.task_digest == "1:" + old["task_digest"]
    assert manifest_from_dict(json.loads(json.dumps(written))) == found


def _holds(new: Any, old: Any) -> bool:
    """Tell whether all that was written then stands in the new form, which may say more."""
    if isinstance(old, dict):
        return all(name in new and _holds(new[name], value) for name, value in old.items())
    return bool(new == old)


def test_runs_of_the_first_version_say_what_they_were_made_for() -> None:
    """It is told from the task that a run was made on; another purpose was not to be seen then."""
    assert {run_id[-4:]: manifest_from_dict(old).purpose for run_id, old in OLD.items()} == {
        "aaaa": Purpose.COMPARISON,
        "bbbb": Purpose.COMPARISON,
        "cccc": Purpose.COMPARISON,
        "dddd": Purpose.COMPARISON,
        "eeee": Purpose.DRIFT,
        "ffff": Purpose.CONTEXT,
    }


def test_bringing_forward_twice_changes_nothing() -> None:
    """What is of today's version is left alone, its digest of the task too."""
    for old in OLD.values():
        once = upgraded(old)
        assert upgraded(once) == once
    assert upgraded(WHOLE.to_dict()) == WHOLE.to_dict()


def test_a_plan_from_before_decoding_could_be_chosen_still_reads() -> None:
    """Fields that the first version did not have yet take their defaults."""
    old = copy.deepcopy(OLD["20261101-090000-aaaa"])
    for name in ("decoding", "temperature", "max_tokens", "prices", "spending_limit_usd", "stop_when_clear"):
        del old["plan"][name]
    plan = manifest_from_dict(old).plan
    assert {variant.decoding for variant in plan.variants} == {DecodingSpec()}
    assert (plan.prices, plan.spending_limit_usd, plan.stop_when_clear) == (None, None, False)


@pytest.mark.parametrize("version", [VERSION + 1, 99, "3", None, 2.5])
def test_a_newer_version_is_refused_with_a_sentence(version: object) -> None:
    """Nobody guesses at what a later version means: which one it is and what to do are said."""
    with pytest.raises(StoreError) as caught:
        manifest_from_dict({**WHOLE.to_dict(), "version": version})
    assert str(version) in caught.value.what
    assert f"known: {VERSION}" in caught.value.what
    assert "Update Adapt Lab" in caught.value.fix
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"plan": None}, "plan"),
        ({"plan": {**WHOLE.to_dict()["plan"], "variants": 3}}, "plan.variants"),
        ({"machine": "a laptop"}, "machine"),
        ({"purpose": "fun"}, "purpose"),
        ({"prepared": {"rag": {"reused": True}}}, "prepared.rag.prepare_s"),
    ],
)
def test_a_damaged_manifest_says_where(change: dict[str, Any], place: str) -> None:
    """What is not a manifest is an error that names the field, never a traceback."""
    with pytest.raises(StoreError, match=f"damaged at '{place}'") as caught:
        manifest_from_dict({**WHOLE.to_dict(), **change})
    assert caught.value.fix


def test_one_run_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    """A run of a later version is left out of the list, and opening it says why; all others are there."""
    path = tmp_path / "runs.sqlite3"
    shutil.copy(HOME_1, path)
    store = SqliteRunStore(path)
    store.create_run(replace(WHOLE, version=VERSION + 1))
    assert {info.run_id for info in store.infos()} == set(OLD)
    with pytest.raises(StoreError, match="newer version"):
        store.manifest("r1")
