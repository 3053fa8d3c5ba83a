"""Vectors that were computed before: each text once per embedder. Only in the worker.

Index, classifier, examples and leak guard share them.

One SQLite file per embedder, in which a text stands under the digest of its role and its characters, with the seconds
that its vector took: what is built from kept vectors costs what it would cost alone. The file is a cache. It may be
deleted at any time, two processes may use it at once, and a killed one leaves it whole (SQLite's write-ahead log); a
damaged one is removed, and the vectors are computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from adapters.retrieval.embedder import Embedded, Embedder, Report, Vectors, clean
from adapters.retrieval.files import short_id
from engine.core.embedder import EmbedderFacts, TextRole

MOST_BYTES = 1_000_000_000
"""A larger file loses the older half of its vectors: room for about 600,000 of 384 numbers."""
LOOKED_UP_AT_ONCE = 500
KEPT_AT_ONCE = 512
"""Texts after which the vectors are written: what was stopped later goes on from there. A multiple of a batch."""
WAIT_S = 30.0
_TABLE = """
CREATE TABLE IF NOT EXISTS vectors (
    place INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, seconds REAL NOT NULL, vector BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS seconds_of_vectors ON vectors (seconds);
"""


def file_of(folder: Path, embedder_id: str) -> Path:
    """Return the file that holds the vectors of an embedder."""
    return folder / "vectors" / f"{short_id(embedder_id)}.sqlite3"


def measured(path: Path) -> tuple[int, float | None]:
    """Return how many texts an embedder's file holds, and texts a second over all of them; None if there are none."""
    if not path.is_file():
        return 0, None
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=WAIT_S)) as database:
            count, seconds = database.execute("SELECT count(*), total(seconds) FROM vectors").fetchone()
    except sqlite3.Error:
        return 0, None
    return int(count), count / seconds if seconds else None


class KeptVectors:
    """The kept vectors of one embedder."""

    def __init__(self, folder: Path, embedder_id: str, *, most_bytes: int = MOST_BYTES) -> None:
        """Keep vectors under this folder, which is made when first needed."""
        self._path = file_of(folder, embedder_id)
        self._most_bytes = most_bytes

    def read(self, digests: Sequence[bytes]) -> dict[bytes, tuple[Vectors, float]]:
        """Return the vectors that are kept, with the seconds that each took, by digest."""
        found: dict[bytes, tuple[Vectors, float]] = {}

        def look_up(database: sqlite3.Connection) -> None:
            for first in range(0, len(digests), LOOKED_UP_AT_ONCE):
                part = digests[first : first + LOOKED_UP_AT_ONCE]
                marks = ",".join("?" * len(part))
                query = f"SELECT digest, vector, seconds FROM vectors WHERE digest IN ({marks})"  # noqa: S608
                for digest, vector, seconds in database.execute(query, part):
                    found[digest] = (np.frombuffer(vector, dtype="<f4").astype(np.float32), seconds)

        if self._path.is_file():
            self._use(look_up)
        return found

    def keep(self, digests: Sequence[bytes], vectors: Vectors, seconds: Sequence[float]) -> None:
        """Keep vectors; one that is there already stays."""
        rows = [
            (digest, took, vector.astype("<f4").tobytes())
            for digest, took, vector in zip(digests, seconds, vectors, strict=True)
        ]

        def insert(database: sqlite3.Connection) -> None:
            database.executescript(_TABLE)
            database.executemany("INSERT OR IGNORE INTO vectors (digest, seconds, vector) VALUES (?, ?, ?)", rows)
            self._bound(database)
            database.commit()

        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        self._use(insert)

    def _bound(self, database: sqlite3.Connection) -> None:
        pages, free, size = (
            int(database.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * size > self._most_bytes:
            database.execute("DELETE FROM vectors WHERE place <= (SELECT (min(place) + max(place)) / 2 FROM vectors)")

    def _use(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Work on the file. A damaged one is removed; where it cannot be used, the work goes on without."""
        try:
            with contextlib.closing(sqlite3.connect(self._path, timeout=WAIT_S)) as database:
                database.execute("PRAGMA journal_mode=WAL")
                database.execute("PRAGMA synchronous=NORMAL")
                work(database)
        except sqlite3.OperationalError:
            return
        except sqlite3.DatabaseError:
            for path in self._path.parent.glob(f"{self._path.name}*"):
                path.unlink(missing_ok=True)


class KeepingEmbedder:
    """An embedder that computes no vector twice. Fulfils `adapters.retrieval.embedder.Embedder`.

    It counts what it took from before: a fresh one is made for each piece of work.
    """

    def __init__(self, embedder: Embedder, vectors: KeptVectors) -> None:
        """Embed with this embedder what is not among these vectors."""
        self._embedder = embedder
        self._vectors = vectors
        self.kept_s = 0.0
        """Seconds that the vectors which were there had taken."""

    @property
    def facts(self) -> EmbedderFacts:
        """What is known of it."""
        return self._embedder.facts

    @property
    def id(self) -> str:
        """Name and version or digest."""
        return self._embedder.id

    def embed_one(self, text: str, role: TextRole = TextRole.QUERY) -> Embedded:
        """Embed one text, always anew: its time is measured."""
        return self._embedder.embed_one(text, role)

    def embed(
        self,
        texts: Sequence[str],
        role: TextRole = TextRole.QUERY,
        *,
        report: Report | None = None,
        cancel: threading.Event | None = None,
    ) -> Vectors:
        """Embed many texts, those that are kept aside; return shape (texts, dimensions).

        Raises:
            CancelledError: `cancel` was set between two batches.
        """
        digests = [_digest(text, role) for text in texts]
        different = dict(zip(digests, map(clean, texts), strict=True))
        found = {digest: vector for digest, (vector, _took) in self._taken(list(different)).items()}
        # The longest first, as `BatchEmbedder` takes them: the batches are those of one call for all.
        missing = sorted((digest for digest in different if digest not in found), key=lambda one: -len(different[one]))
        total = sum(len(different[digest]) + 1 for digest in missing)
        done, started = 0, time.monotonic()
        for first in range(0, len(missing), KEPT_AT_ONCE):
            part = missing[first : first + KEPT_AT_ONCE]
            lengths = [len(different[digest]) + 1 for digest in part]

            def told(fraction: float, _left_s: float | None, done: int = done, length: int = sum(lengths)) -> None:
                over = (done + fraction * length) / total
                if report is not None:
                    report(over, (time.monotonic() - started) * (1 - over) / over if over else None)

            begun = time.perf_counter()
            fresh = self._embedder.embed([different[digest] for digest in part], role, report=told, cancel=cancel)
            took = time.perf_counter() - begun
            # Longer texts take longer: each gets its share by characters, as the progress has it.
            self._vectors.keep(part, fresh, [took * length / sum(lengths) for length in lengths])
            found |= dict(zip(part, fresh, strict=True))
            done += sum(lengths)
        if not texts:
            return self._embedder.embed([], role)
        return np.stack([found[digest] for digest in digests])

    def _taken(self, digests: Sequence[bytes]) -> dict[bytes, tuple[Vectors, float]]:
        """Return what is kept, and count its seconds."""
        found = self._vectors.read(digests)
        self.kept_s += sum(took for _vector, took in found.values())
        return found

    def count_cut(self, texts: Sequence[str], role: TextRole = TextRole.PASSAGE) -> int:
        """Count the texts that are longer than what the embedder reads."""
        return self._embedder.count_cut(texts, role)


def _digest(text: str, role: TextRole) -> bytes:
    return hashlib.sha256(f"{role}\0{clean(text)}".encode()).digest()
