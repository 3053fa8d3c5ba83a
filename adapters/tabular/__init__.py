"""Tables in and out: a CSV as a task, predictions as Parquet and formula-safe CSV."""
