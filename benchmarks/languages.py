"""What are the classifier and retrieval worth in each language of `support-multilingual`, and with which embedder?

The same 80 tickets stand in six languages. The classifier is fitted on 20 of them, in their own language or in all six,
and scored on the other 60, over ten draws that are the same in every language and stratified by label; retrieval looks
for the section that each of the 80 names, in the help document of its language and in those of all languages at once.
Differences to English are paired by ticket. Last comes what the app says before a run with the English embedder.
`--embedder NAME,...` takes others than the bundled one and the multilingual one, `--reranker` another than `linear`.
"""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from adapters.retrieval.chunking import chunk_document
from adapters.retrieval.classifier_files import load_classifier
from adapters.retrieval.retriever import LanceRetriever
from adapters.storage.task_folder import read_task
from benchmarks.section_search import (
    CHUNKS,
    DEPTH,
    REFERENCE,
    Brought,
    Wanted,
    built_by,
    chance,
    compared,
    embedders_here,
    found_in,
    search_by_each,
    sections,
)
from engine.core.embedder import EmbedderFacts, embedder_name
from engine.core.interval import Floats
from engine.core.task import Document, Example, Task
from engine.core.text.languages import language_name, tell_languages
from engine.core.variant import Reranker, RetrievalSpec, SearchMode
from engine.metrics.intervals import mean_interval
from engine.metrics.pairwise import compare_all
from engine.metrics.wording import share, share_interval, signed_points, span
from engine.running.preflight.embedders import choose_embedders, handicap_sentences

TASK = Path(__file__).resolve().parents[1] / "data" / "tasks" / "support-multilingual"
SPLITS = 10
TRAINED = 4
"""Tickets of each label that a classifier is fitted on."""

Tickets = Mapping[str, Mapping[str, Example]]
"""By language, and by ticket in the order of the task."""
Search = Callable[[Sequence[Document], Sequence[str]], Mapping[tuple[SearchMode, str], Sequence[Brought]]]
"""Searches documents for rows; returns what was brought, by kind of search and embedder id."""


def tickets_by_language(task: Task) -> Tickets:
    """Sort the rows of the task by language and ticket."""
    found: dict[str, dict[str, Example]] = {REFERENCE: {}}
    for row in task.examples:
        found.setdefault(row.metadata["language"], {})[row.metadata["ticket"]] = row
    return found


def deal(labels: Mapping[str, str], *, splits: int, trained: int, seed: int = 0) -> list[frozenset[str]]:
    """Return for each split the tickets to train on, `trained` of each label.

    They are dealt like cards, from a pack that is shuffled again when it is used up: no ticket is trained on twice
    before every other of its label was, as long as `trained` divides their number.

    Args:
        labels: by ticket.
        splits: how many.
        trained: tickets of each label.
        seed: of the shuffling.
    """
    draw = np.random.default_rng(seed)
    dealt: list[list[str]] = [[] for _ in range(splits)]
    for label in sorted(set(labels.values())):
        own = sorted(ticket for ticket in labels if labels[ticket] == label)
        pack: list[str] = []
        for hand in dealt:
            if len(pack) < trained:
                pack = [str(ticket) for ticket in draw.permutation(own)]
            hand += [pack.pop() for _ in range(trained)]
    return [frozenset(hand) for hand in dealt]


def shares_right(right: Floats) -> Floats:
    """Return for each ticket the share of its tests that were right.

    `right` has shape (splits, tickets): 1 right, 0 wrong, NaN in training. Every ticket is tested.
    """
    result: Floats = np.nanmean(right, axis=0)
    return result


def scores_compared(scores: Floats, reference: Floats) -> str:
    """Write the mean difference of paired scores in points, with its interval."""
    both = np.stack([scores, reference])
    (difference,) = compare_all(["own", "reference"], both, np.ones(both.shape, dtype=np.bool_))
    effect = difference.effect
    return f"{signed_points(effect.value)} ({span(effect.low, effect.high)})"


