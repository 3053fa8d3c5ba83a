"""How many further rows a race gives where a spending limit must hold, whatever they turn out to cost."""

from __future__ import annotations

import math
import statistics

from hypothesis import given
from hypothesis import strategies as st

from engine.running.preflight.saved_rows import affordable


def test_rows_that_all_cost_the_same_use_up_what_is_left() -> None:
    """Without a limit or a price all are given."""
    assert affordable(50, row_usd=[0.1] * 40, left_usd=1.05) == 10
    assert affordable(50, row_usd=[0.1], left_usd=None) == affordable(50, row_usd=[0.0], left_usd=1.0) == 50


@given(
    st.lists(st.floats(0.01, 1.0), min_size=20, max_size=60),
    st.floats(0.5, 20.0),
    st.integers(1, 60),
)
def test_room_is_kept_for_rows_that_are_dearer_than_those_before(
    row_usd: list[float], left_usd: float, count: int
) -> None:
    """What is given fits with three standard deviations in hand, and one more row would not; or none at all is given."""
    given_rows = affordable(count, row_usd=row_usd, left_usd=left_usd)

    def most_usd(rows: int) -> float:
        spread = statistics.stdev(row_usd)
        return rows * sum(row_usd) / len(row_usd) + 3 * spread * math.sqrt(rows + rows**2 / len(row_usd))

    assert given_rows == 0 or most_usd(given_rows) <= left_usd * (1 + 1e-9)
    assert given_rows == count or most_usd(given_rows + 1) > left_usd * (1 - 1e-9)
