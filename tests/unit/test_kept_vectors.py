"""Vectors are kept by digest: shared, whole after a kill, bounded, and never needed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from adapters.retrieval.embedder import Embedded, Report, Sent, Vectors, clean
from adapters.retrieval.kept_vectors import KEPT_AT_ONCE, KeepingEmbedder, KeptVectors, file_of, measured
from engine.core.embedder import EmbedderFacts, TextRole
from engine.core.errors import CancelledError

ID = "counting@1"


class Counting:
    """An embedder that remembers what it was given; each text has a vector of its own."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self.asked: list[str] = []
        self.facts = EmbedderFacts(id=ID, backend="test", dimensions=4)
        self.id = ID

    @property
    def sent(self) -> Sent:
        """Count a token for each text, as if it were on another machine."""
        return Sent(tokens=len(self.asked))

    def embed_one(self, text: str, role: TextRole = TextRole.QUERY) -> Embedded:
        """Embed one."""
        return Embedded(vector=self.embed([text], role)[0], tokens=1)

    def embed(
        self,
        texts: Sequence[str],
        role: TextRole = TextRole.QUERY,
        *,
        report: Report | None = None,
        cancel: threading.Event | None = None,
    ) -> Vectors:
        """Embed many."""
        if cancel is not None and cancel.is_set():
            raise CancelledError("Embedding was stopped.")
        self.asked += texts
        if report is not None:
            report(1.0, 0.0)
        seeds = [sum(map(ord, f"{role}{clean(text)}")) for text in texts]
        return np.array([np.random.default_rng(seed).normal(size=4) for seed in seeds], dtype=np.float32).reshape(-1, 4)

    def count_cut(self, texts: Sequence[str], role: TextRole = TextRole.PASSAGE) -> int:
        """Cut none."""
        return 0


def keeping(folder: Path, **bounds: int) -> tuple[KeepingEmbedder, Counting]:
    """Return a keeping embedder and the one that it asks."""
    inner = Counting()
    return KeepingEmbedder(inner, KeptVectors(folder, ID, **bounds)), inner


def test_a_text_is_embedded_once_for_all_who_ask(tmp_path: Path) -> None:
    """A second asker gets the same numbers without computing; only new texts and other roles are computed."""
    first, asked = keeping(tmp_path)
    vectors = first.embed(["a", "bb", "a", "\ud800"])
    assert sorted(asked.asked) == ["?", "a", "bb"]
    assert np.array_equal(vectors[0], vectors[2])
    second, asked = keeping(tmp_path)
    assert np.array_equal(second.embed(["\ud800", "new", "bb"])[[0, 2]], vectors[[3, 1]])
    assert asked.asked == ["new"]
    second.embed(["a"], TextRole.PASSAGE)
    assert asked.asked == ["new", "a"]
    assert second.embed([]).shape == (0, 4)


def test_what_is_built_from_kept_vectors_costs_what_it_would_alone(tmp_path: Path) -> None:
    """The seconds of a vector are kept with it, so that a one-off cost does not hang on who came first."""
    first, _asked = keeping(tmp_path)
    first.embed(["a", "a longer text"])
    assert first.kept_s == 0
    count, speed = measured(file_of(tmp_path, ID))
    second, _asked = keeping(tmp_path)
    second.embed(["a", "a longer text", "a"])
    assert count == 2
    assert second.kept_s == pytest.approx(count / (speed or 0))
    assert first.tokens == {"embedding_tokens": 2, "sent_tokens": 2}
    assert second.tokens == {"embedding_tokens": 2, "sent_tokens": 0}


def test_a_file_from_before_tokens_were_counted_is_read(tmp_path: Path) -> None:
    """Its vectors are those that it had, and new ones stand beside them."""
    first, _asked = keeping(tmp_path)
    vectors = first.embed(["a", "b"])
    with contextlib.closing(sqlite3.connect(file_of(tmp_path, ID))) as database:
        database.execute("ALTER TABLE vectors DROP COLUMN tokens")
        database.commit()
    second, asked = keeping(tmp_path)
    assert np.array_equal(second.embed(["a", "b", "c"])[:2], vectors)
    assert asked.asked == ["c"]
    assert second.tokens == {"embedding_tokens": 1, "sent_tokens": 1}


