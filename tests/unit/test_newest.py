"""What is kept of runs on screen: the newest edition of each, of a few runs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.core.run.editions import Edition, Newest, let_go_of_runs


def running(rows: int) -> Edition:
    """Return the edition of a run that goes on, with so many answers."""
    return Edition("running", rows, 100, 0, "")


def book(most: int = 6) -> Newest[Edition, int]:
    """Return an empty one."""
    return Newest(most)


def test_a_newer_edition_takes_the_place_of_the_older() -> None:
    """A run that goes on leaves one value, not one for each look."""
    kept = book()
    made = [kept.of("a", running(rows), lambda rows=rows: rows) for rows in (1, 1, 2, 3)]  # type: ignore[misc]
    assert made == [1, 1, 2, 3]
    assert len(kept._kept) == 1


@pytest.mark.parametrize("other", [{"status": "done"}, {"rows_total": 7}, {"asked_again": 1}, {"imported_at": "now"}])
def test_another_edition_is_made_anew(other: dict[str, object]) -> None:
    """A run that has ended, grown, been asked again or come in again is another one, whatever its number of answers."""
    kept = book()
    kept.of("a", running(3), lambda: 1)
    assert kept.of("a", running(3)._replace(**other), lambda: 2) == 2  # type: ignore[arg-type]


def test_the_run_looked_at_longest_ago_goes_first() -> None:
    """A look counts, not only the making."""
    kept = book(most=2)
    for run_id, number in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        kept.of(run_id, running(5), lambda number=number: number)  # type: ignore[misc]
    assert kept.of("a", running(5), lambda: 9) == 1
    assert kept.of("b", running(5), lambda: 9) == 9
    assert len(kept._making) == 2


def test_all_is_let_go_of_at_once() -> None:
    """Whatever keeps values of runs: they are made again when they are asked for."""
    one, other = book(), book()
    for kept in (one, other):
        kept.of("a", running(5), lambda: 1)
    let_go_of_runs()
    assert [kept.of("a", running(5), lambda: 2) for kept in (one, other)] == [2, 2]


def test_many_tabs_make_one_value() -> None:
    """Those that ask at once wait for the first, and are told so; another run's tabs do not wait."""
    kept, made, told, goes = book(), list[int](), list[str](), threading.Event()

    @contextlib.contextmanager
    def shown() -> Iterator[None]:
        told.append("wait")
        yield

    def make() -> int:
        made.append(1)
        assert goes.wait(60)
        return 7

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(kept.of, "large", running(5), make, shown) for _ in range(8)]
        assert kept.of("other", running(5), lambda: 1) == 1
        goes.set()
        assert [one.result() for one in asked] == [7] * 8
    assert made == [1]
    told.clear()
    kept.of("large", running(5), make, shown)
    assert told == []


def test_what_was_made_is_kept_though_the_page_is_left() -> None:
    """Streamlit ends a page that is pressed on when its spinner closes: the reading is not lost with it."""
    kept = book()

    @contextlib.contextmanager
    def left() -> Iterator[None]:
        yield
        raise RuntimeError

    with pytest.raises(RuntimeError):
        kept.of("a", running(5), lambda: 1, left)
    assert kept.of("a", running(5), lambda: 2) == 1
