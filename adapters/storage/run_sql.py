"""The tables of the run store, and the parts of its queries. No value of a run is ever written into one."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY,
    started_at TEXT NOT NULL,
    status TEXT NOT NULL,
    manifest TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS predictions (
    number INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    variant_id TEXT NOT NULL,
    example_id TEXT NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (run_id, variant_id, example_id)
);
CREATE TABLE IF NOT EXISTS looks_of_deleted_runs (
    run_id TEXT PRIMARY KEY,
    task_id TEXT NOT NULL,
    task_digest TEXT NOT NULL,
    record TEXT NOT NULL
);
"""
COUNTS = (
    """CREATE TABLE answer_counts (
        run_id TEXT PRIMARY KEY REFERENCES runs (run_id) ON DELETE CASCADE,
        answers INTEGER NOT NULL
    )""",
    "INSERT INTO answer_counts SELECT run_id, COUNT(*) FROM runs JOIN predictions USING (run_id) GROUP BY run_id",
    """CREATE TRIGGER answer_added AFTER INSERT ON predictions BEGIN
        INSERT INTO answer_counts VALUES (new.run_id, 1) ON CONFLICT (run_id) DO UPDATE SET answers = answers + 1;
    END""",
    """CREATE TRIGGER answer_removed AFTER DELETE ON predictions BEGIN
        UPDATE answer_counts SET answers = answers - 1 WHERE run_id = old.run_id;
    END""",
)
"""Each run's number of answers, kept by SQLite itself: a list of runs need not count them. Older stores get it too."""
HAS_COUNTS = "SELECT 1 FROM sqlite_master WHERE name = 'answer_counts'"

WHOLE_RECORD = (
    "CASE WHEN json_valid(record) THEN json_type(record, '$.target') = 'text' AND json_type(record, '$.scores') ="
    " 'object' AND json_type(record, '$.probabilities') = 'object' ELSE 0 END"
)
"""Holds of a record that can be read as columns."""
UNANSWERED = "CASE WHEN json_valid(predictions.record) THEN json_extract(predictions.record, '$.failure.passing') END"
"""Holds of a record of a row that a fault which may pass left without an answer."""
ON_EXAMPLES = " AND variant_id IN (SELECT value FROM json_each(?)) AND example_id IN (SELECT value FROM json_each(?))"
"""Restricts to lists of variants and examples, each given as JSON."""
ROW = "INTO predictions (run_id, variant_id, example_id, record) VALUES (?, ?, ?, ?)"
