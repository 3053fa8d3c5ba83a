"""`compare` on hundreds of labels: what fits is run, what does not is refused with the figures, RAG shows what it finds."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.data import DATA
from tests.helpers import SMOLLM2
from tests.terminal.reading import Run
from wiring import open_lab

pytestmark = pytest.mark.timeout(600)
CLINC150 = DATA / "clinc150-full.csv"
WORDS = ("about one of many things of this kind", "on a matter that comes up every day")


def table(path: Path, labels: list[str]) -> list[object]:
    """Write a table with two training rows and one test row for each label; return the options that name it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["message", "topic", "split"])
        for place, label in enumerate(labels):
            writer.writerow([f"thing number {place} please", label, "train"])
            writer.writerow([f"my number is {place} today", label, "train"])
            writer.writerow([f"about number {place} again", label, "test"])
    return ["--task", path, "--input-column", "message", "--target-column", "topic", "--split-column", "split"]


@pytest.fixture
def many(tmp_path: Path) -> list[object]:
    """Name a table of 300 labels, of nine words each."""
    return table(tmp_path / "many.csv", [f"request {n} {WORDS[n % 2]}" for n in range(300)])


def test_prompts_that_cannot_hold_the_labels_are_refused_before_the_run(run: Run, many: list[object]) -> None:
    """One sentence with tokens needed, tokens there and labels; nothing has been run."""
    code, _, err = run("compare", *many, "--model", "scripted", "--variants", "zero-shot,few-shot,rag", "--limit", 3)
    assert code == 2
    assert "With all 300 labels, prompt and answer do not fit into the context of 2,048 tokens: Zero-shot (" in err
    assert "Few-shot (" in err
    assert "RAG then shows only the labels of those that it finds" in err
    code, out, _ = run("runs", "list", "--json")
    assert code == 0
    assert json.loads(out)["runs"] == []


def test_retrieval_chooses_among_the_labels_of_what_it_finds(run: Run, many: list[object], tmp_path: Path) -> None:
    """RAG and the classifier run; each answer is a label of one of the row's examples, and the memo says so."""
    options = ("--model", "scripted", "--variants", "rag,classifier", "--limit", 12, "--out", tmp_path / "out")
    code, _, err = run("compare", *many, *options)
    assert code == 0, err
    assert "RAG shows in each prompt only the labels of the 4 examples that it finds, and can choose no other" in err
    run_id = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))["run_id"]
    lab = open_lab()
    made = [one for one in lab.results.predictions(run_id) if one.variant_id == "rag"]
    lab.close()
    assert len(made) == 12
    for one in made:
        assert one.failure is None
        assert one.answer in {passage.target for passage in one.passages}
        assert set(one.probabilities) == {passage.target for passage in one.passages}
    code, _, err = run("report", run_id, "--out", tmp_path / "memo.md")
    assert code == 0, err
    told = (tmp_path / "memo.md").read_text(encoding="utf-8").replace("\\", "")
    assert (
        "RAG saw, and could choose, only the labels of the 4 examples that it found: the names of all 300 do not fit."
        in told
    )


@pytest.mark.model
def test_a_real_model_chooses_among_them(run: Run, many: list[object], tmp_path: Path) -> None:
    """In batches and one by one, the real model answers with a label of the row's examples; --context is offered."""
    code, _, err = run("compare", *many, "--model", SMOLLM2, "--variants", "zero-shot", "--limit", 2)
    assert code == 2
    assert "gives these variants room; the model reads 8,192 tokens." in err
    for place, mode in enumerate(([], ["--throughput"])):
        out = tmp_path / str(place)
        code, _, err = run("compare", *many, "--model", SMOLLM2, "--variants", "rag", "--limit", 3, "--out", out, *mode)
        assert code == 0, err
        summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
        assert summary["variants"][0]["n_failed"] == 0


def clinc150() -> list[tuple[str, str, str]]:
    """Read all intents of CLINC150 but `oos`: ten training rows and a test row of each."""
    if not CLINC150.exists():
        pytest.skip(
            "clinc150-full.csv is not here (ADAPTLAB_DATA names its folder); made-up intents are judged instead"
        )
    by_label: dict[tuple[str, str], list[tuple[str, str, str]]] = defaultdict(list)
    with CLINC150.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["intent"] != "oos" and row["split"] in {"train", "test"}:
                by_label[row["intent"], row["split"]].append((row["text"], row["intent"], row["split"]))
    return [row for (_, split), rows in sorted(by_label.items()) for row in rows[: 10 if split == "train" else 1]]


def made_up() -> list[tuple[str, str, str]]:
    """Make up 150 intents, each of a verb and a thing, with ten training rows and a test row of each."""
    pairs = [(verb, thing) for verb in VERBS for thing in THINGS]
    asked = [f"{start} {{}} my {{}}{end}" for start in STARTS for end in ("", " today")]
    return [
        (words.format(verb, thing), f"{verb}_{thing}", "train" if place < 10 else "test")
        for verb, thing in pairs
        for place, words in enumerate(asked[:11])
    ]


VERBS = (
    "cancel", "change", "check", "extend", "find", "freeze", "insure", "order", "pause", "renew", "replace", "report",
    "share", "sign", "transfer",
)  # fmt: skip
THINGS = (
    "account",
    "address",
    "appointment",
    "card",
    "contract",
    "delivery",
    "invoice",
    "licence",
    "parcel",
    "password",
)
STARTS = ("please", "I want to", "how do I", "could you", "is it possible to", "I would like to")


@pytest.mark.model
@pytest.mark.parametrize("source", [made_up, clinc150])
def test_150_intents_fit(source: Callable[[], list[tuple[str, str, str]]], run: Run, tmp_path: Path) -> None:
    """Ten rows of each: prompts with all names fit, and no row is without an answer."""
    path, rows = tmp_path / "intents.csv", source()
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "intent", "split"), *rows])
    assert len({intent for _text, intent, _split in rows}) == 150
    out = tmp_path / "out"
    code, _, err = run(
        "compare", "--task", path, "--input-column", "text", "--target-column", "intent", "--split-column", "split",
        "--model", SMOLLM2, "--variants", "zero-shot,few-shot,rag", "--limit", 2, "--rows-per-label", 10,
        "--prior-correction", "off", "--shot-choice", "drawn", "--out", out,
    )  # fmt: skip
    assert code == 0, err
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["train_rows"] == 1500
    assert len(summary["training"]["labels_without_rows"]) == 0
    for one in summary["variants"]:
        assert one["n_failed"] == 0
        assert 600 < one["tokens"]["prompt_mean"] < 2048, "with all names, and within the context"
