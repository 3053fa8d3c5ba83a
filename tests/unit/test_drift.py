"""Perturbed rows, and who breaks on them."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from adapters.storage.task_folder import read_task, write_task
from engine.analysis.figures import run_figures
from engine.analysis.marks import HERE, Origin, origin_of
from engine.core.errors import UsageError
from engine.core.interval import Interval
from engine.core.run.manifest import Conditions
from engine.core.techniques import Technique
from engine.core.text.keyboards import neighbours
from engine.core.text.segments import cluster_spans
from engine.running.planning import plan_run
from engine.studies.drift import (
    drift_changes,
    drift_chart,
    drift_plans,
    independent_difference,
    left_out_in_words,
    who_breaks,
)
from engine.studies.perturbations import (
    PERTURBATIONS,
    left_out,
    other_case,
    perturbed_task,
    perturbed_text,
    shuffled_clauses,
    typos,
)
from tests.made_runs import answered
from tests.memory_lab import memory_model, memory_task

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=120)


@given(texts, st.integers(0, 5), st.sampled_from(sorted(PERTURBATIONS)))
def test_a_row_is_always_perturbed_the_same(text: str, seed: int, kind: str) -> None:
    """The same text, row and seed give the same perturbed text; any text at all can be perturbed."""
    assert perturbed_text(kind, text, "row-1", seed) == perturbed_text(kind, text, "row-1", seed)


@given(texts)
def test_shuffled_clauses_lose_no_word(text: str) -> None:
    """All words are still there, as often as before."""
    shuffled = shuffled_clauses(text, random.Random(1))
    assert sorted(shuffled.split()) == sorted(text.split())


@given(texts)
def test_other_case_is_the_same_but_for_case(text: str) -> None:
    """Nothing but case differs."""
    assert other_case(text, random.Random(0)).casefold() in {text.lower().casefold(), text.upper().casefold()}


def test_typos_change_some_longer_words() -> None:
    """A fifth of the longer words differ by one error; short words and signs stay."""
    text = "Where is my parcel? Order number 4711 should have come last Monday morning, they said."
    found = typos(text, random.Random(3))
    changed = [(a, b) for a, b in zip(text.split(), found.split(), strict=True) if a != b]
    assert 1 <= len(changed) <= 3
    assert all(abs(len(a) - len(b)) <= 1 and a[0] == b[0] for a, b in changed)
    assert typos("a b? 12!", random.Random(0)) == "a b? 12!"


def test_an_unknown_kind_is_told() -> None:
    """A wrong name offers the right ones."""
    with pytest.raises(UsageError, match="Did you mean typos"):
        perturbed_text("typo", "x", "row", 0)


def test_a_perturbed_task_keeps_all_but_its_test_inputs(tmp_path: Path) -> None:
    """Training rows, ids, targets and documents stay, and written to disk it is read back the same."""
    task = memory_task(rows=10)
    made = perturbed_task(task, "case")
    assert made.split("train") == task.split("train")
    for before, after in zip(task.split("test"), made.split("test"), strict=True):
        assert (before.id, before.target) == (after.id, after.target)
        assert before.input != after.input
    write_task(made, tmp_path / made.id)
    read = read_task(tmp_path / made.id)
    assert (read.id, read.examples, read.documents) == (made.id, made.examples, made.documents)


def test_who_breaks_is_told_and_who_does_not() -> None:
    """A large loss on the same rows is real, none is not claimed; the drift rows are compared as others."""
    task = memory_task(rows=60)
    drift = tuple(replace(example, id=f"drift-{example.id}", split="drift") for example in task.split("test"))
    task = replace(task, examples=(*task.examples, *drift))
    base = plan_run(task, memory_model(), techniques=[Technique.LORA, Technique.CLASSIFIER], limit=60)
    found_plans = drift_plans(task, base)
    assert list(found_plans) == ["drift", "typos", "case", "clauses"]
    plans = {kind: plan for kind, (_task, plan) in found_plans.items()}
    tasks = {kind: changed for kind, (changed, _plan) in found_plans.items()}
    assert plans["typos"].test_ids == base.test_ids
    assert set(plans["drift"].test_ids).isdisjoint(base.test_ids)
    first = answered(base, task, {"lora": 0.9, "classifier": 0.9}), HERE
    changed = {
        kind: (answered(plans[kind], tasks[kind], shares), origin_of(plans[kind], Conditions()))
        for kind, shares in (
            ("drift", {"lora": 0.85, "classifier": 0.4}),
            ("typos", {"lora": 0.5, "classifier": 0.9}),
        )
    }
    changes = drift_changes(base, first, changed)
    figures = {one.variant.id: one.quality for one in run_figures(base, task, first[0], Conditions()).figures}
    assert {change.variant_id: change.before for change in changes} == figures, "one score, one interval"
    found = {(change.kind, change.variant_id): change for change in changes}
    assert found["drift", "classifier"].breaks
    assert not found["drift", "classifier"].paired
    assert found["typos", "lora"].paired
    assert found["typos", "lora"].breaks
    assert found["typos", "lora"].change.value == pytest.approx(-0.4)
    assert not found["typos", "classifier"].breaks
    drift_words, typo_words = who_breaks(changes)
    assert "Classifier loses 50 points" in drift_words.text
    assert "No significant loss was found for LoRA" in drift_words.text
    assert "LoRA loses 40 points" in typo_words.text
    gained = [replace(one, change=Interval(value=0.1, low=0.05, high=0.2)) for one in changes]
    assert who_breaks(gained)[0].text == "On the task's drift rows no variant is likely to lose."
    chart = drift_chart(base, changes)
    assert [row["rows"] for row in chart.table()][:3] == [
        "original",
        "the task's drift rows",
        "typos (sim.)",
    ]
    imported = drift_changes(base, (first[0], Origin(imported=True)), {"drift": (first[0], Origin(imported=True))})
    names = [row["rows"] for row in drift_chart(base, imported).table()][:2]
    assert names == ["original (imported)", "the task's drift rows (imported)"]
    assert "drift rows (imported)" in who_breaks(imported)[0].text


def test_independent_shares_have_the_published_interval() -> None:
    """56 of 70 against 48 of 80: Newcombe's method 10 gives 0.0524 to 0.3339, and the test is Fisher's."""
    first, second = np.array([1.0] * 56 + [0.0] * 14), np.array([1.0] * 48 + [0.0] * 32)
    found, p_value = independent_difference(first, second)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
    assert p_value == pytest.approx(fisher_exact([[56, 14], [48, 32]]).pvalue)


def test_few_other_rows_prove_nothing() -> None:
    """One row has no spread, and two pairs of equal scores could come about by chance: neither is a certain loss."""
    found, p_value = independent_difference(np.array([0.3]), np.array([0.5, 0.6, 0.4]))
    assert (found.low, found.high, p_value) == (-1.0, 1.0, 1.0)
    found, p_value = independent_difference(np.array([0.5, 0.5]), np.array([0.6, 0.6]))
    assert (found.low, found.high) == (-1.0, 1.0)
    assert p_value == pytest.approx(1 / 3)
    found, p_value = independent_difference(np.full(10, 0.5), np.full(10, 0.6))
    assert (found.low, found.high) == pytest.approx((-0.1, -0.1))
    assert 0 < p_value < 1e-4
    assert independent_difference(np.array([0.5, 0.5]), np.array([0.5, 0.5]))[1] == 1.0


def test_the_rows_of_the_run_are_the_ones_that_change() -> None:
    """Those of another split than the test rows, too: else three runs would answer unchanged texts."""
    task = memory_task()
    rows = task.split("test")[10:30]
    task = replace(
        task, examples=tuple(replace(row, split="validation") if row in rows else row for row in task.examples)
    )
    base = plan_run(task, memory_model(), techniques=[Technique.ZERO_SHOT], test_split="validation", limit=10)
    for kind, (made, plan) in drift_plans(task, base).items():
        before, after = task.rows(plan.test_ids), made.rows(plan.test_ids)
        assert [row.input for row in before] != [row.input for row in after], kind


IN_SCRIPTS = {
    "ru": "Почему заказанная стиральная машина страшно шумит, хотя мастер починил её вчера? Верните деньги.",
    "ar": "لماذا تصدر الغسالة الجديدة ضجيجا مزعجا، رغم إصلاحها بالأمس؟ أعيدوا المبلغ.",
    "hi": "नया रेफ्रिजरेटर बहुत शोर करता है, मरम्मत के बाद भी। कृपया पैसे लौटा दीजिए।",
    "zh": "新买的洗衣机噪音特别大，师傅昨天已经修理过。请退还我付的钱。",
    "ja": "買ったばかりの洗濯機がひどい音を立てます。昨日修理してもらいました。返金してください。",
    "ko": "새로산세탁기가 시끄럽습니다, 어제고쳤는데도요. 환불해주십시오.",
    "th": "เครื่องซักผ้าที่เพิ่งซื้อส่งเสียงดังมาก ช่างมาซ่อมเมื่อวานแล้ว กรุณาคืนเงินให้ด้วย",
    "el": "Γιατί το καινούργιο πλυντήριο κάνει θόρυβο, αφού επισκευάστηκε χθες; Επιστρέψτε τα χρήματα.",
    "he": "מכונת הכביסה החדשה מרעישה מאוד, למרות שתוקנה אתמול. החזירו את הכסף.",
}


def clusters(text: str) -> list[str]:
    return [text[start:end] for start, end in cluster_spans(text)]


@pytest.mark.parametrize("code", IN_SCRIPTS)
def test_typos_are_made_in_every_script(code: str) -> None:
    """Some letters change, with the marks that combine with them, and no mark is left alone."""
    text = IN_SCRIPTS[code]
    made = {typos(text, random.Random(seed)) for seed in range(20)}
    assert len(made - {text}) > 10
    before = Counter(clusters(text))
    for wrong in made:
        after = Counter(clusters(wrong))
        assert (after - before).total() <= 6
        assert abs(before.total() - after.total()) <= 6
        assert not any(unicodedata.category(cluster[0])[0] == "M" for cluster in after)


def test_a_neighbour_is_one_of_the_keyboard() -> None:
    """Each language has its own; Latin letters without a locale keep the English one, and its draws."""
    assert neighbours("de", "Latin")["t"] == "rz"
    assert neighbours("", "Cyrillic")["п"] == "ар"
    assert neighbours("zh", "Han") == {}
    english = "Where is the parcel that should have arrived yesterday?"
    assert {typos(english, random.Random(7), ""), typos(english, random.Random(7))} == {
        typos(english, random.Random(7))
    }
    assert typos("Größe überprüfen bitte", random.Random(1), "de") != "Größe überprüfen bitte"


def test_clauses_of_other_scripts_are_shuffled() -> None:
    """At their own punctuation; no sign is lost."""
    for code in ("ar", "hi", "zh", "ja"):
        shuffled = shuffled_clauses(IN_SCRIPTS[code], random.Random(2))
        assert shuffled != IN_SCRIPTS[code]
        assert sorted(shuffled.replace(" ", "")) == sorted(IN_SCRIPTS[code].replace(" ", ""))


def test_a_change_that_changes_nothing_is_left_out_and_said() -> None:
    """Chinese has no case: no run is made for it. English rows have all that change them."""
    task = memory_task(text="新买的洗衣机噪音特别大，请退还我付的钱。")
    ids = [example.id for example in task.split("test")]
    assert left_out(task, ids) == ["case"]
    assert left_out_in_words(task, ids) == "Left out, since they change none of these rows: changed case."
    base = plan_run(task, memory_model(), techniques=[Technique.ZERO_SHOT])
    assert set(drift_plans(task, base)) == {"typos", "clauses"}
    english = memory_task(text="Where is it, please? Order")
    assert left_out_in_words(english, ids) == ""
