"""A run's predictions as columns, so that 100,000 of them can be counted, compared and filtered at once."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.interval import Counts, Floats
from engine.core.run.prediction import (
    LEAST_REST,
    LONGEST_S,
    MOST_TOKENS,
    RIGHT_SCORE,
    FailureKind,
    Prediction,
    is_score,
    with_whole_characters,
)

FAILURES: tuple[str, ...] = tuple(str(kind) for kind in FailureKind)
_DAMAGED = FAILURES.index(FailureKind.BACKEND)
SECONDS = ("retrieval_s", "ttft_s", "total_s", "prefill_s", "decode_s", "batch_share_s", "cpu_s", "energy_wh")
TOKENS = ("prompt_tokens", "cached_prompt_tokens", "completion_tokens", "embedding_tokens")

COLUMNS: Mapping[str, str] = {
    "target": "$.target",
    "answer": "$.answer",
    "score": "$.score",
    "failure": "$.failure.kind",
    "rss_bytes": "$.rss_bytes",
    "scores": "$.scores",
    "probabilities": "$.probabilities",
    **{name: f"$.timing.{name}" for name in SECONDS},
    **{name: f"$.usage.{name}" for name in TOKENS},
    "tokens_estimated": "$.usage.estimated",
    "identity": "$.identity",
}
"""What the table is made from, with its place in a kept prediction; prompts and passages stay in the store."""


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
    tokens_estimated: NDArray[np.bool_]
    """Whether the tokens are estimates, since no server told them."""
    rss_bytes: Floats
    identities: tuple[tuple[str, ...], ...]
    """Per variant what its server said had answered, each once in the order of the rows."""

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each row is answered right: a score of at least `RIGHT_SCORE`."""
        return np.nan_to_num(self.score, nan=0.0) >= RIGHT_SCORE

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
    variant_ids: Sequence[str], example_ids: Sequence[str], predictions: Sequence[Prediction]
) -> RunTable:
    """Put predictions into columns."""
    places = [(prediction.variant_id, prediction.example_id) for prediction in predictions]
    values = [row_values(prediction) for prediction in predictions]
    return table_from_rows(variant_ids, example_ids, places, values)


def table_of_one(variant_id: str, example_ids: Sequence[str], rows: Sequence[Sequence[Any]]) -> RunTable:
    """Put one variant's rows into columns; `rows` holds `row_values` of each prediction, one per example."""
    return table_from_rows([variant_id], example_ids, [(variant_id, example_id) for example_id in example_ids], rows)


def table_from_json(
    variant_ids: Sequence[str], example_ids: Sequence[str], records: Iterable[tuple[str, str, str]]
) -> RunTable:
    """Put records into columns: variant id, example id, and a JSON list with the values of `COLUMNS` in order.

    Values that cannot be count as unmeasured, as `engine.core.run.soundness` has it.
    """
    read = list(records)
    text = f"[{','.join(text for _variant, _example, text in read)}]"
    values = json.loads(text, parse_int=_bounded)
    if "\\ud" in text.lower():  # it may be half of a character
        values = with_whole_characters(values)
    return table_from_rows(variant_ids, example_ids, [(variant, example) for variant, example, _text in read], values)


def _bounded(digits: str) -> float:
    """Read a whole number; one of more digits than any count has is infinite, and so is no count."""
    return int(digits) if len(digits) < 20 else math.inf


