"""Chunking: what is cut, where, and that nothing is lost."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.retrieval.chunking import Chunk, chunk_document, count_words, part_of_id
from adapters.retrieval.markdown import BlockKind, parse_blocks
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


def normalize_text(text: str) -> str:
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


def kinds(text: str) -> list[str]:
    return [block.kind.value for block in parse_blocks(text)]


def test_tables_are_cut_between_rows() -> None:
    """With bars around it or without, with a line below its head or without, a row stays whole."""
    for table in ("| a b | c |\n|---|---|\n| d e | f |", "a b | c\n--- | ---\nd e | f", "| a b | c |\n| d e | f |"):
        assert kinds(f"Before.\n\n{table}\n\nAfter.") == ["paragraph", "table", "paragraph"]
        assert [chunk.body for chunk in cut(table, 8)][-1] == table.splitlines()[-1]


@pytest.mark.parametrize(
    "text",
    [
        "One line.\nAnother one.\n---",
        "A page number\n-",
        "<div>\nText.\n</div>",
        "[1]: https://example.org",
        "    Indented twice.",
        "> # Said by somebody",
    ],
)
def test_what_only_looks_like_a_construct_is_text(text: str) -> None:
    """Text out of a PDF must not end as a heading that no search finds, nor be lost as a comment or a link's target."""
    assert kinds(text) == ["paragraph"]
    assert [chunk.body for chunk in cut(text)] == [text.strip()]


def test_markup_inside_code_lists_and_html_makes_headings_where_it_always_did() -> None:
    """A sharp sign in code or under an item is no heading; one after a line of HTML is."""
    assert kinds("~~~\n# x\n```\n~~~\n- a\n  # b\n\n<p>\n# C\n") == ["code", "list", "paragraph", "heading"]


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_every_line_break_counts(line_break: str) -> None:
    """Windows and old Macs end lines in their own ways; offsets are those of the text as it came."""
    text = "# Title\n\n- a\n- b\n\nLast words.\n".replace("\n", line_break)
    chunks = cut(text)
    assert [(chunk.headings, chunk.body) for chunk in chunks] == [
        (("Title",), f"- a{line_break}- b{line_break}{line_break}Last words.")
    ]
    assert text[chunks[0].start : chunks[0].end] == chunks[0].body


def test_nesting_without_end_is_cut_like_any_text() -> None:
    """A hostile document must not exhaust the parser."""
    for text in (">" * 5_000 + " a", "- " * 5_000 + "a", "".join(" " * 2 * depth + "- a\n" for depth in range(300))):
        assert cut(text, 10)


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


@given(parts=PARTS, size=st.integers(1, 40))
def test_nothing_is_lost(parts: list[tuple[str, tuple[int, str], str]], size: int) -> None:
    """Chunks without overlap hold all text that is not a heading, once and in order."""
    lines = [f"{'#' * level} {title}" if kind == "heading" else text for kind, (level, title), text in parts]
    chunks = cut("\n\n".join(lines), size)
    expected = "".join(text for kind, _, text in parts if kind == "text")
    assert normalize_text("".join(chunk.body for chunk in chunks)) == normalize_text(expected)


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


@given(text=st.one_of(st.text(), st.text("ab. !?#-*>|`~=<[]:\n\t\r1)=\0\u2028\x0b漢。", max_size=300), st.just(LEAVE)))
def test_blocks_cover_every_visible_character_of_any_text(text: str) -> None:
    """What the parser passes over would never be found: blocks follow each other, and only blanks lie between them."""
    place = 0
    for block in parse_blocks(text):
        start, end = block.span
        assert place <= start < end
        assert not text[place:start].strip()
        assert block.kind is not BlockKind.HEADING or 1 <= block.level <= 6
        place = end
    assert not text[place:].strip()


THAI = (
    "พนักงานประจำมีสิทธิลาพักร้อนปีละยี่สิบเจ็ดวัน ตั้งแต่ปีที่เจ็ดเป็นต้นไปสิทธินี้จะเพิ่มเป็นสามสิบเอ็ดวัน "
    "วันลาที่ไม่ได้ใช้สามารถยกไปใช้ในปีถัดไปได้ไม่เกินหกวัน และต้องใช้ให้หมดภายในวันที่สามสิบมิถุนายน "
)


def test_a_thai_document_is_cut_into_passages() -> None:
    """Words are found by dictionary, and passages end where clauses do: nothing is one long word."""
    assert count_words("ใบแจ้งหนี้ของฉันผิด") == 6
    chunks = cut("# วันลา\n\n" + THAI * 20, 60)
    assert len(chunks) > 15
    assert all(count_words(chunk.body) <= 60 for chunk in chunks)
    assert all(chunk.body.split()[-1] in THAI.split() for chunk in chunks)
    assert normalize_text("".join(chunk.body for chunk in chunks)) == normalize_text(THAI * 20)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("छुट्टी के बीस दिन मिलते हैं। बचे हुए दिन अगले साल जोड़े जा सकते हैं। इसके लिए आवेदन करें।", 3),
        ("يحصل الموظف على عشرين يوماً. هل يمكن نقل الأيام؟ نعم، ستة أيام.", 3),
        ("ဝန်ထမ်းသည် ခွင့်ရက် နှစ်ဆယ် ရသည်။ ကျန်ရက်များကို နောက်နှစ်သို့ ရွှေ့နိုင်သည်။", 2),
        ("员工每年有二十天假期。剩余的可以转到下一年吗？可以，最多六天。", 3),
    ],
)
def test_sentences_of_other_scripts_stay_whole(text: str, sentences: int) -> None:
    """Each script's own full stops end a sentence."""
    longest = max(count_words(part) for part in re.split(r"(?<=[।.؟။。？])", text))
    chunks = cut(f"# 1\n\n{text}", longest)
    assert len(chunks) <= sentences
    assert all(chunk.body[-1] in "।.؟။。？" for chunk in chunks)


def test_only_documents_that_are_not_english_change_an_index_id() -> None:
    """English chunks, and the ids of their indexes, are as they were."""
    german = "Die Kündigung muss schriftlich erfolgen. Für Prüfungen gibt es zwei Tage Urlaub.\n" * 5
    documents = [Document(name=name, text=text) for name, text in (("a", LEAVE), ("b", "Café — 5 €."), ("c", german))]
    assert part_of_id(documents[:2]) == []
    assert part_of_id(documents) == ["cut by the rules of de"]
    assert part_of_id([Document(name="d", text=f"{LEAVE}\n\nThe word ไทย means Thai.")]) == ["cut by the rules of und"]


@given(text=st.text(THAI[:60] + "កខគဝန်ພ 漢. \n", max_size=200), size=st.integers(1, 30))
def test_nothing_is_lost_where_words_are_found_by_dictionary(text: str, size: int) -> None:
    """Offsets find each body again, and every visible character is in one."""
    chunks = cut(text, size)
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.body
        assert chunk.body == chunk.body.strip()
    assert normalize_text("".join(chunk.body for chunk in chunks)) == normalize_text(text)
