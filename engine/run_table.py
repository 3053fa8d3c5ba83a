"""A run's predictions as columns, so that 100,000 of them can be counted, compared and filtered at once."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bootstrap import Counts, Floats
from engine.prediction import FailureKind, Prediction

FAILURES: tuple[str, ...] = tuple(str(kind) for kind in FailureKind)
SECONDS = ("retrieval_s", "ttft_s", "total_s", "prefill_s", "decode_s", "batch_share_s", "cpu_s", "energy_wh")
TOKENS = ("prompt_tokens", "cached_prompt_tokens", "completion_tokens")

Record = tuple[str, str, Mapping[str, Any]]
"""Variant id, example id, and what `COLUMNS` names."""
COLUMNS = ("target", "answer", "score", "scores", "failure", "usage", "timing", "probabilities", "rss_bytes")
"""Fields of a prediction that the table is made from; the long ones, prompts and passages, stay in the store."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunTable:
    """Arrays of the shape (variants, rows). A row that a variant has not reached is not `made`."""

    variant_ids: tuple[str, ...]
    example_ids: tuple[str, ...]
    targets: tuple[str, ...]
    """Per row; empty where no variant has reached it."""
    answers: tuple[str, ...]
    """Each answer that occurs, once; `answer` holds places in it."""
    made: NDArray[np.bool_]
    score: Floats
    """Primary score; 0 for a failure, NaN where nothing was made."""
    scores: Mapping[str, Floats]
    """All scores of single rows by scorer, as `score`."""
    failure: NDArray[np.int8]
    """Place in `FAILURES`; -1 where there is none."""
    answer: NDArray[np.int32]
    """Place in `answers`; -1 where there is none."""
    confidence: Floats
    """Probability of the answer; NaN where none was given."""
    seconds: Mapping[str, Floats]
    """The fields of `Timing` by name; NaN where not measured."""
    tokens: Mapping[str, Floats]
    """The fields of `Usage` by name."""
    rss_bytes: Floats

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each row is answered right: a score of at least 0.5."""
        return np.nan_to_num(self.score, nan=0.0) >= 0.5

    @property
    def predictions(self) -> int:
        """How many predictions there are."""
        return int(self.made.sum())

    def place(self, variant_id: str) -> int:
        """Return a variant's line."""
        return self.variant_ids.index(variant_id)

    def target_codes(self, labels: Sequence[str]) -> Counts:
        """Return each row's target as its place among the labels; -1 for any other."""
        known = {label: code for code, label in enumerate(labels)}
        return np.array([known.get(target, -1) for target in self.targets], dtype=np.int64)

    def answer_codes(self, labels: Sequence[str]) -> Counts:
        """Return the answers, of shape (variants, rows), as places among the labels; -1 for none and any other."""
        known = {label: code for code, label in enumerate(labels)}
        codes = np.array([*(known.get(answer, -1) for answer in self.answers), -1], dtype=np.int64)
        return codes[self.answer]


def table_from_predictions(
    variant_ids: Sequence[str], example_ids: Sequence[str], predictions: Iterable[Prediction]
) -> RunTable:
    """Put predictions into columns."""
    return build_table(variant_ids, example_ids, (_record(prediction) for prediction in predictions))


def build_table(variant_ids: Sequence[str], example_ids: Sequence[str], records: Iterable[Record]) -> RunTable:
    """Put records into columns; those of variants or examples that are not asked for are left out."""
    lines = {name: place for place, name in enumerate(variant_ids)}
    rows = {name: place for place, name in enumerate(example_ids)}
    shape = (len(lines), len(rows))
    places: list[int] = []
    kept: list[Mapping[str, Any]] = []
    for variant_id, example_id, fields in records:
        line, row = lines.get(variant_id), rows.get(example_id)
        if line is not None and row is not None:
            places.append(line * shape[1] + row)
            kept.append(fields)
    flat = np.array(places, dtype=np.int64)

    def spread(values: Sequence[Any], *, empty: float = math.nan) -> Floats:
        column = np.full(shape[0] * shape[1], empty, dtype=np.float64)
        column[flat] = np.array(values, dtype=np.float64)
        return column.reshape(shape)

    targets = [""] * shape[1]
    for place, fields in zip(places, kept, strict=True):
        targets[place % shape[1]] = fields["target"]
    answers: dict[str, int] = {}
    codes = [-1 if fields["answer"] is None else answers.setdefault(fields["answer"], len(answers)) for fields in kept]
    names = sorted({name for fields in kept for name in fields["scores"]})
    made = np.zeros(shape[0] * shape[1], dtype=np.bool_)
    made[flat] = True
    return RunTable(
        variant_ids=tuple(variant_ids),
        example_ids=tuple(example_ids),
        targets=tuple(targets),
        answers=tuple(answers),
        made=made.reshape(shape),
        score=spread([fields["score"] or 0.0 for fields in kept]),
        scores={name: spread([fields["scores"].get(name, 0.0) for fields in kept]) for name in names},
        failure=spread([_failure_code(fields["failure"]) for fields in kept], empty=-1).astype(np.int8),
        answer=spread(codes, empty=-1).astype(np.int32),
        confidence=spread([_confidence(fields) for fields in kept]),
        seconds={name: spread([fields["timing"].get(name) for fields in kept]) for name in SECONDS},
        tokens={name: spread([fields["usage"].get(name, 0) for fields in kept]) for name in TOKENS},
        rss_bytes=spread([fields["rss_bytes"] for fields in kept]),
    )


def record_from_json(variant_id: str, example_id: str, text: str) -> Record:
    """Read a record from a JSON list with the values of `COLUMNS` in order."""
    return variant_id, example_id, dict(zip(COLUMNS, json.loads(text), strict=True))


def _record(prediction: Prediction) -> Record:
    usage, timing = prediction.usage, prediction.timing
    return (
        prediction.variant_id,
        prediction.example_id,
        {
            "target": prediction.target,
            "answer": prediction.answer,
            "score": prediction.score,
            "scores": prediction.scores,
            "failure": {"kind": str(prediction.failure.kind)} if prediction.failure else None,
            "usage": {name: getattr(usage, name) for name in TOKENS},
            "timing": {name: getattr(timing, name) for name in SECONDS},
            "probabilities": prediction.probabilities,
            "rss_bytes": prediction.rss_bytes,
        },
    )


def _failure_code(failure: Mapping[str, Any] | None) -> int:
    return -1 if failure is None else FAILURES.index(failure["kind"])


def _confidence(fields: Mapping[str, Any]) -> float:
    value = fields["probabilities"].get(fields["answer"]) if fields["probabilities"] else None
    return math.nan if value is None else float(value)