def table_from_rows(
    variant_ids: Sequence[str],
    example_ids: Sequence[str],
    places: Sequence[tuple[str, str]],
    values: Sequence[Sequence[Any]],
) -> RunTable:
    """Put rows into columns, each with its variant and example and its `row_values`; others are left out."""
    lines = {name: place for place, name in enumerate(variant_ids)}
    rows = {name: place for place, name in enumerate(example_ids)}
    shape = (len(lines), len(rows))
    known = [variant in lines and example in rows for variant, example in places]
    kept = list(values) if all(known) else list(itertools.compress(values, known))
    flat = np.array(
        [lines[v] * shape[1] + rows[e] for (v, e), k in zip(places, known, strict=True) if k], dtype=np.int64
    )
    columns: dict[str, Sequence[Any]] = dict(zip(COLUMNS, zip(*kept, strict=True), strict=True)) if kept else {}

    def spread(column: Sequence[Any], *, empty: float = math.nan) -> Floats:
        found = np.full(shape[0] * shape[1], empty, dtype=np.float64)
        found[flat] = np.array(column, dtype=np.float64)
        return found.reshape(shape)

    def column(name: str) -> Sequence[Any]:
        return columns.get(name, ())

    def counts(name: str) -> Sequence[Any]:
        if name != "embedding_tokens":
            return column(name)
        return [0 if count is None else count for count in column(name)]  # older records do not have it

    targets = [""] * shape[1]
    for place, target in zip(flat.tolist(), column("target"), strict=True):
        targets[place % shape[1]] = target
    answers: dict[str, int] = {}
    codes = [-1 if answer is None else answers.setdefault(answer, len(answers)) for answer in column("answer")]
    kinds = {None: -1} | {kind: code for code, kind in enumerate(FAILURES)}
    score = _within(spread(column("score")), 1.0)
    made = np.zeros(shape[0] * shape[1], dtype=np.bool_)
    made[flat] = True
    grid = made.reshape(shape)
    tokens = {name: _within(spread(counts(name)), MOST_TOKENS) for name in TOKENS}
    no_counts = grid & np.any([np.isnan(found) for found in tokens.values()], axis=0)
    score[grid & np.isnan(score)] = 0.0  # a failure has no score, and counts as 0
    scores = {
        name: _within(spread([scores.get(name, 0.0) for scores in column("scores")]), 1.0)
        for name in sorted({name for scores in column("scores") for name in scores})
    }
    for values_of_one in scores.values():
        values_of_one[grid & np.isnan(values_of_one)] = 0.0
    failure = spread([kinds.get(kind, _DAMAGED) for kind in column("failure")], empty=-1).astype(np.int8)
    no_score = np.array([value is not None and not is_score(value) for value in column("score")], dtype=np.bool_)
    failure.reshape(-1)[flat[no_score]] = _DAMAGED
    return RunTable(
        variant_ids=tuple(variant_ids),
        example_ids=tuple(example_ids),
        targets=tuple(targets),
        answers=tuple(answers),
        made=grid,
        score=score,
        scores=scores,
        failure=failure,
        answer=spread(codes, empty=-1).astype(np.int32),
        confidence=_within(
            spread(
                [chances.get(answer) for chances, answer in zip(column("probabilities"), column("answer"), strict=True)]
            ),
            1 + LEAST_REST,
        ),
        seconds={name: _within(spread(column(name)), LONGEST_S) for name in SECONDS},
        tokens={name: np.where(grid & np.isnan(found), 0.0, found) for name, found in tokens.items()},
        tokens_estimated=np.nan_to_num(spread(column("tokens_estimated"))).astype(np.bool_) | no_counts,
        rss_bytes=_within(spread(column("rss_bytes")), math.inf),
        identities=_identities(shape[0], flat // shape[1] if shape[1] else flat, column("identity")),
    )


def _identities(variants: int, lines: NDArray[np.int64], column: Sequence[Any]) -> tuple[tuple[str, ...], ...]:
    found: list[dict[str, None]] = [{} for _ in range(variants)]
    for line, identity in zip(lines.tolist(), column, strict=True):
        if identity and isinstance(identity, str):
            found[line][identity] = None
    return tuple(map(tuple, found))


def _within(found: Floats, most: float) -> Floats:
    """Return values with NaN in place of those that cannot be: older versions kept whatever a server told."""
    with np.errstate(invalid="ignore"):
        return np.where((found >= 0) & (found <= most), found, math.nan)


def row_values(prediction: Prediction) -> list[Any]:
    """Return a prediction's values of `COLUMNS` in order."""
    return [
        prediction.target,
        prediction.answer,
        prediction.score,
        str(prediction.failure.kind) if prediction.failure else None,
        prediction.rss_bytes,
        prediction.scores,
        prediction.probabilities,
        *(getattr(prediction.timing, name) for name in SECONDS),
        *(getattr(prediction.usage, name) for name in TOKENS),
        prediction.usage.estimated,
        prediction.identity,
    ]