def main() -> int:
    """Measure and print Markdown tables."""
    parser = argparse.ArgumentParser(description="The classifier and retrieval in each language of one task.")
    parser.add_argument("--embedder", default="", help="names, separated by commas")
    parser.add_argument("--reranker", type=Reranker, default=Reranker.LINEAR, help="joins the lists of a hybrid search")
    asked = parser.parse_args()
    names = [name for name in asked.embedder.split(",") if name]
    task = read_task(TASK)
    tickets = tickets_by_language(task)
    with tempfile.TemporaryDirectory() as folder:
        retriever = LanceRetriever(Path(folder))
        embedders = embedders_here(retriever, names)
        print(f"\n{', '.join(facts.id for facts in embedders)}")
        _print_warnings(retriever, tickets)
        _print_classifier(retriever, Path(folder), tickets, embedders)
        for chunk, spec in CHUNKS.items():
            search = functools.partial(
                search_by_each, retriever, Path(folder), spec=spec, embedders=embedders, reranker=asked.reranker
            )
            _print_retrieval(search, task, spec, f"chunks: {chunk}, hybrid: {asked.reranker}")
        retriever.close()
    return 0


def _print_table(head: Sequence[str], lines: Iterator[Sequence[str]]) -> None:
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|", flush=True)
    for line in lines:
        print(f"| {' | '.join(line)} |", flush=True)


def _print_warnings(retriever: LanceRetriever, tickets: Tickets) -> None:
    """Print what `auto` says before a run where only the bundled embedder is there."""
    bundled = retriever.embedders()[0].facts
    print(f"\nWarnings with {bundled.name} alone\n")

    def lines() -> Iterator[Sequence[str]]:
        for language, rows in tickets.items():
            texts = [row.input for row in rows.values()]
            unknown_share = functools.partial(retriever.unknown_share, texts)
            told = choose_embedders("auto", [bundled], tell_languages(texts), unknown_share)
            unknown = share(unknown_share(bundled.id))
            yield language_name(language), unknown, " ".join(handicap_sentences(told.handicaps)) or "no warning"

    _print_table(["language", "tokens unknown", "warning"], lines())


def _print_classifier(
    retriever: LanceRetriever, folder: Path, tickets: Tickets, embedders: Sequence[EmbedderFacts]
) -> None:
    labels = {ticket: row.target for ticket, row in tickets[REFERENCE].items()}
    print(f"\nClassifier: accuracy, mean of {SPLITS} splits; by chance {share(1 / len(set(labels.values())))}\n")

    def lines() -> Iterator[Sequence[str]]:
        for facts in embedders:
            own = _accuracies(retriever, folder, tickets, facts, together=False)
            all_six = _accuracies(retriever, folder, tickets, facts, together=True)
            for language in tickets:
                cells = [facts.name, language_name(language)]
                for scores in (own, all_six):
                    cells += [
                        share_interval(mean_interval(scores[language])),
                        scores_compared(scores[language], scores[REFERENCE]) if language != REFERENCE else "",
                    ]
                yield cells

    _print_table(
        [
            "embedder",
            "language",
            "trained on its rows (95 %)",
            "to English",
            "trained on all rows (95 %)",
            "to English",
        ],
        lines(),
    )


