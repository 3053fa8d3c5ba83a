"""What is kept of runs on screen: the newest edition of each, of a few runs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from components.ui.run_data import Newest


def test_a_newer_edition_takes_the_place_of_the_older() -> None:
    """A run that goes on leaves one value, not one for each look."""
    kept: Newest[int] = Newest()
    made = [kept.of("a", ("running", rows, 100, 0), lambda rows=rows: rows) for rows in (1, 1, 2, 3, 3)]  # type: ignore[misc]
    assert made == [1, 1, 2, 3, 3]
    assert len(kept._kept) == 1
    assert kept.of("a", ("running", 3, 100, 0), lambda: 99) == 3


def test_the_run_looked_at_longest_ago_goes_first() -> None:
    """A look counts, not only the making."""
    kept: Newest[str] = Newest(most=2)
    done = ("done", 5, 5, 0)
    for run_id in ("a", "b", "a", "c"):
        kept.of(run_id, done, lambda run_id=run_id: run_id)  # type: ignore[misc]
    assert kept.of("a", done, lambda: "again") == "a"
    assert kept.of("b", done, lambda: "again") == "again"


def test_many_tabs_make_one_value() -> None:
    """Those that ask at once wait for the first; another run's tabs do not."""
    kept: Newest[int] = Newest()
    made, goes, edition = [], threading.Event(), ("done", 5, 5, 0)

    def make() -> int:
        made.append(1)
        assert goes.wait(60)
        return 7

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(kept.of, "large", edition, make) for _ in range(8)]
        assert kept.of("other", edition, lambda: 1) == 1
        goes.set()
        assert [one.result() for one in asked] == [7] * 8
    assert made == [1]
