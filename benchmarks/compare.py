"""The whole comparison: 50 training rows, 100 test rows, six variants, LoRA training; and the engine's overhead.

    python -m benchmarks.compare [--prior-correction off|on|auto] [--race]

The overhead is the wall time from the first row to the last, relative to the sum of the rows' own total times.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time

from engine.core.run.events import PredictionMade, PredictionStarted, RunEnded, VariantReady
from engine.core.techniques import TECHNIQUES
from engine.core.variant import PriorCorrection
from wiring import open_lab


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--prior-correction", choices=[str(one) for one in PriorCorrection], default="auto")
    parser.add_argument("--race", action="store_true")
    asked = parser.parse_args()
    lab = open_lab()
    started = time.perf_counter()
    plan = lab.plans.make(
        task_id="support-tickets",
        model_id="smollm2-135m-instruct",
        techniques=list(TECHNIQUES),
        limit=100,
        train_rows=50,
        prior_correction=PriorCorrection(asked.prior_correction),
        race=asked.race,
    )
    first_row = last_row = 0.0
    in_rows = 0.0
    prepare_s: dict[str, float] = {}
    ended: RunEnded | None = None
    for event in lab.runs.carry_out(plan, threading.Event(), resume=False):
        if isinstance(event, PredictionStarted) and not first_row:
            first_row = time.perf_counter()
        elif isinstance(event, PredictionMade):
            last_row = time.perf_counter()
            in_rows += event.prediction.timing.total_s or 0.0
        elif isinstance(event, VariantReady):
            prepare_s[event.variant_id] = event.paid.prepare_s
        elif isinstance(event, RunEnded):
            ended = event
    total_s = time.perf_counter() - started
    summary = lab.results.summary(plan.run_id)
    lab.close()
    for figures in summary["variants"]:
        quality = figures["quality"]
        print(
            f"  {figures['variant']:<10} {quality['value']:.0%} ({quality['ci_low']:.0%} to {quality['ci_high']:.0%}), "
            f"p50 {figures['total_s']['p50']:.3f} s, set-up {prepare_s[figures['variant']]:.1f} s, "
            f"failed {figures['n_failed']}"
        )
    rows_s = last_row - first_row
    print(f"  whole comparison: {total_s:.0f} s; rows: {rows_s:.0f} s")
    print(f"  engine's overhead over the rows' own time: {100 * (rows_s / in_rows - 1):.2f} %")
    return 0 if ended is not None and ended.status == "done" else 1


if __name__ == "__main__":
    sys.exit(main())
