"""A retriever whose embedding is paid for from the run's budget; that of the run's rows the runner pays for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence

from engine.core.embedder import EmbedderFacts, EmbedderState
from engine.core.ports import LOGISTIC, BuiltIndex, Classification, Embeddings, Retriever, SearchResult
from engine.core.steps import CancelSignal, Progress
from engine.core.task import Document, Example
from engine.core.variant import ClassifierSpec, Reranker, RetrievalSpec, SearchMode
from engine.metrics.budget import Budget


class PaidRetriever:
    """Passes everything on to a retriever; counts the tokens that it sends, and stops once the limit is reached."""

    def __init__(self, retriever: Retriever, budget: Budget, keep: Callable[[], None]) -> None:
        """Stand before this retriever; `keep` is called after each payment, to keep what was spent."""
        self._retriever, self._budget, self._keep = retriever, budget, keep

    def embedders(self) -> Sequence[EmbedderState]:
        """List the embedders."""
        return self._retriever.embedders()

    def embedder_at(self, name: str) -> EmbedderFacts:
        """Take up an embedder."""
        return self._retriever.embedder_at(name)

    def unknown_share(self, texts: Sequence[str], embedder: str = "") -> float | None:
        """Tell which share of the tokens an embedder does not know."""
        return self._retriever.unknown_share(texts, embedder)

    def index(
        self,
        examples: Sequence[Example],
        documents: Sequence[Document],
        spec: RetrievalSpec,
        *,
        embedder: str = "",
        cancel: CancelSignal | None = None,
    ) -> Iterator[Progress | BuiltIndex]:
        """Build the index of these items unless it exists already.

        Raises:
            SpendingLimitError: the limit is reached; what was embedded is kept.
        """
        yield from self._paid(
            embedder, self._retriever.index(examples, documents, spec, embedder=embedder, cancel=cancel)
        )

    def search(
        self,
        index_id: str,
        query: str,
        *,
        kind: str,
        k: int,
        mode: SearchMode,
        reranker: Reranker = Reranker.RECIPROCAL_RANK,
        embedder: str = "",
    ) -> SearchResult:
        """Find the k nearest items of one kind.

        Raises:
            SpendingLimitError: the limit is reached.
        """
        self._budget.check()
        found = self._retriever.search(index_id, query, kind=kind, k=k, mode=mode, reranker=reranker, embedder=embedder)
        self._pay(embedder, found.embedding_tokens)
        return found

    def embed(self, texts: Sequence[str], *, embedder: str = "", cancel: CancelSignal | None = None) -> Embeddings:
        """Embed rows.

        Raises:
            SpendingLimitError: the limit is reached.
        """
        self._budget.check()
        found = self._retriever.embed(texts, embedder=embedder, cancel=cancel)
        self._pay(embedder, found.sent_tokens)
        return found

    def fit_classifier(
        self,
        examples: Sequence[Example],
        *,
        seed: int,
        spec: ClassifierSpec = LOGISTIC,
        embedder: str = "",
        cancel: CancelSignal | None = None,
    ) -> Iterator[Progress | BuiltIndex]:
        """Fit a classifier on these rows, or find it.

        Raises:
            SpendingLimitError: the limit is reached; what was embedded is kept.
        """
        yield from self._paid(
            embedder,
            self._retriever.fit_classifier(examples, seed=seed, spec=spec, embedder=embedder, cancel=cancel),
        )

    def forget_classifier(self, classifier_id: str) -> None:
        """Remove a classifier."""
        self._retriever.forget_classifier(classifier_id)

    def classify(self, classifier_id: str, text: str, *, embedder: str = "") -> Classification:
        """Classify one text.

        Raises:
            SpendingLimitError: the limit is reached.
        """
        self._budget.check()
        found = self._retriever.classify(classifier_id, text, embedder=embedder)
        self._pay(embedder, found.embedding_tokens)
        return found

    def close(self) -> None:
        """End the worker."""
        self._retriever.close()

    def _paid(
        self, embedder: str, steps: Iterator[Progress | BuiltIndex]
    ) -> Generator[Progress | BuiltIndex, None, None]:
        """Pass steps on, and pay for each as far as texts were embedded by then."""
        self._budget.check()
        paid = 0
        for step in steps:
            self._pay(embedder, step.sent_tokens - paid)
            paid = max(paid, step.sent_tokens)
            if isinstance(step, Progress):
                self._budget.check()
            yield step

    def _pay(self, embedder: str, tokens: int) -> None:
        if tokens > 0:
            self._budget.pay_embedding(embedder, tokens)
            self._keep()
