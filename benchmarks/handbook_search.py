"""Does a search find the same sections of a handbook in Chinese, Japanese and Thai as in English?

One handbook of 100 sections and 100 questions, in four languages (`benchmarks/handbooks`). Prints recall at 3 of the
section that answers, for each language and each kind of search, and the difference to English with its 95 % interval,
paired by question. Chunks are whole sections, the same 100 things to find in each language, and then those of the app's
default size, whose words are characters in Chinese and Japanese. Three sections drawn at random would hold 3 % of the
answers.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adapters.retrieval.markdown import BlockKind, parse_blocks
from adapters.retrieval.retriever import LanceRetriever
from engine.core.ports import BuiltIndex
from engine.core.task import Document
from engine.core.variant import Reranker, RetrievalSpec, SearchMode
from engine.metrics.pairwise import paired_share_difference
from engine.metrics.wording import share, signed_points, span

HANDBOOKS = Path(__file__).resolve().parent / "handbooks"
LANGUAGES = {"en": "English", "zh": "Chinese", "ja": "Japanese", "th": "Thai"}
REFERENCE = "en"
DEPTH = 3
WHOLE = 240
"""Words per chunk that no section has: each is one chunk."""
CHUNKS = {
    "one section": RetrievalSpec(passages_k=DEPTH, chunk_words=WHOLE, chunk_overlap_words=0),
    "40 words": RetrievalSpec(passages_k=DEPTH, chunk_words=40, chunk_overlap_words=6),
}

Found = NDArray[np.bool_]
"""Whether the section that answers was found, per question."""


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
class Question:
    """One question, with the id of the only section that answers it."""

    section: int
    wording: Mapping[str, str]
    """By language."""


def read_handbook(language: str) -> Document:
    """Read the handbook in this language, a key of `LANGUAGES`."""
    name = f"{language}.md"
    return Document(name=name, text=(HANDBOOKS / name).read_text(encoding="utf-8"))


def read_questions() -> tuple[Question, ...]:
    """Read the questions, in the order of their sections."""
    lines = (HANDBOOKS / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(Question(section=row.pop("section"), wording=row) for row in map(json.loads, lines))


def sections(handbook: Document) -> tuple[Section, ...]:
    """Split a handbook at its headings of the second level."""
    heads = [block for block in parse_blocks(handbook.text) if block.kind is BlockKind.HEADING and block.level == 2]
    ends = [*(head.span[0] for head in heads[1:]), len(handbook.text)]
    return tuple(
        Section(
            id=place,
            heading=head.title,
            body=handbook.text[head.span[1] : end].strip(),
            start=head.span[0],
            end=end,
        )
        for place, (head, end) in enumerate(zip(heads, ends, strict=True), start=1)
    )


def search_all(
    retriever: LanceRetriever, language: str, questions: tuple[Question, ...], spec: RetrievalSpec
) -> dict[SearchMode, Found]:
    """Index one language and ask every question by every kind of search."""
    handbook = read_handbook(language)
    spans = {section.id: range(section.start, section.end) for section in sections(handbook)}
    index = next(step for step in retriever.index((), (handbook,), spec) if isinstance(step, BuiltIndex))
    found = {}
    for mode in SearchMode:
        hits = []
        for question in questions:
            result = retriever.search(
                index.id, question.wording[language], kind="document", k=DEPTH, mode=mode, reranker=Reranker.LINEAR
            )
            hits.append(any(passage.start in spans[question.section] for passage in result.passages))
        found[mode] = np.array(hits)
    return found


def compared(found: Found, reference: Found) -> str:
    """Write the difference to the reference in points, with its interval: `-12.0 (-21 to -3)`."""
    difference = paired_share_difference(int(np.sum(found & ~reference)), int(np.sum(~found & reference)), len(found))
    return f"{signed_points(difference.value)} ({span(difference.low, difference.high)})"


def main() -> int:
    """Measure and print a Markdown table."""
    questions = read_questions()
    others = [language for language in LANGUAGES if language != REFERENCE]
    names = [LANGUAGES[REFERENCE], *(name for other in others for name in (LANGUAGES[other], "difference"))]
    head = ["chunk", "search", *names]
    print(f"\n{len(questions)} questions, recall at {DEPTH}; differences to {LANGUAGES[REFERENCE]} in points\n")
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    with tempfile.TemporaryDirectory() as folder:
        retriever = LanceRetriever(Path(folder))
        for chunk, spec in CHUNKS.items():
            found = {language: search_all(retriever, language, questions, spec) for language in LANGUAGES}
            for mode in SearchMode:
                reference = found[REFERENCE][mode]
                cells = [share(reference.mean())]
                for other in others:
                    cells += [share(found[other][mode].mean()), compared(found[other][mode], reference)]
                print(f"| {chunk} | {mode} | {' | '.join(cells)} |", flush=True)
        retriever.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
