"""How well does full-text search find, by how it cuts texts into terms?

The handbook in Chinese, Japanese and Thai, on which the lengths of runs were chosen for these; in Arabic and Hindi, on
which was checked what the tickets of `support-multilingual` had shown; and those tickets. Prints recall at 3 of the
section that answers. Needs no embedder.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from adapters.retrieval.chunking import chunk_document
from adapters.retrieval.full_text import Tokenizer, tokenizer_for
from adapters.retrieval.indexes import Indexes
from adapters.retrieval.items import Item
from adapters.storage.task_folder import read_task
from benchmarks.handbook_search import LANGUAGES, read_handbook, wanted_in
from benchmarks.languages import TASK, questions_of, tickets_by_language
from benchmarks.section_search import CHUNKS, DEPTH, REFERENCE, Found, Wanted, found_in, search_all
from engine.core.task import Document
from engine.core.text.coverage import STEMMED
from engine.core.text.languages import language_name
from engine.core.variant import RetrievalSpec, SearchMode
from engine.metrics.wording import MISSING, share

INDEX = "0" * 16
TOKENIZERS = (
    *(Tokenizer(base="ngram", runs=runs) for runs in ((1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (2, 4), (3, 4))),
    Tokenizer(base="icu"),
)


def main() -> int:
    """Measure and print a Markdown table."""
    task = read_task(TASK)
    asked = [
        (f"handbook, {name}", language, read_handbook(language), wanted_in(read_handbook(language), language))
        for language, name in LANGUAGES.items()
        if language != REFERENCE
    ]
    asked += [
        (f"tickets, {language_name(language)}", language, *questions_of(task, language))
        for language in tickets_by_language(task)
    ]
    columns = ["the app's", *(_name(tokenizer) for tokenizer in TOKENIZERS), "stems"]
    print(
        f"\nfull-text search: recall at {DEPTH}\n\n| | chunk | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 2)}"
    )
    for title, language, document, wanted in asked:
        own, stems = tokenizer_for([document.text]), Tokenizer(base="simple", language=language)
        tried = [own, *TOKENIZERS, *([stems] if language in STEMMED else [])]
        for chunk, spec in CHUNKS.items():
            found = [_found(document, wanted, spec, tokenizer).mean() for tokenizer in tried]
            cells = [title, chunk, f"{_name(own)}: {share(found[0])}", *map(share, found[1:])]
            cells += [] if language in STEMMED else [MISSING]
            print(f"| {' | '.join(cells)} |", flush=True)
    return 0


def _name(tokenizer: Tokenizer) -> str:
    return tokenizer.words.removeprefix("full text by ").removesuffix(" characters")


def _found(document: Document, wanted: list[Wanted], spec: RetrievalSpec, tokenizer: Tokenizer) -> Found:
    chunks = chunk_document(document, size_words=spec.chunk_words, overlap_words=spec.chunk_overlap_words)
    items = [
        Item(id=chunk.id, kind="document", text=chunk.text, source=chunk.document, start=chunk.start, end=chunk.end)
        for chunk in chunks
    ]
    with tempfile.TemporaryDirectory() as folder:
        store = Indexes(Path(folder))
        store.write(
            INDEX,
            items,
            np.ones((len(items), 2), dtype=np.float32),
            started_s=time.perf_counter(),
            tokenizers={"document": tokenizer},
        )
        rows = [one.row for one in wanted]
        return found_in(search_all(store, INDEX, rows, [None] * len(rows), SearchMode.FULL_TEXT), wanted)


if __name__ == "__main__":
    sys.exit(main())