def test_a_stopped_one_goes_on_from_what_was_kept(tmp_path: Path) -> None:
    """Every so many texts the vectors are written: the next one computes only the rest, and progress never goes back."""
    texts = [f"text {number:05}" for number in range(KEPT_AT_ONCE + 10)]
    cancel, told = threading.Event(), []
    first, _asked = keeping(tmp_path)

    def report(fraction: float, left_s: float | None) -> None:
        told.append(fraction)
        cancel.set()

    with pytest.raises(CancelledError):
        first.embed(texts, report=report, cancel=cancel)
    second, asked = keeping(tmp_path)
    second.embed(texts, report=lambda fraction, _left_s: told.append(fraction))
    assert len(asked.asked) == 10
    assert all(0 < fraction <= 1 for fraction in told)


def fill(folder: Path, begin: int, count: int) -> None:
    """Keep some vectors; the work of another process."""
    embedder, _asked = keeping(folder)
    for number in range(begin, begin + count):
        embedder.embed([f"text {number % 40}", f"own {number}"])


def fill_until_killed(folder: Path, ready: object) -> None:
    """Keep vectors without an end."""
    embedder, _asked = keeping(folder)
    number = 0
    while True:
        embedder.embed([f"endless {number}"])
        number += 1
        if number == 20:
            ready.set()  # type: ignore[attr-defined]


def test_two_processes_may_write_at_once(tmp_path: Path) -> None:
    """Both keep all of theirs, and what both have is there once."""
    spawn = multiprocessing.get_context("spawn")
    others = [spawn.Process(target=fill, args=(tmp_path, begin, 60)) for begin in (0, 30)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert [other.exitcode for other in others] == [0, 0]
    assert measured(file_of(tmp_path, ID))[0] == 40 + 90


def test_a_killed_process_leaves_the_file_whole(tmp_path: Path) -> None:
    """What was kept before stays readable, and more can be kept."""
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    other = spawn.Process(target=fill_until_killed, args=(tmp_path, ready))
    other.start()
    assert ready.wait(120)
    os.kill(other.pid or 0, signal.SIGKILL)
    other.join()
    embedder, asked = keeping(tmp_path)
    embedder.embed([f"endless {number}" for number in range(15)])
    assert not asked.asked
    embedder.embed(["one more"])
    with sqlite3.connect(file_of(tmp_path, ID)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("damage", [b"not a database, but long enough to be looked at " * 50, b""])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    """It is a cache: nothing fails, and the next vectors are kept again."""
    first, _asked = keeping(tmp_path)
    vectors = first.embed(["a", "b"])
    for path in file_of(tmp_path, ID).parent.iterdir():
        path.unlink() if path.suffix != ".sqlite3" else path.write_bytes(damage)
    second, asked = keeping(tmp_path)
    assert np.array_equal(second.embed(["a", "b"]), vectors)
    assert sorted(asked.asked) == ["a", "b"]
    third, asked = keeping(tmp_path)
    third.embed(["c"])
    fourth, asked = keeping(tmp_path)
    fourth.embed(["c"])
    assert not asked.asked


def test_a_folder_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    """Where a file stands in the way the work goes on without keeping."""
    (tmp_path / "vectors").write_text("in the way")
    embedder, asked = keeping(tmp_path)
    assert embedder.embed(["a"]).shape == (1, 4)
    assert asked.asked == ["a"]


def test_the_file_stays_small(tmp_path: Path) -> None:
    """Over its bound the older half goes; the newest are still there."""
    embedder, _asked = keeping(tmp_path, most_bytes=200_000)
    for first in range(0, 6_000, 500):
        embedder.embed([f"text {number}" for number in range(first, first + 500)])
    assert file_of(tmp_path, ID).stat().st_size < 600_000
    newest, asked = keeping(tmp_path)
    newest.embed(["text 5999", "text 0"])
    assert asked.asked == ["text 0"]