def _accuracies(
    retriever: LanceRetriever, folder: Path, tickets: Tickets, facts: EmbedderFacts, *, together: bool
) -> dict[str, Floats]:
    """Return each ticket's share of right answers, by language, of classifiers fitted on one language or on all."""
    labels = {ticket: row.target for ticket, row in tickets[REFERENCE].items()}
    hands = deal(labels, splits=SPLITS, trained=TRAINED)
    right = {language: np.full((SPLITS, len(labels)), np.nan) for language in tickets}
    vectors = {
        language: retriever.embed([row.input for row in rows.values()], embedder=facts.id).vectors
        for language, rows in tickets.items()
    }
    for split, hand in enumerate(hands):
        fitted_on = [list(tickets)] if together else [[language] for language in tickets]
        for languages in fitted_on:
            rows = [row for language in languages for ticket, row in tickets[language].items() if ticket in hand]
            built = built_by(retriever.fit_classifier(rows, seed=split, embedder=facts.id))
            classifier = load_classifier(folder / "classifiers" / f"{built.id}.npz")
            for language in languages:
                for place, (ticket, row) in enumerate(tickets[language].items()):
                    if ticket not in hand:
                        shares = classifier.probabilities(vectors[language][place])
                        right[language][split, place] = max(shares, key=shares.__getitem__) == row.target
    return {language: shares_right(found) for language, found in right.items()}


def _by_language(task: Task) -> dict[str, Document]:
    return {document.name.removesuffix(".md").rpartition("-")[2]: document for document in task.documents}


def questions_of(task: Task, language: str, *, in_any: bool = False) -> tuple[Document, list[Wanted]]:
    """Return the help document in a language, and its tickets with the places of the section that each names.

    `in_any`: also its places in the documents of the other languages, whose sections have the same order.
    """
    documents = _by_language(task)
    found = {one: sections(document) for one, document in documents.items() if in_any or one == language}
    ids = {section.heading: section.id for section in found[language]}
    wanted = []
    for row in tickets_by_language(task)[language].values():
        place = ids[row.metadata["section"]] - 1
        places = {documents[one].name: range(parts[place].start, parts[place].end) for one, parts in found.items()}
        wanted.append(Wanted(row=row.input, places=places))
    return documents[language], wanted


def _print_retrieval(search: Search, task: Task, spec: RetrievalSpec, title: str) -> None:
    """Print recall in each language's own document, and in all of them at once."""
    languages = list(tickets_by_language(task))
    documents = list(_by_language(task).values())
    own, strict, loose = {}, {}, {}
    chances = {}
    for language in languages:
        document, in_own = questions_of(task, language)
        _document, in_any = questions_of(task, language, in_any=True)
        rows = [one.row for one in in_own]
        own[language] = {key: found_in(brought, in_own) for key, brought in search([document], rows).items()}
        from_all = search(documents, rows)
        strict[language] = {key: found_in(brought, in_own) for key, brought in from_all.items()}
        loose[language] = {key: found_in(brought, in_any) for key, brought in from_all.items()}
        chances[language] = [
            chance(in_own, _starts([document], spec)),
            chance(in_own, _starts(documents, spec)),
            chance(in_any, _starts(documents, spec)),
        ]

    def lines() -> Iterator[Sequence[str]]:
        for mode, embedder in sorted(own[REFERENCE]):
            for language in languages:
                cells = [str(mode), embedder_name(embedder) if embedder else "", language_name(language)]
                for found in (own, strict, loose):
                    here, reference = found[language][mode, embedder], found[REFERENCE][mode, embedder]
                    cells += [
                        share_interval(mean_interval(here.astype(np.float64))),
                        compared(here, reference) if language != REFERENCE else "",
                    ]
                yield cells
        for language in languages:
            yield [
                "by chance",
                "",
                language_name(language),
                *(x for one in chances[language] for x in (share(one), "")),
            ]

    print(f"\nRetrieval, {title}: recall at {DEPTH} of the section\n")
    places_searched = ["its own document (95 %)", "six documents: its own section (95 %)", "in any language (95 %)"]
    _print_table(
        ["search", "embedder", "language", *(cell for one in places_searched for cell in (one, "to English"))], lines()
    )


def _starts(documents: Sequence[Document], spec: RetrievalSpec) -> list[tuple[str, int]]:
    return [
        (chunk.document, chunk.start)
        for document in documents
        for chunk in chunk_document(document, size_words=spec.chunk_words, overlap_words=spec.chunk_overlap_words)
    ]


if __name__ == "__main__":
    sys.exit(main())
