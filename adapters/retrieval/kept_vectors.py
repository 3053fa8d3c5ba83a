"""Vectors that were computed before: each text once per embedder. Only in the worker.

Index, classifier, examples and leak guard share them.

One SQLite file per embedder, in which a text stands under the digest of its role and its characters, with the seconds
that its vector took and the tokens that another machine read for it: what is built from kept vectors costs what it
would cost alone. The file is a cache. It may be deleted at any time, two processes may use it at once, and a killed one
leaves it whole (SQLite's write-ahead log); a damaged one is removed, and the vectors are computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.retrieval.embedder import BATCH_ROWS, Embedded, Embedder, Report, Sent, Vectors, clean
from adapters.retrieval.files import short_id
from engine.core.embedder import EmbedderFacts, TextRole
from engine.core.steps import seconds_left

MOST_BYTES = 1_000_000_000
"""A larger file loses the older half of its vectors: room for about 600,000 of 384 numbers."""
LOOKED_UP_AT_ONCE = 500
KEPT_AT_ONCE = 512
"""Texts after which the vectors are written: what was stopped later goes on from there. A multiple of a batch."""
WAIT_S = 30.0
_TABLE = """
CREATE TABLE IF NOT EXISTS vectors (
    place INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, seconds REAL NOT NULL, vector BLOB NOT NULL,
    tokens REAL NOT NULL DEFAULT 0
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A vector, and what computing it took."""

    vector: Vectors
    seconds: float
    tokens: float = 0.0
    """Those that another machine read; an embedder on this one has none."""


class KeptVectors:
    """The kept vectors of one embedder."""

    def __init__(self, folder: Path, embedder_id: str, *, most_bytes: int = MOST_BYTES) -> None:
        """Keep vectors under this folder, which is made when first needed."""
        self._path = file_of(folder, embedder_id)
        self._most_bytes = most_bytes

    def read(self, digests: Sequence[bytes]) -> dict[bytes, Kept]:
        """Return the vectors that are kept, by digest."""
        found: dict[bytes, Kept] = {}

        def look_up(database: sqlite3.Connection) -> None:
            for first in range(0, len(digests), LOOKED_UP_AT_ONCE):
                part = digests[first : first + LOOKED_UP_AT_ONCE]
                marks = ",".join("?" * len(part))
                query = f"SELECT digest, vector, seconds, tokens FROM vectors WHERE digest IN ({marks})"  # noqa: S608
                for digest, vector, seconds, tokens in database.execute(query, part):
                    read = np.frombuffer(vector, dtype="<f4").astype(np.float32)
                    found[digest] = Kept(vector=read, seconds=seconds, tokens=tokens)

        if self._path.is_file():
            self._use(look_up)
        return found

    def keep(self, vectors: Mapping[bytes, Kept]) -> None:
        """Keep vectors; one that is there already stays."""
        rows = [
            (digest, kept.seconds, kept.vector.astype("<f4").tobytes(), kept.tokens) for digest, kept in vectors.items()
        ]

        def insert(database: sqlite3.Connection) -> None:
            database.executescript(_TABLE)
            database.executemany(
                "INSERT OR IGNORE INTO vectors (digest, seconds, vector, tokens) VALUES (?, ?, ?, ?)", rows
            )
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
                _count_tokens(database)
                work(database)
        except sqlite3.OperationalError:
            return
        except sqlite3.DatabaseError:
            for path in self._path.parent.glob(f"{self._path.name}*"):
                path.unlink(missing_ok=True)


def _count_tokens(database: sqlite3.Connection) -> None:
    """Let a file from before tokens were counted have them, too: its embedder is on this machine, and has none."""
    columns = {row[1] for row in database.execute("PRAGMA table_info(vectors)")}
    if columns and "tokens" not in columns:
        with contextlib.suppress(sqlite3.OperationalError):  # another process was faster
            database.execute("ALTER TABLE vectors ADD COLUMN tokens REAL NOT NULL DEFAULT 0")
            database.commit()


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
        self.kept_tokens = 0.0
        """Tokens that another machine had read for them."""
        self._sent_before = embedder.sent

    @property
    def facts(self) -> EmbedderFacts:
        """What is known of it."""
        return self._embedder.facts

    @property
    def id(self) -> str:
        """Name and version or digest."""
        return self._embedder.id

    @property
    def sent(self) -> Sent:
        """What was sent to another machine since this piece of work began."""
        return self._embedder.sent.since(self._sent_before)

    @property
    def tokens(self) -> dict[str, int]:
        """What another machine read for this piece of work: in all, and of that now."""
        now = self.sent.tokens
        return {"embedding_tokens": round(now + self.kept_tokens), "sent_tokens": now}

    def embed_one(self, text: str, role: TextRole = TextRole.QUERY) -> Embedded:
        """Embed one text, also where its vector is kept: its time is measured."""
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
        found = {digest: kept.vector for digest, kept in self._taken(list(different)).items()}
        # The longest first, as `BatchEmbedder` takes them: the batches are those of one call for all.
        missing = sorted((digest for digest in different if digest not in found), key=lambda one: -len(different[one]))
        total = sum(len(different[digest]) + 1 for digest in missing)
        done, started = 0, time.monotonic()
        at_once = BATCH_ROWS if self.facts.sends_to else KEPT_AT_ONCE  # what was paid for is not lost
        for first in range(0, len(missing), at_once):
            part = missing[first : first + at_once]
            lengths = [len(different[digest]) + 1 for digest in part]

            def told(fraction: float, _left_s: float | None, done: int = done, length: int = sum(lengths)) -> None:
                over = (done + fraction * length) / total
                if report is not None:
                    report(over, seconds_left(time.monotonic() - started, over, 1.0))

            begun, sent = time.perf_counter(), self._embedder.sent
            fresh = self._embedder.embed([different[digest] for digest in part], role, report=told, cancel=cancel)
            took, tokens = time.perf_counter() - begun, self._embedder.sent.since(sent).tokens
            # Longer texts take longer: each gets its share by characters, as the progress has it.
            shares = [length / sum(lengths) for length in lengths]
            self._vectors.keep(
                {
                    digest: Kept(vector=vector, seconds=took * share, tokens=tokens * share)
                    for digest, vector, share in zip(part, fresh, shares, strict=True)
                }
            )
            found |= dict(zip(part, fresh, strict=True))
            done += sum(lengths)
        if not texts:
            return self._embedder.embed([], role)
        return np.stack([found[digest] for digest in digests])

    def _taken(self, digests: Sequence[bytes]) -> dict[bytes, Kept]:
        """Return what is kept, and count what it took."""
        found = self._vectors.read(digests)
        self.kept_s += sum(kept.seconds for kept in found.values())
        self.kept_tokens += sum(kept.tokens for kept in found.values())
        return found

    def count_cut(self, texts: Sequence[str], role: TextRole = TextRole.PASSAGE) -> int:
        """Count the texts that are longer than what the embedder reads."""
        return self._embedder.count_cut(texts, role)


def _digest(text: str, role: TextRole) -> bytes:
    return hashlib.sha256(f"{role}\0{clean(text)}".encode()).digest()
