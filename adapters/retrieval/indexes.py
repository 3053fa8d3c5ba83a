"""Indexes on disk: one LanceDB folder, a table per index and kind of item, and a manifest that makes it valid.

Examples and documents have tables of their own: a search needs no filter, and the word statistics of BM25
are those of the kind that is searched.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa  # type: ignore[import-untyped]
from lancedb.query import MatchQuery
from lancedb.rerankers import LinearCombinationReranker, MRRReranker, RRFReranker

from adapters.retrieval.embedder import Vectors, clean
from adapters.retrieval.files import checked_id
from adapters.retrieval.full_text import ENGLISH, Tokenizer
from adapters.retrieval.items import Item
from adapters.storage.files import write_whole
from engine.core.errors import RetrievalError, unknown_name
from engine.core.run.prediction import Passage
from engine.core.variant import Reranker, SearchMode

KINDS = ("example", "document")
LEAST_DEPTH = 20
"""At least this many rows are ranked before the cut to k: over lists of 1 or 2 a fusion would only be ties."""
_SHOWN = ["row", "id", "text", "source", "target", "start", "end"]
_SCORE_COLUMN = {
    SearchMode.VECTOR: "_distance",
    SearchMode.FULL_TEXT: "_score",
    SearchMode.HYBRID: "_relevance_score",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """The tables of an index with their numbers of rows, by kind, what its building took, and what embedded it."""

    tables: dict[str, tuple[Any, int]]
    build_s: float
    tokens: int
    """Those that an embedder on another machine read for it."""
    embedder_id: str
    """Empty in manifests that do not note it yet."""


class Indexes:
    """The indexes under one folder. Tables once opened are kept open."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, which need not exist."""
        self._manifests = folder / "manifests"
        self._database = lancedb.connect(str(folder / "lancedb"))
        self._open: dict[str, Opened] = {}

    def standing(self, index_id: str) -> Opened | None:
        """Return an index with what building it took; None unless it is there, complete and readable."""
        try:
            return self._opened(index_id)
        except RetrievalError:
            return None

    def made_at(self, index_id: str) -> float:
        """Return when an index that stands became valid, in seconds since 1970."""
        return (self._manifests / f"{index_id}.json").stat().st_mtime

    def write(
        self,
        index_id: str,
        items: Sequence[Item],
        vectors: Vectors,
        *,
        embedder_id: str = "",
        started_s: float,
        kept_s: float = 0.0,
        tokens: int = 0,
        tokenizers: Mapping[str, Tokenizer] | None = None,
    ) -> float:
        """Write an index; it becomes valid with its manifest, which is written last.

        `tokenizers` are by kind of item; one that is left out is the English one.

        Return the seconds since `started_s` (of `time.perf_counter`) and those that vectors from before had taken,
        `kept_s`: together they are kept as its build time, beside the `tokens` that another machine read for it.

        Raises:
            RetrievalError: the disk or LanceDB refused.
        """
        # A name of its own for each build: two processes that build the same index do not collide.
        build = f"{index_id}_{secrets.token_hex(4)}"
        written: dict[str, dict[str, Any]] = {}
        try:
            for kind in KINDS:
                rows = [row for row, item in enumerate(items) if item.kind == kind]
                if rows:
                    name = f"{build}_{kind}"
                    table = self._database.create_table(name, _arrow([items[row] for row in rows], vectors[rows]))
                    table.create_index("text", config=(tokenizers or {}).get(kind, ENGLISH).config())
                    written[kind] = {"table": name, "rows": len(rows)}
            build_s = time.perf_counter() - started_s + kept_s
            manifest = {"build_s": build_s, "tokens": tokens, "embedder": embedder_id, "tables": written}
            write_whole(self._manifests / f"{index_id}.json", json.dumps(manifest).encode())
        except (OSError, RuntimeError, ValueError) as error:
            for entry in written.values():
                with contextlib.suppress(OSError, RuntimeError, ValueError):
                    self._database.drop_table(entry["table"])
            raise RetrievalError(
                f"The index could not be written: {error}", "Check that the disk has space and is writable."
            ) from error
        self._open.pop(index_id, None)
        return build_s

    def prepare(self, index_id: str, kind: str, embedder_id: str) -> None:
        """Open what a search needs, so that its time is not counted as the search's.

        Raises:
            RetrievalError: it is missing or damaged, or another embedder made its vectors.
            UsageError: an unknown kind.
        """
        if kind not in KINDS:
            raise unknown_name("kind of item", kind, KINDS)
        made_with = self._opened(index_id).embedder_id
        if made_with and made_with != embedder_id:
            raise RetrievalError(
                f"The index {index_id} was made with the embedder {made_with}, and is not searched with {embedder_id}.",
                f"Build an index with {embedder_id}, or search with {made_with}.",
            )

    def search(
        self,
        index_id: str,
        kind: str,
        query: str,
        vector: Vectors | None,
        *,
        k: int,
        mode: SearchMode,
        reranker: Reranker = Reranker.RECIPROCAL_RANK,
    ) -> list[Passage]:
        """Find the k nearest items of one kind, nearest first; fewer if there are fewer, or none has a word in common.

        The score is the cosine similarity (vector), BM25 (full text) or what the reranker makes of both (hybrid).
        Full text needs no vector. Vectors are compared with every row: exact, and at these sizes faster than an
        approximate index.
        """
        table, rows = self._opened(index_id).tables.get(kind, (None, 0))
        limit = min(k, rows)
        if table is None or limit < 1:
            return []
        try:
            found = _searched(table, clean(query), vector, limit, mode, reranker)
        except (OSError, RuntimeError, ValueError) as error:
            # Without its manifest the index counts as absent, so that the fix below is true.
            self._open.pop(index_id, None)
            (self._manifests / f"{index_id}.json").unlink(missing_ok=True)
            raise RetrievalError(f"The index cannot be searched: {error}", "Build it again.") from error
        column = _SCORE_COLUMN[mode]
        scored = [((1.0 - row[column]) if mode is SearchMode.VECTOR else row[column], row) for row in found]
        # Equal scores come in no fixed order from LanceDB; a run must be repeatable. The margin of `_searched`
        # beyond k keeps this true for up to that many equal scores.
        scored.sort(key=lambda pair: (-pair[0], pair[1]["row"]))
        return [
            Passage(
                id=row["id"],
                kind=kind,
                text=row["text"],
                score=float(score),
                source=row["source"],
                target=row["target"],
                start=row["start"],
                end=row["end"],
            )
            for score, row in scored[:limit]
        ]

    def _opened(self, index_id: str) -> Opened:
        """Open an index.

        Raises:
            RetrievalError: it is missing or damaged.
        """
        if index_id in self._open:
            return self._open[index_id]
        path = self._manifests / f"{checked_id('an index', index_id)}.json"
        try:
            manifest = json.loads(path.read_bytes())
            tables = {
                kind: (self._database.open_table(entry["table"]), entry["rows"])
                for kind, entry in manifest["tables"].items()
            }
            opened = Opened(
                tables=tables,
                build_s=float(manifest["build_s"]),
                tokens=int(manifest.get("tokens", 0)),
                embedder_id=str(manifest.get("embedder", "")),
            )
            whole = all(table.count_rows() == rows for table, rows in tables.values())
        except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RetrievalError(f"The index {index_id} is missing or damaged.", "Build it again.") from error
        if not whole:
            raise RetrievalError(f"The index {index_id} has lost rows.", "Build it again.")
        self._open[index_id] = opened
        return opened


