"""How fast is each embedder of this machine? Rows of `support-tickets`, numbered, so that no two are the same.

Prints for batches and for rows alone: rows per second by the clock, and milliseconds of this process's time per row,
which other work on the machine changes less. Embedders at servers are left out: their work is another process's. Last
comes what reading kept vectors takes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from adapters.retrieval.embedder import Embedder
from adapters.retrieval.embedders.registry import found_embedders, open_embedder
from adapters.retrieval.kept_vectors import KeepingEmbedder, KeptVectors
from adapters.storage.task_folder import read_task

TASK = Path(__file__).resolve().parents[1] / "data" / "tasks" / "support-tickets"
ROWS = 1_000
ALONE = 40
ROUNDS = 2


def main() -> int:
    """Measure the embedders in turns and print."""
    tickets = [example.input for example in read_task(TASK).examples]
    rows = [f"{tickets[number % len(tickets)]} ({number})" for number in range(ROWS)]
    embedders = [open_embedder(facts) for facts in found_embedders() if not facts.server]
    for turn in range(1, ROUNDS + 1):
        for embedder in embedders:
            print(f"  {turn}. {embedder.facts.name}: {_measured(embedder, rows)}", flush=True)
    return 0


def _measured(embedder: Embedder, rows: list[str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        kept = KeptVectors(Path(folder), embedder.id)
        whole = _timed(lambda: KeepingEmbedder(embedder, kept).embed(rows), ROWS)
        alone = _timed(lambda: [embedder.embed_one(row) for row in rows[:ALONE]], ALONE)
        again = _timed(lambda: KeepingEmbedder(embedder, kept).embed(rows), ROWS)
    return f"{whole}; alone {alone}; kept {again}"


def _timed(work: Callable[[], object], rows: int) -> str:
    started_s, cpu_s = time.perf_counter(), time.process_time()
    work()
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - started_s
    return f"{rows / wall_s:,.0f} rows/s, {1000 * cpu_s / rows:.2f} ms of processor time a row"


if __name__ == "__main__":
    sys.exit(main())
