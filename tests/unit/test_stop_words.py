"""A text in pieces, up to the first stop word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.core.text.stop_words import UpToStop

PIECES = st.lists(st.text("ab\n", max_size=4), max_size=8)
STOPS = st.lists(st.text("ab\n", max_size=3), max_size=3).map(tuple)


@given(PIECES, STOPS)
def test_what_is_shown_is_the_text_up_to_the_first_stop_word(pieces: list[str], stops: tuple[str, ...]) -> None:
    """However the text comes in, nothing of a stop word or of what follows it is ever shown."""
    written = UpToStop(stops)
    shown = "".join([*map(written.add, pieces), written.finish()])
    assert shown == written.text
    assert not any(word in shown for word in stops if word)
    assert "".join(pieces).startswith(shown)
    assert written.stopped is any(word in "".join(pieces) for word in stops if word)
    if not written.stopped:
        assert shown == "".join(pieces)


def test_the_beginning_of_a_stop_word_is_held_back() -> None:
    """It is shown when it turns out to be none."""
    written = UpToStop(("<end>",))
    assert [written.add(piece) for piece in ("a<e", "nd", "b", "<end>c", "d")] == ["", "a", "<", "endb", ""]
    assert (written.text, written.finish()) == ("a<endb", "")
