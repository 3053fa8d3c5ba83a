"""A spending limit in the terminal: how a run goes on from it, what a search leaves of it, and what it cannot stop."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import closed_apis as apis
from tests.closed_apis import OPENAI
from tests.faulty_server import FaultyServer
from tests.terminal.reading import Run, write_desks, written
from wiring import open_lab

pytestmark = pytest.mark.timeout(120)
TEST_ROWS = 6
ZERO_SHOT = ("--model", f"{OPENAI.name}/{OPENAI.model}", "--variants", "zero-shot")


@pytest.fixture
def server(run: Run, server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> FaultyServer:
    """Have the server answer in the place of a closed API, and added."""
    server.plays = [apis.by_openai()]
    apis.stand_in(server, monkeypatch, OPENAI)
    code, _, err = run("models", "--add", f"{OPENAI.name}={OPENAI.url}")
    assert code == 0, err
    return server


def answered(run_id: str) -> int:
    """Return how many rows of a run have an answer."""
    lab = open_lab()
    try:
        return len([one for one in lab.results.predictions(run_id) if one.failure is None])
    finally:
        lab.close()


def test_a_run_that_stopped_at_its_limit_goes_on_with_a_higher_one(
    run: Run, server: FaultyServer, table: list[object]
) -> None:
    """`--resume RUN` alone stops again; with a higher limit all rows are answered, each of them once."""
    code, _, err = run("compare", *table, *ZERO_SHOT, "--spending-limit", 2.5 * apis.answer_usd())
    assert code == 1
    assert "The run has cost" in err
    run_id = err.split("run ", 1)[1].split()[0]
    before = answered(run_id)
    assert 0 < before < TEST_ROWS
    assert run("compare", "--resume", run_id)[0] == 1
    assert answered(run_id) == before
    server.asked.clear()
    code, _, err = run("compare", "--resume", run_id, "--spending-limit", 1)
    assert code == 0, err
    assert answered(run_id) == TEST_ROWS
    assert len(server.asked) == 1 + TEST_ROWS - before, "the warm-up and the rows that were left"


def test_more_rows_ask_for_a_limit_first(run: Run, server: FaultyServer, table: list[object]) -> None:
    """Without one the rows are refused before anything is asked; the amount that is offered is enough for them."""
    code, _, err = run("compare", *table, *ZERO_SHOT, "--limit", 2, "--spending-limit", 1)
    assert code == 0, err
    run_id = err.split("run ", 1)[1].split()[0]
    server.asked.clear()
    code, out, err = run("compare", "--resume", "latest", "--more-rows", 2)
    assert (code, out, server.asked) == (2, "", [])
    assert "2 more rows cost about" in err
    assert f"at {OPENAI.price_ref}" in err
    limit_usd = err.split("--spending-limit ", 1)[1].split(")")[0]
    assert answered(run_id) == 2
    code, _, err = run("compare", "--resume", "latest", "--more-rows", 2, "--spending-limit", limit_usd)
    assert code == 0, err
    assert answered(run_id) == 4


def test_a_model_without_a_price_is_not_stopped_and_that_is_said(
    run: Run, server: FaultyServer, table: list[object], tmp_path: Path
) -> None:
    """Of a model that the price table does not know no cost is made up, and no limit holds."""
    model = f"{OPENAI.name}/gpt-not-priced-yet"
    asked = ("compare", *table, "--model", model, "--variants", "zero-shot", "--out", tmp_path / "out")
    for limit in ((), ("--spending-limit", apis.answer_usd())):
        code, _, err = run(*asked, *limit)
        assert code == 0, err
        assert "What its tokens cost, if anything, is not known here: no cost is shown, and no limit stops it." in err
        (variant,) = written(tmp_path / "out", "summary.json")["variants"]
        assert (variant["n"], variant["n_failed"], variant["cost_usd_per_1k"]) == (TEST_ROWS, 0, None)


def test_a_search_leaves_what_the_test_rows_need(
    run: Run, server: FaultyServer, table: list[object], tmp_path: Path
) -> None:
    """Every trial is paid for from the limit; the search ends by itself before the test rows could not be answered."""
    limit_usd = 60 * apis.answer_usd()
    asked = ("compare", *table, *ZERO_SHOT, "--trials", 40, "--spending-limit", limit_usd, "--out", tmp_path / "out")
    code, _, err = run(*asked)
    assert code == 0, err
    assert "the rest of the spending limit is for the test rows" in err
    summary = written(tmp_path / "out", "summary.json")
    (search,) = summary["effort"]["searches"].values()
    assert 1 < len(search["trials"]) < 40
    assert {(one["n"], one["n_failed"]) for one in summary["variants"]} == {(TEST_ROWS, 0)}
    rows = TEST_ROWS * len(summary["variants"])
    beside_usd = written(tmp_path / "out", "run.json")["beside_usd"]
    assert beside_usd == pytest.approx((len(server.asked) - rows) * apis.answer_usd())
    assert beside_usd + rows * apis.answer_usd() <= limit_usd


def test_a_study_asks_for_a_limit_of_its_own(run: Run, server: FaultyServer, table: list[object]) -> None:
    """What was agreed to for a run is not agreed to for its study: nothing is asked before."""
    code, _, err = run("compare", *table, *ZERO_SHOT, "--spending-limit", 1)
    assert code == 0, err
    server.asked.clear()
    code, _, err = run("study", "drift", "latest")
    assert (code, server.asked) == (2, [])
    assert "--spending-limit USD" in err
    code, _, err = run("study", "drift", "latest", "--spending-limit", 1)
    assert code == 0, err
    assert server.asked


def test_a_study_that_stopped_at_its_limit_goes_on_with_a_higher_one(
    run: Run, server: FaultyServer, table: list[object]
) -> None:
    """The same command with more to spend answers what was left."""
    few_shot = ("--model", f"{OPENAI.name}/{OPENAI.model}", "--variants", "few-shot", "--shot-choice", "drawn")
    code, _, err = run("compare", *table, *few_shot, "--spending-limit", 1)
    assert code == 0, err
    study = ("study", "seeds", "latest", "--draws", 2)
    code, _, err = run(*study, "--spending-limit", 2.5 * apis.answer_usd())
    assert code == 1
    assert "The run has cost" in err
    code, _, err = run(*study, "--spending-limit", 1)
    assert code == 0, err


def test_what_one_of_several_models_needs_is_asked_for_before_the_first_run(
    run: Run, server: FaultyServer, table: list[object], tmp_path: Path
) -> None:
    """Without a limit for the second model nothing is run; with one each model has its folder, and a name counts once."""
    paid = f"{OPENAI.name}/{OPENAI.model}"
    options = (*table, "--model", f"scripted,{paid},scripted", "--variants", "zero-shot", "--out", tmp_path / "out")
    code, _, err = run("compare", *options)
    assert code == 2
    assert "--spending-limit" in err
    assert "run 20" not in err
    assert not server.asked
    code, _, err = run("compare", *options, "--spending-limit", 1)
    assert code == 0, err
    assert err.count("run 20") == 2
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_the_price_to_confirm_counts_scripts_by_their_tokens(run: Run, server: FaultyServer, tmp_path: Path) -> None:
    """A Chinese row has about a token for each character, an English one for four letters."""
    told = []
    for name, text in (
        ("english", "letters and words "),
        ("chinese", "\u6211\u7684\u5305\u88f9\u5728\u54ea\u91cc" * 2 + "\u8bf7\u95ee\u4e00\u4e0b"),
    ):
        texts = {f"{name} {number}": text * 60 for number in range(2)}
        path = write_desks(tmp_path / f"{name}.csv", texts, train=2, test=10)
        code, _, err = run(
            "compare", "--task", path, "--input-column", "message", "--target-column", "desk", "--split-column", "split",
            *ZERO_SHOT,
        )  # fmt: skip
        assert code == 2
        found = re.search(r"This run costs about ([\d.]+) ¢", err)
        assert found is not None, err
        told.append(float(found.group(1)))
    assert 2.5 < told[1] / told[0] < 4.5
    assert not server.asked