def _searched(
    table: Any, query: str, vector: Vectors | None, limit: int, mode: SearchMode, reranker: Reranker
) -> list[dict[str, Any]]:
    # MatchQuery takes the text as plain terms: quotes, operators and brackets have no meaning in it.
    match = MatchQuery(query, column="text")  # type: ignore[call-arg] # its pydantic defaults are not seen by mypy
    depth = max(LEAST_DEPTH, 4 * limit)
    if mode is SearchMode.VECTOR:
        search = table.search(vector, query_type="vector").distance_type("cosine").limit(depth)
    elif mode is SearchMode.FULL_TEXT:
        search = table.search(match, query_type="fts").limit(depth)
    else:
        search = (
            table.search(query_type="hybrid")
            .vector(vector)
            .text(match)
            .distance_type("cosine")
            .limit(depth)
            .rerank(_RERANKERS[reranker]())
        )
    shown = _SHOWN if mode is SearchMode.HYBRID else [*_SHOWN, _SCORE_COLUMN[mode]]
    rows: list[dict[str, Any]] = search.select(shown).to_arrow().to_pylist()
    return rows


class _Stable:
    """Makes a fusion rank items of equal score in the order of the task."""

    def rerank_hybrid(self, query: str, vector_results: Any, fts_results: Any) -> Any:
        return super().rerank_hybrid(  # type: ignore[misc] # the reranker that follows in the order of bases
            query,
            vector_results.sort_by([("_distance", "ascending"), ("row", "ascending")]),
            fts_results.sort_by([("_score", "descending"), ("row", "ascending")]),
        )


class _ReciprocalRank(_Stable, RRFReranker): ...


class _MeanReciprocalRank(_Stable, MRRReranker): ...


class _Linear(_Stable, LinearCombinationReranker): ...


_RERANKERS: dict[Reranker, Any] = {
    Reranker.RECIPROCAL_RANK: _ReciprocalRank,
    Reranker.MEAN_RECIPROCAL_RANK: _MeanReciprocalRank,
    Reranker.LINEAR: _Linear,
}


def _arrow(items: Sequence[Item], vectors: Vectors) -> Any:
    return pa.table(
        {
            "row": pa.array(range(len(items)), pa.int64()),
            "id": [item.id for item in items],
            "text": [item.text for item in items],
            "source": [item.source for item in items],
            "target": [item.target for item in items],
            "start": pa.array([item.start for item in items], pa.int64()),
            "end": pa.array([item.end for item in items], pa.int64()),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), vectors.shape[1]),
        }
    )
