"""Does a search find the same sections of a handbook in other languages as in English?

One handbook of 100 sections and 100 questions, in English, Chinese, Japanese and Thai, and the first 60 of both in
Arabic and Hindi (`benchmarks/handbooks`). Prints recall at 3 of the section that answers, for each language, embedder
and kind of search, and the difference to English in the same sections with its 95 % interval, paired by question.
Chunks are whole sections, the same ones to find in each language, and then those of the app's default size, whose words
are characters in Chinese and Japanese. Three sections drawn at random would hold 3 % of the answers, 5 % of 60.

`--embedder NAME,...` takes others than the bundled one and the multilingual one, `--reranker NAME` another way to join
the lists of a hybrid search than the app's default.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.retrieval.retriever import LanceRetriever
from benchmarks.section_search import (
    CHUNKS,
    DEPTH,
    REFERENCE,
    Wanted,
    compared,
    embedders_here,
    found_in,
    search_by_each,
    sections,
)
from engine.core.embedder import EmbedderFacts, embedder_name
from engine.core.task import Document
from engine.core.variant import Reranker
from engine.metrics.wording import MISSING, share

HANDBOOKS = Path(__file__).resolve().parent / "handbooks"
LANGUAGES = {"en": "English", "zh": "Chinese", "ja": "Japanese", "th": "Thai", "ar": "Arabic", "hi": "Hindi"}
SECTIONS = {"en": 100, "zh": 100, "ja": 100, "th": 100, "ar": 60, "hi": 60}
"""How many, by language: those that are fewer are the first ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question, with the id of the only section that answers it."""

    section: int
    wording: Mapping[str, str]
    """By language."""


def read_handbook(language: str, count: int | None = None) -> Document:
    """Read the handbook in this language, a key of `LANGUAGES`, or the first sections of it."""
    name = f"{language}.md"
    whole = Document(name=name, text=(HANDBOOKS / name).read_text(encoding="utf-8"))
    return whole if count is None else replace(whole, text=whole.text[: sections(whole)[count - 1].end])


def read_questions() -> tuple[Question, ...]:
    """Read the questions, in the order of their sections."""
    lines = (HANDBOOKS / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(Question(section=row.pop("section"), wording=row) for row in map(json.loads, lines))


def wanted_in(handbook: Document, language: str) -> list[Wanted]:
    """Return the questions that a handbook answers, in its language, each with the place of its section."""
    places = {section.id: range(section.start, section.end) for section in sections(handbook)}
    return [
        Wanted(row=question.wording[language], places={handbook.name: places[question.section]})
        for question in read_questions()
        if question.section in places
    ]


def main() -> int:
    """Measure and print a Markdown table for each number of sections."""
    parser = argparse.ArgumentParser(description="Recall of a handbook's sections by language.")
    parser.add_argument("--embedder", default="", help="names, separated by commas")
    parser.add_argument("--reranker", type=Reranker, default=Reranker.LINEAR, choices=list(Reranker))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        retriever = LanceRetriever(Path(folder))
        embedders = embedders_here(retriever, [name for name in given.embedder.split(",") if name])
        for count in dict.fromkeys(SECTIONS.values()):
            others = [one for one in LANGUAGES if one != REFERENCE and SECTIONS[one] == count]
            _table(retriever, Path(folder), embedders, others, count, given.reranker)
        retriever.close()
    return 0


def _table(
    retriever: LanceRetriever,
    folder: Path,
    embedders: Sequence[EmbedderFacts],
    others: Sequence[str],
    count: int,
    reranker: Reranker,
) -> None:
    """Print the table of these languages, beside English in as many sections."""
    columns = [LANGUAGES[REFERENCE], *(name for other in others for name in (LANGUAGES[other], "difference"))]
    head = ["chunk", "search", "embedder", *columns]
    print(f"\n{count} sections: recall at {DEPTH}; differences to {LANGUAGES[REFERENCE]} in points\n")
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for chunk, spec in CHUNKS.items():
        found = {}
        for language in (REFERENCE, *others):
            handbook = read_handbook(language, count)
            wanted = wanted_in(handbook, language)
            rows = [one.row for one in wanted]
            brought = search_by_each(
                retriever, folder, [handbook], rows, spec=spec, embedders=embedders, reranker=reranker
            )
            found[language] = {key: found_in(passages, wanted) for key, passages in brought.items()}
        for (mode, embedder), reference in sorted(found[REFERENCE].items()):
            cells = [chunk, str(mode), embedder_name(embedder) if embedder else MISSING, share(reference.mean())]
            for other in others:
                own = found[other][mode, embedder]
                cells += [share(own.mean()), compared(own, reference)]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
