"""A run's predictions as columns, so that 100,000 of them can be counted, compared and filtered at once."""

from __future__ import annotations

import itertools
import json
import math
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
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
_KINDS = {None: -1} | {kind: code for code, kind in enumerate(FAILURES)}
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
_NUMBERS = ("score", "rss_bytes", *SECONDS, *TOKENS, "tokens_estimated")
_TEXTS = ("target", "answer", "identity")
_AT_ONCE = 1_000
"""Rows whose JSON is read at once: as objects they take a kilobyte each."""


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


class RowColumns:
    """Values of rows in columns, as the rows come: some 200 bytes each, where a list of its values takes a thousand.

    One thread adds rows; any may read the first so many of them meanwhile.
    """

    def __init__(self) -> None:
        """Begin without a row."""
        self._numbers = {name: array("d") for name in (*_NUMBERS, "confidence")}
        self._scores: dict[str, array[float]] = {}
        self._failure = array("b")
        self._codes = {name: array("i") for name in _TEXTS}
        self._texts: dict[str, dict[str, int]] = {name: {} for name in _TEXTS}

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._failure)

    def extend(self, values: Sequence[Sequence[Any]]) -> None:
        """Add rows, each as `row_values`."""
        if not values:
            return
        before = len(self)
        columns: dict[str, Sequence[Any]] = dict(zip(COLUMNS, zip(*values, strict=True), strict=True))
        numbers = {name: columns[name] for name in _NUMBERS}
        numbers["embedding_tokens"] = [0 if count is None else count for count in columns["embedding_tokens"]]
        numbers["confidence"] = [
            chances.get(answer) for chances, answer in zip(columns["probabilities"], columns["answer"], strict=True)
        ]
        named = sorted(self._scores.keys() | {name for scores in columns["scores"] for name in scores})
        scored = {name: [scores.get(name, 0.0) for scores in columns["scores"]] for name in named}
        # All are read before any is added: a part that cannot be read leaves the columns of one length.
        read = {name: _read_numbers(column, len(values)) for name, column in numbers.items()}
        read_scores = {name: _read_numbers(column, len(values)) for name, column in scored.items()}
        for name, column in read.items():
            self._numbers[name].frombytes(column)
        for name, column in read_scores.items():
            self._scores.setdefault(name, array("d", bytes(8 * before))).frombytes(column)
        for name, known in self._texts.items():
            self._codes[name].extend(
                [known.setdefault(text, len(known)) if isinstance(text, str) else -1 for text in columns[name]]
            )
        self._failure.extend(
            _DAMAGED if score is not None and not is_score(score) else _KINDS.get(kind, _DAMAGED)
            for kind, score in zip(columns["failure"], columns["score"], strict=True)
        )

    def without(self, places: Collection[int]) -> RowColumns:
        """Return the columns without the rows at these places."""
        left = RowColumns()
        left._texts = self._texts
        stays = [place not in places for place in range(len(self))]

        def kept(column: array[Any]) -> array[Any]:
            return array(column.typecode, itertools.compress(column, stays))

        left._numbers = {name: kept(column) for name, column in self._numbers.items()}
        left._scores = {name: kept(column) for name, column in self._scores.items()}
        left._codes = {name: kept(column) for name, column in self._codes.items()}
        left._failure = kept(self._failure)
        return left

    def numbers(self, name: str, count: int) -> Floats:
        """Return a column of the first rows; NaN where there is no number."""
        return np.frombuffer(self._numbers[name][:count], dtype=np.float64)

    def scores(self, count: int) -> dict[str, Floats]:
        """Return the scores of the first rows by scorer."""
        return {name: np.frombuffer(found[:count], dtype=np.float64) for name, found in sorted(self._scores.items())}

    def failures(self, count: int) -> NDArray[np.int8]:
        """Return the failures of the first rows, as `RunTable.failure`."""
        return np.frombuffer(self._failure[:count], dtype=np.int8)

    def codes(self, name: str, count: int) -> NDArray[np.int32]:
        """Return a column of texts of the first rows as places in `texts`; -1 for none."""
        return np.frombuffer(self._codes[name][:count], dtype=np.int32)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return each text that occurs in a column, once."""
        return tuple(self._texts[name])


def _read_numbers(column: Sequence[Any], count: int) -> bytes:
    found = np.array(column, dtype=np.float64)
    if found.shape != (count,):
        raise ValueError("A row has several numbers where there should be one.")
    return found.tobytes()


class _Places:
    """Where in the grid of variants and rows each added row stands; others are left out."""

    def __init__(self, variant_ids: Sequence[str], example_ids: Sequence[str]) -> None:
        self._lines = {name: place for place, name in enumerate(variant_ids)}
        self._rows = {name: place for place, name in enumerate(example_ids)}
        self.flat = array("q")
        self.columns = RowColumns()

    def add(self, places: Sequence[tuple[str, str]], values: Sequence[Sequence[Any]]) -> None:
        known = [variant in self._lines and example in self._rows for variant, example in places]
        self.flat.extend(
            self._lines[variant] * len(self._rows) + self._rows[example]
            for variant, example in itertools.compress(places, known)
        )
        self.columns.extend(list(itertools.compress(values, known)))


def table_from_predictions(
    variant_ids: Sequence[str], example_ids: Sequence[str], predictions: Sequence[Prediction]
) -> RunTable:
    """Put predictions into columns."""
    places = [(prediction.variant_id, prediction.example_id) for prediction in predictions]
    values = [row_values(prediction) for prediction in predictions]
    return table_from_rows(variant_ids, example_ids, places, values)


def table_of_one(variant_id: str, example_ids: Sequence[str], columns: RowColumns) -> RunTable:
    """Return the table of one variant from its first rows, one per example."""
    return _table([variant_id], example_ids, np.arange(len(example_ids)), columns)


def table_from_json(
    variant_ids: Sequence[str], example_ids: Sequence[str], records: Iterable[tuple[str, str, str]]
) -> RunTable:
    """Put records into columns: variant id, example id, and a JSON list with the values of `COLUMNS` in order.

    Values that cannot be count as unmeasured, as `engine.core.run.soundness` has it.
    """
    found, records = _Places(variant_ids, example_ids), iter(records)
    while part := list(itertools.islice(records, _AT_ONCE)):
        text = f"[{','.join(text for _variant, _example, text in part)}]"
        values = json.loads(text, parse_int=_bounded)
        if "\\ud" in text.lower():  # it may be half of a character
            values = with_whole_characters(values)
        found.add([(variant, example) for variant, example, _text in part], values)
    return _table(variant_ids, example_ids, np.array(found.flat, dtype=np.int64), found.columns)


def _bounded(digits: str) -> float:
    """Read a whole number; one of more digits than any count has is infinite, which is not a count."""
    return int(digits) if len(digits) < 20 else math.inf


def table_from_rows(
    variant_ids: Sequence[str],
    example_ids: Sequence[str],
    places: Sequence[tuple[str, str]],
    values: Sequence[Sequence[Any]],
) -> RunTable:
    """Put rows into columns, each with its variant and example and its `row_values`; others are left out."""
    found = _Places(variant_ids, example_ids)
    found.add(places, values)
    return _table(variant_ids, example_ids, np.array(found.flat, dtype=np.int64), found.columns)


def _table(
    variant_ids: Sequence[str], example_ids: Sequence[str], flat: NDArray[np.int64], columns: RowColumns
) -> RunTable:
    """Spread the first rows over the grid; `flat` tells the place of each in it."""
    count, shape = len(flat), (len(variant_ids), len(example_ids))

    def spread(column: NDArray[Any], empty: float = math.nan) -> Floats:
        found = np.full(shape[0] * shape[1], empty, dtype=np.float64)
        found[flat] = column
        return found.reshape(shape)

    def numbers(name: str, most: float) -> Floats:
        return _within(spread(columns.numbers(name, count)), most)

    targets, known = [""] * shape[1], columns.texts("target")
    for place, code in zip(flat.tolist(), columns.codes("target", count).tolist(), strict=True):
        targets[place % shape[1]] = known[code] if code >= 0 else ""
    grid = spread(np.ones(count), empty=0).astype(np.bool_)
    score = numbers("score", 1.0)
    tokens = {name: numbers(name, MOST_TOKENS) for name in TOKENS}
    no_counts = grid & np.any([np.isnan(found) for found in tokens.values()], axis=0)
    score[grid & np.isnan(score)] = 0.0  # a failure has no score, and counts as 0
    scores = {name: _within(spread(found), 1.0) for name, found in columns.scores(count).items()}
    for values_of_one in scores.values():
        values_of_one[grid & np.isnan(values_of_one)] = 0.0
    return RunTable(
        variant_ids=tuple(variant_ids),
        example_ids=tuple(example_ids),
        targets=tuple(targets),
        answers=columns.texts("answer"),
        made=grid,
        score=score,
        scores=scores,
        failure=spread(columns.failures(count), empty=-1).astype(np.int8),
        answer=spread(columns.codes("answer", count), empty=-1).astype(np.int32),
        confidence=numbers("confidence", 1 + LEAST_REST),
        seconds={name: numbers(name, LONGEST_S) for name in SECONDS},
        tokens={name: np.where(grid & np.isnan(found), 0.0, found) for name, found in tokens.items()},
        tokens_estimated=np.nan_to_num(spread(columns.numbers("tokens_estimated", count))).astype(np.bool_) | no_counts,
        rss_bytes=numbers("rss_bytes", math.inf),
        identities=_identities(shape, flat, columns),
    )


def _identities(shape: tuple[int, int], flat: NDArray[np.int64], columns: RowColumns) -> tuple[tuple[str, ...], ...]:
    found: list[dict[str, None]] = [{} for _ in range(shape[0])]
    codes, texts = columns.codes("identity", len(flat)), columns.texts("identity")
    for line, code in dict.fromkeys(zip((flat // max(shape[1], 1)).tolist(), codes.tolist(), strict=True)):
        if code >= 0 and texts[code]:
            found[line][texts[code]] = None
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
