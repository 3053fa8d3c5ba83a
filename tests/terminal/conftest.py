"""What tests of the terminal share: a command in this process with the scripted model at hand, and a small table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import cli
from adapters.models.remote import reading
from adapters.retrieval.retriever import LanceRetriever
from engine.core.ports import Embeddings
from tests.faulty_server import FaultyServer
from tests.helpers import WriteCsv
from tests.memory_lab_models import word_vectors
from tests.terminal.reading import Run


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process, with the scripted model at hand; return exit code, output and errors.

    Rows of tables are embedded without loading the embedder, which takes seconds for each command.
    """
    monkeypatch.setenv("ADAPTLAB_SCRIPTED", "1")

    def embed(_self: LanceRetriever, texts: Sequence[str], **_options: object) -> Embeddings:
        return Embeddings(vectors=word_vectors(texts), embed_s=0.1)

    monkeypatch.setattr(LanceRetriever, "embed", embed)
    monkeypatch.setenv("COLUMNS", "200")

    def ran(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return ran


@pytest.fixture
def server(run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """Run a server that does as a test says, without an Ollama beside it, and asked again after a moment."""
    one = FaultyServer()
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    monkeypatch.delenv("ADAPTLAB_ROWS_IN_FLIGHT", raising=False)
    monkeypatch.setattr(reading, "FIRST_WAIT_S", 0.01)
    yield one
    one.close()


@pytest.fixture
def table(tmp_path: Path, write_csv: WriteCsv) -> list[object]:
    """Write a small CSV; return the options that name it."""
    path = write_csv(tmp_path / "Desk mail.csv")
    return ["--task", path, "--input-column", "message", "--target-column", "desk", "--split-column", "split"]


@pytest.fixture
def kept(run: Run, table: list[object]) -> str:
    """Carry out a comparison of two variants on four rows; return its id."""
    code, _, err = run("compare", *table, "--model", "scripted", "--variants", "zero-shot,few-shot", "--limit", 4)
    assert code == 0, err
    return err.split("run ", 1)[1].split()[0]
