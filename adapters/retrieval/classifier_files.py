"""Classifiers on disk: plain arrays, JSON and safetensors, so that reading one runs no code. Only in the worker.

`<id>.npz` holds the labels, the head and, for characters and words, the terms; the weights of an encoder stand in a
folder `<id>` beside it and are written first. A classifier without its weights, or with others, is damaged.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.retrieval.classifier import Classifier
from adapters.retrieval.encoder_weights import keep_weights, read_weights
from adapters.retrieval.logistic import LogisticHead
from adapters.retrieval.neighbours import NeighbourHead
from adapters.retrieval.text_features import TermFeatures
from adapters.storage.files import write_whole
from engine.core.errors import RetrievalError
from engine.core.variant import ClassifierKind

if TYPE_CHECKING:  # with torch
    from adapters.retrieval.encoder import Encoder


def weights_folder(path: Path) -> Path:
    """Return where the weights of a classifier's encoder are kept."""
    return path.with_suffix("")


def save_classifier(classifier: Classifier, path: Path, encoder: Encoder | None) -> None:
    """Write a classifier, after the weights of its encoder if it has one."""
    if encoder is not None:
        digest = keep_weights(weights_folder(path), encoder.weights())
        classifier = replace(classifier, encoder_digest=digest)
    arrays: dict[str, Any] = {"labels": np.array(classifier.labels, dtype=np.str_)}
    head = classifier.head
    if isinstance(head, NeighbourHead):
        arrays |= {"vectors": head.vectors, "classes": head.classes}
        own = float(head.neighbours)
    else:
        arrays |= {"weights": head.weights, "biases": head.biases}
        own = head.strength
    arrays["scalars"] = np.array([own, classifier.temperature, classifier.build_s])
    if classifier.tokens:
        arrays["tokens"] = np.array(classifier.tokens)
    if classifier.kind is not ClassifierKind.LOGISTIC:
        arrays["kind"] = np.array(classifier.kind.value, dtype=np.str_)
    if classifier.terms is not None:
        # As JSON: an array of strings would take the length of the longest word for each.
        arrays["terms"] = np.frombuffer(json.dumps(classifier.terms.terms).encode(), dtype=np.uint8)
        arrays["idf"] = classifier.terms.idf
    if classifier.embedder_id:
        arrays["embedder"] = np.array(classifier.embedder_id, dtype=np.str_)
    if classifier.encoder_digest:
        arrays["encoder_digest"] = np.array(classifier.encoder_digest, dtype=np.str_)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_whole(path, buffer.getvalue())


def load_classifier(path: Path) -> Classifier:
    """Read a classifier; the weights of its encoder are left where they are.

    Raises:
        RetrievalError: it is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return _read(arrays)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise RetrievalError(f"The classifier {path.stem} is missing or damaged.", "Fit it again.") from error


def standing_classifier(path: Path) -> Classifier | None:
    """Read a classifier whole, the weights of its encoder included; None if it is missing or damaged."""
    try:
        classifier = load_classifier(path)
        if classifier.kind is ClassifierKind.ENCODER:
            read_weights(weights_folder(path), classifier.encoder_digest)
    except RetrievalError:
        return None
    return classifier


def _read(arrays: Mapping[str, Any]) -> Classifier:
    kind = ClassifierKind(str(arrays["kind"])) if "kind" in arrays else ClassifierKind.LOGISTIC
    own, temperature, build_s = (float(value) for value in arrays["scalars"])
    head: LogisticHead | NeighbourHead
    if kind is ClassifierKind.NEIGHBOURS:
        head = NeighbourHead(vectors=arrays["vectors"], classes=arrays["classes"], neighbours=int(own))
    else:
        head = LogisticHead(weights=arrays["weights"], biases=arrays["biases"], strength=own)
    terms = None
    if "terms" in arrays:
        terms = TermFeatures.restored(kind, json.loads(arrays["terms"].tobytes()), arrays["idf"])
    return Classifier(
        labels=tuple(str(label) for label in arrays["labels"]),
        head=head,
        temperature=temperature,
        kind=kind,
        terms=terms,
        encoder_digest=str(arrays["encoder_digest"]) if "encoder_digest" in arrays else "",
        embedder_id=str(arrays["embedder"]) if "embedder" in arrays else "",
        build_s=build_s,
        tokens=int(arrays["tokens"]) if "tokens" in arrays else 0,
    )
