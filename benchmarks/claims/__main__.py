"""Judges every kind of claim of a verdict on simulated runs whose truth is known.

    python cli.py bench claims                            # 200 runs of each scenario: minutes
    ADAPTLAB_CLAIM_RUNS=5000 python cli.py bench claims   # writes the tables of docs/statistics.md too

The worst scenario counts, never an average. With 5,000 runs or more the ten worst scenarios are run again, four times
as often and with other seeds, and those rates count. What is finished is kept in `out/claims.json` and not run again,
as long as the code that is judged has not changed; Ctrl-C stops at any time.
"""

from __future__ import annotations

import sys

from benchmarks.claims.keeping import Kept
from benchmarks.claims.power import missed_goals, power_table, settle_table
from benchmarks.claims.running import runs_asked, simulate_all, simulate_worst
from benchmarks.claims.tables import claims_table, failures, worst, write_docs

FULL_RUNS = 5000


def main() -> int:
    """Simulate, print the tables, and fail where a claim errs too often."""
    kept = Kept()
    asked = runs_asked()
    tallies = simulate_all(kept, asked)
    checked = {}
    if asked >= FULL_RUNS:
        checked = simulate_worst(kept, worst(tallies), 4 * asked)
    table = claims_table(tallies, checked)
    found, settled = power_table(kept, asked), settle_table(kept, asked)
    print(f"{table}\n\n{found}\n\n{settled}")
    if asked >= FULL_RUNS:
        write_docs(table, found, settled)
    wrong = failures({**tallies, **checked}) + missed_goals(kept, asked)
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
