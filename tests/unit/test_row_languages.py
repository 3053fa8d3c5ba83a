"""A table's text columns by language and split, the warnings about that, and what a model pays for it in tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from adapters.storage.task_folder import read_task, write_task
from adapters.tabular.reader import read_table
from adapters.tabular.source import Source
from engine.core.errors import TaskError, UsageError
from engine.core.generation import Message
from engine.core.task import AnswerKind
from engine.ingest.build_task import SplitPlan
from engine.ingest.checks.examine import examine
from engine.ingest.columns import Roles
from engine.ingest.options import ImportOptions
from engine.ingest.row_languages import language_lines, language_warnings, main_language
from engine.ingest.token_price import token_price
from tests.helpers import import_table
from tests.unit.test_languages import ROWS

ROLES = Roles(inputs=("text",), target="answer", split="split")


def table_of(*rows: tuple[str, str, str]):
    """Read a table of input, target and split."""
    lines = ["text,answer,split", *(",".join(f'"{cell}"' for cell in row) for row in rows)]
    return read_table(Source(name="t.csv", data="\n".join(lines).encode()))


def rows_of(code: str, split: str, answer: str = "") -> list[tuple[str, str, str]]:
    """Six rows in a language, in one split."""
    return [(text, answer or text, split) for text in ROWS[code] * 2]


def test_the_card_tells_inputs_by_split_and_targets_that_are_texts():
    """Labels are no texts; short answers are."""
    table = table_of(*rows_of("de", "train", "a"), *rows_of("de", "test", "b"))
    card = examine(table, ROLES, AnswerKind.LABEL).card
    assert [(one.column, one.split, one.rows, one.languages.code) for one in card.languages] == [
        ("text", "train", 6, "de"), ("text", "test", 6, "de"),
    ]  # fmt: skip
    card = examine(table_of(*rows_of("ar", "train"), *rows_of("ar", "test")), ROLES, AnswerKind.SHORT).card
    assert [one.column for one in card.languages] == ["text", "text", "answer", "answer"]
    assert language_lines(card.languages)[0] == "text, train (6 rows): Arabic; Arabic; right to left"
    assert main_language(card.languages).code == "ar"
    assert main_language(()).code == ""


def test_rows_without_a_split_are_told_as_one():
    """Where splits are drawn later, the card tells the whole column."""
    table = table_of(*rows_of("zh", "train", "a"))
    (found,) = examine(table, Roles(inputs=("text",), target="answer"), AnswerKind.LABEL).card.languages
    assert (found.split, found.rows, found.languages.code) == ("", 6, "zh")
    assert language_lines([found]) == ["text (6 rows): Chinese; Han; left to right; no blanks between words"]


def test_mixed_columns_and_foreign_test_rows_are_warned_about():
    """A language that is tested and not learned is named; one in both splits only makes the column mixed."""
    table = table_of(*rows_of("en", "train", "a"), *rows_of("de", "test", "b"))
    card = examine(table, ROLES, AnswerKind.LABEL).card
    assert language_warnings(card.languages) == ["'text': test rows are in German, and hardly any training row is."]
    both = [*rows_of("en", "train", "a"), *rows_of("ko", "train", "b"), *rows_of("en", "test"), *rows_of("ko", "test")]
    card = examine(table_of(*both), ROLES, AnswerKind.LABEL).card
    assert language_warnings(card.languages) == ["'text' has rows in more than one language."]
    card = examine(table_of(*rows_of("en", "train"), *rows_of("en", "test")), ROLES, AnswerKind.LABEL).card
    assert language_warnings(card.languages) == []


def test_the_import_tells_and_records_languages_of_the_final_splits():
    """What is recorded with the task is by the splits that were drawn."""
    table = table_of(*rows_of("fr", "x", "a"), *rows_of("fr", "x", "b"))
    options = ImportOptions(roles=Roles(inputs=("text",), target="answer"), split=SplitPlan(seed=1))
    made = import_table(table, options, task_id="t")
    assert {(one.split, one.languages.code) for one in made.languages} == {("train", "fr"), ("test", "fr")}
    assert [(entry["split"], entry["shares"]) for entry in made.task.source["languages"]] == [
        (one.split, {"fr": 1.0}) for one in made.languages
    ]


class _Bytes:
    """Counts a token per UTF-8 byte, and ten for the template."""

    def count_tokens(self, _model_id: str, prompts: Sequence[Sequence[Message]]) -> list[int]:
        return [10 + len(messages[0].content.encode()) for messages in prompts]


def test_the_price_of_a_language_is_told_against_english_rows():
    """Twice as long rows of letters with three bytes: six times per row, three times per character."""
    price = token_price(_Bytes(), "m", ["ไทยไทย", ""], ["abc", "def"])  # type: ignore[arg-type]
    assert price is not None
    assert (price.tokens, price.english_tokens) == (18, 3)
    assert price.times_per_row == pytest.approx(6)
    assert price.times_per_character == pytest.approx(3)
    assert price.sentence() == (
        "18 tokens per row, 6.0 times as many as the English tasks that ship (3.0); per character 3.0 times."
    )
    assert token_price(_Bytes(), "m", [""], ["abc"]) is None  # type: ignore[arg-type]
    assert token_price(_Bytes(), "m", ["abc"], []) is None  # type: ignore[arg-type]


def test_the_import_declares_the_locale_that_the_answers_are_in():
    """By the answers where they are texts, else by the inputs; English has none; a chosen one stands, a wrong one not."""
    split = SplitPlan(column="split")

    def made(rows, **options):
        options = ImportOptions(roles=ROLES, split=split, **options)
        return import_table(table_of(*rows), options, task_id="t").task

    german = [*rows_of("de", "train"), *rows_of("de", "test")]
    assert made(german, kind=AnswerKind.SHORT).locale == "de"
    assert made(german, kind=AnswerKind.SHORT, locale="de-CH").locale == "de-CH"
    assert made(german, kind=AnswerKind.SHORT, locale="").locale == ""
    assert made([*rows_of("en", "train"), *rows_of("en", "test")], kind=AnswerKind.SHORT).locale == ""
    mixed = [*rows_of("ja", "train", "a"), *rows_of("de", "train", "b"), *rows_of("ja", "test", "a")]
    assert made(mixed).locale == "mul"
    with pytest.raises(UsageError, match="'German' is not known"):
        made(german, kind=AnswerKind.SHORT, locale="German")


def test_a_locale_is_kept_with_the_task(tmp_path):
    """In task.toml, which refuses one that is not known; a task without one has no such key."""
    german = [*rows_of("de", "train"), *rows_of("de", "test")]
    options = ImportOptions(roles=ROLES, split=SplitPlan(column="split"), kind=AnswerKind.SHORT)
    made = import_table(table_of(*german), options, task_id="t").task
    write_task(made, tmp_path / "t")
    assert read_task(tmp_path / "t").locale == "de"
    assert read_task(tmp_path / "t").digest == made.digest
    text = (tmp_path / "t" / "task.toml").read_text()
    (tmp_path / "t" / "task.toml").write_text(text.replace('locale = "de"', 'locale = "xx"'))
    with pytest.raises(TaskError, match="field 'locale': 'xx' is not known"):
        read_task(tmp_path / "t")
    write_task(replace(made, locale=""), tmp_path / "u")
    assert "locale" not in (tmp_path / "u" / "task.toml").read_text()
