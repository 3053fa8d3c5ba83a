"""Does a search find the same sections of a handbook in Chinese, Japanese and Thai as in English?

One handbook of 100 sections and 100 questions, in four languages (`benchmarks/handbooks`). Prints recall at 3 of the
section that answers, for each language, embedder and kind of search, and the difference to English with its 95 %
interval, paired by question. Chunks are whole sections, the same 100 things to find in each language, and then those of
the app's default size, whose words are characters in Chinese and Japanese. Three sections drawn at random would hold
3 % of the answers. `--embedder NAME,...` takes others than the bundled one and the multilingual one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
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
from engine.core.embedder import embedder_name
from engine.core.task import Document
from engine.metrics.wording import MISSING, share

HANDBOOKS = Path(__file__).resolve().parent / "handbooks"
LANGUAGES = {"en": "English", "zh": "Chinese", "ja": "Japanese", "th": "Thai"}


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


def wanted_in(handbook: Document, language: str) -> list[Wanted]:
    """Return the questions in one language, each with its section's place in the handbook of that language."""
    places = {section.id: range(section.start, section.end) for section in sections(handbook)}
    return [
        Wanted(row=question.wording[language], places={handbook.name: places[question.section]})
        for question in read_questions()
    ]


def main() -> int:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Recall of a handbook's sections in four languages.")
    parser.add_argument("--embedder", default="", help="names, separated by commas")
    names = [name for name in parser.parse_args().embedder.split(",") if name]
    others = [language for language in LANGUAGES if language != REFERENCE]
    columns = [LANGUAGES[REFERENCE], *(name for other in others for name in (LANGUAGES[other], "difference"))]
    head = ["chunk", "search", "embedder", *columns]
    print(f"\nrecall at {DEPTH}; differences to {LANGUAGES[REFERENCE]} in points\n")
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    handbooks = {language: read_handbook(language) for language in LANGUAGES}
    with tempfile.TemporaryDirectory() as folder:
        retriever = LanceRetriever(Path(folder))
        embedders = embedders_here(retriever, names)
        for chunk, spec in CHUNKS.items():
            found = {}
            for language, handbook in handbooks.items():
                wanted = wanted_in(handbook, language)
                rows = [one.row for one in wanted]
                brought = search_by_each(retriever, Path(folder), [handbook], rows, spec=spec, embedders=embedders)
                found[language] = {key: found_in(passages, wanted) for key, passages in brought.items()}
            for (mode, embedder), reference in sorted(found[REFERENCE].items()):
                cells = [chunk, str(mode), embedder_name(embedder) if embedder else MISSING, share(reference.mean())]
                for other in others:
                    own = found[other][mode, embedder]
                    cells += [share(own.mean()), compared(own, reference)]
                print(f"| {' | '.join(cells)} |", flush=True)
        retriever.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
