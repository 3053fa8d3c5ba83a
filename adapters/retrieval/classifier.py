"""The small classifier: any of its kinds, fitted on training rows. Only in the worker.

| kind | a text is | head |
|---|---|---|
| logistic | its embedding | `logistic` |
| neighbours | its embedding | `neighbours` |
| characters, words | its TF-IDF: `text_features` | `logistic` |
| encoder | its embedding by an encoder that was trained on the rows: `encoder_training` | `logistic` |

Each has probabilities that were calibrated on held-out rows: `calibration`. The encoder has seen the rows that its
head's held-out logits are of, so that it is surer of itself than the others are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import softmax  # type: ignore[import-untyped]

from adapters.retrieval import text_features
from adapters.retrieval.calibration import Classes
from adapters.retrieval.embedder import Embedder, Vectors, clean
from adapters.retrieval.logistic import LogisticHead, fit_logistic
from adapters.retrieval.neighbours import NeighbourHead, fit_neighbours
from adapters.retrieval.text_features import TermFeatures, words_of
from engine.core.errors import RetrievalError, UsageError
from engine.core.variant import ClassifierKind, ClassifierSpec

if TYPE_CHECKING:  # with torch, which other kinds need not wait for
    from adapters.retrieval.encoder import Encoder

Report = Callable[[str, float, float | None, str], None]
"""Receives the stage, the share that is done (0 to 1), the estimated seconds left, and a detail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Classifier:
    """A fitted classifier."""

    labels: tuple[str, ...]
    head: LogisticHead | NeighbourHead
    temperature: float
    kind: ClassifierKind = ClassifierKind.LOGISTIC
    terms: TermFeatures | None = None
    """Only for characters and words."""
    encoder_digest: str = ""
    """Only for an encoder: the digest of its weights."""
    embedder_id: str = ""
    """What embedded the rows; empty where nothing did, or before it was noted: then the bundled one did."""
    build_s: float = 0.0
    """Seconds that fitting took, embedding and training included."""
    tokens: int = 0
    """Those that an embedder on another machine read to fit it."""

    def read(self, text: str, embedder: Embedder | None) -> tuple[npt.NDArray[np.float64], int]:
        """Turn a text into shape (features,); return it with the tokens that the embedder read.

        Characters and words need no embedder and count the words of the text that they read.
        """
        if self.terms is not None:
            return self.terms.vector(text), len(words_of(clean(text)))
        if embedder is None:
            raise RetrievalError(f"A classifier of the kind '{self.kind}' needs an embedder.")
        embedded = embedder.embed_one(text)
        return embedded.vector.astype(np.float64), embedded.tokens

    def probabilities(self, features: npt.NDArray[np.float64]) -> dict[str, float]:
        """Give each label its calibrated probability; they sum to 1. Features are those of one text."""
        logits = self.head.logits(features) / self.temperature
        return dict(zip(self.labels, (float(share) for share in softmax(logits)), strict=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """The training rows: `labelled_rows` makes them."""

    texts: tuple[str, ...]
    targets: tuple[str, ...]
    labels: tuple[str, ...]
    """The different targets, sorted."""
    classes: Classes
    """The place of each row's target among the labels."""


def labelled_rows(texts: Sequence[str], targets: Sequence[str]) -> Rows:
    """Number the labels of training rows.

    Raises:
        RetrievalError: there are no rows, or only one label.
    """
    labels = tuple(sorted(set(targets)))
    if len(labels) < 2:
        known = f"All {len(targets)} training rows have the label '{labels[0]}'." if labels else "No training rows."
        raise RetrievalError(f"{known} A classifier cannot be fitted.", "Add training rows of at least two labels.")
    places = {label: place for place, label in enumerate(labels)}
    classes = np.array([places[target] for target in targets])
    return Rows(texts=tuple(texts), targets=tuple(targets), labels=labels, classes=classes)


def fit_classifier(
    rows: Rows,
    spec: ClassifierSpec,
    *,
    seed: int,
    embedder: Embedder | None,
    report: Report,
    cancel: threading.Event,
) -> tuple[Classifier, Encoder | None]:
    """Fit a classifier; return it with the encoder that was trained for it, if one was, whose weights are to be kept.

    The same rows and seed give the same classifier. Characters and words need no embedder.

    Raises:
        UsageError: fewer than one neighbour.
        CancelledError: `cancel` was set.
    """
    if spec.kind in text_features.KINDS:
        return _fit_terms(rows, spec.kind, seed=seed, report=report, cancel=cancel), None
    if embedder is None:
        raise RetrievalError(f"A classifier of the kind '{spec.kind}' needs an embedder.")
    if spec.kind is ClassifierKind.NEIGHBOURS:
        return _fit_neighbours(rows, spec, embedder=embedder, report=report, cancel=cancel), None
    if spec.kind is ClassifierKind.LOGISTIC:
        vectors = _embedded(rows, embedder, report, cancel, first=0.0, last=0.6)
        return _fit_embeddings(rows, spec.kind, vectors, seed=seed, report=report, cancel=cancel, first=0.6), None
    from adapters.retrieval.encoder_training import train_encoder

    encoder = train_encoder(
        rows.texts,
        rows.targets,
        seed=seed,
        report=lambda fraction, left_s, step: report("training the encoder", fraction * 0.95, left_s, step),
        cancel=cancel,
    )
    vectors = _embedded(rows, encoder, report, cancel, first=0.95, last=0.98)
    return _fit_embeddings(rows, spec.kind, vectors, seed=seed, report=report, cancel=cancel, first=0.98), encoder


def _embedded(
    rows: Rows, embedder: Embedder, report: Report, cancel: threading.Event, *, first: float, last: float
) -> Vectors:
    return embedder.embed(
        rows.texts,
        report=lambda fraction, left_s: report("embedding", first + fraction * (last - first), left_s, ""),
        cancel=cancel,
    )


def _told(report: Report, first: float = 0.0) -> Callable[[float], None]:
    return lambda fraction: report("fitting the classifier", first + fraction * (1.0 - first), None, "")


def _fit_embeddings(
    rows: Rows,
    kind: ClassifierKind,
    vectors: Vectors,
    *,
    seed: int,
    report: Report,
    cancel: threading.Event,
    first: float,
) -> Classifier:
    wide = vectors.astype(np.float64)
    head, temperature = fit_logistic(
        wide,
        lambda known, unknown: (wide[known], wide[unknown]),
        rows.classes,
        seed=seed,
        report=_told(report, first),
        cancel=cancel,
    )
    return Classifier(kind=kind, labels=rows.labels, head=head, temperature=temperature)


def _fit_neighbours(
    rows: Rows, spec: ClassifierSpec, *, embedder: Embedder, report: Report, cancel: threading.Event
) -> Classifier:
    if spec.neighbours < 1:
        raise UsageError(f"{spec.neighbours} neighbours cannot vote.", "Choose at least 1.")
    vectors = _embedded(rows, embedder, report, cancel, first=0.0, last=0.6)
    head, temperature = fit_neighbours(vectors, rows.classes, spec.neighbours, report=_told(report, 0.6), cancel=cancel)
    return Classifier(kind=spec.kind, labels=rows.labels, head=head, temperature=temperature)


def _fit_terms(rows: Rows, kind: ClassifierKind, *, seed: int, report: Report, cancel: threading.Event) -> Classifier:
    def folds(known: Classes, unknown: Classes) -> tuple[object, object]:
        seen = [rows.texts[row] for row in known]
        found = TermFeatures.fit(seen, kind)
        return found.matrix(seen), found.matrix([rows.texts[row] for row in unknown])

    terms = TermFeatures.fit(rows.texts, kind)
    head, temperature = fit_logistic(
        terms.matrix(rows.texts), folds, rows.classes, seed=seed, report=_told(report), cancel=cancel
    )
    return Classifier(kind=kind, labels=rows.labels, head=head, temperature=temperature, terms=terms)
