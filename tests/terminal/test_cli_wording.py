"""A German table with instructions in German and other words for its labels, through the terminal with the real model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.helpers import SMOLLM2
from tests.terminal.reading import Run

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

TABLE = Path(__file__).parents[1] / "fixtures" / "tickets" / "de.csv"
WORDS = {"Rechnung": "Geld und Rechnung", "Lieferung": "Paket", "Störung": "Defekt"}


def imported(run: Run, out: Path, *more: object) -> tuple[int, str, str]:
    """Import the table."""
    columns = ["--input-column", "Nachricht", "--target-column", "Abteilung", "--split-column", "Teil"]
    return run("import-csv", TABLE, "--out", out, *columns, *more)


def predictions(out: Path) -> list[dict[str, str]]:
    """Read what a run answered."""
    with (out / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_words_are_asked_for_and_labels_are_kept(run: Run, tmp_path: Path) -> None:
    """Prompts, shots and training have the words, and every answer is kept and scored as a label."""
    asked = [part for label, word in WORDS.items() for part in ("--label-word", f"{label}={word}")]
    code, said, err = imported(run, tmp_path / "tickets", "--instruction-language", "auto", *asked)
    assert code == 0, err
    assert "label Störung: the model reads and writes 'Defekt'" in said
    template = (tmp_path / "tickets" / "prompt.toml").read_text(encoding="utf-8")
    assert 'language = "de"' in template
    training = ["--epochs", 1, "--rank", 2, "--prior-correction", "on"]
    code, _, err = run(
        "compare", "--task", tmp_path / "tickets", "--model", SMOLLM2, "--out", tmp_path / "out", *training,
        "--variants", "zero-shot,few-shot,lora,classifier", "--limit", 3,
    )  # fmt: skip
    assert code == 0, err
    found = predictions(tmp_path / "out")
    assert len(found) == 4 * 3
    assert {row["failure"] for row in found} == {""}
    assert {row["answer"] for row in found} <= WORDS.keys()
    for row in found:
        prompt = row["prompt"]
        if row["variant_id"] == "classifier":
            continue
        assert "Ordne die Nachricht genau einer Kategorie zu (Abteilung):" in prompt
        assert all(word in prompt for word in WORDS.values())
        assert not any(f"\n{label}\n" in prompt for label in WORDS)
        assert row["variant_id"] != "few-shot" or "assistant\nDefekt" in prompt or "assistant\nPaket" in prompt
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert [one["n_failed"] for one in summary["variants"]] == [0] * 4


def test_english_stays_unless_another_language_is_asked_for(run: Run, tmp_path: Path) -> None:
    """Without the option nothing changes, and the listing says what could; an unknown language is wrong usage."""
    code, said, err = imported(run, tmp_path / "plain")
    assert code == 0, err
    assert "Rows are in German, drafted instructions in English." in said
    assert not (tmp_path / "plain" / "prompt.toml").exists()
    assert "Classify the message into one Abteilung" in (tmp_path / "plain" / "task.toml").read_text(encoding="utf-8")
    for wrong, words in (
        (["--instruction-language", "uk"], "There are no instructions in Ukrainian."),
        (["--label-word", "Rechnung"], "does not give a label its word"),
        (["--label-word", "Rechnung=Lieferung"], "would both be 'Lieferung'"),
        (["--label-word", "Fehler=x"], "is not a label"),
    ):
        code, _, err = imported(run, tmp_path / "wrong", *wrong)
        assert code == 2, err
        assert words in err
        assert not (tmp_path / "wrong").exists()


def test_labels_are_listed_in_the_order_of_their_language(run: Run, tmp_path: Path) -> None:
    """In Swedish "Å" and "Ä" come after "Z": among the labels of the task and in the drafted instructions."""
    texts = {
        "Ärende": "Jag har fortfarande inte fått något svar på mitt ärende från förra veckan",
        "Åtgärd": "Vi behöver en tekniker som kommer hit och lagar den trasiga dörren",
        "Zon": "Vilken zon gäller min biljett i när jag reser till flygplatsen på lördag",
        "Order": "Min order har inte kommit fram och jag vill gärna ha pengarna tillbaka",
    }
    table = tmp_path / "desk.csv"
    rows = [f"{text} nummer {n},{label}\n" for n in range(12) for label, text in texts.items()]
    table.write_text("text,label\n" + "".join(rows), encoding="utf-8")
    code, _, err = run("import-csv", table, "--out", tmp_path / "desk")
    assert code == 0, err
    task = (tmp_path / "desk" / "task.toml").read_text(encoding="utf-8")
    for find in (task.index, task.rindex):
        places = [find(label) for label in ("Order", "Zon", "Åtgärd", "Ärende")]
        assert places == sorted(places), task
