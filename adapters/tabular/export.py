"""Predictions as Parquet and CSV. No cell of the CSV is read as a formula by a spreadsheet."""

from __future__ import annotations

import io
from collections.abc import Sequence

import polars as pl

from engine.core.run.prediction import Prediction

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
}


def predictions_frame(predictions: Sequence[Prediction]) -> pl.DataFrame:
    """Return one row per prediction; columns as in the schema above."""
    rows = [
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
        }
        for p in predictions
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def formula_safe(frame: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before texts that a spreadsheet would take for a formula (OWASP, CSV injection)."""
    columns = [
        pl.when(pl.col(name).str.contains(r"^\s*[=+\-@\t\r\n]"))
        .then(pl.lit("'") + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name, kind in frame.schema.items()
        if kind == pl.String
    ]
    return frame.with_columns(columns)


def to_csv(predictions: Sequence[Prediction]) -> bytes:
    """Return formula-safe CSV, UTF-8."""
    return formula_safe(predictions_frame(predictions)).write_csv().encode("utf-8", "replace")


def to_parquet(predictions: Sequence[Prediction]) -> bytes:
    """Return Parquet with texts as they are."""
    buffer = io.BytesIO()
    predictions_frame(predictions).write_parquet(buffer)
    return buffer.getvalue()
