"""An error is one line of text that shows, whatever the value in it holds."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import AdaptLabError, TableError


@given(st.text(st.characters(), max_size=30), st.text(st.characters(), max_size=30))
def test_an_error_is_one_line_of_text_that_shows(value: str, option: str) -> None:
    """Line breaks, escapes, half letters and directions out of a file neither break nor turn the words around them."""
    error = AdaptLabError(f"Field '{value}' is unknown.", f"Write '{option}'.")
    for words in (str(error), error.what, error.fix):
        assert len(words.splitlines()) == 1
        hidden = {"Cc", "Cf", "Co", "Cs"}
        assert [sign for sign in words if unicodedata.category(sign) in hidden and sign not in "\u200c\u200d"] == []
    assert str(error) == f"{error.what} {error.fix}"


def test_plain_words_stay_as_they_are() -> None:
    """What is one line already is not changed; an error without a fix ends with what happened."""
    error = TableError("rows.csv, line 3: 'Änderung' has two words.", "")
    assert (str(error), error.fix) == ("rows.csv, line 3: 'Änderung' has two words.", "")
