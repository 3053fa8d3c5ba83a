"""How often a tab draws a run under way."""

from __future__ import annotations

from components.run.watching import KEPT_S, MOST, Watching


class Clock:
    """A clock that is set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_tabs_together_draw_little_more_than_a_few() -> None:
    """Two tabs draw as often as one; from there on the interval doubles with the tabs, and all find the same."""
    watching = Watching(Clock())
    assert [watching.slower(f"tab {n}") for n in range(20)] == [1, 1, 2, 2, 4, 4, 4, 4, *[8] * 8, *[16] * 4]
    assert {watching.slower(f"tab {n}") for n in range(20)} == {16}
    assert {watching.slower(f"tab {n}") for n in range(100)} == {MOST}


def test_a_tab_that_draws_again_is_not_counted_twice() -> None:
    watching = Watching(Clock())
    assert [watching.slower(tab) for tab in ("a", "b", "a", "b", "a")] == [1] * 5


def test_closed_tabs_are_forgotten() -> None:
    """After a while only those count that went on drawing."""
    clock = Clock()
    watching = Watching(clock)
    for number in range(8):
        watching.slower(f"tab {number}")
    clock.now_s = KEPT_S / 2
    assert watching.slower("tab 0") == 4
    clock.now_s = KEPT_S + 1
    assert watching.slower("tab 0") == 1
