"""Predictions as Parquet and CSV that can be read on their own. No spreadsheet takes a CSV cell for a formula.

docs/exports.md says what each column holds; other programs rely on the columns and their order.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence

import polars as pl

from engine.core.run.prediction import Prediction
from engine.core.text.safe_text import FORMULA
from engine.metrics.marks import Mark

SCHEMA: dict[str, pl.DataType] = {
    "variant_id": pl.String(),
    "technique": pl.String(),
    "example_id": pl.String(),
    "target": pl.String(),
    "text": pl.String(),
    "answer": pl.String(),
    "score": pl.Float64(),
    "failure": pl.String(),
    "prompt_tokens": pl.Int64(),
    "cached_prompt_tokens": pl.Int64(),
    "completion_tokens": pl.Int64(),
    "retrieval_s": pl.Float64(),
    "ttft_s": pl.Float64(),
    "total_s": pl.Float64(),
    "input": pl.String(),
    "probabilities": pl.String(),
    "passage_ids": pl.String(),
    "prompt": pl.String(),
    "attempts": pl.Int64(),
    "thinking": pl.String(),
    "prefill_s": pl.Float64(),
    "decode_s": pl.Float64(),
    "energy_wh": pl.Float64(),
    "memory_bytes": pl.Int64(),
    "seed": pl.Int64(),
    "marks": pl.String(),
}
"""New columns go to the end."""


def predictions_frame(
    predictions: Sequence[Prediction],
    *,
    inputs: Mapping[str, str],
    seed: int,
    marks: Mapping[str, Mapping[str, Mark]],
) -> pl.DataFrame:
    """Return one row per prediction; columns as in the schema above. What was not measured is null.

    Args:
        predictions: of one run.
        inputs: what the variants were given, by example; a row that is not among them has no input.
        seed: of the run.
        marks: of the columns with figures, by variant.
    """
    told = {
        variant_id: {column: str(mark) for column, mark in found.items() if mark is not Mark.MEASURED}
        for variant_id, found in marks.items()
    }
    rows: list[dict[str, object]] = [
        {
            "variant_id": p.variant_id,
            "technique": p.technique,
            "example_id": p.example_id,
            "target": p.target,
            "text": p.text,
            "answer": p.answer,
            "score": p.score,
            "failure": str(p.failure.kind) if p.failure else None,
            "prompt_tokens": p.usage.prompt_tokens,
            "cached_prompt_tokens": p.usage.cached_prompt_tokens,
            "completion_tokens": p.usage.completion_tokens,
            "retrieval_s": p.timing.retrieval_s,
            "ttft_s": p.timing.ttft_s,
            "total_s": p.timing.total_s,
            "input": inputs.get(p.example_id),
            "probabilities": _json(dict(p.probabilities)),
            "passage_ids": _json([passage.id for passage in p.passages]),
            "prompt": p.prompt or None,
            "attempts": p.attempts,
            "thinking": p.thinking or None,
            "prefill_s": p.timing.prefill_s,
            "decode_s": p.timing.decode_s,
            "energy_wh": p.timing.energy_wh,
            "memory_bytes": p.rss_bytes or None,
            "seed": seed,
        }
        for p in predictions
    ]
    for row in rows:
        found = told.get(str(row["variant_id"]), {})
        row["marks"] = _json({column: mark for column, mark in found.items() if row[column] is not None})
    return pl.DataFrame(rows, schema=SCHEMA)


def formula_safe(frame: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before texts that a spreadsheet would take for a formula (OWASP, CSV injection)."""
    columns = [
        pl.when(pl.col(name).str.contains(FORMULA)).then(pl.lit("'") + pl.col(name)).otherwise(pl.col(name)).alias(name)
        for name, kind in frame.schema.items()
        if kind == pl.String
    ]
    return frame.with_columns(columns)


def to_csv(frame: pl.DataFrame) -> bytes:
    """Return formula-safe CSV, UTF-8."""
    return formula_safe(frame).write_csv().encode("utf-8", "replace")


def to_parquet(frame: pl.DataFrame) -> bytes:
    """Return Parquet with texts as they are."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def _json(value: Mapping[str, float] | Mapping[str, str] | Sequence[str]) -> str | None:
    return json.dumps(value, ensure_ascii=False) if value else None
