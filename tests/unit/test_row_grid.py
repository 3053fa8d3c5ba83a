"""What the grid of rows and variants is given: every outcome, cut texts, and nothing that is needed for one row alone."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from engine.analysis.row_filter import Show, matching
from engine.analysis.row_grid import ANSWER_CHARACTERS, INPUT_CHARACTERS, grid_columns, grid_data
from tests.made_runs import made_run, table_of
from tests.memory_lab import HOSTILE

OUTCOMES = {"r": "right", "w": "wrong", "f": "failed"}


def test_every_cell_has_its_outcome_and_its_answer() -> None:
    """A cell says right, wrong, failed or not answered, and shows the answer, or the kind of failure."""
    plan, made = made_run(60)
    made = [item for item in made if (item.variant_id, item.example_id) != ("rag", plan.test_ids[3])]
    known = {(item.variant_id, item.example_id): item for item in made}
    assert {item.outcome for item in made} == set(OUTCOMES.values()), "the run has all kinds"
    rows = np.arange(1, 60)
    data = grid_data(table_of(plan, made), rows, grid_columns(plan.variants), {})
    assert data["rows"] == list(range(1, 60))
    for variant, column in zip(plan.variants, data["columns"], strict=True):
        assert column["name"] == variant.name
        for place, row in enumerate(rows):
            item = known.get((variant.id, plan.test_ids[row]))
            mark, code = column["marks"][place], column["answers"][place]
            if item is None:
                assert (mark, code) == (".", -1)
                continue
            assert OUTCOMES[mark] == item.outcome
            shown = item.failure.kind.replace("_", " ") if item.failure else item.answer
            assert data["texts"][code] == shown
    assert len(set(data["texts"])) == len(data["texts"]), "each text is sent once"


def test_texts_are_cut_and_nothing_of_a_single_row_travels() -> None:
    """Inputs, targets and answers are bounded whatever their signs; prompts and passages stay where they are."""
    plan, made = made_run(6)
    secret = "only for the opened row"
    made = [replace(item, prompt=secret, text=secret, answer="\u202e" * 900, target="t" * 900) for item in made]
    inputs = {plan.test_ids[0]: "long " * 900, plan.test_ids[1]: HOSTILE, plan.test_ids[2]: "a\nb  c"}
    data = grid_data(table_of(plan, made), np.arange(6), grid_columns(plan.variants), inputs)
    assert max(map(len, data["inputs"])) == INPUT_CHARACTERS
    assert max(map(len, data["texts"])) == ANSWER_CHARACTERS
    assert data["inputs"][0].endswith("…")
    assert data["inputs"][2] == "a b c"
    assert data["inputs"][5] == "", "a row that the task no longer has"
    written = json.dumps(data, ensure_ascii=False)
    assert secret not in written
    assert "\u202e" not in written
    assert "\x1b" not in written


def test_no_row_is_an_empty_grid() -> None:
    """A filter that nothing matches, and a run without answers, give no rows."""
    plan, made = made_run(6)
    empty = np.array([], dtype=np.int64)
    assert grid_data(table_of(plan, made), empty, grid_columns(plan.variants), {})["texts"] == []
    assert matching(table_of(plan, [])).tolist() == []


def test_rows_are_shown_by_how_the_answers_turned_out() -> None:
    """Each choice gives the rows that a plain loop over the predictions finds."""
    plan, made = made_run(60)
    outcomes = {row: {item.outcome for item in made if item.example_id == row} for row in plan.test_ids}

    def shown(show: Show) -> list[int]:
        return matching(table_of(plan, made), show=show).tolist()

    def known(*wanted: str) -> list[int]:
        return [place for place, row in enumerate(plan.test_ids) if outcomes[row] & set(wanted)]

    assert shown(Show.ALL) == list(range(60))
    assert shown(Show.WRONG) == known("wrong")
    assert shown(Show.FAILED) == known("failed")
    assert shown(Show.DISAGREE) == [place for place in known("right") if place in known("wrong", "failed")]
    assert 0 < len(shown(Show.FAILED)) < len(shown(Show.WRONG)) < 60


def test_a_search_reads_whole_texts() -> None:
    """A text is found in id, input, target or any answer, in any case, also behind what the grid shows of it."""
    plan, made = made_run(6)
    made = [
        replace(item, answer="x" * 500 + "Needle") if item.example_id == plan.test_ids[4] else item for item in made
    ]
    table = table_of(plan, made)
    inputs = {plan.test_ids[1]: "y" * 5000 + " nEEdle"}
    assert matching(table, text=" needle ", inputs=inputs).tolist() == [1, 4]
    assert matching(table, text=plan.test_ids[2].upper()).tolist() == [2]
    assert plan.test_ids.index(plan.test_ids[3]) in matching(table, text=table.targets[3]).tolist()
    assert matching(table, text="no such text", inputs=inputs).tolist() == []
