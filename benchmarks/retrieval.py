"""How well does retrieval find what answers the questions of `policy-qa`, and how fast?

Uses the marked rows of the training and validation splits, not the test split, because the defaults are chosen from
these figures. Prints recall at k, mean reciprocal rank over the first 5, and the median time of a search.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median

from adapters.retrieval.retriever import LanceRetriever
from adapters.storage.task_folder import read_task
from engine.core.ports import BuiltIndex
from engine.core.variant import Reranker, RetrievalSpec, SearchMode
from engine.metrics.retrieval import support

TASK = Path(__file__).resolve().parents[1] / "data" / "tasks" / "policy-qa"
DEPTHS = (1, 3, 5)
CHUNK_WORDS = (40, 80, 120, 240)


def main() -> int:
    """Measure and print."""
    task = read_task(TASK)
    documents = {document.name: document for document in task.documents}
    rows = [row for row in (*task.split("train"), *task.split("validation")) if row.metadata["supporting"]]
    ways = [(SearchMode.VECTOR, Reranker.RECIPROCAL_RANK), (SearchMode.FULL_TEXT, Reranker.RECIPROCAL_RANK)]
    ways += [(SearchMode.HYBRID, reranker) for reranker in Reranker]
    print(f"  {len(rows)} questions, {len(documents)} documents")
    with tempfile.TemporaryDirectory() as folder:
        retriever = LanceRetriever(Path(folder))
        for words in CHUNK_WORDS:
            spec = RetrievalSpec(passages_k=max(DEPTHS), chunk_words=words, chunk_overlap_words=words // 6)
            index = next(step for step in retriever.index((), task.documents, spec) if isinstance(step, BuiltIndex))
            for mode, reranker in ways:
                spec = replace(spec, mode=mode, reranker=reranker)
                found = [
                    retriever.search(index.id, row.input, kind="document", k=5, mode=mode, reranker=reranker)
                    for row in rows
                ]
                recalls = []
                for depth in DEPTHS:
                    brought = [
                        support(row, one.passages[:depth], documents) for row, one in zip(rows, found, strict=True)
                    ]
                    recalls.append(sum(one.recall for one in brought if one) / len(rows))
                ranks = [support(row, one.passages, documents) for row, one in zip(rows, found, strict=True)]
                mrr = sum(one.reciprocal_rank for one in ranks if one) / len(rows)
                name = str(mode) if mode is not SearchMode.HYBRID else f"{mode} {reranker}"
                figures = ", ".join(f"recall@{k} {value:.0%}" for k, value in zip(DEPTHS, recalls, strict=True))
                taken_s = median(one.retrieval_s for one in found)
                print(f"  {words:>3} words, {name:<13}: {figures}, MRR {mrr:.2f}, {1000 * taken_s:.0f} ms", flush=True)
        retriever.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
