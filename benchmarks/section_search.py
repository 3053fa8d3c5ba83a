"""Are the sections of a document found that answer a row? Shared by the benchmarks that compare languages.

Rows are embedded once for all searches, unlike in a run, where each search embeds its row again: nothing here is timed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adapters.retrieval.embedder import Vectors
from adapters.retrieval.indexes import Indexes
from adapters.retrieval.markdown import BlockKind, parse_blocks
from adapters.retrieval.retriever import LanceRetriever
from engine.core.embedder import ENGLISH_EMBEDDER, MULTILINGUAL_EMBEDDER, EmbedderFacts, named_embedder
from engine.core.ports import BuiltIndex
from engine.core.run.prediction import Passage
from engine.core.steps import Progress
from engine.core.task import Document
from engine.core.variant import Reranker, RetrievalSpec, SearchMode
from engine.metrics.pairwise import compare_all
from engine.metrics.wording import signed_points, span

REFERENCE = "en"
"""The language that the others are compared with."""
DEPTH = 3
WHOLE = 240
"""Words per chunk that no section has: each is one chunk."""
CHUNKS = {
    "one section": RetrievalSpec(passages_k=DEPTH, chunk_words=WHOLE, chunk_overlap_words=0),
    "40 words": RetrievalSpec(passages_k=DEPTH, chunk_words=40, chunk_overlap_words=6),
}
"""Whole sections, the same things to find in each language, and the app's default for tasks with documents."""

Brought = Sequence[Passage]
"""What one search brought, nearest first."""
Found = NDArray[np.bool_]
"""Whether the section that answers was found, per row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A heading of the second level with what stands below it. Its id is its place, from 1, in every language."""

    id: int
    heading: str
    body: str
    start: int
    """Where it begins in the document, in characters."""
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A row, and where the section that answers it stands: by document, the places of its characters."""

    row: str
    places: Mapping[str, range]


def sections(document: Document) -> tuple[Section, ...]:
    """Split a document at its headings of the second level."""
    heads = [block for block in parse_blocks(document.text) if block.kind is BlockKind.HEADING and block.level == 2]
    ends = [*(head.span[0] for head in heads[1:]), len(document.text)]
    return tuple(
        Section(
            id=place,
            heading=head.title,
            body=document.text[head.span[1] : end].strip(),
            start=head.span[0],
            end=end,
        )
        for place, (head, end) in enumerate(zip(heads, ends, strict=True), start=1)
    )


def embedders_here(retriever: LanceRetriever, names: Sequence[str] = ()) -> list[EmbedderFacts]:
    """Return the embedders of these names; without names the bundled one and the multilingual one.

    Raises:
        UsageError: one is not here.
    """
    known = [state.facts for state in retriever.embedders()]
    return [named_embedder(name, known) for name in names or (ENGLISH_EMBEDDER, MULTILINGUAL_EMBEDDER)]


def built_by(steps: Iterator[Progress | BuiltIndex]) -> BuiltIndex:
    """Carry out all steps, since the worker takes nothing else before the last; return what was built."""
    return [step for step in steps if isinstance(step, BuiltIndex)][-1]


def search_by_each(
    retriever: LanceRetriever,
    folder: Path,
    documents: Sequence[Document],
    rows: Sequence[str],
    *,
    spec: RetrievalSpec,
    embedders: Sequence[EmbedderFacts],
    reranker: Reranker = Reranker.LINEAR,
) -> dict[tuple[SearchMode, str], list[Brought]]:
    """Search documents for each row; return what was brought, by kind of search and embedder id.

    Full-text search needs no embedder: it is done once, under an empty id.

    Args:
        retriever: builds the indexes.
        folder: the retriever's.
        documents: go into one index.
        rows: are searched for.
        spec: how documents are cut.
        embedders: to search with.
        reranker: what joins both lists of a hybrid search; without one, the app's default with documents.
    """
    brought: dict[tuple[SearchMode, str], list[Brought]] = {}
    for facts in embedders:
        built = built_by(retriever.index((), documents, spec, embedder=facts.id))
        vectors = list(retriever.embed(rows, embedder=facts.id).vectors)
        for mode in SearchMode:
            key = (mode, "" if mode is SearchMode.FULL_TEXT else facts.id)
            if key not in brought:
                brought[key] = search_all(Indexes(folder), built.id, rows, vectors, mode, reranker)
    return brought


def search_all(
    store: Indexes,
    index_id: str,
    rows: Sequence[str],
    vectors: Sequence[Vectors | None],
    mode: SearchMode,
    reranker: Reranker = Reranker.LINEAR,
) -> list[Brought]:
    """Search an index for each row with its vector, which full-text search does not need."""
    return [
        store.search(index_id, "document", row, vector, k=DEPTH, mode=mode, reranker=reranker)
        for row, vector in zip(rows, vectors, strict=True)
    ]


def found_in(brought: Sequence[Brought], wanted: Sequence[Wanted]) -> Found:
    """Tell for each row whether a passage begins in a section that answers it."""
    return np.array(
        [
            any(passage.start in one.places.get(passage.source, ()) for passage in passages)
            for passages, one in zip(brought, wanted, strict=True)
        ]
    )


def chance(wanted: Sequence[Wanted], starts: Iterable[tuple[str, int]]) -> float:
    """Return the share of rows whose section is among `DEPTH` chunks that are drawn at random.

    Args:
        wanted: the rows.
        starts: the document of each chunk and its place, in characters.
    """
    places = list(starts)
    right = [sum(start in one.places.get(name, ()) for name, start in places) for one in wanted]
    total = math.comb(len(places), DEPTH)
    return float(np.mean([1 - math.comb(len(places) - count, DEPTH) / total for count in right]))


def compared(found: Found, reference: Found) -> str:
    """Write the difference to the reference in points, with its interval: `-12.0 (-21 to -3)`."""
    scores = np.stack([found, reference]).astype(float)
    (pair,) = compare_all(("found", "reference"), scores, np.ones_like(scores, dtype=bool))
    difference = pair.effect
    return f"{signed_points(difference.value)} ({span(difference.low, difference.high)})"
