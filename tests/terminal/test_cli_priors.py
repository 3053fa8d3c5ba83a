"""`compare` measures each variant's prior for labels, decides, says both figures, and keeps them when it goes on."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest

from engine.core.run.label_prior import LabelPrior
from engine.metrics.label_prior import likeliest
from tests.helpers import SMOLLM2
from tests.terminal.reading import Run

TASK = ("--task", "support-tickets", "--variants", "zero-shot,few-shot", "--limit", 6)


@pytest.mark.model
@pytest.mark.timeout(300)
def test_the_real_model_has_a_prior_and_the_run_says_so(run: Run, tmp_path: Path) -> None:
    """On: every answer has every label's probability, adding up to 1, and is the likeliest; off is told with it."""
    on = ("--prior-correction", "on", "--train-rows", 20)
    code, _, err = run("compare", *TASK, "--model", SMOLLM2, *on, "--out", tmp_path)
    assert code == 0, err
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    priors = {one["variant"]: [LabelPrior(**prior) for prior in one["label_priors"]] for one in summary["variants"]}
    assert [prior.rows for prior in priors["zero-shot"]] == [20]
    assert [prior.rows for prior in priors["few-shot"]] == [15], "five rows are its shots"
    assert max(priors["zero-shot"][0].log_prior.values()) > 0.5, "a small model likes one of the labels most"
    assert "Zero-shot: prior correction on;" in err
    assert "on 15 training rows that it was not shown" in err
    with (tmp_path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        shares = json.loads(row["probabilities"])
        assert len(shares) == 5
        assert math.isclose(sum(shares.values()), 1, abs_tol=1e-6)
        assert row["answer"] == likeliest(shares)


@pytest.mark.model
@pytest.mark.timeout(300)
def test_a_run_in_batches_decides_as_one_row_by_row_does(run: Run, tmp_path: Path) -> None:
    """The proof of prior correction was made in batches: the same rows give the same prior and the same decision."""
    found = []
    for place, ways in enumerate(((), ("--throughput",))):
        out = tmp_path / str(place)
        code, _, err = run("compare", *TASK, "--model", SMOLLM2, "--train-rows", 20, *ways, "--out", out)
        assert code == 0, err
        summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
        priors = [prior for one in summary["variants"] for prior in one["label_priors"]]
        found.append([{name: value for name, value in prior.items() if name != "measure_s"} for prior in priors])
    assert found[0] == found[1]
    assert [prior["rows"] for prior in found[0]] == [20, 15]


def test_off_measures_nothing(run: Run, tmp_path: Path) -> None:
    """Off is the run as it was before there was a correction."""
    code, _, err = run("compare", *TASK, "--model", "scripted", "--prior-correction", "off", "--out", tmp_path)
    assert code == 0, err
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert all(one["label_priors"] == [] for one in summary["variants"])
    assert "prior correction" not in err


def test_the_report_and_the_memo_say_what_was_decided(run: Run, tmp_path: Path) -> None:
    """Both figures stand in the memo's method; a task whose answers are no labels has no such sentence."""
    memo = tmp_path / "memo.md"
    code, _, err = run("compare", *TASK, "--model", "scripted", "--out", tmp_path)
    assert code == 0, err
    run_id = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["plan"]["run_id"]
    code, _, err = run("report", run_id, "--out", memo)
    assert code == 0, err
    assert "Few-shot: prior correction o" in memo.read_text(encoding="utf-8").replace("\\", "")
    code, out, err = run("runs", "show", run_id)
    assert code == 0, err
    assert "Few-shot: prior correction o" in out + err
    code, _, err = run(
        "compare", "--task", "house-style", "--variants", "zero-shot", "--limit", 2, "--model", "scripted"
    )
    assert code == 0, err
    assert "prior correction" not in err
