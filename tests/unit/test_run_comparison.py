"""Two runs on the same rows, and one task across models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.analysis.figures import run_figures
from engine.analysis.marks import Origin
from engine.analysis.run_comparison import (
    across_models,
    change_facet,
    compare_runs,
    in_first,
    in_second,
    in_words,
    paired_table,
    portability_grid,
)
from engine.analysis.run_table import RunTable
from engine.analysis.summary import summarize
from engine.core.errors import UsageError
from engine.core.run.manifest import Manifest
from engine.core.techniques import Technique
from engine.running.planning import plan_run
from tests.made_runs import answered, predictions_of, table_of
from tests.memory_lab import memory_model, memory_task

TASK = memory_task()


def two_runs(first_share: float, second_share: float, rows: tuple[int, int] = (50, 40)) -> tuple[RunTable, RunTable]:
    """Return two runs of one task, each right on the first rows."""
    tables = []
    for share, count in zip((first_share, second_share), rows, strict=True):
        plan = plan_run(TASK, memory_model(), techniques=[Technique.LORA, Technique.RAG], limit=count)
        tables.append(answered(plan, TASK, share))
    return tables[0], tables[1]


def test_only_shared_rows_count() -> None:
    """Both qualities and the difference are those of the rows that both runs have."""
    first, second = two_runs(0.5, 0.9)
    (lora, rag) = compare_runs(first, second, ["lora", "rag"])
    assert lora.difference.rows == 40
    assert lora.first.value == pytest.approx(25 / 40)
    assert lora.second.value == pytest.approx(36 / 40)
    assert lora.difference.effect.value == pytest.approx(11 / 40)
    assert lora.difference.significant
    assert rag.difference.p_holm >= rag.difference.p_value


def test_the_same_run_twice_has_not_changed() -> None:
    """Against itself a run has no difference and none is claimed."""
    first, _second = two_runs(0.5, 0.9)
    assert not any(change.difference.significant for change in compare_runs(first, first, ["lora", "rag"]))


def test_rows_of_other_targets_are_not_the_same_rows() -> None:
    """A row whose target was changed since is left out; with none left the comparison is refused."""
    first, second = two_runs(0.5, 0.9)
    changed = replace(second, targets=("another", *second.targets[1:]))
    assert compare_runs(first, changed, ["lora"])[0].difference.rows == 39
    with pytest.raises(UsageError, match="no row in common"):
        compare_runs(first, replace(second, targets=("another",) * 40), ["lora"])


def test_a_pair_in_one_table_has_the_answers_of_both_runs() -> None:
    """On the shared rows each variant has the scores and answers of either run, and each row says what became of it."""
    first, second = two_runs(0.5, 0.9)
    second = replace(second, targets=("another", *second.targets[1:]), example_ids=second.example_ids)
    pair = paired_table(first, second, ["rag", "lora"])
    assert pair.example_ids == second.example_ids[1:]
    for name in ("lora", "rag"):
        for side, table in ((in_second, second), (in_first, first)):
            line, of_run = pair.place(side(name)), table.place(name)
            assert np.array_equal(pair.score[line], table.score[of_run, 1:40])
            assert [pair.answers[code] for code in pair.answer[line]] == [
                table.answers[code] for code in table.answer[of_run, 1:40]
            ]
            assert np.array_equal(pair.seconds["total_s"][line], table.seconds["total_s"][of_run, 1:40])
    changes = change_facet(pair, ["rag", "lora"])
    told = [changes.values[code] for code in changes.codes]
    assert told == ["no change"] * 24 + ["better"] * 11 + ["no change"] * 4
    with pytest.raises(UsageError, match="no row in common"):
        paired_table(first, replace(second, targets=("another",) * 40), ["lora"])


def test_the_newest_run_of_each_model_stands_in_the_matrix() -> None:
    """A cell holds the first run of the list that has it, with the interval of its summary; what a model lacks is empty."""
    runs = []
    for model, techniques, share in (
        ("new", [Technique.LORA], 0.9),
        ("new", [Technique.LORA, Technique.RAG], 0.5),
        ("old", [Technique.RAG], 0.4),
    ):
        plan = plan_run(TASK, memory_model(id=model), techniques=techniques, limit=20)
        runs.append((plan, answered(plan, TASK, share), Origin(imported=model == "old")))
    table = across_models(runs)
    grid = portability_grid(table, {"new": "New model"})
    assert grid.lines == ("New model", "old")
    assert grid.columns == ("RAG", "LoRA")
    assert np.array(grid.values, dtype=float) == pytest.approx(np.array([[0.5, 0.9], [0.4, np.nan]]), nan_ok=True)
    assert grid.texts[1][1] == ""
    assert ["imported" in text for line in grid.texts for text in line] == [False, False, True, False]
    assert in_words(table, {"new": "New model"}) == [
        "New model: LoRA is best with 90 %.",
        "old: RAG is best with 40 %.",
    ]
    assert portability_grid(across_models(runs[2:]), {}).caption.startswith("quality in percent (imported)")
    # Of two with the same score the simpler one is the best; its interval is corrected for that.
    plan, table, _origin = runs[1]
    manifest = Manifest(plan=plan)
    summary = summarize(run_figures(plan, TASK, table, manifest.conditions), TASK, [], manifest)
    told = {one["technique"]: one["quality"] for one in summary["variants"]}
    low, high = told["rag"]["ci_low"] * 100, told["rag"]["ci_high"] * 100
    assert f"50 % ({low:.0f} to {high:.0f})" in grid.texts[0][0]


def test_what_left_a_race_early_is_not_the_best_of_a_model() -> None:
    """All of its first six rows are right, and it is behind one that is right on half of all."""
    plan = plan_run(TASK, memory_model(id="one"), techniques=[Technique.RAG, Technique.LORA], limit=20)
    made = [
        replace(item, score=score, scores={"accuracy": score}, failure=None)
        for item in predictions_of(plan, TASK)
        for score in [float(item.variant_id == "lora" or plan.test_ids.index(item.example_id) < 10)]
        if item.variant_id == "rag" or item.example_id in plan.test_ids[:6]
    ]
    table = table_of(plan, made)
    words = {race: in_words(across_models([(replace(plan, race=race), table, Origin())])) for race in (True, False)}
    assert words[True] == ["one: RAG is best with 50 %."]
    assert words[False] == ["one: LoRA is best with 100 %."]
