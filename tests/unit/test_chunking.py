"""Chunking: what is cut, where, and that nothing is lost."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.retrieval.chunking import Chunk, chunk_document, count_words
from engine.core.errors import UsageError
from engine.core.task import Document

LEAVE = """# Annual leave

## Allowance
Full-time staff receive 27 days. From the seventh year it rises to 31 days.

## Carry-over

Up to 6 unused days may be moved. They must be taken by 30 June.

### Parental leave

- Employees returning may move 11 days.
- They have until 31 December.
"""


def cut(text: str, size_words: int = 60, overlap_words: int = 0) -> list[Chunk]:
    return chunk_document(Document(name="doc", text=text), size_words=size_words, overlap_words=overlap_words)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_each_chunk_stands_under_its_headings() -> None:
    """A chunk read alone must still say what it is about."""
    firsts = [chunk.text.splitlines()[0] for chunk in cut(LEAVE)]
    assert firsts == [
        "Annual leave > Allowance",
        "Annual leave > Carry-over",
        "Annual leave > Carry-over > Parental leave",
    ]
    assert [chunk.id for chunk in cut(LEAVE)] == ["doc#1", "doc#2", "doc#3"]


def test_sentences_stay_whole() -> None:
    """A sentence that fits is never split, and decimals and abbreviations end none."""
    text = "It costs 4.50 euros, e.g. Monday only. Dr. Smith agrees! Does Ann? She does."
    assert [chunk.body for chunk in cut(text, 8)] == [
        "It costs 4.50 euros, e.g. Monday only.",
        "Dr. Smith agrees! Does Ann? She does.",
    ]


def test_overlap_repeats_whole_sentences() -> None:
    """The overlap is for reading on, so it begins where a sentence begins."""
    bodies = [chunk.body for chunk in cut("One two three. Four five. Six seven eight. Nine ten.", 5, 2)]
    assert bodies == ["One two three. Four five.", "Four five. Six seven eight.", "Nine ten."]


def test_code_and_lists_stay_whole_if_they_fit() -> None:
    """Half a list or half a program is of no use to a reader."""
    code = "```python\nx = 1. \n\n# not a heading\ny = 2\n```"
    listing = "- one two three\n- four five six\n  and seven"
    bodies = [chunk.body for chunk in cut(f"Before it all. {'word ' * 7}\n\n{code}\n\n{listing}\n\nAfter.", 12)]
    assert any(code in body for body in bodies)
    assert any(listing in body for body in bodies)


def test_a_list_that_is_too_long_is_cut_between_items() -> None:
    """Items are the sentences of a list."""
    assert [chunk.body for chunk in cut("- one two\n- three four\n- five six", 6)] == [
        "- one two\n- three four",
        "- five six",
    ]


def test_a_sentence_beyond_the_size_is_split_by_words() -> None:
    """No chunk may exceed what the embedder reads."""
    assert [count_words(chunk.body) for chunk in cut("word " * 25, 10)] == [10, 10, 5]


def test_text_without_blanks_is_split_too() -> None:
    """A page of Chinese or of base64 must not become one giant chunk."""
    assert len(cut("办公室的年假规定" * 20, 40)) == 4
    assert max(len(chunk.body) for chunk in cut("x" * 4000, 10)) == 400


def test_underlined_headings_and_front_matter() -> None:
    """Both of Markdown's heading forms count, and front matter makes no heading."""
    chunks = cut("---\ntitle: x\n---\n\nPolicy\n======\n\nText one.\n\nPart\n----\nText two.\r\n")
    assert [chunk.headings for chunk in chunks] == [(), ("Policy",), ("Policy", "Part")]
    assert chunks[-1].body == "Text two."


@pytest.mark.parametrize("text", ["", "  \n\n ", "# Only a title\n"])
def test_nothing_to_cut(text: str) -> None:
    """A document without text has no chunks, and no error."""
    assert cut(text) == []


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (10, 10), (10, -1)])
def test_impossible_sizes_are_refused(size: int, overlap: int) -> None:
    """An overlap as large as the chunk would never end."""
    with pytest.raises(UsageError, match=str(size)):
        cut("Some text.", size, overlap)


WORDS = st.lists(st.text("abcdeXYZ.,!?é", min_size=1, max_size=12), min_size=1, max_size=30).map(" ".join)
PARTS = st.lists(
    st.one_of(
        st.tuples(st.just("heading"), st.tuples(st.integers(1, 4), st.text("abc ", min_size=1)), st.just("")),
        st.tuples(st.just("text"), st.just((0, "")), WORDS),
        st.tuples(st.just("text"), st.just((0, "")), WORDS.map(lambda words: f"- {words}\n- {words}")),
        st.tuples(st.just("text"), st.just((0, "")), WORDS.map(lambda words: f"```\n{words}\n\n# {words}\n```")),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(parts=PARTS, size=st.integers(1, 40))
def test_nothing_is_lost(parts: list[tuple[str, tuple[int, str], str]], size: int) -> None:
    """Chunks without overlap hold all text that is not a heading, once and in order."""
    lines = [f"{'#' * level} {title}" if kind == "heading" else text for kind, (level, title), text in parts]
    chunks = cut("\n\n".join(lines), size)
    expected = "".join(text for kind, _, text in parts if kind == "text")
    assert squeezed("".join(chunk.body for chunk in chunks)) == squeezed(expected)


@settings(deadline=None)
@given(
    text=st.one_of(st.text(), st.text("ab. !?#-*>|`~\n\t\r1)=漢。", max_size=300), st.just(LEAVE)),
    size=st.integers(1, 30),
    overlap=st.integers(0, 29),
)
def test_offsets_and_sizes_hold_for_any_text(text: str, size: int, overlap: int) -> None:
    """Offsets find the body again, sizes stay within bounds, and chunks go forward."""
    chunks = cut(text, size, min(overlap, size - 1))
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.body
        assert 1 <= count_words(chunk.body) <= size
        assert chunk.body == chunk.body.strip()
    for before, after in itertools.pairwise(chunks):
        assert before.start < after.start
        assert before.end < after.end
